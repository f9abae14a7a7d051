/* SPDX-License-Identifier: Apache-2.0 */
/* casemate attest activate: on a host, have its TPM open what a verifier wrapped for it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attest/verify/enroll.h"
#include "base/cleanup.h"
#include "cmd/verbs/attest.h"
#include "cmd/verbs/host.h"
#include "cmd/verbs/json.h"
#include "cmd/verbs/policy_confined.h"

/* A hardware TPM takes its time to make the endorsement key anew. */
#define PATIENCE 90000

static int read_challenge(const char *path, struct enroll_wrapped *wrapped)
{
    cleanup_free char *text = NULL;
    size_t size = 0;
    int r = policy_read_file(path, ENROLL_TEXT_MAX, &text, &size);

    if (r == 0)
        r = enroll_wrapped_read(text, size, wrapped);
    if (r == 0)
        return VERB_OK;
    complain("cannot take the challenge %s: %s", path,
             r == -EINVAL ? "it is none of `casemate attest enroll`" : strerror(-r));
    return VERB_USAGE;
}

int attest_activate_verb(int argc, char **argv)
{
    static const struct verb_option options[] = {HOST_OPTIONS, HOST_END};
    static const struct verb_usage usage = {
        .name = "attest activate",
        .words = "CHALLENGE",
        .what = "Have this host's TPM open the challenge of a verifier that enrolls it, and print "
                "the answer. Only the TPM with the endorsement and the attestation key that it is "
                "for can.",
        .options = options,
        .words_min = 1,
        .words_max = 1,
    };
    struct enroll_wrapped wrapped;
    struct casemate *host = NULL;
    struct arguments arguments;
    char *secret = NULL;
    int status, r;

    if (!arguments_parse(&usage, argc, argv, &arguments, &status))
        return status;
    status = read_challenge(arguments.word[0], &wrapped);
    if (status == VERB_OK)
        status = host_open(&arguments, PATIENCE, &host);
    if (status == VERB_OK) {
        r = casemate_activate(host, wrapped.credential, wrapped.secret, &secret);
        status = r == CASEMATE_OK ? json_print(enroll_answer(&wrapped, secret))
                                  : host_failed(host, r, "have the challenge opened");
    }
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    free(secret);
    casemate_free(host);
    return status;
}
