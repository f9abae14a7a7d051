/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs/beneath.h"

#include <stdio.h>
#include <string.h>

#include "cmd/verbs/arguments.h"

int beneath_run(const char *verb, const struct verb_beneath *verbs, size_t count, int argc,
                char **argv)
{
    const bool wanted = argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);

    for (size_t i = 0; argc >= 2 && i < count; i++) {
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    }
    if (argc >= 2 && !wanted) {
        complain("%s has no verb of that name; `casemate %s --help` lists them", verb, verb);
        return VERB_USAGE;
    }
    (void)fprintf(wanted ? stdout : stderr, "Usage: casemate %s VERB [OPTION]...\n\n", verb);
    for (size_t i = 0; i < count; i++)
        (void)fprintf(wanted ? stdout : stderr, "  %-13s %s\n", verbs[i].name, verbs[i].help);
    (void)fprintf(wanted ? stdout : stderr,
                  "\n`casemate %s VERB --help` tells more; so does casemate-%s(1).\n", verb, verb);
    return wanted ? VERB_OK : VERB_USAGE;
}
