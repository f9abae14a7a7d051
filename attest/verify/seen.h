/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VERIFY_SEEN_H
#define CASEMATE_ATTEST_VERIFY_SEEN_H

/* A guest's TPM goes onwards, whatever it says of itself. */
#include "attest/verify/reference.h"
#include "attest/verify/refusal.h"

/*
 * Why what is seen `now` cannot come behind what was seen `before`: REFUSE_NONE if it can, or if
 * nothing was known before; `detail` of `size` bytes then is untouched, else the numbers.
 */
enum refusal seen_refusal(const struct reference_seen *before, const struct reference_seen *now,
                          char *detail, size_t size);

#endif
