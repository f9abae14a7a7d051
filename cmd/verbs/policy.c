/* SPDX-License-Identifier: Apache-2.0 */
/* `casemate policy`: which verbs there are beneath. */
#include "cmd/verbs/policy.h"

#include <stdio.h>
#include <string.h>

#include "cmd/verbs/verbs.h"

int verb_policy(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
        const char *help;
    } verbs[] = {
        {"check", policy_check_verb, "say what is wrong with a host's policy"},
        {"fmt", policy_fmt_verb, "print a source in canonical layout"},
        {"compile", policy_compile_verb, "make everything that is enforced of it"},
        {"show", policy_show_verb, "print that as text"},
        {"load", policy_load_verb, "put it in force"},
        {"learn", policy_learn_verb, "propose a guest from a permissive trial's audit log"},
        {"graph", policy_graph_verb, "draw it"},
        {"diff", policy_diff_verb, "say what changes from one policy to another"},
        {"explain", policy_explain_verb, "say why something was denied, and what would allow it"},
        {"prove", policy_prove_verb, "prove that no tenant reaches another"},
        {"verify-proof", policy_verify_verb, "check a certificate of that"},
    };
    const size_t count = sizeof(verbs) / sizeof(verbs[0]);
    const bool wanted = argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);

    for (size_t i = 0; argc >= 2 && i < count; i++) {
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    }
    if (argc >= 2 && !wanted) {
        complain("policy has no verb of that name; `casemate policy --help` lists them");
        return VERB_USAGE;
    }
    (void)fprintf(wanted ? stdout : stderr, "Usage: casemate policy VERB [OPTION]...\n\n");
    for (size_t i = 0; i < count; i++)
        (void)fprintf(wanted ? stdout : stderr, "  %-13s %s\n", verbs[i].name, verbs[i].help);
    (void)fprintf(wanted ? stdout : stderr,
                  "\n`casemate policy VERB --help` tells more; so does casemate-policy(1).\n");
    return wanted ? VERB_OK : VERB_USAGE;
}
