/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VERIFY_APPRAISE_H
#define CASEMATE_ATTEST_VERIFY_APPRAISE_H

/*
 * Appraisal of evidence: each signature, digest and log in it checked against the others, and what
 * they say against reference values. Pure: no clock, no file, no system call beyond memory, so that
 * it can be done in a process that has nothing to lose.
 */
#include "attest/evidence/evidence.h"
#include "attest/verify/checker.h"
#include "attest/verify/keys.h"
#include "attest/verify/recall.h"
#include "attest/verify/reference.h"
#include "attest/verify/refusal.h"

/* What evidence can show. */
enum claim {
    CLAIM_FRESH,
    CLAIM_TPM,
    CLAIM_PROGRAMS,
    CLAIM_CONFIGURATION,
    CLAIM_KERNEL,
    CLAIM_COMMAND_LINE,
    CLAIM_INITRD,
    CLAIM_CONFINEMENT,
    CLAIM_POLICY,
    CLAIM_STATE,
    CLAIM_LIFE,
    CLAIM_HOST,
    CLAIM_BINDING,
    CLAIM_HOST_BOOT,
    CLAIM_HOST_SELINUX,
    CLAIM_HOST_LEDGER,
    CLAIMS,
};

enum claim_state {
    CLAIM_ABSENT = 0, /* the evidence says nothing of it */
    CLAIM_SHOWN,      /* it is as stated, but no reference value was asked for */
    CLAIM_AFFIRMED,   /* and it is as the reference demands */
    CLAIM_REFUSED,    /* this is what was refused */
};

struct verdict_claim {
    uint32_t state;  /* enum claim_state */
    char value[160]; /* what it is; printable ASCII */
    char bytes[96];  /* which bytes it rests on */
};

/* Of fixed size and without pointers: it crosses from the process that parses to the one that
 * signs. */
struct verdict {
    uint32_t refusal; /* enum refusal: REFUSE_NONE, or the first that was found */
    char detail[160]; /* which PCR, event, ...; printable; "" */
    struct verdict_claim claim[CLAIMS];
    uint32_t of_host; /* 1: about a host alone; `name` is what its key is enrolled as */
    /* whom it is about; once the form was understood */
    char tenant[EVIDENCE_NAME_MAX], name[EVIDENCE_NAME_MAX];
    uint8_t uuid[16];
    uint8_t nonce[EVIDENCE_NONCE_MAX];
    uint32_t nonce_size;
    uint8_t ak[TPM_NAME_BYTES], host_ak[TPM_NAME_BYTES]; /* names */
    uint32_t ak_size, host_ak_size;
    uint64_t lifetime; /* seconds that the result may be used */
    /* for the next appraisal's reference.guest.seen; known only if nothing was refused */
    struct reference_seen seen;
};

struct appraisal {
    const struct reference *reference;
    const struct keys *keys; /* NULL: none is enrolled */
    const uint8_t *nonce;    /* that was asked with */
    size_t nonce_size;
    /* For who appraises more than once: each may be NULL, and changes nothing but the time. */
    struct checker *checker;
    struct recall *recall;
};

/*
 * Appraise. 0 with a whole *verdict, whether good or not; -ENOMEM; -EIO: OpenSSL failed. The first
 * thing that is wrong is what is said: later checks rest on those before.
 */
int appraise(const struct evidence *evidence, const struct appraisal *with,
             struct verdict *verdict);

/* The same from the evidence's text: what cannot be understood is refused (REFUSE_FORM). */
int appraise_text(const char *text, size_t size, const struct appraisal *with,
                  struct verdict *verdict);

/*
 * True if a verdict that another process wrote is one: every number within its range, every text
 * ended and printable.
 */
bool verdict_valid(const struct verdict *verdict);

/* Words of the claims ("kernel") and their states ("affirmed"); never NULL. */
const char *claim_word(enum claim claim);
const char *claim_state_word(enum claim_state state);

#endif
