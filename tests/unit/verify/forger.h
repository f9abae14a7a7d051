/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_VERIFY_FORGER_H
#define CASEMATE_TESTS_VERIFY_FORGER_H

/* A key of software in the form of a TPM's, which signs what no TPM would. Include cmocka first. */
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include "tests/unit/verify/world.h"

static inline void forge_sized(uint8_t *to, size_t *used, const BIGNUM *number)
{
    to[(*used)++] = 0;
    to[(*used)++] = 32;
    assert_int_equal(BN_bn2binpad(number, to + *used, 32), 32);
    *used += 32;
}

/*
 * `attest` becomes the guest's quote, signed by a new key that is the guest's AK but for its point
 * and the attributes that are cleared.
 */
static inline void forge(struct world *w, const uint8_t *attest, size_t size, uint32_t cleared)
{
    static uint8_t ak[TPM_PUBLIC_MAX], signature[TPM_SIGNATURE_MAX], der[128];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const uint8_t *at = der;
    size_t der_size = sizeof(der), used = 4, point_size = 0;
    uint8_t point[65];
    ECDSA_SIG *both;

    assert_non_null(key);
    assert_int_equal(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point,
                                                     sizeof(point), &point_size),
                     1);
    assert_int_equal(point_size, 65);
    memcpy(ak, w->guest_tpm.id.ak, w->guest_tpm.id.ak_size);
    for (unsigned i = 0; i < 4; i++)
        ak[4 + i] = (uint8_t)(ak[4 + i] & ~(cleared >> (24 - 8 * i)));
    memcpy(ak + w->guest_tpm.id.ak_size - 66, point + 1, 32);
    memcpy(ak + w->guest_tpm.id.ak_size - 32, point + 33, 32);
    assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(context, der, &der_size, attest, size), 1);
    both = d2i_ECDSA_SIG(NULL, &at, (long)der_size);
    assert_non_null(both);
    memcpy(signature, "\x00\x18\x00\x0b", 4);
    forge_sized(signature, &used, ECDSA_SIG_get0_r(both));
    forge_sized(signature, &used, ECDSA_SIG_get0_s(both));
    w->evidence.quote.attest = (struct evidence_bytes){attest, size};
    w->evidence.quote.signature = (struct evidence_bytes){signature, used};
    w->evidence.key.ak = (struct evidence_bytes){ak, w->guest_tpm.id.ak_size};
    ECDSA_SIG_free(both);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
}

#endif
