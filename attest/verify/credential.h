/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VERIFY_CREDENTIAL_H
#define CASEMATE_ATTEST_VERIFY_CREDENTIAL_H

/*
 * The verifier's half of enrolling (TCG TPM 2.0 Library, part 1, 24, and B.10.3, C.6.3): a secret
 * that only the TPM with this endorsement key can open, and only if it has the object of that name,
 * too. Who answers with the secret has shown that its AK lives beside the EK. OpenSSL alone, no
 * TPM.
 */
#include "attest/verify/tpm.h"

#define CREDENTIAL_SECRET_MAX  32u
#define CREDENTIAL_WRAPPED_MAX 192u
#define CREDENTIAL_BLOB_MAX    512u

struct credential {
    /* Contents of a TPM2B_ID_OBJECT and of a TPM2B_ENCRYPTED_SECRET, without their sizes. */
    uint8_t blob[CREDENTIAL_BLOB_MAX], secret[CREDENTIAL_BLOB_MAX];
    uint32_t blob_size, secret_size;
};

/*
 * Wrap `secret` (1 to CREDENTIAL_SECRET_MAX bytes) for the TPM of `ek` with the AK named `ak`. 0;
 * -EINVAL: `ek` is no storage key (tpm_public_endorses), its cipher is not AES, a size; -EIO,
 * -ENOMEM.
 */
int credential_make(const struct tpm_public *ek, const uint8_t *ak, size_t ak_size,
                    const uint8_t *secret, size_t secret_size, struct credential *credential);

/*
 * The same for any purpose that has a `label` (fewer than 16 bytes): 1 to CREDENTIAL_WRAPPED_MAX
 * bytes, bound to the object of that name. With "DUPLICATE" (23.3.2.3, B.10.3, C.6.3) `blob` is
 * what a TPM2B_PRIVATE for TPM2_Import holds. Errors as above.
 */
int credential_wrap(const struct tpm_public *ek, const char *label, const uint8_t *name,
                    size_t name_size, const uint8_t *secret, size_t secret_size,
                    struct credential *credential);

/*
 * Key derivation in counter mode with HMAC (part 1, 11.4.10.2): `size` bytes, at most that of the
 * digest. 0 or -EIO.
 */
int credential_kdfa(uint16_t hash, const uint8_t *key, size_t key_size, const char *label,
                    const uint8_t *context, size_t context_size, uint8_t *to, size_t size);

#endif
