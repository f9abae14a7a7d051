/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_SERVICE_WIRE_H
#define CASEMATE_ATTEST_SERVICE_WIRE_H

/*
 * Between the three processes of casemate-attestd, over SOCK_SEQPACKET, all of fixed size:
 *
 *   HTTP  --body (a sealed memory file)-->  appraiser  --verdict-->  signer  --token-->  HTTP
 *   HTTP  --nonce, result, counts-->  signer  --answers-->  HTTP
 *
 * Who parses evidence has no key, who has the key parses nothing but the structs below, and who
 * speaks with the network can neither make nor change a verdict: it does not pass through it. With
 * a verdict come the numbers that its signatures are over, so that the signer checks them again:
 * attest/verify/witness.h.
 */
#include <stdint.h>

#include "attest/service/store.h"
#include "attest/verify/appraise.h"
#include "attest/verify/ear.h"
#include "attest/verify/release.h"
#include "attest/verify/witness.h"

#define SERVICE_BODY_MAX (8u << 20) /* bytes of evidence that the network may send */

/* What somebody wants who sends evidence. */
enum service_purpose {
    SERVICE_JUDGE = 0, /* a token */
    SERVICE_RELEASE,   /* and the key of the guest's disk, wrapped for its TPM */
    SERVICE_PURPOSES,
};

/* HTTP to appraiser, with one descriptor: a memory file sealed against every change. */
struct service_body {
    uint64_t id;
    uint32_t size;    /* of the evidence, 1..SERVICE_BODY_MAX */
    uint32_t purpose; /* enum service_purpose */
};

/* Appraiser to signer. */
struct service_verdict {
    uint64_t id;
    uint32_t purpose, reserved;
    struct verdict verdict;
    struct witness witness; /* all zero where the evidence has none: its verdict is no good one */
};

enum service_request_type {
    SERVICE_NONCE = 1, /* client; answer: nonce */
    SERVICE_RESULT,    /* tenant, name; answer: result */
    SERVICE_COUNTS,    /* answer: counts */
    SERVICE_TOKEN,     /* answer alone, of no request: what came of a body */
    SERVICE_KEYS,      /* answer alone, the first: as a token, what GET /v1/jwks says */
    SERVICE_TYPES,
};

/* HTTP to signer. */
struct service_request {
    uint64_t id;
    uint32_t type; /* enum service_request_type, below SERVICE_TOKEN */
    uint32_t reserved;
    char client[SERVICE_CLIENT_MAX];
    char tenant[EVIDENCE_NAME_MAX], name[EVIDENCE_NAME_MAX];
};

/* Signer to HTTP. */
struct service_answer {
    uint64_t id;
    uint32_t type;
    int32_t status; /* 0; -errno as service_store_*; -EPROTO: a verdict that is none */
    union {
        struct {
            uint8_t nonce[SERVICE_NONCE_SIZE];
            uint64_t expires;
        } nonce;
        struct {
            struct service_result result;
            uint64_t now;
        } result;
        struct service_counts counts;
        struct {
            uint32_t refusal;
            uint32_t size; /* of the token */
            char detail[160];
            char token[EAR_TOKEN_MAX];
            /* SERVICE_RELEASE, and the verdict was good: why there is no key, or the key. */
            uint32_t release; /* enum refusal */
            struct release_object key;
        } token;
    };
};

#endif
