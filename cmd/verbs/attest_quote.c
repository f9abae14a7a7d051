/* SPDX-License-Identifier: Apache-2.0 */
/* casemate attest quote: evidence of a guest, for whoever verifies it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/text.h"
#include "cmd/verbs/attest.h"
#include "cmd/verbs/host.h"
#include "hv/guest_record.h"

/* The guest's TPM may be at work for the guest, and a host's TPM signs some times a second. */
#define PATIENCE 90000

enum { NONCE = HOST_OPTION_OWN, HOST };

static bool nonce_is_good(const char *text)
{
    uint8_t nonce[REQUEST_NONCE_MAX];
    size_t size = strlen(text) / 2;

    return size >= REQUEST_NONCE_MIN && size <= REQUEST_NONCE_MAX &&
           hex_decode(nonce, size, text, strlen(text)) == 0;
}

int attest_quote_verb(int argc, char **argv)
{
    static const struct verb_option options[] = {
        HOST_OPTIONS,
        {"nonce", "HEX", "what the verifier asks to have signed: 16 to 64 bytes of its choice"},
        {"host", NULL, "of this host itself, without a guest"},
        HOST_END,
    };
    static const struct verb_usage usage = {
        .name = "attest quote",
        .words = "GUEST | --host",
        .what =
            "Have the TPM of a guest sign how it was started and what has happened to it since, "
            "and print that evidence as JSON. The guest is not asked. With --host: have the "
            "host's TPM sign how the host was booted.",
        .options = options,
        .words_min = 0,
        .words_max = 1,
    };
    struct casemate *host = NULL;
    struct arguments arguments;
    struct host_guest guest;
    char *evidence = NULL, doing[160];
    int status, r;

    if (!host_arguments(&usage, argc, argv, &arguments, &guest, &status))
        return status;
    if (!arguments.given[NONCE] || !nonce_is_good(arguments.value[NONCE])) {
        complain("--nonce takes 16 to 64 bytes in lower-case hexadecimal, from whoever verifies: "
                 "without one, old evidence would pass for new");
        return VERB_USAGE;
    }
    if (arguments.given[HOST] == (guest.name[0] != '\0')) {
        complain("say of which guest, or --host");
        return VERB_USAGE;
    }
    status = host_open(&arguments, PATIENCE, &host);
    if (status == VERB_OK) {
        r = arguments.given[HOST] ? casemate_attest_host(host, arguments.value[NONCE], &evidence)
                                  : casemate_attest(host, host_guest_tenant(&guest), guest.name,
                                                    arguments.value[NONCE], &evidence);
        (void)text_format(doing, sizeof(doing), "have %s signed",
                          arguments.given[HOST] ? "the host" : guest.name);
        if (r != CASEMATE_OK)
            status = host_failed(host, r, doing);
    }
    if (status == VERB_OK && (puts(evidence) < 0 || fflush(stdout) != 0)) {
        complain("cannot write the evidence: %s", strerror(errno));
        status = VERB_SYSTEM;
    }
    free(evidence);
    casemate_free(host);
    return status;
}
