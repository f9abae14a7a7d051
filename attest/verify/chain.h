/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VERIFY_CHAIN_H
#define CASEMATE_ATTEST_VERIFY_CHAIN_H

/* Certificates of endorsement keys (TCG EK Credential Profile 2.5), by OpenSSL. */
#include "attest/evidence/evidence.h"
#include "attest/verify/tpm.h"

struct chain_error {
    char text[160]; /* one line, printable */
};

/* 0 if the DER certificate is of that key; -EACCES: of another; -EINVAL: it is none; -EIO. */
int chain_certifies(const uint8_t *der, size_t size, const struct tpm_public *ek);

/*
 * 0 if chain[0] is of `ek` and leads, through the others, to one of the certificates in `roots`
 * (PEM text), all of them valid at `now` (seconds since 1970). -EACCES (error->text): it does not;
 * -EINVAL: not certificates; -ENOMEM, -EIO.
 */
int chain_check(const struct evidence_bytes *chain, uint32_t count, const char *roots,
                size_t roots_size, const struct tpm_public *ek, uint64_t now,
                struct chain_error *error);

#endif
