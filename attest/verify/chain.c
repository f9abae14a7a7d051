/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/verify/chain.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "attest/verify/key.h"
#include "base/text.h"

static int say(struct chain_error *error, int r, const char *text)
{
    (void)text_escape(error->text, sizeof(error->text), text);
    return r;
}

/* All of the bytes are one certificate; NULL: they are not. */
static X509 *certificate(const uint8_t *der, size_t size)
{
    const uint8_t *at = der;
    X509 *made;

    if (size > EVIDENCE_CERT_MAX)
        return NULL;
    made = d2i_X509(NULL, &at, (long)size);
    if (made != NULL && at != der + size) {
        X509_free(made);
        made = NULL;
    }
    return made;
}

static int certifies(X509 *certificate, const struct tpm_public *ek)
{
    EVP_PKEY *mine = NULL, *its = X509_get0_pubkey(certificate);
    int r = key_of_public(ek, &mine);

    if (r == 0)
        r = its != NULL && EVP_PKEY_eq(mine, its) == 1 ? 0 : -EACCES;
    EVP_PKEY_free(mine);
    return r;
}

int chain_certifies(const uint8_t *der, size_t size, const struct tpm_public *ek)
{
    X509 *made = certificate(der, size);
    const int r = made != NULL ? certifies(made, ek) : -EINVAL;

    X509_free(made);
    return r;
}

/* -EINVAL: something in the text is no certificate, or there is none. */
static int add_roots(X509_STORE *store, const char *roots, size_t size)
{
    BIO *text = size <= INT32_MAX ? BIO_new_mem_buf(roots, (int)size) : NULL;
    X509 *root;
    int count = 0, r = text != NULL ? 0 : -ENOMEM;

    while (r == 0 && (root = PEM_read_bio_X509(text, NULL, NULL, NULL)) != NULL) {
        if (X509_STORE_add_cert(store, root) != 1)
            r = -EIO;
        X509_free(root);
        count++;
    }
    BIO_free(text);
    return r == 0 && count == 0 ? -EINVAL : r;
}

static int lead(X509_STORE *store, X509 *leaf, STACK_OF(X509) * others, uint64_t now,
                struct chain_error *error)
{
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    int r = -EIO;

    if (context != NULL && X509_STORE_CTX_init(context, store, leaf, others) == 1) {
        X509_VERIFY_PARAM *parameters = X509_STORE_CTX_get0_param(context);

        X509_VERIFY_PARAM_set_time(parameters, (time_t)now);
        (void)X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_ANY);
        r = X509_verify_cert(context) == 1 ? 0 : -EACCES;
        if (r < 0)
            (void)say(error, r, X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
    }
    X509_STORE_CTX_free(context);
    return r;
}

int chain_check(const struct evidence_bytes *chain, uint32_t count, const char *roots,
                size_t roots_size, const struct tpm_public *ek, uint64_t now,
                struct chain_error *error)
{
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *others = sk_X509_new_null();
    X509 *leaf = NULL;
    int r = store != NULL && others != NULL ? 0 : -ENOMEM;

    if (r == 0 && (count == 0 || count > EVIDENCE_CHAIN_MAX))
        r = say(error, -EINVAL, "there is no certificate");
    for (uint32_t i = 0; r == 0 && i < count; i++) {
        X509 *one = certificate(chain[i].data, chain[i].size);

        if (one == NULL) {
            r = say(error, -EINVAL, "no certificate in DER");
        } else if (i == 0) {
            leaf = one;
        } else if (sk_X509_push(others, one) <= 0) {
            X509_free(one);
            r = -ENOMEM;
        }
    }
    if (r == 0) {
        r = add_roots(store, roots, roots_size);
        if (r == -EINVAL)
            (void)say(error, r, "no root certificate in PEM");
    }
    if (r == 0) {
        r = certifies(leaf, ek);
        if (r == -EACCES)
            (void)say(error, r, "the certificate is of another key");
    }
    if (r == 0)
        r = lead(store, leaf, others, now, error);
    X509_free(leaf);
    sk_X509_pop_free(others, X509_free);
    X509_STORE_free(store);
    return r;
}
