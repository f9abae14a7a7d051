/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_HOST_TPM_INTERNAL_H
#define CASEMATE_ATTEST_HOST_TPM_INTERNAL_H

/* Shared by the files of tpm.h only. */
#include <tss2/tss2_esys.h>

#include "attest/host/tcti.h"
#include "attest/host/tpm.h"

#define HANDLE_STORAGE 0x81434d01u
#define HANDLE_AK      0x81434d02u
#define INDEX_COUNTER  0x0180434du

struct host_tpm {
    struct tcti_fd tcti;
    ESYS_CONTEXT *esys;
    ESYS_TR storage, ak, counter; /* ESYS_TR_NONE until prepared */
    uint32_t code;
    const char *doing;
};

/* Note what failed; -EIO, or 0 for success. */
int tpm_status(struct host_tpm *tpm, TSS2_RC rc, const char *doing);

/* Our AK's and storage key's templates, and the endorsement key's (EK credential profile, L-2). */
extern const TPM2B_PUBLIC tpm_template_storage, tpm_template_ak, tpm_template_ek;

/* A primary key by template, loaded: *object must be flushed. */
int tpm_primary(struct host_tpm *tpm, ESYS_TR hierarchy, const TPM2B_PUBLIC *template,
                ESYS_TR *object, TPM2B_PUBLIC **public_area);
/* Flush what is loaded, keep the code of what failed; ESYS_TR_NONE is nothing. */
void tpm_flush(struct host_tpm *tpm, ESYS_TR *object);

/* A selection of the SHA-256 bank. */
TPML_PCR_SELECTION tpm_selection(uint32_t pcrs);

/* A session salted by the storage key, whose parameters are encrypted both ways. */
int tpm_session_encrypted(struct host_tpm *tpm, ESYS_TR *session);
/* A policy session. */
int tpm_session_policy(struct host_tpm *tpm, TPM2_SE type, ESYS_TR *session);

#endif
