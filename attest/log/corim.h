/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_LOG_CORIM_H
#define CASEMATE_ATTEST_LOG_CORIM_H

/*
 * What a guest is expected to measure, as reference values for any verifier: an unsigned concise
 * reference integrity manifest (draft-ietf-rats-corim-08) with one tag, whose reference triple has
 * the PCRs as integrity registers and each measured file by name (doc/measurement.md).
 */
#include "attest/log/measure.h"

/*
 * Append it to `out`; `measured` is what measure_guest made of `guest`, and `name` (ASCII) says
 * whose manifest it is. 0; -ENOMEM, -EFBIG; -EIO.
 */
int corim_write(const char *name, const struct measure_guest *guest,
                const struct measured *measured, struct buf *out);

#endif
