/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/verify/seen.h"

#include <stdio.h>
#include <string.h>

static enum refusal say(enum refusal refusal, char *detail, size_t size, uint64_t now,
                        uint64_t before)
{
    (void)snprintf(detail, size, "%llu after %llu", (unsigned long long)now,
                   (unsigned long long)before);
    return refusal;
}

enum refusal seen_refusal(const struct reference_seen *before, const struct reference_seen *now,
                          char *detail, size_t size)
{
    if (!before->known)
        return REFUSE_NONE;
    /* The host counts generations; the TPM's own counts are the guest's to reset (TPM2_Clear). */
    if (now->generation != before->generation)
        return now->generation > before->generation
                   ? REFUSE_NONE
                   : say(REFUSE_GENERATION_BACK, detail, size, now->generation, before->generation);
    if (now->resets != before->resets)
        return now->resets > before->resets
                   ? REFUSE_NONE
                   : say(REFUSE_RESETS_BACK, detail, size, now->resets, before->resets);
    if (memcmp(now->boot, before->boot, sizeof(now->boot)) != 0) {
        (void)snprintf(detail, size, "generation %llu", (unsigned long long)now->generation);
        return REFUSE_START_FORKED;
    }
    if (now->tpm_resets != before->tpm_resets || now->tpm_restarts != before->tpm_restarts) {
        (void)snprintf(detail, size, "%u.%u after %u.%u", now->tpm_resets, now->tpm_restarts,
                       before->tpm_resets, before->tpm_restarts);
        return REFUSE_TPM_RESTARTED;
    }
    if (now->clock < before->clock) {
        (void)snprintf(detail, size, "%llu ms after %llu ms", (unsigned long long)now->clock,
                       (unsigned long long)before->clock);
        return REFUSE_CLOCK_BACK;
    }
    return REFUSE_NONE;
}
