/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VERIFY_RELEASE_H
#define CASEMATE_ATTEST_VERIFY_RELEASE_H

/*
 * Key release: a secret, made into a sealed object that only one TPM can take in (TPM2_Import under
 * its endorsement key), and that it opens only while its PCRs are what a quote of it said. Whoever
 * carries it there can read nothing of it, change nothing, and use it nowhere else. OpenSSL alone,
 * no TPM. Sections are those of the TCG TPM 2.0 Library.
 */
#include "attest/verify/reference.h"
#include "attest/verify/tpm.h"
#include "attest/verify/witness.h"

#define RELEASE_SECRET_MIN 16u  /* bytes: less could be guessed */
#define RELEASE_SECRET_MAX 128u /* bytes that a TPM seals (MAX_SYM_DATA) */
#define RELEASE_OBJECT_MAX 512u

/*
 * Before it was quoted this PCR was nobody's, and is zero. The guest extends it when it has read
 * the secret: what it starts later cannot read it again in this boot.
 */
#define RELEASE_CAP_PCR 15u

/* How it travels to the guest: one line, this word and base64. */
#define RELEASE_WORD     "casemate-key "
#define RELEASE_LINE_MAX (sizeof(RELEASE_WORD) + 4 * (RELEASE_OBJECT_MAX / 3 + 1))

/* TPM2B_PUBLIC, TPM2B_PRIVATE, TPM2B_ENCRYPTED_SECRET, one behind the other: TPM2_Import's. */
struct release_object {
    uint32_t size;
    uint8_t bytes[RELEASE_OBJECT_MAX];
};

/*
 * The policy of such an object (part 3, 23.7): TPM2_PolicyPCR of RELEASE_CAP_PCR alone, then of
 * `pcrs` (a bit a PCR, SHA-256 bank, not empty) with the digest of their values. 0 or -EIO.
 */
int release_policy(uint32_t pcrs, const uint8_t pcr_digest[32], uint8_t policy[32]);

/*
 * Wrap `secret` for the TPM of `ek`, under release_policy of `pcrs` and `pcr_digest`. 0; -EINVAL:
 * `ek` is no endorsement key on P-256 with SHA-256 and AES-128, a size; -EIO, -ENOMEM.
 */
int release_wrap(const struct tpm_public *ek, uint32_t pcrs, const uint8_t pcr_digest[32],
                 const uint8_t *secret, size_t secret_size, struct release_object *object);

/*
 * The same for the TPM and the quote of a witness that witness_check found to bear its verdict out.
 */
int release_wrap_witness(const struct witness *witness, const uint8_t *secret, size_t secret_size,
                         struct release_object *object);

/*
 * True if a reference asks for enough to release a key under it: the values of PCR 0, 4, 8 and 9
 * (programs and filters, kernel, command line, initrd), which whoever wraps can compare itself, and
 * the confinement: `selinux`, or which host policies.
 */
bool release_reference(const struct reference *reference);

#endif
