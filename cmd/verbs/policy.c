/* SPDX-License-Identifier: Apache-2.0 */
/* `casemate policy`: which verbs there are beneath. */
#include "cmd/verbs/policy.h"

#include "cmd/verbs/beneath.h"
#include "cmd/verbs/verbs.h"

int verb_policy(int argc, char **argv)
{
    static const struct verb_beneath verbs[] = {
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

    return beneath_run("policy", verbs, sizeof(verbs) / sizeof(verbs[0]), argc, argv);
}
