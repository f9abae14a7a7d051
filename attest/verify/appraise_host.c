/* SPDX-License-Identifier: Apache-2.0 */
/* The host: what binds a virtual TPM to a machine, and how that machine was booted. */
#include <errno.h>
#include <string.h>

#include "attest/log/replay.h"
#include "attest/merkle.h"
#include "attest/statement.h"
#include "attest/verify/appraising.h"
#include "attest/verify/chain.h"
#include "base/text.h"

#define PCRS_FIRMWARE 8u /* PCR 0 to 7: TCG PC Client Platform Firmware Profile, 3.3.4 */

/* The statement is in the tree that was quoted. */
static int rooted(struct appraising *a)
{
    const struct evidence_host *h = &a->evidence->host;
    uint8_t root[MERKLE_SIZE];
    int r = merkle_leaf(h->statement.data, h->statement.size, root);

    if (r == 0 && (h->leaf > UINT32_MAX || h->leaves > UINT32_MAX))
        r = -EBADMSG;
    if (r == 0)
        r = merkle_climb(root, (uint32_t)h->leaf, (uint32_t)h->leaves, h->path, h->path_count,
                         root);
    if (r < 0)
        return refuse_unless_failed(a, r, REFUSE_HOST_PROOF, CLAIM_BINDING, "");
    if (a->host_quote.extra_size != sizeof(root) ||
        memcmp(a->host_quote.extra, root, sizeof(root)) != 0)
        return refuse(a, REFUSE_HOST_ROOT, CLAIM_BINDING, "%s", "");
    return 0;
}

static bool names(const uint8_t *said, uint32_t size, const struct tpm_public *key)
{
    return size == key->name_size && memcmp(said, key->name, size) == 0;
}

/* It is about this guest, this TPM, this state of it, and this moment. */
static int stated(struct appraising *a, const struct statement *s)
{
    const struct evidence *e = a->evidence;
    uint8_t all[EVIDENCE_PCRS * 32], pcrs[32];
    size_t used = 0;
    int r;

    if (strcmp(s->tenant, e->tenant) != 0 || strcmp(s->name, e->name) != 0 ||
        memcmp(s->uuid, e->uuid, sizeof(s->uuid)) != 0)
        return refuse(a, REFUSE_STATEMENT_GUEST, CLAIM_BINDING, "%s/%s", s->tenant, s->name);
    if (s->nonce_size != e->nonce_size || memcmp(s->nonce, e->nonce, e->nonce_size) != 0)
        return refuse(a, REFUSE_STATEMENT_NONCE, CLAIM_BINDING, "%s", "");
    if (!names(s->ak_name, s->ak_name_size, &a->ak))
        return refuse(a, REFUSE_STATEMENT_AK, CLAIM_BINDING, "%s", "");
    if (!names(s->ek_name, s->ek_name_size, &a->ek))
        return refuse(a, REFUSE_STATEMENT_EK, CLAIM_BINDING, "%s", "");
    for (unsigned i = 0; i < EVIDENCE_PCRS; i++) {
        if ((EVIDENCE_PCRS_GUEST & 1U << i) != 0) {
            memcpy(all + used, e->quote.pcr[i], 32);
            used += 32;
        }
    }
    r = tpm_hash(TPM_ALG_ID_SHA256, all, used, pcrs);
    if (r < 0)
        return r;
    if (memcmp(pcrs, s->pcrs, sizeof(pcrs)) != 0)
        return refuse(a, REFUSE_STATEMENT_PCRS, CLAIM_BINDING, "%s", "");
    if (memcmp(a->start_digest, s->start, sizeof(s->start)) != 0)
        return refuse(a, REFUSE_STATEMENT_START, CLAIM_BINDING, "%s", "");
    return 0;
}

static int still(struct appraising *a, const struct statement *s)
{
    static const uint8_t none[32];
    const struct measure_start *start = &a->guest.start;
    const uint8_t *policy = start->policy.known ? start->policy.sha256 : none;

    if (memcmp(policy, s->policy, sizeof(s->policy)) != 0)
        return refuse(a, REFUSE_STATEMENT_POLICY, CLAIM_BINDING, "%s", "");
    if (s->generation != start->generation)
        return refuse(a, REFUSE_STATEMENT_GENERATION, CLAIM_BINDING, "%llu, the start says %llu",
                      (unsigned long long)s->generation, (unsigned long long)start->generation);
    claim(a, CLAIM_BINDING, true, "host.statement in the tree of host.quote.attest: extraData",
          "this TPM, this start and this nonce are on that host");
    if (!a->ak_enrolled)
        a->verdict->claim[CLAIM_TPM].state = CLAIM_AFFIRMED;
    return 0;
}

static int selected(struct appraising *a)
{
    const struct reference *r = a->reference;

    if (r->has_host_select && a->host_quote.pcrs != r->host_select)
        return refuse(a, REFUSE_HOST_SELECTION, CLAIM_HOST, "%06x, not %06x", a->host_quote.pcrs,
                      r->host_select);
    for (unsigned i = 0; i < REFERENCE_PCRS; i++) {
        if (r->host_pcr[i].asked && (a->host_quote.pcrs & 1U << i) == 0)
            return refuse(a, REFUSE_HOST_SELECTION, CLAIM_HOST, "without PCR %u", i);
    }
    return 0;
}

/* The firmware's log, of anybody's form, as far as its PCRs are quoted. */
static int logged(struct appraising *a)
{
    const struct evidence_host *h = &a->evidence->host;
    struct log_problem problem = {.event = 0};
    struct log_pcrs pcrs;
    int r;

    if (!a->reference->host_boot_log)
        return 0;
    r = log_replay(h->boot_log.data, h->boot_log.size, LOG_ALG_SHA256, &pcrs, &problem);
    if (r < 0)
        return refuse_unless_failed(a, r, REFUSE_HOST_BOOT_FORM, CLAIM_HOST_BOOT,
                                    h->boot_log.size > 0 ? "" : "there is none");
    for (unsigned i = 0; i < PCRS_FIRMWARE; i++) {
        if ((h->quote.pcrs & 1U << i) == 0)
            return refuse(a, REFUSE_HOST_SELECTION, CLAIM_HOST, "without PCR %u", i);
        if (memcmp(pcrs.value[i], h->quote.pcr[i], 32) != 0)
            return refuse(a, REFUSE_HOST_BOOT_REPLAY, CLAIM_HOST_BOOT, "PCR %u", i);
    }
    return 0;
}

static int booted(struct appraising *a)
{
    const struct reference *r = a->reference;
    unsigned asked = 0;

    for (unsigned i = 0; i < REFERENCE_PCRS; i++) {
        if (!reference_has(&r->host_pcr[i], a->evidence->host.quote.pcr[i]))
            return refuse(a, REFUSE_HOST_PCR_VALUE, CLAIM_HOST_BOOT, "PCR %u", i);
        asked += r->host_pcr[i].asked;
    }
    claim(a, CLAIM_HOST_BOOT, asked > 0,
          r->host_boot_log ? "host.boot_log, host.quote.pcrs, quoted" : "host.quote.pcrs, quoted",
          "%u PCRs as in the reference%s", asked,
          r->host_boot_log ? ", and the boot log leads to them" : "");
    return 0;
}

/* Whose quote it is. */
static int quoted(struct appraising *a)
{
    const struct evidence_host *h = &a->evidence->host;
    const struct enrolled_key *key;
    int r = appraise_quote(a, true);

    if (r != 0)
        return r;
    key = keys_find(a->with->keys, a->host_ak.name, a->host_ak.name_size);
    if (key != NULL && a->evidence->host_only)
        (void)text_copy(a->verdict->name, sizeof(a->verdict->name), key->owner);
    /* Enrollment is what is trusted; a certificate that is shown must not contradict it. */
    if (h->chain_count > 0 && chain_certifies(h->chain[0].data, h->chain[0].size, &a->host_ek) < 0)
        return refuse(a, REFUSE_HOST_CERTIFICATE, CLAIM_HOST, "%s", "");
    return selected(a);
}

/* How it was booted, and what it has done since. */
static int lives(struct appraising *a)
{
    int r = logged(a);

    if (r == 0)
        r = booted(a);
    if (r == 0)
        r = appraise_ima(a);
    return r == 0 ? appraise_ledger(a) : r;
}

/* No root of a tree of guests is such a digest, so none of the two passes for the other. */
static int asked(struct appraising *a)
{
    uint8_t text[sizeof(EVIDENCE_HOST_LABEL) - 1 + EVIDENCE_NONCE_MAX], wanted[32];
    const struct evidence *e = a->evidence;
    const size_t label = sizeof(EVIDENCE_HOST_LABEL) - 1;
    int r;

    memcpy(text, EVIDENCE_HOST_LABEL, label);
    memcpy(text + label, e->nonce, e->nonce_size);
    r = tpm_hash(TPM_ALG_ID_SHA256, text, label + e->nonce_size, wanted);
    if (r < 0)
        return r;
    if (a->host_quote.extra_size != sizeof(wanted) ||
        memcmp(a->host_quote.extra, wanted, sizeof(wanted)) != 0)
        return refuse(a, REFUSE_HOST_EXTRA_DATA, CLAIM_FRESH, "%s", "");
    claim(a, CLAIM_FRESH, true, "host.quote.attest: extraData, signed", "%u bytes of nonce",
          e->nonce_size);
    return 0;
}

int appraise_host_alone(struct appraising *a)
{
    int r = quoted(a);

    if (r == 0)
        r = asked(a);
    return r == 0 ? lives(a) : r;
}

int appraise_host(struct appraising *a)
{
    const struct evidence_host *h = &a->evidence->host;
    struct statement statement;
    int r = quoted(a);

    if (r == 0)
        r = rooted(a);
    if (r == 0 && statement_parse(h->statement.data, h->statement.size, &statement) < 0)
        r = refuse(a, REFUSE_STATEMENT_FORM, CLAIM_BINDING, "%s", "");
    if (r == 0)
        r = stated(a, &statement);
    if (r == 0)
        r = still(a, &statement);
    return r == 0 ? lives(a) : r;
}
