/* SPDX-License-Identifier: Apache-2.0 */
/* casemate attest revoke: an enrolled key is believed no longer, for a reason that stays with it.
 */
#include <errno.h>
#include <string.h>

#include "base/hex.h"
#include "cmd/verbs/arguments.h"
#include "cmd/verbs/attest.h"
#include "cmd/verbs/registry.h"

enum { REGISTRY, REASON };

/* A host by its name: all of its keys; or one key by its own. */
static unsigned revoke(struct keys *keys, const char *what, const char *reason)
{
    uint8_t ak[TPM_NAME_BYTES];
    const size_t size = strlen(what) / 2;
    unsigned count = 0;

    if (size <= sizeof(ak) && hex_decode(ak, size, what, strlen(what)) == 0 &&
        keys_revoke(keys, ak, size, reason) == 0)
        count++;
    for (size_t i = 0; i < keys_count(keys); i++) {
        const struct enrolled_key *key = keys_at(keys, i);

        if (key->host && !key->is_revoked && strcmp(key->owner, what) == 0 &&
            keys_revoke(keys, key->ak, key->ak_size, reason) == 0)
            count++;
    }
    return count;
}

int attest_revoke_verb(int argc, char **argv)
{
    static const struct verb_option options[] = {
        {"registry", "FILE", "enrolled attestation keys"},
        {"reason", "TEXT", "why, for those who will be refused"},
        {NULL, NULL, NULL},
    };
    static const struct verb_usage usage = {
        .name = "attest revoke",
        .words = "HOST | AK",
        .what = "No longer believe the attestation keys that are enrolled as HOST's, or the one "
                "with the name AK. It stays in the registry with the reason, and cannot be "
                "enrolled again.",
        .options = options,
        .words_min = 1,
        .words_max = 1,
    };
    struct registry registry;
    struct arguments arguments;
    int status;

    if (!arguments_parse(&usage, argc, argv, &arguments, &status))
        return status;
    if (!arguments.given[REGISTRY] || !arguments.given[REASON] ||
        arguments.value[REASON][0] == '\0') {
        complain("say in which --registry FILE, and for which --reason TEXT");
        return VERB_USAGE;
    }
    status = registry_open(arguments.value[REGISTRY], &registry);
    if (status == VERB_OK &&
        revoke(registry.keys, arguments.word[0], arguments.value[REASON]) == 0) {
        complain("%s has no key of %s that is not revoked yet", arguments.value[REGISTRY],
                 arguments.word[0]);
        status = VERB_DENIED;
    }
    if (status == VERB_OK)
        status = registry_save(&registry);
    registry_close(&registry);
    return status;
}
