/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VERIFY_WITNESS_WRITE_H
#define CASEMATE_ATTEST_VERIFY_WITNESS_WRITE_H

/* What a TPM names and signs, written from a witness's fields. Shared by its own files only. */
#include "attest/verify/witness.h"

#define WITNESS_AREA_MAX   160u
#define WITNESS_ATTEST_MAX 320u

enum witness_role { WITNESS_AK, WITNESS_EK };

/* TPMT_PUBLIC (TCG TPM 2.0 Library, part 2, 12.2.4). 0; -EINVAL: a size out of its range. */
int witness_write_key(const struct witness_key *key, enum witness_role role,
                      uint8_t bytes[WITNESS_AREA_MAX], size_t *size);

/* TPMS_ATTEST (part 2, 10.12.8). 0; -EINVAL: a size out of its range, or no quote of SHA-256. */
int witness_write_attest(const struct tpm_quote_info *info, uint8_t bytes[WITNESS_ATTEST_MAX],
                         size_t *size);

#endif
