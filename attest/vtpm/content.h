/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VTPM_CONTENT_H
#define CASEMATE_ATTEST_VTPM_CONTENT_H

/*
 * What a stored state contains: who the TPM is, and libtpms' permanent state. The identity is kept
 * beside it since the guest can make the TPM forget: TPM2_Clear flushes the EK, and an endorsement
 * hierarchy that the guest has given an authorization makes it for nobody else. Pure.
 */
#include <stddef.h>
#include <stdint.h>

#include "hv/tpm_wire.h"

#define CONTENT_HEAD_MAX (4 + 4 * 2 + 2 * TPM_PUBLIC_MAX + 2 * TPM_NAME_MAX)

/* The part before libtpms' state. Returns its bytes; 0: a size is out of range. */
size_t content_head(const struct tpm_identity *identity, uint8_t head[CONTENT_HEAD_MAX]);

/*
 * Take content apart: the identity (without a generation, which is the start's), and where libtpms'
 * state is, at least a byte of it. 0 or -EBADMSG.
 */
int content_decode(const uint8_t *content, size_t size, struct tpm_identity *identity,
                   const uint8_t **permanent, size_t *permanent_size);

#endif
