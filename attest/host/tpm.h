/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_HOST_TPM_H
#define CASEMATE_ATTEST_HOST_TPM_H

/*
 * What we ask of the host's TPM, through TPM2-TSS (ESAPI). Objects of ours in it, made when they
 * are first needed and found afterwards: 0x81434d01  storage key: P-256, owner hierarchy; parent of
 * what is sealed 0x81434d02  attestation key: P-256, restricted, fixedTPM; of the endorsement
 * hierarchy, so that TPM2_Clear neither changes it nor hides resetCount behind an obfuscation
 *   0x0180434d  counter: orderly, so that a step costs no write to the TPM's own memory
 * Hierarchies are used with empty authorization, as the kernel leaves them.
 *
 * Functions return 0 or -errno; -EIO: the TPM refused or failed, host_tpm_code says how. Outputs
 * are untouched on failure. Nothing of ours stays loaded behind any of them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/host/wire.h"

#define HOST_TPM_SEALED_MAX 256u /* bytes of each part */

struct host_tpm;

/* What is sealed: of no use without the TPM that made it. */
struct host_tpm_sealed {
    uint32_t pcrs; /* a bit a PCR, SHA-256 bank, that must be as they were; 0: any */
    uint16_t public_size, private_size;
    uint8_t public_area[HOST_TPM_SEALED_MAX], private_area[HOST_TPM_SEALED_MAX]; /* marshalled */
};

struct host_tpm_clock {
    uint32_t reset_count, restart_count;
    bool orderly;          /* the TPM was told of its last end: no step of the counter was lost */
    uint32_t orderly_lost; /* how many steps an end without warning can make the counter jump */
};

/* `fd` is as tcti.h says, and stays the caller's. 0, -ENOMEM, -EIO. */
int host_tpm_open(int fd, struct host_tpm **tpm);
/* NULL is nothing. */
void host_tpm_close(struct host_tpm *tpm);
/* TSS2_RC of the last failure; 0: none. */
uint32_t host_tpm_code(const struct host_tpm *tpm);
/* The command that it was of, for people. */
const char *host_tpm_doing(const struct host_tpm *tpm);

/*
 * Find or make both keys and the counter. -EUCLEAN: something else is at one of our handles, or a
 * key there is not what we would have made.
 */
int host_tpm_prepare(struct host_tpm *tpm);

/* Public keys, and the P-256 endorsement certificate when the TPM has one (EK credential profile,
 * 2.2.1.4: NV index 0x01c0000a). */
int host_tpm_identity(struct host_tpm *tpm, struct hosttpm_identity *identity);

/*
 * TPM2_Quote by the attestation key over `pcrs` (a bit each, SHA-256 bank) with `size` (1..64)
 * bytes of qualifying data; fills attest, signature, pcrs and pcr of *quote, nothing else. The
 * values are read until they are those that were signed. -EINVAL; -EAGAIN: they changed each time.
 */
int host_tpm_quote(struct host_tpm *tpm, uint32_t pcrs, const void *data, size_t size,
                   struct hosttpm_quote *quote);

/* Values of the SHA-256 bank; those not in `pcrs` are untouched. -ENOENT: no such bank. */
int host_tpm_pcr_read(struct host_tpm *tpm, uint32_t pcrs, uint8_t pcr[HOSTTPM_PCRS][32]);
/* One extend of both banks; a bank that the TPM does not have is none. -EINVAL for pcr > 23. */
int host_tpm_extend(struct host_tpm *tpm, unsigned pcr, const uint8_t sha256[32],
                    const uint8_t sha384[48]);

/* The counter's value, or a step and its new value. */
int host_tpm_counter_read(struct host_tpm *tpm, uint64_t *value);
int host_tpm_counter_step(struct host_tpm *tpm, uint64_t *value);

/* Resets and how the last one came. */
int host_tpm_clock(struct host_tpm *tpm, struct host_tpm_clock *clock);

/*
 * Seal 1..HOSTTPM_SECRET_MAX bytes under the storage key; they and what unseal returns are
 * encrypted on the bus. -EINVAL.
 */
int host_tpm_seal(struct host_tpm *tpm, uint32_t pcrs, const void *secret, size_t size,
                  struct host_tpm_sealed *sealed);
/* -EACCES: the PCRs are not as they were. -EBADMSG: not sealed by this TPM, or garbage. */
int host_tpm_unseal(struct host_tpm *tpm, const struct host_tpm_sealed *sealed,
                    uint8_t secret[HOSTTPM_SECRET_MAX], size_t *size);

/* TPM2_ActivateCredential for the endorsement key and our attestation key. -EBADMSG: a credential
 * of another key or for another name. */
int host_tpm_activate(struct host_tpm *tpm, const struct hosttpm_activate *activate,
                      struct hosttpm_secret *secret);

#endif
