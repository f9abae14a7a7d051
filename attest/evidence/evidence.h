/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_EVIDENCE_EVIDENCE_H
#define CASEMATE_ATTEST_EVIDENCE_EVIDENCE_H

/*
 * Evidence about one guest, or about a host alone, as it travels: doc/evidence.md. This folder
 * turns the struct into JSON and hostile JSON into the struct; it knows sizes and forms, and
 * nothing of what a TPM says. It uses no cryptography, so that whoever speaks with a client can
 * link it.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVIDENCE_PCRS       24u
#define EVIDENCE_NAME_MAX   64u /* tenant, guest; with NUL; [a-z0-9] then [a-z0-9_-]* */
#define EVIDENCE_NONCE_MIN  16u
#define EVIDENCE_NONCE_MAX  64u
#define EVIDENCE_PATH_MAX   32u         /* of an inclusion proof: 2^32 guests on one quote */
#define EVIDENCE_TPM_MAX    1024u       /* bytes of one TPM structure */
#define EVIDENCE_CHAIN_MAX  4u          /* certificates */
#define EVIDENCE_CERT_MAX   4096u       /* bytes of one, DER */
#define EVIDENCE_STATE_MAX  4096u       /* bytes of a statement */
#define EVIDENCE_LOG_MAX    (4u << 20)  /* bytes of one log */
#define EVIDENCE_TEXT_MAX   (24u << 20) /* bytes of JSON */
#define EVIDENCE_PCRS_GUEST 0x6003ffu   /* what a guest's evidence quotes: PCR 0-9, 21, 22 */

/* Bytes that somebody else owns. */
struct evidence_bytes {
    const uint8_t *data;
    size_t size;
};

struct evidence_quote {
    struct evidence_bytes attest, signature; /* TPMS_ATTEST, TPMT_SIGNATURE */
    uint32_t pcrs;                           /* a bit a PCR whose value is below, SHA-256 bank */
    uint8_t pcr[EVIDENCE_PCRS][32];
};

struct evidence_key {
    struct evidence_bytes ak, ek; /* TPMT_PUBLIC */
};

/* What the host's TPM says: a quote over the root of the tree in which the guest's statement is. */
struct evidence_host {
    struct evidence_quote quote;
    struct evidence_key key;
    struct evidence_bytes chain[EVIDENCE_CHAIN_MAX]; /* of the EK, DER, its own first */
    uint32_t chain_count;                            /* 0: an EK that is known by enrollment */
    struct evidence_bytes statement;                 /* the leaf: attest/statement.h */
    uint64_t leaf, leaves;                           /* its place, and how many there are */
    uint32_t path_count;
    uint8_t path[EVIDENCE_PATH_MAX][32]; /* RFC 9162, 2.1.3.1: from the leaf's sibling upwards */
    struct evidence_bytes boot_log;      /* of the firmware; may be empty */
    struct evidence_bytes ima_log;       /* IMA's binary_runtime_measurements; may be empty */
    struct evidence_bytes ledger;        /* the host's; may be empty */
};

/*
 * Of a host alone (host_only): nonce and host, and of that neither statement nor proof; all else is
 * zero. Its quote's extraData is SHA-256("casemate-host-quote-1" || nonce).
 */
#define EVIDENCE_HOST_LABEL "casemate-host-quote-1"

struct evidence {
    char tenant[EVIDENCE_NAME_MAX], name[EVIDENCE_NAME_MAX];
    uint8_t uuid[16];
    uint8_t nonce[EVIDENCE_NONCE_MAX];
    uint32_t nonce_size; /* EVIDENCE_NONCE_MIN..MAX */
    struct evidence_quote quote;
    struct evidence_key key;
    struct evidence_bytes boot_log;   /* what the guest was started with: PCR 0-9 and 21 */
    struct evidence_bytes ledger_log; /* what has happened since: PCR 22; may be empty */
    bool has_host, host_only;         /* host_only: and has_host */
    struct evidence_host host;
};

struct evidence_error {
    char text[160]; /* which member and what of it; printable */
};

/*
 * The JSON object, which the caller releases with json_decref. 0; -EINVAL: a field outside its
 * range; -ENOMEM.
 */
int evidence_encode(const struct evidence *evidence, json_t **object);

/*
 * The struct from `size` bytes of anything. *evidence and all that it points to are one piece of
 * memory, which the caller frees with free(). 0; -EINVAL: not of the form (error->text); -EFBIG:
 * more than EVIDENCE_TEXT_MAX bytes; -ENOMEM.
 */
int evidence_decode(const char *text, size_t size, struct evidence **evidence,
                    struct evidence_error *error);

/* True for 1 to EVIDENCE_NAME_MAX - 1 bytes of [a-z0-9_-] that begin with [a-z0-9]. */
bool evidence_name_valid(const char *name);

#endif
