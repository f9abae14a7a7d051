/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_HOST_WIRE_H
#define CASEMATE_ATTEST_HOST_WIRE_H

/*
 * What is said to casemate-hosttpm, the one process that speaks with the host's TPM and keeps the
 * generations of the guests' virtual TPMs and the host's ledger. SOCK_SEQPACKET; each request is
 * one message of sizeof(struct hosttpm_request), each answer one of sizeof(struct hosttpm_reply),
 * in the order of the requests of that connection. One request at a time on a connection. Anything
 * else closes it.
 *
 * Connections: its parent has the first (HOSTTPM_FD_CONTROL), and hands in others by
 * HOSTTPM_CONNECT, each for one guest (uuid), whose guard can then ask about that guest alone; with
 * a uuid of 0xff throughout for one that is drawn later, and said by HOSTTPM_BIND, once; or
 * with a uuid of zeroes, for the host (a front of an administrator's: IDENTITY, COUNTER,
 * HOST_QUOTE, EVIDENCE, LOG, LOGS, ACTIVATE). Which of them may ask for what is one table:
 * host_service_rules of service_request.c.
 *
 * A host without a TPM has no such process: clients (client.h) then answer -ENODEV, and who asked
 * says that the host's layer is missing.
 *
 * All numbers are of the host's byte order; texts end with NUL and are zero behind it.
 */
#include <stdint.h>

#include "attest/statement.h"

#define HOSTTPM_TENANT_MAX    64u /* tenant and guest: as hv/guest_record.h */
#define HOSTTPM_NAME_MAX      68u /* a TPM2B_NAME's bytes: algorithm and digest */
#define HOSTTPM_NONCE_MAX     64u
#define HOSTTPM_PUBLIC_MAX    512u  /* a TPMT_PUBLIC, big-endian */
#define HOSTTPM_CERT_MAX      2048u /* DER */
#define HOSTTPM_ATTEST_MAX    1024u /* a TPMS_ATTEST */
#define HOSTTPM_SIGNATURE_MAX 512u  /* a TPMT_SIGNATURE */
#define HOSTTPM_PROOF_MAX     13u   /* nodes of an inclusion proof: HOSTTPM_BATCH_MAX leaves */
#define HOSTTPM_BATCH_MAX     4096u /* statements that one quote can carry */
#define HOSTTPM_PCRS          24u
#define HOSTTPM_SECRET_MAX    64u
#define HOSTTPM_BLOB_MAX      512u
/* What of each log can be told: three of them and a guest's own are one answer to a client. */
#define HOSTTPM_BOOT_LOG_MAX (512u << 10)
#define HOSTTPM_IMA_LOG_MAX  (1024u << 10)
#define HOSTTPM_LEDGER_MAX   (512u << 10)

/* Descriptors that casemate-hosttpm is started with; 0 to 2 are /dev/null or a log. */
enum {
    HOSTTPM_FD_CONTROL = 3, /* SOCK_SEQPACKET to its parent */
    HOSTTPM_FD_TPM = 4,     /* /dev/tpmrm0, or a connected stream socket of TPM commands */
    HOSTTPM_FD_STATE = 5,   /* the store of generations, read and write: generations.h */
    HOSTTPM_FD_LEDGER = 6,  /* the host's ledger, read and append: ledger.h */
    HOSTTPM_FD_CONFIG = 7,  /* sealed memory file: struct hosttpm_config */
    /* binary_bios_measurements and binary_runtime_measurements; /dev/null where there are none */
    HOSTTPM_FD_BOOT_LOG = 8,
    HOSTTPM_FD_IMA_LOG = 9,
};

#define HOSTTPM_CONFIG_MAGIC 0x4d545348u /* "HSTM" */

struct hosttpm_config {
    uint32_t magic, version; /* version 1 */
    uint32_t uid;            /* to become; 0: stay who we are (tests) */
    uint32_t ledger_pcr;     /* 0..23; 15 where nothing else is said */
    uint32_t seal_pcrs;      /* a bit a PCR: what the store's key is sealed to; 0: to the TPM */
    uint32_t quote_pcrs;     /* a bit a PCR, SHA-256 bank; the ledger's is always selected */
    uint32_t interval;       /* milliseconds that a deep quote collects, 0..60000 */
    uint32_t advance;        /* seconds between steps of the counter that nobody asked for */
};

enum hosttpm_type {
    HOSTTPM_READY = 0, /* to the parent, once and unasked: a reply whose result says how it began */
    HOSTTPM_CONNECT = 1, /* parent, with one descriptor: it is a connection for `uuid` */
    HOSTTPM_IDENTITY,    /* reply: identity */
    HOSTTPM_COUNTER,     /* reply: counter */
    HOSTTPM_KEYS_BEGIN,  /* guest: keys of this start. reply: keys */
    HOSTTPM_KEYS_COMMIT, /* guest: its TPM's state is stored under the new key (keys.generation) */
    HOSTTPM_KEYS_FORGET, /* host: what the TPM of `uuid` stores is for nobody; entry: names */
    HOSTTPM_LEDGER,      /* entry: durable and in the PCR when the reply comes. reply: ledger */
    HOSTTPM_QUOTE,       /* guest: statement. reply: quote, when the interval is over */
    HOSTTPM_HOST_QUOTE, /* nonce alone, of statement: a statement of the host's own. reply: quote */
    HOSTTPM_ACTIVATE,   /* activate: TPM2_ActivateCredential of AK and EK. reply: secret */
    HOSTTPM_LOG,        /* reply with one descriptor: a sealed memory file, the ledger since boot */
    HOSTTPM_LOGS,       /* reply: logs, with one descriptor: a sealed memory file of them */
    HOSTTPM_EVIDENCE,   /* nonce. reply with one descriptor: struct hosttpm_evidence */
    HOSTTPM_BIND,       /* guest of a connection without one: it is `uuid` from now on */
    HOSTTPM_TYPES,
};

/* What happened to a guest, for the host's ledger. */
enum hosttpm_event {
    HOSTTPM_START = 1, /* before the start gate opens */
    HOSTTPM_STOP,
    HOSTTPM_RESET,
    HOSTTPM_REFUSED,     /* a start that was refused: stale state, a gate that found a difference */
    HOSTTPM_KILLED,      /* in place of STOP: ended at once, on somebody's word */
    HOSTTPM_QUARANTINED, /* frozen for good; its own TPM says no more */
    HOSTTPM_PERMISSIVE,  /* SELinux stopped enforcing while it was there */
    HOSTTPM_REMOVED,     /* the stored TPM, for good, of a guest that does not run */
    HOSTTPM_EVENTS,
};

struct hosttpm_entry {
    uint32_t event; /* enum hosttpm_event */
    uint32_t reserved;
    char tenant[HOSTTPM_TENANT_MAX], guest[HOSTTPM_TENANT_MAX]; /* names; "" for none */
    uint64_t generation;                                        /* 0: a guest without a TPM */
    uint8_t policy[32]; /* digest of the policy in force; zero: none */
    uint8_t start[32];  /* SHA-256 of the guest's boot log, which its TPM has; zero: none */
};

struct hosttpm_nonce {
    uint32_t size; /* STATEMENT_NONCE_MIN..MAX */
    uint8_t nonce[STATEMENT_NONCE_MAX];
};

struct hosttpm_activate {
    uint32_t blob_size, secret_size;
    uint8_t blob[HOSTTPM_BLOB_MAX];   /* a TPM2B_ID_OBJECT's bytes, without its size */
    uint8_t secret[HOSTTPM_BLOB_MAX]; /* a TPM2B_ENCRYPTED_SECRET's bytes, without its size */
};

struct hosttpm_request {
    uint32_t type;     /* enum hosttpm_type */
    uint32_t reserved; /* 0 */
    uint8_t uuid[16];  /* of a guest's connection: its own, or zero */
    union {
        struct hosttpm_entry entry;
        struct statement statement; /* QUOTE; the server sees to its uuid */
        struct hosttpm_nonce nonce; /* HOST_QUOTE */
        struct hosttpm_activate activate;
        uint64_t generation; /* KEYS_COMMIT */
    };
};

struct hosttpm_identity {
    uint32_t ek_size, ek_cert_size, ak_size, ak_name_size; /* no certificate in the TPM: 0 */
    uint8_t ek[HOSTTPM_PUBLIC_MAX], ak[HOSTTPM_PUBLIC_MAX];
    uint8_t ek_cert[HOSTTPM_CERT_MAX];
    uint8_t ak_name[HOSTTPM_NAME_MAX];
};

struct hosttpm_counter {
    uint64_t value;   /* of the NV counter, to which the root is bound */
    uint64_t guests;  /* leaves of the map of generations */
    uint8_t root[32]; /* of that map */
    uint64_t events;  /* of the ledger since boot */
    uint8_t head[32]; /* the ledger's PCR, SHA-256 bank, behind them */
};

/* Secrets: whoever holds them wipes them. What struct tpm_keys (hv/tpm_wire.h) wants to know. */
struct hosttpm_keys {
    uint32_t fresh, again; /* again: the last start never committed; state of either key is good */
    uint64_t generation;
    uint8_t old_key[32], new_key[32];
};

struct hosttpm_ledger_reply {
    uint64_t number;  /* the event's number since boot */
    uint8_t head[32]; /* the ledger's PCR, SHA-256 bank, when it held the event */
};

/*
 * QUOTE: one quote of the host over the statements of a batch; its extraData is the root of their
 * tree (deep.h). HOST_QUOTE: no statement and no proof, and the extraData is
 * SHA-256(HOSTTPM_NONCE_LABEL || nonce), so that no nonce passes for a root.
 */
#define HOSTTPM_NONCE_LABEL "casemate-host-quote-1" /* without its NUL */

struct hosttpm_quote {
    uint32_t attest_size, signature_size, statement_size;
    uint32_t leaf, leaves, proof_size; /* proof_size in nodes of 32 bytes, from the leaf up */
    uint32_t pcrs;                     /* selected, SHA-256 bank */
    uint32_t reserved;
    uint8_t attest[HOSTTPM_ATTEST_MAX], signature[HOSTTPM_SIGNATURE_MAX];
    uint8_t statement[STATEMENT_MAX];
    uint8_t proof[HOSTTPM_PROOF_MAX][32];
    uint8_t pcr[HOSTTPM_PCRS][32]; /* of those selected */
};

/*
 * LOGS: what firmware and kernel have measured, one behind the other in that order; 0: there is
 * none, or it is too large to be told. A guest's guard gets the IMA log with only the digests of
 * what names other people's files (attest/log/ima.h).
 */
struct hosttpm_logs {
    uint32_t boot_size, ima_size; /* ..HOSTTPM_BOOT_LOG_MAX, HOSTTPM_IMA_LOG_MAX */
};

#define HOSTTPM_EVIDENCE_MAGIC 0x56455348u /* "HSEV" */

/*
 * EVIDENCE: what a verifier needs of the host itself. A memory file: this, then the boot log, the
 * IMA log and the ledger since boot, and nothing more.
 */
struct hosttpm_evidence {
    uint32_t magic, version; /* version 1 */
    struct hosttpm_nonce nonce;
    struct hosttpm_logs logs;
    uint32_t ledger_size; /* ..HOSTTPM_LEDGER_MAX */
    uint32_t reserved;
    struct hosttpm_identity identity;
    struct hosttpm_quote quote;
};

struct hosttpm_secret {
    uint32_t size, reserved;
    uint8_t secret[HOSTTPM_SECRET_MAX];
};

struct hosttpm_reply {
    uint32_t type; /* as in the request */
    /*
     * 0; -EINVAL; -EPERM: not on this connection; -EBUSY: the guest was begun by another that is
     * still there; -ESTALE: not the generation that was begun; -EUCLEAN: store, ledger and TPM do
     * not agree, which no crash explains (rolled back, or extended by somebody else); -ENOSPC;
     * -EIO: the TPM failed, code says how.
     */
    int32_t result;
    uint32_t code; /* TSS2_RC of the command that failed */
    uint32_t reserved;
    union {
        struct hosttpm_identity identity;
        struct hosttpm_counter counter;
        struct hosttpm_keys keys;
        struct hosttpm_ledger_reply ledger;
        struct hosttpm_quote quote;
        struct hosttpm_secret secret;
        struct hosttpm_logs logs;
    };
};

#endif
