/* SPDX-License-Identifier: Apache-2.0 */
/* Digests and keys, by OpenSSL's EVP. */
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

#include "attest/verify/key.h"
#include "attest/verify/tpm.h"

static const EVP_MD *hash_of(uint16_t algorithm)
{
    switch (algorithm) {
    case TPM_ALG_ID_SHA256:
        return EVP_sha256();
    case TPM_ALG_ID_SHA384:
        return EVP_sha384();
    case TPM_ALG_ID_SHA512:
        return EVP_sha512();
    default:
        return NULL;
    }
}

size_t tpm_hash_size(uint16_t algorithm)
{
    const EVP_MD *md = hash_of(algorithm);

    return md != NULL ? (size_t)EVP_MD_get_size(md) : 0;
}

int tpm_hash(uint16_t algorithm, const void *data, size_t size, uint8_t *value)
{
    const EVP_MD *md = hash_of(algorithm);

    if (md == NULL)
        return -EINVAL;
    return EVP_Digest(data, size, value, NULL, md, NULL) == 1 ? 0 : -EIO;
}

const char *key_digest(uint16_t algorithm)
{
    return algorithm == TPM_ALG_ID_SHA256   ? "SHA256"
           : algorithm == TPM_ALG_ID_SHA384 ? "SHA384"
                                            : "SHA512";
}

/* The key's parts as parameters; NULL without memory. */
static OSSL_PARAM *parts_of(const struct tpm_public *key, BIGNUM **n, BIGNUM **e)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    uint8_t point[1 + 2 * TPM_EC_MAX];
    OSSL_PARAM *parts = NULL;
    int done;

    if (builder == NULL)
        return NULL;
    if (key->type == TPM_ALG_ID_ECC) {
        point[0] = 4; /* uncompressed */
        memcpy(point + 1, key->x, key->point_size);
        memcpy(point + 1 + key->point_size, key->y, key->point_size);
        done = OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME,
                                               key->curve == TPM_CURVE_P384 ? "P-384" : "P-256",
                                               0) == 1 &&
               OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point,
                                                1 + 2 * (size_t)key->point_size) == 1;
    } else {
        *n = BN_bin2bn(key->n, (int)key->n_size, NULL);
        *e = BN_new();
        done = *n != NULL && *e != NULL && BN_set_word(*e, key->exponent) == 1 &&
               OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, *n) == 1 &&
               OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, *e) == 1;
    }
    if (done)
        parts = OSSL_PARAM_BLD_to_param(builder);
    OSSL_PARAM_BLD_free(builder);
    return parts;
}

int key_of_public(const struct tpm_public *key, EVP_PKEY **made)
{
    EVP_PKEY_CTX *context =
        EVP_PKEY_CTX_new_from_name(NULL, key->type == TPM_ALG_ID_ECC ? "EC" : "RSA", NULL);
    BIGNUM *n = NULL, *e = NULL;
    OSSL_PARAM *parts = parts_of(key, &n, &e);
    EVP_PKEY *pkey = NULL;
    int r = -EIO;

    if (context != NULL && parts != NULL && EVP_PKEY_fromdata_init(context) == 1) {
        /* A point that is not on the curve is refused here. */
        r = EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, parts) == 1 ? 0 : -EINVAL;
    }
    if (r == 0)
        *made = pkey;
    OSSL_PARAM_free(parts);
    BN_free(n);
    BN_free(e);
    EVP_PKEY_CTX_free(context);
    return r;
}
