/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "policy/image.h"

/* Everything here is a device or a service that is not built yet, or one that this host has not.
 * What is built leaves this file. */

static int tenants(const struct image *image, struct guest_diagnostic *d)
{
    for (uint32_t i = 0; i < image_count(image, IMAGE_TENANTS); i++) {
        if (image_tenants(image)[i].quarantine_denials != 0 && image->mac != GUEST_MAC_SELINUX) {
            (void)diagnostic_set(d,
                                 "tenant '%s' states 'quarantine', and the host's mac is landlock: "
                                 "without SELinux nothing is denied that could be counted; remove "
                                 "it, or say 'mac selinux;'",
                                 image_tenant_name(image, i));
            return -EOPNOTSUPP;
        }
        /* That its guests have TPMs is a rule of any image: image_rules_attest.c. */
        if (image_tenants(image)[i].attest == 0 || image->host_tpm != 0)
            continue;
        (void)diagnostic_set(d,
                             "tenant '%s' requires attestation, for which the host must vouch with "
                             "its own TPM: state 'host-tpm' in the host block",
                             image_tenant_name(image, i));
        return -EOPNOTSUPP;
    }
    return 0;
}

static int pairs(const struct image *image, struct guest_diagnostic *d)
{
    for (uint32_t i = 0; i < image_count(image, IMAGE_CONFLICTS); i++) {
        const struct image_conflict *conflict = &image_conflicts(image)[i];

        if ((conflict->scope & IMAGE_CONFLICT_CORE) == 0)
            continue;
        (void)diagnostic_set(d,
                             "tenants '%s' and '%s' are in conflict on core, and this version of "
                             "casemate does not schedule cores: remove 'on core', or say 'on host'",
                             image_tenant_name(image, conflict->first),
                             image_tenant_name(image, conflict->second));
        return -EOPNOTSUPP;
    }
    if (image_count(image, IMAGE_CHANNELS) > 0) {
        const struct image_channel *channel = &image_channels(image)[0];

        (void)diagnostic_set(d,
                             "tenant '%s' has a channel from '%s' to '%s', and this version of "
                             "casemate has no vsock: remove it",
                             image_tenant_name(image, channel->tenant),
                             image_text(image, image_guests(image)[channel->from].name),
                             image_text(image, image_guests(image)[channel->to].name));
        return -EOPNOTSUPP;
    }
    return 0;
}

int image_enforceable(const struct image *image, struct guest_diagnostic *diagnostic)
{
    int r;

    if (image->audit != 0) {
        (void)diagnostic_set(diagnostic,
                             "the host block states 'audit', which this version of casemate does "
                             "not use: remove it");
        return -EOPNOTSUPP;
    }
    r = tenants(image, diagnostic);
    return r == 0 ? pairs(image, diagnostic) : r;
}
