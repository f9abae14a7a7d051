/* SPDX-License-Identifier: Apache-2.0 */
/* What the host's kernel measured of SELinux since it booted. */
#include <errno.h>
#include <string.h>

#include "attest/log/ima.h"
#include "attest/verify/appraising.h"

#define PCR_IMA 10u

struct replay {
    struct appraising *a;
    uint8_t pcr[32];
    bool reached; /* the quoted value, at some entry */
    unsigned states, policies, hidden;
    enum refusal why; /* the first thing about SELinux that was wrong */
};

/* The text has no NUL at its end. */
static bool says(const struct ima_entry *entry, const char *word)
{
    return entry->data != NULL && memmem(entry->data, entry->size, word, strlen(word)) != NULL;
}

/* What was not signed can accuse, but not excuse. */
static void selinux(struct replay *replay, const struct ima_entry *entry, bool is_signed)
{
    const struct reference *r = replay->a->reference;
    enum refusal why = REFUSE_NONE;

    /* What a violation says of itself was hashed by nobody: it shows nothing. */
    is_signed = is_signed && !entry->violation;
    if (strcmp(entry->event, "selinux-state") == 0) {
        replay->states += is_signed;
        if (!says(entry, "enforcing=1;") || says(entry, "enforcing=0;"))
            why = REFUSE_IMA_PERMISSIVE;
    } else if (strcmp(entry->event, "selinux-policy-hash") == 0) {
        replay->policies += is_signed;
        if (r->host_policies.asked &&
            (entry->size != 32 || !reference_has(&r->host_policies, entry->data)))
            why = REFUSE_IMA_POLICY;
    }
    if (replay->why == REFUSE_NONE)
        replay->why = why;
}

/* The list goes on while the quote is made, so what is quoted may be the state at an earlier entry.
 */
static int replay_entry(void *context, const struct ima_entry *entry)
{
    struct replay *replay = context;
    const bool is_signed = !replay->reached;
    int r;

    if (entry->pcr != PCR_IMA)
        return 0;
    replay->hidden += entry->hidden && is_signed;
    r = ima_extend(replay->pcr, entry->extended);
    if (r == 0 && memcmp(replay->pcr, replay->a->evidence->host.quote.pcr[PCR_IMA], 32) == 0)
        replay->reached = true;
    selinux(replay, entry, is_signed);
    return r;
}

int appraise_ima(struct appraising *a)
{
    const struct evidence_bytes *log = &a->evidence->host.ima_log;
    const struct reference *r = a->reference;
    struct replay replay = {.a = a};
    size_t offset = 0;
    int result;

    if (!r->host_selinux && log->size == 0)
        return 0;
    if ((a->host_quote.pcrs & 1U << PCR_IMA) == 0)
        return refuse(a, REFUSE_HOST_SELECTION, CLAIM_HOST_SELINUX, "without PCR 10");
    result = ima_read(log->data, log->size, replay_entry, &replay, &offset);
    if (result == -EBADMSG)
        return refuse(a, REFUSE_IMA_FORM, CLAIM_HOST_SELINUX, "byte %zu", offset);
    if (result < 0)
        return result;
    if (!replay.reached)
        return refuse(a, REFUSE_IMA_REPLAY, CLAIM_HOST_SELINUX, "%s", "");
    if (!r->host_selinux)
        return 0;
    /* Whoever can hide an entry can hide that one in which SELinux was permissive. */
    if (replay.hidden > 0 && !r->host_ima_hidden)
        return refuse(a, REFUSE_IMA_HIDDEN, CLAIM_HOST_SELINUX, "%u entries", replay.hidden);
    if (replay.states == 0)
        return refuse(a, REFUSE_IMA_NO_STATE, CLAIM_HOST_SELINUX, "%s", "");
    if (replay.why != REFUSE_NONE)
        return refuse(a, replay.why, CLAIM_HOST_SELINUX, "%s", "");
    if (replay.policies == 0)
        return refuse(a, REFUSE_IMA_NO_POLICY, CLAIM_HOST_SELINUX, "%s", "");
    claim(a, CLAIM_HOST_SELINUX, r->host_policies.asked, "host.ima_log: PCR 10, quoted",
          "enforcing since boot, measured %u times, %u policies, %u entries hidden", replay.states,
          replay.policies, replay.hidden);
    return 0;
}
