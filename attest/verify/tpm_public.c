/* SPDX-License-Identifier: Apache-2.0 */
/* TPMT_PUBLIC, its name, and what its attributes say that the key is for. */
#include <errno.h>

#include "attest/verify/reader.h"
#include "attest/verify/tpm.h"

#define EXPONENT 65537u

/* Bits of TPMA_OBJECT that are defined, without x509sign, stClear: a key that attests has neither.
 */
#define ATTRIBUTES                                                                                 \
    (TPM_OBJECT_FIXED_TPM | TPM_OBJECT_FIXED_PARENT | TPM_OBJECT_ORIGIN |                          \
     TPM_OBJECT_USER_WITH_AUTH | TPM_OBJECT_ADMIN_WITH_POLICY | TPM_OBJECT_RESTRICTED |            \
     TPM_OBJECT_DECRYPT | TPM_OBJECT_SIGN | 1u << 10 /* noDA */ | 1u << 11 /* encryptedDup. */)

/* TPMT_SYM_DEF_OBJECT */
static void symmetric(struct reader *reader, struct tpm_public *key)
{
    key->symmetric = reader_u16(reader);
    if (key->symmetric == TPM_ALG_ID_NULL)
        return;
    if (key->symmetric != TPM_ALG_ID_AES)
        reader_fault(reader, TPM_FAULT_ALGORITHM);
    key->symmetric_bits = reader_u16(reader);
    if (reader_u16(reader) != TPM_ALG_ID_CFB ||
        (key->symmetric_bits != 128 && key->symmetric_bits != 192 && key->symmetric_bits != 256))
        reader_fault(reader, TPM_FAULT_ALGORITHM);
}

/* TPMT_RSA_SCHEME or TPMT_ECC_SCHEME: of those the ones that sign quotes. */
static void scheme(struct reader *reader, struct tpm_public *key)
{
    key->scheme = reader_u16(reader);
    if (key->scheme == TPM_ALG_ID_NULL)
        return;
    if (key->type == TPM_ALG_ID_RSA
            ? key->scheme != TPM_ALG_ID_RSASSA && key->scheme != TPM_ALG_ID_RSAPSS
            : key->scheme != TPM_ALG_ID_ECDSA)
        reader_fault(reader, TPM_FAULT_ALGORITHM);
    key->scheme_hash = reader_u16(reader);
    if (tpm_hash_size(key->scheme_hash) == 0)
        reader_fault(reader, TPM_FAULT_ALGORITHM);
}

static void rsa(struct reader *reader, struct tpm_public *key)
{
    key->bits = reader_u16(reader);
    key->exponent = reader_u32(reader);
    if (key->exponent == 0) /* the default (part 2, 12.2.3.5) */
        key->exponent = EXPONENT;
    if (key->exponent != EXPONENT || (key->bits != 2048 && key->bits != 3072 && key->bits != 4096))
        reader_fault(reader, TPM_FAULT_ALGORITHM);
    reader_sized(reader, key->n, sizeof(key->n), &key->n_size);
    if (reader->fault == TPM_FAULT_NONE &&
        (key->n_size != key->bits / 8u || (key->n[0] & 0x80) == 0))
        reader_fault(reader, TPM_FAULT_VALUE);
}

/* A coordinate: TPMs may leave leading zeroes away. */
static void coordinate(struct reader *reader, uint8_t to[TPM_EC_MAX], size_t width)
{
    uint8_t bytes[TPM_EC_MAX];
    uint32_t size = 0;

    reader_sized(reader, bytes, width, &size);
    if (size > 0 && reader->fault == TPM_FAULT_NONE)
        memcpy(to + width - size, bytes, size);
    else
        reader_fault(reader, TPM_FAULT_VALUE);
}

static void ecc(struct reader *reader, struct tpm_public *key)
{
    key->curve = reader_u16(reader);
    if (key->curve != TPM_CURVE_P256 && key->curve != TPM_CURVE_P384)
        reader_fault(reader, TPM_FAULT_ALGORITHM);
    key->point_size = key->curve == TPM_CURVE_P384 ? 48 : 32;
    if (reader_u16(reader) != TPM_ALG_ID_NULL) /* the key derivation's scheme: not used */
        reader_fault(reader, TPM_FAULT_ALGORITHM);
    coordinate(reader, key->x, key->point_size);
    coordinate(reader, key->y, key->point_size);
}

int tpm_public_decode(const void *data, size_t size, struct tpm_public *key, enum tpm_fault *fault)
{
    struct reader reader = {.at = data, .end = (const uint8_t *)data + size};
    struct tpm_public k = {.type = 0};
    int r;

    k.type = reader_u16(&reader);
    k.name_hash = reader_u16(&reader);
    k.attributes = reader_u32(&reader);
    if (reader.fault == TPM_FAULT_NONE && tpm_hash_size(k.name_hash) == 0)
        reader_fault(&reader, TPM_FAULT_ALGORITHM);
    if ((k.attributes & ~ATTRIBUTES) != 0)
        reader_fault(&reader, TPM_FAULT_VALUE);
    reader_sized(&reader, k.policy, sizeof(k.policy), &k.policy_size);
    if (k.policy_size != 0 && k.policy_size != tpm_hash_size(k.name_hash))
        reader_fault(&reader, TPM_FAULT_VALUE);
    symmetric(&reader, &k);
    scheme(&reader, &k);
    if (k.type == TPM_ALG_ID_RSA)
        rsa(&reader, &k);
    else if (k.type == TPM_ALG_ID_ECC)
        ecc(&reader, &k);
    else
        reader_fault(&reader, TPM_FAULT_ALGORITHM);
    reader_end(&reader);
    if (reader.fault != TPM_FAULT_NONE) {
        *fault = reader.fault;
        return -EINVAL;
    }
    k.name[0] = (uint8_t)(k.name_hash >> 8);
    k.name[1] = (uint8_t)k.name_hash;
    k.name_size = 2 + (uint32_t)tpm_hash_size(k.name_hash);
    r = tpm_hash(k.name_hash, data, size, k.name + 2);
    if (r == 0)
        *key = k;
    return r;
}

static bool has(const struct tpm_public *key, uint32_t set, uint32_t clear)
{
    return (key->attributes & set) == set && (key->attributes & clear) == 0;
}

#define FIXED                                                                                      \
    (TPM_OBJECT_FIXED_TPM | TPM_OBJECT_FIXED_PARENT | TPM_OBJECT_ORIGIN | TPM_OBJECT_RESTRICTED)

bool tpm_public_attests(const struct tpm_public *key)
{
    return has(key, FIXED | TPM_OBJECT_SIGN, TPM_OBJECT_DECRYPT) &&
           key->scheme != TPM_ALG_ID_NULL && key->symmetric == TPM_ALG_ID_NULL;
}

bool tpm_public_endorses(const struct tpm_public *key)
{
    return has(key, FIXED | TPM_OBJECT_DECRYPT, TPM_OBJECT_SIGN) &&
           key->scheme == TPM_ALG_ID_NULL && key->symmetric == TPM_ALG_ID_AES;
}
