/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VERIFY_KEY_H
#define CASEMATE_ATTEST_VERIFY_KEY_H

/* A TPM's public key as OpenSSL's, for who uses it more than once. */
#include <openssl/evp.h>

#include "attest/verify/tpm.h"

/*
 * OpenSSL's key, which the caller frees with EVP_PKEY_free. 0; -EINVAL: no point on its curve;
 * -EIO: OpenSSL failed, or no memory.
 */
int key_of_public(const struct tpm_public *key, EVP_PKEY **made);

/* tpm_signature_check with what key_of_public made of `key`. */
int key_signature_check(EVP_PKEY *pkey, const struct tpm_public *key,
                        const struct tpm_signature *signature, const void *data, size_t size);

#endif
