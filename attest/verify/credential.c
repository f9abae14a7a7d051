/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/verify/credential.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <string.h>

#include "attest/verify/key.h"

#define LABEL_MAX 16u /* bytes of a label with its NUL, which is part of it (part 1, B.10.3) */

static void put16(uint8_t *to, size_t value)
{
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

static void put32(uint8_t *to, uint32_t value)
{
    put16(to, value >> 16);
    put16(to + 2, value & 0xffff);
}

static int hmac(uint16_t hash, const uint8_t *key, size_t key_size, const uint8_t *data,
                size_t size, uint8_t value[TPM_DIGEST_MAX])
{
    size_t length = 0;

    return EVP_Q_mac(NULL, "HMAC", NULL, key_digest(hash), NULL, key, key_size, data, size, value,
                     TPM_DIGEST_MAX, &length) != NULL &&
                   length == tpm_hash_size(hash)
               ? 0
               : -EIO;
}

int credential_kdfa(uint16_t hash, const uint8_t *key, size_t key_size, const char *label,
                    const uint8_t *context, size_t context_size, uint8_t *to, size_t size)
{
    uint8_t input[4 + LABEL_MAX + TPM_NAME_BYTES + 4], value[TPM_DIGEST_MAX];
    const size_t label_size = strlen(label) + 1;
    int r;

    if (label_size > LABEL_MAX || context_size > TPM_NAME_BYTES || size > tpm_hash_size(hash))
        return -EIO;
    put32(input, 1); /* one block is enough */
    memcpy(input + 4, label, label_size);
    if (context_size > 0)
        memcpy(input + 4 + label_size, context, context_size);
    put32(input + 4 + label_size + context_size, (uint32_t)size * 8);
    r = hmac(hash, key, key_size, input, 8 + label_size + context_size, value);
    if (r == 0)
        memcpy(to, value, size);
    OPENSSL_cleanse(value, sizeof(value));
    return r;
}

/* RSA: the seed is ours, under OAEP with the EK's name algorithm (part 1, B.10.3). */
static int seed_rsa(const struct tpm_public *ek, EVP_PKEY *key, const char *purpose, uint8_t *seed,
                    size_t size, struct credential *credential)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    const EVP_MD *md = EVP_get_digestbyname(key_digest(ek->name_hash));
    unsigned char *label = (unsigned char *)OPENSSL_strdup(purpose);
    size_t length = sizeof(credential->secret);
    int r = -EIO;

    if (context != NULL && label != NULL && RAND_bytes(seed, (int)size) == 1 &&
        EVP_PKEY_encrypt_init(context) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
        EVP_PKEY_CTX_set_rsa_oaep_md(context, md) == 1 &&
        EVP_PKEY_CTX_set_rsa_mgf1_md(context, md) == 1 &&
        EVP_PKEY_CTX_set0_rsa_oaep_label(context, label, (int)strlen(purpose) + 1) == 1) {
        label = NULL; /* the context's now */
        if (EVP_PKEY_encrypt(context, credential->secret, &length, seed, size) == 1) {
            credential->secret_size = (uint32_t)length;
            r = 0;
        }
    }
    OPENSSL_free(label);
    EVP_PKEY_CTX_free(context);
    return r;
}

static int shared(EVP_PKEY *mine, EVP_PKEY *its, uint8_t z[TPM_EC_MAX], size_t size)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, mine, NULL);
    size_t length = size;
    const int r = context != NULL && EVP_PKEY_derive_init(context) == 1 &&
                          EVP_PKEY_derive_set_peer(context, its) == 1 &&
                          EVP_PKEY_derive(context, z, &length) == 1 && length == size
                      ? 0
                      : -EIO;

    EVP_PKEY_CTX_free(context);
    return r;
}

/* KDFe (part 1, 11.4.10.3): H(1 || Z || label || x of ours || x of the EK). */
static int derive(const struct tpm_public *ek, const char *label, const uint8_t *z,
                  const uint8_t *x, uint8_t *seed)
{
    uint8_t input[4 + LABEL_MAX + 3 * TPM_EC_MAX];
    const size_t n = ek->point_size, label_size = strlen(label) + 1;
    int r;

    put32(input, 1);
    memcpy(input + 4, z, n);
    memcpy(input + 4 + n, label, label_size);
    memcpy(input + 4 + n + label_size, x, n);
    memcpy(input + 4 + n + label_size + n, ek->x, n);
    r = tpm_hash(ek->name_hash, input, 4 + label_size + 3 * n, seed);
    OPENSSL_cleanse(input, sizeof(input));
    return r;
}

/* ECC: the seed is what an ephemeral key and the EK share (part 1, C.6.3). */
static int seed_ecc(const struct tpm_public *ek, EVP_PKEY *key, const char *label, uint8_t *seed,
                    struct credential *credential)
{
    EVP_PKEY *ours = EVP_EC_gen(ek->curve == TPM_CURVE_P384 ? "P-384" : "P-256");
    uint8_t point[1 + 2 * TPM_EC_MAX], z[TPM_EC_MAX];
    const size_t n = ek->point_size;
    size_t size = 0;
    int r = -EIO;

    if (ours != NULL &&
        EVP_PKEY_get_octet_string_param(ours, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
                                        &size) == 1 &&
        size == 1 + 2 * n)
        r = shared(ours, key, z, n);
    if (r == 0)
        r = derive(ek, label, z, point + 1, seed);
    if (r == 0) { /* TPMS_ECC_POINT */
        put16(credential->secret, n);
        memcpy(credential->secret + 2, point + 1, n);
        put16(credential->secret + 2 + n, n);
        memcpy(credential->secret + 4 + n, point + 1 + n, n);
        credential->secret_size = (uint32_t)(4 + 2 * n);
    }
    OPENSSL_cleanse(z, sizeof(z));
    EVP_PKEY_free(ours);
    return r;
}

static int encrypt(uint16_t bits, const uint8_t *key, uint8_t *data, size_t size)
{
    static const uint8_t zero[16];
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    const EVP_CIPHER *cipher = bits == 256   ? EVP_aes_256_cfb128()
                               : bits == 192 ? EVP_aes_192_cfb128()
                                             : EVP_aes_128_cfb128();
    int length = 0, r = -ENOMEM;

    if (context != NULL)
        r = EVP_EncryptInit_ex(context, cipher, NULL, key, zero) == 1 &&
                    EVP_EncryptUpdate(context, data, &length, data, (int)size) == 1 &&
                    (size_t)length == size
                ? 0
                : -EIO;
    EVP_CIPHER_CTX_free(context);
    return r;
}

/*
 * The secret under the seed, bound to a name: outer wrapping, of a credential (part 1, 24.4 and
 * 24.5) as of an object (22.4).
 */
static int seal(const struct tpm_public *ek, const uint8_t *seed, const uint8_t *name,
                size_t name_size, const uint8_t *secret, size_t secret_size,
                struct credential *credential)
{
    const size_t digest = tpm_hash_size(ek->name_hash), sealed = 2 + secret_size;
    uint8_t key[TPM_DIGEST_MAX], signed_over[2 + CREDENTIAL_WRAPPED_MAX + TPM_NAME_BYTES];
    int r = credential_kdfa(ek->name_hash, seed, digest, "STORAGE", name, name_size, key,
                            ek->symmetric_bits / 8u);

    put16(signed_over, secret_size);
    memcpy(signed_over + 2, secret, secret_size);
    if (r == 0)
        r = encrypt(ek->symmetric_bits, key, signed_over, sealed);
    memcpy(signed_over + sealed, name, name_size);
    if (r == 0)
        r = credential_kdfa(ek->name_hash, seed, digest, "INTEGRITY", NULL, 0, key, digest);
    if (r == 0)
        r = hmac(ek->name_hash, key, digest, signed_over, sealed + name_size, credential->blob + 2);
    if (r == 0) {
        put16(credential->blob, digest);
        memcpy(credential->blob + 2 + digest, signed_over, sealed);
        credential->blob_size = (uint32_t)(2 + digest + sealed);
    }
    OPENSSL_cleanse(key, sizeof(key));
    OPENSSL_cleanse(signed_over, sizeof(signed_over)); /* if it was not encrypted */
    return r;
}

int credential_wrap(const struct tpm_public *ek, const char *label, const uint8_t *name,
                    size_t name_size, const uint8_t *secret, size_t secret_size,
                    struct credential *credential)
{
    uint8_t seed[TPM_DIGEST_MAX];
    struct credential made = {.blob_size = 0};
    EVP_PKEY *key = NULL;
    int r;

    if (!tpm_public_endorses(ek) || secret_size == 0 || secret_size > CREDENTIAL_WRAPPED_MAX ||
        name_size > TPM_NAME_BYTES || strlen(label) >= LABEL_MAX)
        return -EINVAL;
    r = key_of_public(ek, &key);
    if (r == 0)
        r = ek->type == TPM_ALG_ID_ECC
                ? seed_ecc(ek, key, label, seed, &made)
                : seed_rsa(ek, key, label, seed, tpm_hash_size(ek->name_hash), &made);
    if (r == 0)
        r = seal(ek, seed, name, name_size, secret, secret_size, &made);
    if (r == 0)
        *credential = made;
    OPENSSL_cleanse(seed, sizeof(seed));
    EVP_PKEY_free(key);
    return r;
}

int credential_make(const struct tpm_public *ek, const uint8_t *ak, size_t ak_size,
                    const uint8_t *secret, size_t secret_size, struct credential *credential)
{
    return secret_size > CREDENTIAL_SECRET_MAX
               ? -EINVAL
               : credential_wrap(ek, "IDENTITY", ak, ak_size, secret, secret_size, credential);
}
