/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_HOST_H
#define CASEMATE_CMD_VERBS_HOST_H

/* What the verbs that speak with casemated share. They run with the rights of whoever calls. */
#include <jansson.h>
#include <stdio.h>

#include "cmd/verbs/arguments.h"
#include "lib/casemate.h"

#define HOST_PATIENCE 30000 /* milliseconds for what does not wait for a guest */

/* The options that each has, first in its table. */
enum host_option { HOST_OPTION_SOCKET, HOST_OPTION_OWN };
#define HOST_OPTIONS                                                                               \
    {                                                                                              \
        "socket", "PATH", "another socket than " CASEMATE_SOCKET                                   \
    }
#define HOST_JSON                                                                                  \
    {                                                                                              \
        "json", NULL, "for programs"                                                               \
    }
#define HOST_END                                                                                   \
    {                                                                                              \
        NULL, NULL, NULL                                                                           \
    }

/* A guest as the operator named it: "NAME" or "TENANT/NAME". */
struct host_guest {
    char tenant[64]; /* "": not said */
    char name[64];
};

/* Take the word apart. False: no such name (said). */
bool host_guest_parse(const char *word, struct host_guest *guest);
/* Its tenant as the library wants it. */
const char *host_guest_tenant(const struct host_guest *guest);

/*
 * arguments_parse for a verb about one guest, the first word, which fills *guest; about all guests
 * (empty names) where the word may be left out. False: *status is the exit status (said).
 */
bool host_arguments(const struct verb_usage *usage, int argc, char **argv,
                    struct arguments *arguments, struct host_guest *guest, int *status);

/*
 * Connect; *host is the caller's, also when it fails. `patience` in milliseconds, negative: none.
 * 0 or the exit status (said).
 */
int host_open(const struct arguments *arguments, int patience, struct casemate **host);

/* Say that it could not `doing` (" stop acme/web"), why, and what to do. The exit status. */
int host_failed(const struct casemate *host, int error, const char *doing);

/* The worse of two exit statuses. */
int host_worse(int a, int b);

/* Seconds since 1970 as local time, "2026-11-20 13:45:00"; "-" for what is missing. Returns `text`.
 */
char *host_moment(char text[32], int64_t seconds);

/* Print for people, to a table's stream; 0 or the exit status. */
int host_print_list(const struct casemate_guests *guests, FILE *to, bool colour);
/* One guest, with its processes. */
int host_print_guest(const struct casemate_guest *guest, FILE *to, bool colour);
/* One event, on one line. */
void host_print_event(const struct casemate_event *event, FILE *to);

/* The same for programs. NULL without memory. */
json_t *host_guest_json(const struct casemate_guest *guest);
json_t *host_event_json(const struct casemate_event *event);
json_t *host_metrics_json(const struct casemate_metrics *metrics);
/* A number; null for one that is missing. */
json_t *host_number_json(int64_t number);

#endif
