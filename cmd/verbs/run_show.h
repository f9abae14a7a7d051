/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_RUN_SHOW_H
#define CASEMATE_CMD_VERBS_RUN_SHOW_H

/* What a launch looks like: for people on stderr, for programs as JSON lines. */
#include <stdbool.h>
#include <stdio.h>

#include "hv/launch/launch.h"

#define RUN_ROWS_MAX 40

struct run_show {
    const char *guest; /* its name */
    FILE *people;      /* stderr */
    bool confinement;  /* print the gate's table */
    bool raw;          /* the terminal is in raw mode: lines end with \r\n */
    FILE *events;      /* NULL: none */
    const char *step;  /* what is being done */
    unsigned waited;   /* seconds, for that step */
    struct confinement rows[RUN_ROWS_MAX];
    unsigned row_count;
};

/* Callback for launch_options.observe; `context` is a struct run_show. */
void run_show_event(void *context, const struct launch_event *event);

/* The registers of a crash. */
void run_show_crash(FILE *to, const char *eol, const struct control_crash *crash);

/* Whether KVM reset the vCPU before it gave the registers: then nothing of the guest is in them. */
bool run_show_crash_lost(const struct control_crash *crash);

/* One JSON line. */
void run_event_json(FILE *to, const char *guest, const struct launch_event *event);

#endif
