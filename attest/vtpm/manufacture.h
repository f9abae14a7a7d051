/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VTPM_MANUFACTURE_H
#define CASEMATE_ATTEST_VTPM_MANUFACTURE_H

#include "attest/vtpm/command.h"

/*
 * Make a new TPM with library_begin behind us: seeds, PCR banks SHA-256 and SHA-384 and no other (a
 * bank that we do not extend could be made to say anything), an EK and an AK, both ECC P-256 and
 * persistent. It is off afterwards, its state with library_permanent. 0; -EIO with *code; -errno.
 */
int manufacture(const struct command_carrier *tpm, struct tpm_identity *identity, uint32_t *code);

#endif
