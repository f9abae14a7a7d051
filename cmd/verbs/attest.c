/* SPDX-License-Identifier: Apache-2.0 */
/* `casemate attest`: which verbs there are beneath. */
#include "cmd/verbs/attest.h"

#include <string.h>

#include "cmd/verbs/beneath.h"
#include "cmd/verbs/verbs.h"

bool attest_launches(int argc, char **argv)
{
    return argc >= 2 && (strcmp(argv[1], "log") == 0 || strcmp(argv[1], "predict") == 0 ||
                         strcmp(argv[1], "reference") == 0);
}

int verb_attest(int argc, char **argv)
{
    static const struct verb_beneath verbs[] = {
        {"activate", attest_activate_verb, "have this host's TPM open a verifier's challenge"},
        {"deliver", attest_deliver_verb, "give a guest the key that was released for it"},
        {"enroll", attest_enroll_verb, "take a host's attestation key into a registry"},
        {"log", attest_log_verb, "show any TCG event log"},
        {"predict", attest_predict_verb, "what a guest will measure, before it starts"},
        {"quote", attest_quote_verb, "have a guest's TPM sign what it is"},
        {"reference", attest_reference_verb,
         "what a verifier is to demand of a guest, by its policy"},
        {"revoke", attest_revoke_verb, "no longer believe an enrolled key"},
        {"verify", attest_verify_verb, "check evidence of a guest against a reference"},
    };

    return beneath_run("attest", verbs, sizeof(verbs) / sizeof(verbs[0]), argc, argv);
}
