/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VTPM_VTPM_H
#define CASEMATE_ATTEST_VTPM_VTPM_H

/*
 * The virtual TPM of one guest, on libtpms, in the process that calls this. One at a time.
 *
 * The guest owns it: with the empty authorizations that a TPM begins with it may clear it, lock it,
 * fill it and replace what is in its hierarchies. What a verifier relies on is none of that
 * (doc/vtpm.md): the platform hierarchy has a random authorization that nobody keeps, set before
 * the first command of a guest's; the attestation key is a persistent object of that hierarchy; PCR
 * 21 and 22 are extended at locality 2, which no command of a guest's has; and what is asked of the
 * TPM for the guard takes no slot from the guest and leaves its objects and sessions where they
 * are.
 *
 * `code` everywhere: with -EIO the TPM_RC of the command that failed, 0 if it was not one.
 */
#include <stddef.h>
#include <stdint.h>

#include "hv/tpm_wire.h"

#define VTPM_AK_HANDLE 0x81800000u /* the platform's range */
#define VTPM_EK_HANDLE 0x81010002u /* the owner's: where tools look for an ECC EK */

struct vtpm;

/*
 * Make (keys->fresh) or load the TPM whose state is in `fd`, start it with TPM2_Startup(CLEAR), and
 * store it under the new key. `fd` stays the caller's and must outlive it; `keys` can be erased
 * afterwards. PCRs are zero then, 17-22 all ones (PC Client profile, 4.6.2). -EBUSY: there is one;
 * what state_open returns
 * (-EINVAL, -EEXIST, -ENODATA, -EXDEV, -ESTALE, -EKEYREJECTED, -EBADMSG); -EBADMSG also when its
 * content is not a TPM's, or its attestation key is not the one it says; -EIO; -ENOMEM; -errno of
 * the descriptor.
 */
int vtpm_start(int fd, const struct tpm_keys *keys, struct vtpm **vtpm, uint32_t *code);

/*
 * One command of the guest's, at locality 0: `size` bytes, TPM_HEADER_SIZE to TPM_COMMAND_MAX,
 * whatever is in them. The response, also to what is not a command, into `response`, *response_size
 * bytes of it. When this returns, what the command changed is stored. -EINVAL: `size` is out of
 * range; -EIO, -errno: the state could not be stored or libtpms gave up: this TPM is lost, and
 * every later call fails, too.
 */
int vtpm_command(struct vtpm *vtpm, const uint8_t *command, size_t size,
                 uint8_t response[TPM_COMMAND_MAX], size_t *response_size);

/*
 * Extend both banks of a PCR: 0..15 at locality 0, TPM_PCR_START and TPM_PCR_LEDGER at locality 2.
 * -EINVAL for another; -EIO; -errno.
 */
int vtpm_extend(struct vtpm *vtpm, uint32_t pcr, const uint8_t sha256[32], const uint8_t sha384[48],
                uint32_t *code);

/*
 * A quote by the attestation key over the SHA-256 bank's `pcrs` (a bit a PCR, at least one of
 * 0..23), with `nonce` (up to TPM_NONCE_MAX bytes) as its qualifyingData, and those PCRs' values.
 * If the guest's objects fill the TPM, one of them is saved and loaded again around it. -EINVAL;
 * -EIO; -errno.
 */
int vtpm_quote(struct vtpm *vtpm, uint32_t pcrs, const uint8_t *nonce, size_t nonce_size,
               struct tpm_quote *quote, uint32_t *code);

/* Who it is. */
void vtpm_identity(const struct vtpm *vtpm, struct tpm_identity *identity);

/* Switch it off, as power does: no TPM2_Shutdown. What is stored stays. NULL is allowed. */
void vtpm_end(struct vtpm *vtpm);

#endif
