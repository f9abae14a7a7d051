/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, quote and PCR values: of a guest's TPM and of a host's by one code. */
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "attest/verify/appraising.h"
#include "base/hex.h"

/* The same mistake of the guest's and of the host's part has two names. */
struct names {
    enum refusal ak_form, ak_unfit, ek_form, ek_unfit, ak_unknown, ak_revoked, ek_other;
    enum refusal form, magic, type, banks, signature_form, scheme, signature, bank, claimed, digest;
};

static const struct names names[2] = {
    {REFUSE_AK_FORM, REFUSE_AK_UNFIT, REFUSE_EK_FORM, REFUSE_EK_UNFIT, REFUSE_AK_UNKNOWN,
     REFUSE_AK_REVOKED, REFUSE_EK_OTHER, REFUSE_QUOTE_FORM, REFUSE_QUOTE_MAGIC, REFUSE_QUOTE_TYPE,
     REFUSE_QUOTE_BANKS, REFUSE_SIGNATURE_FORM, REFUSE_SIGNATURE_SCHEME, REFUSE_SIGNATURE,
     REFUSE_BANK, REFUSE_PCRS_CLAIMED, REFUSE_PCR_DIGEST},
    {REFUSE_HOST_AK_FORM, REFUSE_HOST_AK_UNFIT, REFUSE_HOST_EK_FORM, REFUSE_HOST_EK_UNFIT,
     REFUSE_HOST_AK_UNKNOWN, REFUSE_HOST_AK_REVOKED, REFUSE_HOST_EK_OTHER, REFUSE_HOST_QUOTE_FORM,
     REFUSE_HOST_QUOTE_MAGIC, REFUSE_HOST_QUOTE_TYPE, REFUSE_HOST_QUOTE_BANKS,
     REFUSE_HOST_SIGNATURE_FORM, REFUSE_HOST_SIGNATURE_SCHEME, REFUSE_HOST_SIGNATURE,
     REFUSE_HOST_BANK, REFUSE_HOST_PCRS_CLAIMED, REFUSE_HOST_PCR_DIGEST},
};

/* What is being looked at: one of two. */
struct part {
    const struct names *names;
    const struct evidence_quote *quote;
    const struct evidence_key *key;
    struct tpm_public *ak, *ek;
    struct tpm_quote_info *info;
    enum claim claim;
};

static int keys_fit(struct appraising *a, const struct part *p)
{
    enum tpm_fault fault = TPM_FAULT_NONE;
    int r = tpm_public_decode(p->key->ak.data, p->key->ak.size, p->ak, &fault);

    if (r < 0)
        return refuse_unless_failed(a, r, p->names->ak_form, p->claim, tpm_fault_text(fault));
    if (!tpm_public_attests(p->ak))
        return refuse(a, p->names->ak_unfit, p->claim, "objectAttributes %08x", p->ak->attributes);
    r = tpm_public_decode(p->key->ek.data, p->key->ek.size, p->ek, &fault);
    if (r < 0)
        return refuse_unless_failed(a, r, p->names->ek_form, p->claim, tpm_fault_text(fault));
    if (!tpm_public_endorses(p->ek))
        return refuse(a, p->names->ek_unfit, p->claim, "objectAttributes %08x", p->ek->attributes);
    return 0;
}

/* A guest's key need not be enrolled if its host's quote names it; a host's must be. */
static int enrolled(struct appraising *a, const struct part *p, bool host)
{
    const struct enrolled_key *key = keys_find(a->with->keys, p->ak->name, p->ak->name_size);

    if (key == NULL)
        return host ? refuse(a, p->names->ak_unknown, p->claim, "%s", "") : 0;
    if (key->host != host)
        return refuse(a, p->names->ak_unknown, p->claim, "enrolled as a %s's",
                      key->host ? "host" : "guest");
    if (key->is_revoked)
        return refuse(a, p->names->ak_revoked, p->claim, "%s", key->revoked);
    if (!host && memcmp(key->uuid, a->evidence->uuid, sizeof(key->uuid)) != 0)
        return refuse(a, REFUSE_AK_OTHER_GUEST, p->claim, "%s", key->owner);
    if (key->ek_size != p->ek->name_size || memcmp(key->ek, p->ek->name, key->ek_size) != 0)
        return refuse(a, p->names->ek_other, p->claim, "%s", key->owner);
    if (host && !reference_says(&a->reference->host_names, key->owner))
        return refuse(a, REFUSE_HOST_NAME, p->claim, "%s", key->owner);
    if (!host)
        a->ak_enrolled = true;
    return 0;
}

static int signed_by(struct appraising *a, const struct part *p)
{
    const struct evidence_bytes *attest = &p->quote->attest, *sig = &p->quote->signature;
    struct tpm_signature signature;
    enum tpm_fault fault = TPM_FAULT_NONE;
    int r = tpm_quote_decode(attest->data, attest->size, p->info, &fault);

    if (r < 0) {
        const enum refusal refusal = fault == TPM_FAULT_MAGIC   ? p->names->magic
                                     : fault == TPM_FAULT_TYPE  ? p->names->type
                                     : fault == TPM_FAULT_BANKS ? p->names->banks
                                                                : p->names->form;

        return refuse_unless_failed(a, r, refusal, p->claim, tpm_fault_text(fault));
    }
    r = tpm_signature_decode(sig->data, sig->size, &signature, &fault);
    if (r < 0)
        return refuse_unless_failed(a, r, p->names->signature_form, p->claim,
                                    tpm_fault_text(fault));
    /* A guest's is another one for each nonce. */
    if (p->claim == CLAIM_HOST && recall_host(a))
        return 0;
    r = a->with->checker != NULL
            ? checker_check(a->with->checker, p->ak, &signature, attest->data, attest->size)
            : tpm_signature_check(p->ak, &signature, attest->data, attest->size);
    if (r == -EINVAL)
        return refuse(a, p->names->scheme, p->claim, "%s", "");
    return r < 0 ? refuse_unless_failed(a, r, p->names->signature, p->claim, "") : 0;
}

/*
 * The values that are claimed are exactly those selected, and hash to what was signed. A value of a
 * PCR that was not selected would be nobody's.
 */
static int values(struct appraising *a, const struct part *p)
{
    uint8_t all[EVIDENCE_PCRS * 32], digest[TPM_DIGEST_MAX];
    size_t used = 0;
    int r;

    if (p->info->bank != TPM_ALG_ID_SHA256)
        return refuse(a, p->names->bank, p->claim, "%s", "");
    if (p->quote->pcrs != p->info->pcrs)
        return refuse(a, p->names->claimed, p->claim, "%06x are quoted, %06x claimed",
                      p->info->pcrs, p->quote->pcrs);
    for (unsigned i = 0; i < EVIDENCE_PCRS; i++) {
        if ((p->quote->pcrs & 1U << i) != 0) {
            memcpy(all + used, p->quote->pcr[i], 32);
            used += 32;
        }
    }
    /* Hashed as the signature is (TPM 2.0, part 3, 18.4: TPM2_Quote). */
    r = tpm_hash(p->ak->scheme_hash, all, used, digest);
    if (r < 0)
        return r;
    if (p->info->digest_size != tpm_hash_size(p->ak->scheme_hash) ||
        memcmp(digest, p->info->digest, p->info->digest_size) != 0)
        return refuse(a, p->names->digest, p->claim, "%s", "");
    return 0;
}

static int fresh(struct appraising *a)
{
    const struct evidence *e = a->evidence;

    if (a->quote.extra_size != e->nonce_size ||
        memcmp(a->quote.extra, e->nonce, e->nonce_size) != 0)
        return refuse(a, REFUSE_EXTRA_DATA, CLAIM_FRESH, "%s", "");
    claim(a, CLAIM_FRESH, true, "quote.attest: extraData, signed", "%u bytes of nonce",
          e->nonce_size);
    if (a->quote.pcrs != EVIDENCE_PCRS_GUEST)
        return refuse(a, REFUSE_SELECTION, CLAIM_TPM, "%06x", a->quote.pcrs);
    return 0;
}

int appraise_quote(struct appraising *a, bool host)
{
    const struct evidence *e = a->evidence;
    const struct part p = {
        .names = &names[host],
        .quote = host ? &e->host.quote : &e->quote,
        .key = host ? &e->host.key : &e->key,
        .ak = host ? &a->host_ak : &a->ak,
        .ek = host ? &a->host_ek : &a->ek,
        .info = host ? &a->host_quote : &a->quote,
        .claim = host ? CLAIM_HOST : CLAIM_TPM,
    };
    char name[2 * TPM_NAME_BYTES + 1];
    int r = keys_fit(a, &p);

    if (r == 0)
        r = enrolled(a, &p, host);
    if (r == 0)
        r = signed_by(a, &p);
    if (r == 0 && !host)
        r = fresh(a);
    if (r == 0)
        r = values(a, &p);
    if (r != 0)
        return r;
    hex_encode(name, p.ak->name, p.ak->name_size);
    claim(a, p.claim, host || a->ak_enrolled,
          host ? "host.quote.signature by host.ak" : "quote.signature by ak", "key %s", name);
    memcpy(host ? a->verdict->host_ak : a->verdict->ak, p.ak->name, p.ak->name_size);
    *(host ? &a->verdict->host_ak_size : &a->verdict->ak_size) = p.ak->name_size;
    return 0;
}
