/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about what is demanded of guests: that it can be had at all. */
#include <string.h>

#include "policy/image_rules.h"

/* What only a host's TPM can show. */
static bool of_host(const struct image *image, const struct image_attest *a)
{
    if (a->clause == IMAGE_ATTEST_HOST || a->clause == IMAGE_ATTEST_HOST_PCR)
        return true;
    return a->clause == IMAGE_ATTEST_REQUIRE &&
           strncmp(image_text(image, a->text), "host", strlen("host")) == 0;
}

static void without_host(const struct image_rules *rules)
{
    const struct image *image = rules->image;

    for (uint32_t i = 0; i < image_count(image, IMAGE_ATTESTS) && !image_rules_full(rules); i++) {
        const struct image_attest *a = &image_attests(image)[i];

        if (of_host(image, a))
            image_rules_say(rules, image_rules_spot(rules, IMAGE_ATTESTS, i, IMAGE_AT_ENTRY),
                            "this is demanded of a host that has no TPM: state 'host-tpm' in the "
                            "host block, or remove it");
    }
}

int image_rules_attest(const struct image_rules *rules)
{
    const struct image *image = rules->image;

    if (image->host_tpm == 0)
        without_host(rules);
    for (uint32_t i = 0; i < image_count(image, IMAGE_GUESTS) && !image_rules_full(rules); i++) {
        const struct image_guest *guest = &image_guests(image)[i];
        const bool required = image_tenants(image)[guest->tenant].attest != 0;

        if ((guest->flags & IMAGE_GUEST_TPM) != 0 || (!required && !image_attest_any(image, i)))
            continue;
        image_rules_say(rules, image_rules_spot(rules, IMAGE_GUESTS, i, IMAGE_AT_ENTRY),
                        "guest '%s' has no TPM, and its tenant '%s' %s: %s",
                        image_text(image, guest->name), image_tenant_name(image, guest->tenant),
                        required ? "requires attestation" : "says what is demanded of its guests",
                        image->host_tpm != 0 || required ? "remove 'tpm off;'" : "add 'tpm;'");
    }
    return 0;
}
