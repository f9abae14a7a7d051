/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_LOG_GRAMMAR_EVENT_H
#define CASEMATE_ATTEST_LOG_GRAMMAR_EVENT_H

/* Internal to attest/log: reading a log of ours event by event, each of which is asked for. */
#include "attest/log/reader.h"

struct grammar {
    struct log_reader reader;
    struct log_entry entry; /* taken last */
    struct log_problem *problem;
    struct digester digester; /* owned until grammar_close */
};

/* Begin with a log whose header is exactly ours. 0, or -EBADMSG with *problem filled; -ENOMEM. */
int grammar_open(struct grammar *g, const void *bytes, uint64_t size, uint64_t most,
                 struct log_problem *problem);

/* In any case after grammar_open, also when that failed. */
void grammar_close(struct grammar *g);

/* Whether nothing follows. */
bool grammar_at_end(const struct grammar *g);

/* Whether the next event is one of that PCR and type; false also when there is none. */
bool grammar_is_next(const struct grammar *g, uint32_t pcr, uint32_t type);

/*
 * Take the next event, which must be of that PCR and type, with one digest for each of our banks.
 * 0, or -EBADMSG: problem says whether it is missing, elsewhere, retyped, ...
 */
int grammar_take(struct grammar *g, uint32_t pcr, uint32_t type);

/* The event's digests must be those of its data. 0, -EBADMSG, -ENOMEM, -EIO. */
int grammar_digest(struct grammar *g);

/* The event's data must be exactly `text`; sticky errors of it come back. 0, -EBADMSG, -errno. */
int grammar_same(struct grammar *g, const struct buf *text);

/* The event's digests. */
void grammar_digests(const struct grammar *g, struct digests *digests);

/* Refuse the event taken last, or `at` bytes in its data. -EBADMSG. */
int grammar_refuse(struct grammar *g, enum log_reason reason);
int grammar_refuse_data(struct grammar *g, enum log_reason reason, uint64_t at);

/* Nothing may follow. 0 or -EBADMSG. */
int grammar_end(struct grammar *g);

#endif
