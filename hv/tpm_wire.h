/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_TPM_WIRE_H
#define CASEMATE_HV_TPM_WIRE_H

/*
 * What is said to casemate-tpm, the virtual TPM of one guest. Two sockets, both SOCK_SEQPACKET:
 *
 * To the VMM (HANDOFF_FD_VHOST): each message is one TPM command, whole, of TPM_HEADER_SIZE to
 * TPM_COMMAND_MAX bytes (TCG TPM 2.0 Library, part 1, 18), answered by one message, its response.
 * One command at a time. It is always locality 0: no message says another, so a VMM that its guest
 * has taken over has gained nothing.
 *
 * To the guard (HANDOFF_FD_TPM_GUARD): requests and replies of fixed size. The guard understands of
 * a reply its type and its result, and carries the rest on: what a TPM signs is for whoever asked.
 * Requests take their turn with the guest's commands and leave the guest's objects and sessions as
 * they were.
 */
#include <stdint.h>

#define TPM_HEADER_SIZE 10u
#define TPM_COMMAND_MAX 3968u /* the CRB's buffer: TCG PC Client Platform TPM Profile, 6.5.3 */

#define TPM_PCRS          24u
#define TPM_PUBLIC_MAX    512u /* a TPMT_PUBLIC, big-endian as the TPM gives it */
#define TPM_NAME_MAX      68u  /* algorithm and digest */
#define TPM_ATTEST_MAX    1024u
#define TPM_SIGNATURE_MAX 1024u /* a TPMT_SIGNATURE */
#define TPM_NONCE_MAX     64u

/* What PCRs are ours alone: extended at locality 2, which no guest has (PC Client profile, 3.7.1).
 */
#define TPM_PCR_START  21u /* the confinement that the guest was started with */
#define TPM_PCR_LEDGER 22u /* what has happened to it since */

enum tpm_request_type {
    TPM_REQUEST_EXTEND =
        1, /* pcr: 0..15 at locality 0, before CONTROL_GO only; 21 and 22 at locality 2 */
    TPM_REQUEST_QUOTE,    /* pcrs, nonce: by the attestation key; reply: quote */
    TPM_REQUEST_IDENTITY, /* reply: identity */
    TPM_REQUESTS,
};

struct tpm_request {
    uint32_t type; /* enum tpm_request_type */
    uint32_t pcr;  /* EXTEND */
    uint32_t pcrs; /* QUOTE: a bit a PCR, of the SHA-256 bank */
    uint32_t nonce_size;
    uint8_t nonce[TPM_NONCE_MAX];
    uint8_t sha256[32], sha384[48]; /* EXTEND: of one event, for both banks */
};

/* Bytes of `size`; what follows them is zero. */
struct tpm_identity {
    uint32_t ek_size, ak_size; /* of the public areas */
    uint32_t ek_name_size, ak_name_size;
    uint8_t ek[TPM_PUBLIC_MAX], ak[TPM_PUBLIC_MAX];
    uint8_t ek_name[TPM_NAME_MAX], ak_name[TPM_NAME_MAX];
    uint64_t generation; /* of its stored state: one more at each start */
};

struct tpm_quote {
    uint32_t attest_size, signature_size;
    uint8_t attest[TPM_ATTEST_MAX]; /* TPMS_ATTEST */
    uint8_t signature[TPM_SIGNATURE_MAX];
    uint32_t pcrs; /* as asked */
    uint32_t reserved;
    uint8_t pcr[TPM_PCRS][32]; /* SHA-256 bank, read with the quote; of those asked for */
};

struct tpm_reply {
    uint32_t type;  /* as in the request */
    int32_t result; /* 0; -EINVAL, -EPERM: a request that may not be now; -EIO: the TPM failed, code
                       says how */
    uint32_t code;  /* TPM_RC of the command that failed */
    uint32_t reserved;
    union {
        struct tpm_identity identity;
        struct tpm_quote quote;
    };
};

/*
 * How its state is kept and under which keys: a sealed memory file, read once and closed.
 *
 * A start is one generation later than the one before it, and has a key of its own. casemate-tpm
 * writes the state anew under new_key before CONTROL_READY. If it or the host ends in between, the
 * state is still under old_key or already under new_key: the same keys and generation are then to
 * be given once more, and both are accepted. So whoever keeps the keys keeps old_key until READY,
 * and drops it before CONTROL_GO.
 */
#define TPM_STATE_SIZE (2u * 262144u) /* the most bytes that the stored state takes: two slots */
#define TPM_KEYS_MAGIC 0x4b4d5054u    /* "TPMK" */

struct tpm_keys {
    uint32_t magic, version; /* version 1 */
    uint32_t fresh;          /* 1: the state file is empty; make a TPM */
    uint32_t reserved;
    uint64_t generation; /* of this start */
    uint8_t uuid[16];    /* the guest's: bound to the state */
    uint8_t old_key[32]; /* AES-256-GCM: what is stored was written under it; zero when fresh */
    uint8_t new_key[32]; /* what is stored from now on is */
};

#endif
