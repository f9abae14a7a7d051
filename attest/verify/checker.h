/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VERIFY_CHECKER_H
#define CASEMATE_ATTEST_VERIFY_CHECKER_H

/*
 * Signatures of many keys, one after the other: what OpenSSL needs longest to make (a key's type,
 * its curve, the method of verification) is made once, and only the point is another for each key.
 * It remembers no key from one check to the next, and has no secret.
 */
#include "attest/verify/tpm.h"

/* Of one thread. */
struct checker;

/* NULL: no memory, or OpenSSL failed. The caller frees it with checker_free. */
struct checker *checker_new(void);
void checker_free(struct checker *checker);

/* As tpm_signature_check. */
int checker_check(struct checker *checker, const struct tpm_public *key,
                  const struct tpm_signature *signature, const void *data, size_t size);

#endif
