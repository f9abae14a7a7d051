/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VERIFY_TPM_H
#define CASEMATE_ATTEST_VERIFY_TPM_H

/*
 * What a TPM says, decoded: one total grammar each (TCG TPM 2.0 Library, part 2), every length
 * checked, nothing left over. Only what a quote by a key fit for it consists of is understood: all
 * else is refused here, not skipped. Nothing points into the bytes that were decoded.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TPM_ALG_ID_RSA    0x0001u
#define TPM_ALG_ID_AES    0x0006u
#define TPM_ALG_ID_SHA256 0x000bu
#define TPM_ALG_ID_SHA384 0x000cu
#define TPM_ALG_ID_SHA512 0x000du
#define TPM_ALG_ID_NULL   0x0010u
#define TPM_ALG_ID_RSASSA 0x0014u
#define TPM_ALG_ID_RSAPSS 0x0016u
#define TPM_ALG_ID_ECDSA  0x0018u
#define TPM_ALG_ID_ECC    0x0023u
#define TPM_ALG_ID_CFB    0x0043u

#define TPM_CURVE_P256 0x0003u
#define TPM_CURVE_P384 0x0004u

/* TPMA_OBJECT (part 2, 8.3) */
#define TPM_OBJECT_FIXED_TPM         (1u << 1)
#define TPM_OBJECT_FIXED_PARENT      (1u << 4)
#define TPM_OBJECT_ORIGIN            (1u << 5) /* sensitiveDataOrigin: the TPM made it */
#define TPM_OBJECT_USER_WITH_AUTH    (1u << 6)
#define TPM_OBJECT_ADMIN_WITH_POLICY (1u << 7)
#define TPM_OBJECT_RESTRICTED        (1u << 16)
#define TPM_OBJECT_DECRYPT           (1u << 17)
#define TPM_OBJECT_SIGN              (1u << 18)

#define TPM_DIGEST_MAX 64u
#define TPM_NAME_BYTES 66u /* algorithm and SHA-512 */
#define TPM_RSA_MAX    512u
#define TPM_EC_MAX     48u

/* What could be wrong, for one reason each. */
enum tpm_fault {
    TPM_FAULT_NONE,
    TPM_FAULT_SHORT,     /* it ends within a field */
    TPM_FAULT_TRAILING,  /* bytes behind its end */
    TPM_FAULT_MAGIC,     /* not ff544347: no TPM made it (a restricted key signs nothing else) */
    TPM_FAULT_TYPE,      /* a statement of another kind than asked for */
    TPM_FAULT_VALUE,     /* a field that the standard does not permit */
    TPM_FAULT_ALGORITHM, /* one that is not accepted here */
    TPM_FAULT_BANKS,     /* not exactly one bank of 24 PCRs */
    TPM_FAULTS,
};

/* TPMS_ATTEST of type TPM_ST_ATTEST_QUOTE (part 2, 10.12.8 and 10.12.1). */
struct tpm_quote_info {
    uint8_t signer[TPM_NAME_BYTES + 2]; /* qualified name */
    uint32_t signer_size;
    uint8_t extra[TPM_DIGEST_MAX + 2];
    uint32_t extra_size;
    uint64_t clock; /* ms */
    uint32_t resets, restarts;
    bool safe; /* the clock cannot have been seen with this value before */
    uint64_t firmware;
    uint16_t bank; /* SHA-256, SHA-384 or SHA-512 */
    uint32_t pcrs; /* a bit a PCR */
    uint8_t digest[TPM_DIGEST_MAX];
    uint32_t digest_size; /* 32, 48 or 64 */
};

/* TPMT_SIGNATURE (part 2, 11.3.4): ECDSA, RSASSA or RSAPSS. */
struct tpm_signature {
    uint16_t scheme, hash;
    uint8_t rsa[TPM_RSA_MAX];
    uint32_t rsa_size;
    uint8_t r[TPM_EC_MAX], s[TPM_EC_MAX];
    uint32_t r_size, s_size;
};

/* TPMT_PUBLIC (part 2, 12.2.4): RSA of 2048, 3072 or 4096 bits, or ECC on P-256 or P-384. */
struct tpm_public {
    uint16_t type, name_hash;
    uint32_t attributes;
    uint8_t policy[TPM_DIGEST_MAX];
    uint32_t policy_size;
    uint16_t symmetric; /* TPM_ALG_ID_NULL or _AES, in mode CFB */
    uint16_t symmetric_bits;
    uint16_t scheme, scheme_hash; /* TPM_ALG_ID_NULL: any */
    uint16_t bits;                /* RSA */
    uint32_t exponent;            /* RSA: 65537 */
    uint16_t curve;               /* ECC */
    uint8_t n[TPM_RSA_MAX];
    uint32_t n_size;
    uint8_t x[TPM_EC_MAX], y[TPM_EC_MAX]; /* padded on the left to the curve's size */
    uint32_t point_size;                  /* 32 or 48 */
    uint8_t name[TPM_NAME_BYTES];         /* computed: algorithm, digest of the area (part 1, 16) */
    uint32_t name_size;
};

/* 0 and the whole of it, or the first fault, with the outputs untouched and -EINVAL; -EIO: OpenSSL
 * cannot hash (tpm_public_decode). */
int tpm_quote_decode(const void *data, size_t size, struct tpm_quote_info *quote,
                     enum tpm_fault *fault);
int tpm_signature_decode(const void *data, size_t size, struct tpm_signature *signature,
                         enum tpm_fault *fault);
int tpm_public_decode(const void *data, size_t size, struct tpm_public *key, enum tpm_fault *fault);

/* What a fault is, in a few words. */
const char *tpm_fault_text(enum tpm_fault fault);

/*
 * True for a key that signs nothing but what its TPM says of itself, and that never leaves that
 * TPM: restricted, sign, not decrypt, fixedTPM, fixedParent, sensitiveDataOrigin, one scheme. Of a
 * key without `restricted` anybody who may use it can make a "quote" with TPM2_Sign.
 */
bool tpm_public_attests(const struct tpm_public *key);

/* True for a storage key as an endorsement key is one: restricted, decrypt, not sign, fixed. */
bool tpm_public_endorses(const struct tpm_public *key);

/* Bytes of a digest of this algorithm; 0: none that is accepted here. */
size_t tpm_hash_size(uint16_t algorithm);

/* Digest of `size` bytes, to tpm_hash_size(algorithm) bytes. 0; -EINVAL: the algorithm; -EIO. */
int tpm_hash(uint16_t algorithm, const void *data, size_t size, uint8_t *value);

/*
 * 0 if `signature` over `size` bytes of `data` is by `key` under the key's own scheme; -EACCES: it
 * is not; -EINVAL: another algorithm than the key's, or no point on its curve; -EIO: OpenSSL
 * failed.
 */
int tpm_signature_check(const struct tpm_public *key, const struct tpm_signature *signature,
                        const void *data, size_t size);

#endif
