/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_LOG_READER_H
#define CASEMATE_ATTEST_LOG_READER_H

/*
 * The lenient reader: anybody's TCG log, crypto-agile or, with SHA-1 alone, as TPM 1.2 had it.
 * Every event is shown as it stands, whatever it says; what cannot be told apart into events ends
 * the reading with a reason. For our own logs, where something rests on them: grammar.h.
 */
#include <stdbool.h>

#include "attest/log/event.h"

#define LOG_ALGORITHMS_MAX 8u  /* that a log may declare */
#define LOG_DIGEST_MAX     64u /* bytes of one digest */

enum log_reason {
    LOG_WHOLE = 0,
    /* of any log */
    LOG_TRUNCATED,  /* it ends within an event */
    LOG_HEADER,     /* the first event is none that a log begins with, or not as we write it */
    LOG_ALGORITHMS, /* an event has not one digest of each declared algorithm, in their order */
    LOG_PCR, /* an event of a PCR that there is not; ours: of another than its place asks for */
    /* of ours */
    LOG_TYPE,      /* an event of another type than its place asks for */
    LOG_UNKNOWN,   /* an event that we never write */
    LOG_TEXT,      /* its data are not in the one form in which we write them */
    LOG_DIGEST,    /* its digest is not that of its data */
    LOG_DUPLICATE, /* it stands there a second time */
    LOG_ORDER,     /* one that we write, but elsewhere */
    LOG_DIFFERS,   /* it does not agree with those before it: a process without a program, ... */
    LOG_MISSING,   /* the log ends, between two events, before all that must be there is */
    LOG_TRAILING,  /* something follows the last event */
    LOG_TOO_LONG,
    LOG_REASONS,
};

/* Where and why a log was refused. */
struct log_problem {
    enum log_reason reason;
    uint64_t offset; /* bytes from the log's start, of the event or of what is wrong in it */
    uint32_t event;  /* its number; 0 is the header */
};

/* A sentence without position ("an event has ..."); never NULL. */
const char *log_reason_text(enum log_reason reason);
/* One word for programs and tests ("digest"); never NULL. */
const char *log_reason_word(enum log_reason reason);

struct log_digest {
    uint16_t algorithm;
    uint16_t size;
    const uint8_t *value; /* within the log */
};

struct log_entry {
    uint64_t offset; /* of the event in the log */
    uint32_t number; /* 0 is the header */
    uint32_t pcr, type;
    uint32_t digests;
    struct log_digest digest[LOG_ALGORITHMS_MAX];
    const uint8_t *data; /* within the log */
    uint32_t size;
};

/* Fields are the reader's own, but for those with a comment. */
struct log_reader {
    const uint8_t *bytes;
    uint64_t size, at;
    uint32_t events;
    bool agile;          /* crypto-agile; else SHA-1 alone */
    uint32_t algorithms; /* declared, LOG_ALGORITHMS_MAX at most */
    uint16_t algorithm[LOG_ALGORITHMS_MAX], digest_size[LOG_ALGORITHMS_MAX];
};

/*
 * Begin to read `size` bytes, which must stay. Nothing is copied, nothing allocated: it may be done
 * in seccomp's strict mode. 0, or -EBADMSG with *problem filled.
 */
int log_open(struct log_reader *reader, const void *bytes, uint64_t size,
             struct log_problem *problem);

/*
 * The next event, the header first. 1 with *entry filled; 0 at the end; -EBADMSG with *problem
 * filled. A log that was read from a firmware's buffer may be followed by zeroes or 0xff to the
 * buffer's end: that is the end.
 */
int log_next(struct log_reader *reader, struct log_entry *entry, struct log_problem *problem);

/* The event's digest of that algorithm, NULL if it has none. */
const struct log_digest *log_entry_digest(const struct log_entry *entry, uint16_t algorithm);

#endif
