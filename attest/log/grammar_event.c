/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/log/grammar_event.h"

#include <errno.h>
#include <string.h>

#include "attest/log/measure.h"

/* Bytes of an event of ours without its data. */
#define EVENT_SIZE (12u + 2u + DIGEST_SIZE + 2u + DIGEST_SHA384_SIZE + 4u)

/* Where an event of ours can be at all. */
static bool is_ours(uint32_t pcr, uint32_t type)
{
    switch (type) {
    case LOG_EV_NONHOST_CODE:
        return pcr == 0;
    case LOG_EV_PLATFORM_CONFIG_FLAGS:
        return pcr == 1;
    case LOG_EV_IPL:
        return pcr == 4 || pcr == 8 || pcr == 9;
    case LOG_EV_SEPARATOR:
        return pcr < 8;
    case LOG_EV_ACTION:
        return pcr == MEASURE_PCR_START || pcr == MEASURE_PCR_LEDGER;
    default:
        return false;
    }
}

/* Whether the event taken last is a copy of one before it. */
static bool is_copy(const struct grammar *g)
{
    const struct log_entry *entry = &g->entry;
    const uint8_t *bytes = g->reader.bytes;
    const uint64_t size = (uint64_t)(entry->data - bytes) + entry->size - entry->offset;
    struct log_reader reader;
    struct log_problem ignored;
    struct log_entry before;

    if (log_open(&reader, bytes, entry->offset, &ignored) < 0)
        return false;
    while (log_next(&reader, &before, &ignored) > 0) {
        if (reader.at - before.offset == size &&
            memcmp(bytes + before.offset, bytes + entry->offset, size) == 0)
            return true;
    }
    return false;
}

static int refuse_at(struct grammar *g, enum log_reason reason, uint64_t offset)
{
    const bool copy = is_copy(g);

    *g->problem = (struct log_problem){
        .reason = copy ? LOG_DUPLICATE : reason,
        .offset = copy ? g->entry.offset : offset,
        .event = g->entry.number,
    };
    return -EBADMSG;
}

int grammar_refuse(struct grammar *g, enum log_reason reason)
{
    return refuse_at(g, reason, g->entry.offset);
}

int grammar_refuse_data(struct grammar *g, enum log_reason reason, uint64_t at)
{
    return refuse_at(g, reason, (uint64_t)(g->entry.data - g->reader.bytes) + at);
}

int grammar_open(struct grammar *g, const void *bytes, uint64_t size, uint64_t most,
                 struct log_problem *problem)
{
    struct buf header;
    size_t same = 0;
    int r;

    *g = (struct grammar){.problem = problem};
    if (size > most) {
        *problem = (struct log_problem){.reason = LOG_TOO_LONG, .offset = most};
        return -EBADMSG;
    }
    buf_init(&header, LOG_SIZE_MAX);
    log_begin(&header);
    r = buf_status(&header);
    while (r == 0 && same < header.size && same < size &&
           header.data[same] == ((const uint8_t *)bytes)[same])
        same++;
    if (r == 0 && same < header.size) {
        *problem = (struct log_problem){
            .reason = same == size ? LOG_TRUNCATED : LOG_HEADER,
            .offset = same,
        };
        r = -EBADMSG;
    }
    buf_release(&header);
    if (r == 0)
        r = log_open(&g->reader, bytes, size, problem);
    if (r == 0 && log_next(&g->reader, &g->entry, problem) < 0)
        r = -EBADMSG;
    return r == 0 ? digester_begin(&g->digester) : r;
}

void grammar_close(struct grammar *g)
{
    digester_end(&g->digester);
}

bool grammar_at_end(const struct grammar *g)
{
    return g->reader.at == g->reader.size;
}

bool grammar_is_next(const struct grammar *g, uint32_t pcr, uint32_t type)
{
    struct log_reader ahead = g->reader;
    struct log_entry entry;
    struct log_problem ignored;

    return log_next(&ahead, &entry, &ignored) > 0 && entry.pcr == pcr && entry.type == type;
}

/* One digest of each bank, in our order. */
static bool has_banks(const struct log_entry *entry)
{
    return entry->digests == 2 && entry->digest[0].algorithm == LOG_ALG_SHA256 &&
           entry->digest[1].algorithm == LOG_ALG_SHA384;
}

int grammar_take(struct grammar *g, uint32_t pcr, uint32_t type)
{
    const struct log_entry *entry = &g->entry;
    int r = log_next(&g->reader, &g->entry, g->problem);

    if (r < 0)
        return r;
    if (r == 0) {
        const uint64_t rest = g->reader.size - g->reader.at;

        /* What fills a firmware's buffer is no end of ours. */
        *g->problem = (struct log_problem){
            .reason = rest == 0           ? LOG_MISSING
                      : rest < EVENT_SIZE ? LOG_TRUNCATED
                                          : LOG_TRAILING,
            .offset = g->reader.at,
            .event = g->reader.events,
        };
        return -EBADMSG;
    }
    if (!has_banks(entry))
        return grammar_refuse(g, LOG_ALGORITHMS);
    if (entry->pcr == pcr && entry->type == type)
        return 0;
    if (is_ours(entry->pcr, entry->type))
        return grammar_refuse(g, LOG_ORDER);
    if (entry->pcr == pcr)
        return grammar_refuse(g, LOG_TYPE);
    return grammar_refuse(g, entry->type == type ? LOG_PCR : LOG_UNKNOWN);
}

void grammar_digests(const struct grammar *g, struct digests *digests)
{
    memcpy(digests->sha256, g->entry.digest[0].value, sizeof(digests->sha256));
    memcpy(digests->sha384, g->entry.digest[1].value, sizeof(digests->sha384));
}

int grammar_digest(struct grammar *g)
{
    struct digests said, computed;
    int r = digester_both(&g->digester, g->entry.data, g->entry.size, &computed);

    if (r < 0)
        return r;
    grammar_digests(g, &said);
    if (memcmp(&said, &computed, sizeof(said)) != 0)
        return grammar_refuse(g, LOG_DIGEST);
    return 0;
}

int grammar_same(struct grammar *g, const struct buf *text)
{
    size_t same = 0;

    if (buf_status(text) < 0)
        return buf_status(text);
    if (text->size == g->entry.size && memcmp(text->data, g->entry.data, text->size) == 0)
        return 0;
    while (same < text->size && same < g->entry.size && text->data[same] == g->entry.data[same])
        same++;
    return grammar_refuse_data(g, LOG_TEXT, same);
}

int grammar_end(struct grammar *g)
{
    if (grammar_at_end(g))
        return 0;
    *g->problem = (struct log_problem){
        .reason = LOG_TRAILING, .offset = g->reader.at, .event = g->reader.events};
    return -EBADMSG;
}
