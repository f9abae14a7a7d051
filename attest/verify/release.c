/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/verify/release.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>

#include "attest/verify/credential.h"
#include "attest/verify/witness_write.h"
#include "attest/verify/writer.h"

#define ALG_KEYEDHASH 0x0008u
#define CC_POLICY_PCR 0x017fu
#define NO_DA         (1u << 10)
#define PUBLIC_MAX    128u

/* One TPM2_PolicyPCR: H(policy so far || its command || TPML_PCR_SELECTION || digest of values). */
static int extend(uint8_t policy[32], uint32_t pcrs, const uint8_t pcr_digest[32])
{
    const uint8_t select[] = {3, (uint8_t)pcrs, (uint8_t)(pcrs >> 8), (uint8_t)(pcrs >> 16)};
    uint8_t input[32 + 4 + 4 + 2 + sizeof(select) + 32];
    struct writer w = {.at = input, .end = input + sizeof(input)};

    writer_bytes(&w, policy, 32);
    writer_number(&w, CC_POLICY_PCR, 4);
    writer_number(&w, 1, 4); /* one bank */
    writer_number(&w, TPM_ALG_ID_SHA256, 2);
    writer_bytes(&w, select, sizeof(select));
    writer_bytes(&w, pcr_digest, 32);
    return tpm_hash(TPM_ALG_ID_SHA256, input, sizeof(input), policy);
}

int release_policy(uint32_t pcrs, const uint8_t pcr_digest[32], uint8_t policy[32])
{
    static const uint8_t zero[32];
    uint8_t made[32] = {0}, cap[32];
    int r = tpm_hash(TPM_ALG_ID_SHA256, zero, sizeof(zero), cap);

    if (r == 0)
        r = extend(made, 1u << RELEASE_CAP_PCR, cap);
    if (r == 0)
        r = extend(made, pcrs, pcr_digest);
    if (r == 0)
        memcpy(policy, made, sizeof(made));
    return r;
}

/*
 * TPMT_PUBLIC (part 2, 12.2.4) of data that is nothing but read. Neither userWithAuth nor any
 * authorization: the policy alone opens it; adminWithPolicy: nor does anything else change that.
 */
static size_t put_public(const uint8_t policy[32], const uint8_t unique[32], uint8_t to[PUBLIC_MAX])
{
    struct writer w = {.at = to, .end = to + PUBLIC_MAX};

    writer_number(&w, ALG_KEYEDHASH, 2);
    writer_number(&w, TPM_ALG_ID_SHA256, 2);
    writer_number(&w, TPM_OBJECT_ADMIN_WITH_POLICY | NO_DA, 4);
    writer_sized(&w, policy, 32);
    writer_number(&w, TPM_ALG_ID_NULL, 2); /* scheme */
    writer_sized(&w, unique, 32);
    return (size_t)(w.at - to);
}

/* TPMT_SENSITIVE (part 2, 12.3.2.4); `unique` is what binds the public area to it (part 1, 27.5).
 */
static int put_sensitive(const uint8_t *secret, size_t size, uint8_t unique[32],
                         uint8_t to[CREDENTIAL_WRAPPED_MAX], size_t *used)
{
    uint8_t hashed[32 + RELEASE_SECRET_MAX];
    struct writer w = {.at = to, .end = to + CREDENTIAL_WRAPPED_MAX};
    int r = RAND_bytes(hashed, 32) == 1 ? 0 : -EIO;

    memcpy(hashed + 32, secret, size);
    writer_number(&w, ALG_KEYEDHASH, 2);
    writer_number(&w, 0, 2); /* authValue */
    writer_sized(&w, hashed, 32);
    writer_sized(&w, secret, size);
    *used = (size_t)(w.at - to);
    if (r == 0)
        r = tpm_hash(TPM_ALG_ID_SHA256, hashed, 32 + size, unique);
    OPENSSL_cleanse(hashed, sizeof(hashed));
    return r;
}

static bool takes(const struct tpm_public *ek)
{
    return tpm_public_endorses(ek) && ek->type == TPM_ALG_ID_ECC && ek->curve == TPM_CURVE_P256 &&
           ek->name_hash == TPM_ALG_ID_SHA256 && ek->symmetric_bits == 128;
}

int release_wrap(const struct tpm_public *ek, uint32_t pcrs, const uint8_t pcr_digest[32],
                 const uint8_t *secret, size_t secret_size, struct release_object *object)
{
    uint8_t policy[32], unique[32], name[2 + 32] = {0, TPM_ALG_ID_SHA256}, public[PUBLIC_MAX];
    uint8_t sensitive[CREDENTIAL_WRAPPED_MAX];
    struct credential wrapped = {.blob_size = 0};
    size_t public_size = 0, sensitive_size = 0;
    int r;

    if (!takes(ek) || pcrs == 0 || pcrs > 0xffffff || secret_size < RELEASE_SECRET_MIN ||
        secret_size > RELEASE_SECRET_MAX)
        return -EINVAL;
    r = release_policy(pcrs, pcr_digest, policy);
    if (r == 0)
        r = put_sensitive(secret, secret_size, unique, sensitive, &sensitive_size);
    if (r == 0) {
        public_size = put_public(policy, unique, public);
        r = tpm_hash(TPM_ALG_ID_SHA256, public, public_size, name + 2);
    }
    if (r == 0)
        r = credential_wrap(ek, "DUPLICATE", name, sizeof(name), sensitive, sensitive_size,
                            &wrapped);
    OPENSSL_cleanse(sensitive, sizeof(sensitive));
    if (r == 0) {
        struct writer w = {.at = object->bytes, .end = object->bytes + sizeof(object->bytes)};

        writer_sized(&w, public, public_size);
        writer_sized(&w, wrapped.blob, wrapped.blob_size);
        writer_sized(&w, wrapped.secret, wrapped.secret_size);
        object->size = (uint32_t)(w.at - object->bytes);
    }
    return r;
}

int release_wrap_witness(const struct witness *witness, const uint8_t *secret, size_t secret_size,
                         struct release_object *object)
{
    const struct tpm_quote_info *info = &witness->quote.info;
    enum tpm_fault fault = TPM_FAULT_NONE;
    uint8_t area[WITNESS_AREA_MAX];
    struct tpm_public ek;
    size_t size = 0;
    /* What is written is what was named, of whatever numbers it was written. */
    int r = witness_write_key(&witness->ek, WITNESS_EK, area, &size);

    if (r == 0)
        r = tpm_public_decode(area, size, &ek, &fault);
    if (r < 0)
        return r;
    if (info->bank != TPM_ALG_ID_SHA256 || info->digest_size != 32)
        return -EINVAL;
    return release_wrap(&ek, info->pcrs, info->digest, secret, secret_size, object);
}

bool release_reference(const struct reference *reference)
{
    static const unsigned stated[] = {0, 4, 8, 9};

    for (size_t i = 0; i < sizeof(stated) / sizeof(stated[0]); i++) {
        if (!reference->pcr[stated[i]].asked)
            return false;
    }
    return reference->selinux || reference->policies.asked;
}
