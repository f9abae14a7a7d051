/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures, by OpenSSL's EVP. */
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "attest/verify/checker.h"
#include "attest/verify/key.h"
#include "base/cleanup.h"

#define INTEGER_MAX (2u + 1u + TPM_EC_MAX)
#define DER_MAX     (2u + 2u * INTEGER_MAX)

/* A key of one curve, whose point is set anew for each check, and what verifies with it. */
struct curve {
    EVP_PKEY *key;
    EVP_PKEY_CTX *verify;
};

struct checker {
    struct curve p256, p384; /* the second is made when it is needed */
};

static void curve_release(struct curve *curve)
{
    EVP_PKEY_CTX_free(curve->verify);
    EVP_PKEY_free(curve->key);
}

static int curve_make(struct curve *curve, const char *name)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM group[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)name, 0),
        OSSL_PARAM_construct_end(),
    };
    struct curve made = {NULL, NULL};
    int r = -EIO;

    if (context != NULL && EVP_PKEY_fromdata_init(context) == 1 &&
        EVP_PKEY_fromdata(context, &made.key, EVP_PKEY_KEY_PARAMETERS, group) == 1)
        made.verify = EVP_PKEY_CTX_new_from_pkey(NULL, made.key, NULL);
    if (made.verify != NULL && EVP_PKEY_verify_init(made.verify) == 1)
        r = 0;
    EVP_PKEY_CTX_free(context);
    if (r == 0)
        *curve = made;
    else
        curve_release(&made);
    return r;
}

struct checker *checker_new(void)
{
    struct checker *checker = calloc(1, sizeof(*checker));

    if (checker != NULL && curve_make(&checker->p256, "P-256") < 0) {
        free(checker);
        return NULL;
    }
    return checker;
}

void checker_free(struct checker *checker)
{
    if (checker == NULL)
        return;
    curve_release(&checker->p256);
    curve_release(&checker->p384);
    free(checker);
}

/* A positive INTEGER in its only form: no zeroes before it but one that keeps it positive. */
static size_t put_integer(uint8_t *to, const uint8_t *number, size_t size)
{
    size_t pad;

    while (size > 1 && *number == 0) {
        number++;
        size--;
    }
    pad = (*number & 0x80) != 0;
    to[0] = 2;
    to[1] = (uint8_t)(pad + size);
    to[2] = 0;
    memcpy(to + 2 + pad, number, size);
    return 2 + pad + size;
}

/* ECDSA's r and s (RFC 3279, 2.2.3): all of it is shorter than a length of two bytes would be. */
static size_t put_der(uint8_t der[DER_MAX], const struct tpm_signature *signature)
{
    size_t size = put_integer(der + 2, signature->r, signature->r_size);

    size += put_integer(der + 2 + size, signature->s, signature->s_size);
    der[0] = 0x30;
    der[1] = (uint8_t)size;
    return 2 + size;
}

static int check_ecdsa(struct checker *checker, const struct tpm_public *key,
                       const struct tpm_signature *signature, const void *data, size_t size)
{
    struct curve *curve = key->curve == TPM_CURVE_P384 ? &checker->p384 : &checker->p256;
    uint8_t point[1 + 2 * TPM_EC_MAX], digest[TPM_DIGEST_MAX], der[DER_MAX];
    int r = curve->key != NULL ? 0 : curve_make(curve, "P-384");

    if (r == 0)
        r = tpm_hash(key->scheme_hash, data, size, digest);
    if (r < 0)
        return r;
    point[0] = 4; /* uncompressed */
    memcpy(point + 1, key->x, key->point_size);
    memcpy(point + 1 + key->point_size, key->y, key->point_size);
    /* A point that is not on the curve is refused here; the one of the check before would remain.
     */
    if (EVP_PKEY_set1_encoded_public_key(curve->key, point, 1 + 2 * (size_t)key->point_size) != 1)
        return -EINVAL;
    return EVP_PKEY_verify(curve->verify, der, put_der(der, signature), digest,
                           tpm_hash_size(key->scheme_hash)) == 1
               ? 0
               : -EACCES;
}

static int check_rsa(const struct tpm_public *key, const struct tpm_signature *signature,
                     const void *data, size_t size)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *parameters = NULL;
    EVP_PKEY *pkey = NULL;
    int r = key_of_public(key, &pkey);

    if (r == 0 && (context == NULL ||
                   EVP_DigestVerifyInit_ex(context, &parameters, key_digest(key->scheme_hash), NULL,
                                           NULL, pkey, NULL) != 1 ||
                   (key->scheme == TPM_ALG_ID_RSAPSS &&
                    (EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) != 1 ||
                     EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_AUTO) != 1))))
        r = -EIO;
    if (r == 0 && EVP_DigestVerify(context, signature->rsa, signature->rsa_size, data, size) != 1)
        r = -EACCES;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pkey);
    return r;
}

int checker_check(struct checker *checker, const struct tpm_public *key,
                  const struct tpm_signature *signature, const void *data, size_t size)
{
    if (signature->scheme != key->scheme || signature->hash != key->scheme_hash ||
        (key->type == TPM_ALG_ID_ECC) != (signature->scheme == TPM_ALG_ID_ECDSA))
        return -EINVAL;
    return key->type == TPM_ALG_ID_ECC ? check_ecdsa(checker, key, signature, data, size)
                                       : check_rsa(key, signature, data, size);
}

int tpm_signature_check(const struct tpm_public *key, const struct tpm_signature *signature,
                        const void *data, size_t size)
{
    struct checker *checker = checker_new();
    const int r = checker != NULL ? checker_check(checker, key, signature, data, size) : -EIO;

    checker_free(checker);
    return r;
}
