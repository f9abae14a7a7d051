/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_RUN_FRONT_H
#define CASEMATE_CMD_VERBS_RUN_FRONT_H

/*
 * The front of `casemate run`: a child that parses the operator's words where there is nothing to
 * win, and answers with one struct of fixed size.
 */
#include <stdbool.h>
#include <stdint.h>

#include "policy/guest.h"

#define RUN_DIAGNOSTICS_MAX 16

struct run_request {
    uint32_t diagnostics;                     /* how many; none: the request is good */
    uint8_t help, show_confinement, has_file; /* 0 is no */
    int32_t events;                           /* descriptor for JSON lines, -1: none */
    uint32_t off_timeout;                     /* seconds */
    uint32_t on_permissive;                   /* enum image_permissive */
    uint32_t file_index;                      /* of the configuration file in argv, when has_file */
    struct guest_diagnostic diagnostic[RUN_DIAGNOSTICS_MAX];
    struct guest_spec spec;
};

/*
 * Parse argv (argv[0] is the verb) in a confined child. `file` is the open configuration file or
 * -1. 0, and *request is there in full: ranges that the launcher relies on have been checked again
 * on this side. -EPROTO when the child died or lied, -errno.
 */
int run_front(int argc, char **argv, int file, struct run_request *request);

/* Open a configuration file to be handed to run_front. The descriptor; -1: what is wrong has been
 * said. */
int run_front_open(const char *path);

/*
 * Print the request's diagnostics, those of the file as FILE:LINE:COLUMN, so that editors can jump
 * there; they are made harmless first.
 */
void run_front_complain(struct run_request *request, const char *file);

/* Which argument is the configuration file: 0 for none. */
int run_front_file(int argc, char **argv);

/*
 * Whether `--name value` stands on the command line: for what the launcher takes from its operator
 * only, and neither from a file nor from the child.
 */
bool run_front_given(int argc, char **argv, const char *name, const char *value);

#endif
