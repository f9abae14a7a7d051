/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_ARGUMENTS_H
#define CASEMATE_CMD_VERBS_ARGUMENTS_H

/*
 * Options and words of the verbs other than run. One table per verb is what is parsed and what
 * --help prints; tests/lint/options compares the help with manual pages and completion.
 */
#include <stdbool.h>
#include <stddef.h>

#define ARGUMENTS_OPTIONS_MAX 8

/* Exit statuses of every verb. */
enum verb_status {
    VERB_OK = 0,
    VERB_DENIED = 1, /* or: what was examined is not as it should be */
    VERB_USAGE = 2,
    VERB_SYSTEM = 3,
};

struct verb_option {
    const char *name;     /* without dashes */
    const char *argument; /* what to call its value; NULL: it has none */
    const char *help;
};

struct verb_usage {
    const char *name;  /* "stop", "label scan": with `casemate` in front, for messages */
    const char *words; /* "GUEST", "[DIR...]"; "" for none */
    const char *what;  /* for --help: one or two sentences */
    const struct verb_option *options; /* NULL or the last has no name; --help is added */
    int words_min, words_max;          /* words_max < 0: any number */
};

struct arguments {
    bool given[ARGUMENTS_OPTIONS_MAX]; /* by place in the table */
    const char *value[ARGUMENTS_OPTIONS_MAX];
    char **word; /* within argv, which is reordered */
    int words;
};

/*
 * Take argv (argv[0] is the verb) apart. True: go on. False: *status is the exit status; the help
 * or what is wrong has been printed.
 */
bool arguments_parse(const struct verb_usage *usage, int argc, char **argv,
                     struct arguments *arguments, int *status);

/* One line on standard error: "casemate: " and the text; control characters are not passed on. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
