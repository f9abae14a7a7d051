/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VTPM_COMMAND_H
#define CASEMATE_ATTEST_VTPM_COMMAND_H

/*
 * The commands that we give to the guest's TPM, as bytes, and the responses to them as values.
 * Pure: who carries them to the TPM is a function of the caller's. Section numbers are those of the
 * TCG TPM 2.0 Library, part 3.
 *
 * Each function returns 0; -EIO with *code set: the TPM answered with that TPM_RC (0: its response
 * was not one); or what the carrier returned.
 */
#include <stddef.h>
#include <stdint.h>

#include "hv/tpm_wire.h"

#define TPM_RESPONSE_MAX 4096u

/*
 * Give `command` to the TPM at `locality`, its response into `response` (room for
 * TPM_RESPONSE_MAX), *size its bytes. 0 or -errno.
 */
typedef int command_carry(void *self, unsigned locality, const uint8_t *command,
                          size_t command_size, uint8_t *response, size_t *size);

struct command_carrier {
    command_carry *carry;
    void *self;
};

/* Handles, 7.4 of part 2. */
#define TPM_HANDLE_OWNER       0x40000001u
#define TPM_HANDLE_ENDORSEMENT 0x4000000bu
#define TPM_HANDLE_PLATFORM    0x4000000cu
#define TPM_TRANSIENT_FIRST    0x80000000u

#define COMMAND_CODE_OBJECT_MEMORY 0x902u /* no room for another loaded object */

/* A key as the TPM gives it: TPMT_PUBLIC and name. */
struct vtpm_key {
    uint32_t size, name_size;
    uint8_t bytes[TPM_PUBLIC_MAX], name[TPM_NAME_MAX];
};

enum command_template {
    COMMAND_TEMPLATE_EK, /* ECC P-256: TCG EK Credential Profile 2.5, B.3.4, template L-2 */
    COMMAND_TEMPLATE_AK, /* ECC P-256, ECDSA with SHA-256, restricted, fixed to this TPM */
};

/* TPM2_Startup(CLEAR), 9.3. */
int command_startup(const struct command_carrier *tpm, uint32_t *code);
/* TPM2_Shutdown(CLEAR), 9.4. */
int command_shutdown(const struct command_carrier *tpm, uint32_t *code);
/* TPM2_PCR_Allocate, 22.5: SHA-256 and SHA-384, no other bank, from the next start on. */
int command_pcr_allocate(const struct command_carrier *tpm, uint32_t *code);
/* TPM2_HierarchyChangeAuth, 24.8, of the platform, whose authorization is empty so far. */
int command_platform_auth(const struct command_carrier *tpm, const uint8_t auth[32],
                          uint32_t *code);
/* TPM2_CreatePrimary, 24.1, in `hierarchy`, whose authorization is empty; *handle is loaded. */
int command_create_primary(const struct command_carrier *tpm, uint32_t hierarchy,
                           enum command_template which, uint32_t *handle, uint32_t *code);
/* TPM2_EvictControl, 28.5: make `handle` persistent. */
int command_make_persistent(const struct command_carrier *tpm, uint32_t hierarchy, uint32_t handle,
                            uint32_t persistent, uint32_t *code);
/* TPM2_ReadPublic, 12.4. */
int command_read_public(const struct command_carrier *tpm, uint32_t handle, struct vtpm_key *key,
                        uint32_t *code);
/* TPM2_FlushContext, 28.4. */
int command_flush(const struct command_carrier *tpm, uint32_t handle, uint32_t *code);
/* TPM2_ContextSave, 28.2: a TPMS_CONTEXT of *size bytes into `context`. */
int command_context_save(const struct command_carrier *tpm, uint32_t handle,
                         uint8_t context[TPM_RESPONSE_MAX], size_t *size, uint32_t *code);
/* TPM2_ContextLoad, 28.3. */
int command_context_load(const struct command_carrier *tpm, const uint8_t *context, size_t size,
                         uint32_t *handle, uint32_t *code);
/* TPM2_GetCapability, 30.2: the last handle of a loaded transient object; 0 in *handle: none. */
int command_last_transient(const struct command_carrier *tpm, uint32_t *handle, uint32_t *code);
/* TPM2_PCR_Extend, 22.2, of both banks, at `locality`. */
int command_extend(const struct command_carrier *tpm, unsigned locality, uint32_t pcr,
                   const uint8_t sha256[32], const uint8_t sha384[48], uint32_t *code);
/* TPM2_Quote, 18.4, by `key` over the SHA-256 bank's `pcrs`: fills attest and signature. */
int command_quote(const struct command_carrier *tpm, uint32_t key, uint32_t pcrs,
                  const uint8_t *nonce, size_t nonce_size, struct tpm_quote *quote, uint32_t *code);
/* TPM2_PCR_Read, 22.4: the SHA-256 bank's `pcrs` into quote->pcr. */
int command_pcr_read(const struct command_carrier *tpm, uint32_t pcrs, uint8_t pcr[TPM_PCRS][32],
                     uint32_t *code);

#endif
