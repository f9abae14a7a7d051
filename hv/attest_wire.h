/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_ATTEST_WIRE_H
#define CASEMATE_HV_ATTEST_WIRE_H

/*
 * What a guard knows of its guest for a verifier: one sealed memory file, made for one nonce. It
 * goes through casemated, which does not look into it, to the client's front, which checks its
 * sizes and makes JSON of it (doc/evidence.md). What TPMs have said is in it as they said it.
 *
 * struct attest_file, then `boot_size` bytes of the guest's boot log, `ledger_size` bytes of its
 * ledger; then, with `host`, struct attest_host, the host's boot log and its IMA log; and nothing
 * more. Evidence of a host alone is struct hosttpm_evidence of attest/host/wire.h.
 */
#include <stdint.h>

#include "attest/host/wire.h"
#include "hv/guest_record.h"
#include "hv/tpm_wire.h"

#define ATTEST_MAGIC   0x54535441u /* "ATST" */
#define ATTEST_VERSION 2u
#define ATTEST_LOG_MAX 4194304u  /* bytes of one log */
#define ATTEST_PCRS    0x6003ffu /* what is quoted: PCR 0-9, 21, 22 */

struct attest_file {
    uint32_t magic, version;
    char tenant[RECORD_NAME_MAX], name[RECORD_NAME_MAX];
    uint8_t uuid[16];
    uint32_t nonce_size; /* REQUEST_NONCE_MIN..MAX */
    uint32_t host;       /* 1: the host's TPM has signed, too; else 0 */
    uint8_t nonce[REQUEST_NONCE_MAX];
    uint64_t boot_size, ledger_size;
    struct tpm_identity identity;
    struct tpm_quote quote;
};

_Static_assert(REQUEST_NONCE_MAX == TPM_NONCE_MAX, "a nonce fits");

struct attest_host {
    struct hosttpm_logs logs;
    struct hosttpm_quote quote;
    struct hosttpm_identity identity;
};

#endif
