/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VERIFY_KEY_H
#define CASEMATE_ATTEST_VERIFY_KEY_H

/* A TPM's public key as OpenSSL's. */
#include <openssl/evp.h>

#include "attest/verify/tpm.h"

/*
 * OpenSSL's key, which the caller frees with EVP_PKEY_free. 0; -EINVAL: no point on its curve;
 * -EIO: OpenSSL failed, or no memory.
 */
int key_of_public(const struct tpm_public *key, EVP_PKEY **made);

/* OpenSSL's name of a digest that tpm_hash_size knows. */
const char *key_digest(uint16_t algorithm);

#endif
