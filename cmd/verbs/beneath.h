/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_BENEATH_H
#define CASEMATE_CMD_VERBS_BENEATH_H

/* A verb that has verbs beneath it: one table is what is run and what --help lists. */
#include <stddef.h>

struct verb_beneath {
    const char *name;
    int (*run)(int argc, char **argv); /* gets its own name as argv[0]; returns an exit status */
    const char *help;
};

/* Run what argv[1] names, or say what there is. Returns the exit status. */
int beneath_run(const char *verb, const struct verb_beneath *verbs, size_t count, int argc,
                char **argv);

#endif
