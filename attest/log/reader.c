/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/log/reader.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

#define SHA1_SIZE   20u
#define OLD_SIZE    (8u + SHA1_SIZE + 4u) /* of TCG_PCR_EVENT without its data (10.2.1) */
#define SPEC_FIXED  28u                   /* of TCG_EfiSpecIDEvent up to its algorithms */
#define SPEC_MARK   "Spec ID Event03"     /* with its NUL: 16 bytes */
#define FILL_PROBED 12u                   /* bytes: no event begins with as many zeroes */

static const struct {
    const char *word, *text;
} reasons[LOG_REASONS] = {
    [LOG_WHOLE] = {"whole", "nothing is wrong"},
    [LOG_TRUNCATED] = {"truncated", "the log ends within an event"},
    [LOG_HEADER] = {"header", "it does not begin as such a log begins"},
    [LOG_ALGORITHMS] = {"algorithms", "an event has not the digests that the header declares"},
    [LOG_PCR] = {"pcr", "an event names another PCR than it may"},
    [LOG_TYPE] = {"type", "an event has another type than its place asks for"},
    [LOG_UNKNOWN] = {"unknown", "an event that no log of ours has"},
    [LOG_TEXT] = {"text", "an event's data are not in the one form in which they are written"},
    [LOG_DIGEST] = {"digest", "an event's digest is not that of its data"},
    [LOG_DUPLICATE] = {"duplicate", "an event stands there a second time"},
    [LOG_ORDER] = {"order", "an event stands at a place where another belongs"},
    [LOG_DIFFERS] = {"differs", "an event does not agree with those before it"},
    [LOG_MISSING] = {"missing", "the log ends before all events that it must have"},
    [LOG_TRAILING] = {"trailing", "something follows the last event"},
    [LOG_TOO_LONG] = {"long", "it is longer than such a log may be"},
};

const char *log_reason_text(enum log_reason reason)
{
    return (unsigned)reason < LOG_REASONS ? reasons[reason].text : "";
}

const char *log_reason_word(enum log_reason reason)
{
    return (unsigned)reason < LOG_REASONS ? reasons[reason].word : "";
}

static int refuse(const struct log_reader *reader, enum log_reason reason, uint64_t offset,
                  struct log_problem *problem)
{
    *problem = (struct log_problem){.reason = reason, .offset = offset, .event = reader->events};
    return -EBADMSG;
}

/* An event of TPM 1.2's form at `at`; its end, or 0: it is not whole. */
static uint64_t old_event(const struct log_reader *reader, uint64_t at, struct log_entry *entry)
{
    const uint8_t *event;
    uint32_t size;

    if (reader->size - at < OLD_SIZE) /* of an empty log `bytes` may be NULL */
        return 0;
    event = reader->bytes + at;
    size = bytes_get32(event + OLD_SIZE - 4);
    if (reader->size - at - OLD_SIZE < size)
        return 0;
    *entry = (struct log_entry){
        .offset = at,
        .pcr = bytes_get32(event),
        .type = bytes_get32(event + 4),
        .digests = 1,
        .digest = {{LOG_ALG_SHA1, SHA1_SIZE, event + 8}},
        .data = event + OLD_SIZE,
        .size = size,
    };
    return at + OLD_SIZE + size;
}

/* TCG_EfiSpecIDEvent (10.4.5.1): which digests each event has. */
static int read_spec(struct log_reader *reader, const struct log_entry *entry,
                     struct log_problem *problem)
{
    const uint64_t data = entry->offset + OLD_SIZE;
    uint32_t count, at = SPEC_FIXED;

    if (entry->size < SPEC_FIXED)
        return refuse(reader, LOG_HEADER, data, problem);
    count = bytes_get32(entry->data + SPEC_FIXED - 4);
    if (count < 1 || count > LOG_ALGORITHMS_MAX)
        return refuse(reader, LOG_HEADER, data + SPEC_FIXED - 4, problem);
    if (entry->size < SPEC_FIXED + 4 * count + 1)
        return refuse(reader, LOG_HEADER, data + SPEC_FIXED, problem);
    for (uint32_t i = 0; i < count; i++, at += 4) {
        const uint16_t algorithm = bytes_get16(entry->data + at);
        const uint16_t size = bytes_get16(entry->data + at + 2);
        const unsigned known = log_algorithm_size(algorithm);

        if (size < 1 || size > LOG_DIGEST_MAX || (known != 0 && size != known))
            return refuse(reader, LOG_HEADER, data + at, problem);
        for (uint32_t k = 0; k < i; k++) {
            if (reader->algorithm[k] == algorithm)
                return refuse(reader, LOG_HEADER, data + at, problem);
        }
        reader->algorithm[i] = algorithm;
        reader->digest_size[i] = size;
    }
    if (entry->size - at - 1 != entry->data[at])
        return refuse(reader, LOG_HEADER, data + at, problem);
    reader->agile = true;
    reader->algorithms = count;
    return 0;
}

int log_open(struct log_reader *reader, const void *bytes, uint64_t size,
             struct log_problem *problem)
{
    struct log_reader opened = {
        .bytes = bytes,
        .size = size,
        .algorithms = 1,
        .algorithm = {LOG_ALG_SHA1},
        .digest_size = {SHA1_SIZE},
    };
    struct log_entry first;

    if (old_event(&opened, 0, &first) == 0)
        return refuse(&opened, LOG_TRUNCATED, 0, problem);
    if (log_type_name(first.type) == NULL ||
        (first.type != LOG_EV_NO_ACTION && first.pcr >= LOG_PCRS))
        return refuse(&opened, LOG_HEADER, 0, problem);
    if (first.type == LOG_EV_NO_ACTION && first.size >= sizeof(SPEC_MARK) &&
        memcmp(first.data, SPEC_MARK, sizeof(SPEC_MARK)) == 0) {
        int r = read_spec(&opened, &first, problem);

        if (r < 0)
            return r;
    }
    *reader = opened;
    return 0;
}

/* The declared size of an algorithm's digests; 0: it is not declared. */
static uint16_t declared_size(const struct log_reader *reader, uint16_t algorithm)
{
    for (uint32_t i = 0; i < reader->algorithms; i++) {
        if (reader->algorithm[i] == algorithm)
            return reader->digest_size[i];
    }
    return 0;
}

/* TCG_PCR_EVENT2 (10.2.2). */
static int agile_event(struct log_reader *reader, struct log_entry *entry,
                       struct log_problem *problem)
{
    const uint64_t start = reader->at;
    uint64_t at = start + 12;
    uint32_t count, size;

    if (reader->size - start < 12)
        return refuse(reader, LOG_TRUNCATED, start, problem);
    count = bytes_get32(reader->bytes + start + 8);
    if (count < 1 || count > LOG_ALGORITHMS_MAX)
        return refuse(reader, LOG_ALGORITHMS, start + 8, problem);
    *entry = (struct log_entry){
        .offset = start,
        .number = reader->events,
        .pcr = bytes_get32(reader->bytes + start),
        .type = bytes_get32(reader->bytes + start + 4),
        .digests = count,
    };
    for (uint32_t i = 0; i < count; i++) {
        struct log_digest *digest = &entry->digest[i];

        if (reader->size - at < 2)
            return refuse(reader, LOG_TRUNCATED, start, problem);
        digest->algorithm = bytes_get16(reader->bytes + at);
        digest->size = declared_size(reader, digest->algorithm);
        if (digest->size == 0)
            return refuse(reader, LOG_ALGORITHMS, at, problem);
        for (uint32_t k = 0; k < i; k++) {
            if (entry->digest[k].algorithm == digest->algorithm)
                return refuse(reader, LOG_ALGORITHMS, at, problem);
        }
        at += 2;
        if (reader->size - at < digest->size)
            return refuse(reader, LOG_TRUNCATED, start, problem);
        digest->value = reader->bytes + at;
        at += digest->size;
    }
    if (reader->size - at < 4)
        return refuse(reader, LOG_TRUNCATED, start, problem);
    size = bytes_get32(reader->bytes + at);
    at += 4;
    if (reader->size - at < size)
        return refuse(reader, LOG_TRUNCATED, start, problem);
    entry->data = reader->bytes + at;
    entry->size = size;
    reader->at = at + size;
    return 1;
}

/*
 * Whether a firmware's buffer is empty from here on: its filling. An event never begins like that,
 * so a log is scanned for it at most once.
 */
static bool filling(const struct log_reader *reader, bool *begins)
{
    const uint8_t *at = reader->bytes + reader->at;
    const uint64_t rest = reader->size - reader->at;
    const uint8_t value = at[0];

    *begins = false;
    if (value != 0 && value != 0xff)
        return false;
    for (uint64_t i = 0; i < rest; i++) {
        if (at[i] != value)
            return false;
        *begins = i + 1 >= FILL_PROBED;
    }
    return true;
}

int log_next(struct log_reader *reader, struct log_entry *entry, struct log_problem *problem)
{
    bool begins;
    int r = 1;

    if (reader->at == reader->size || (reader->events > 0 && filling(reader, &begins)))
        return 0;
    if (reader->events > 0 && begins)
        return refuse(reader, LOG_TRAILING, reader->at, problem);
    if (reader->agile && reader->events > 0) {
        r = agile_event(reader, entry, problem);
    } else {
        const uint64_t end = old_event(reader, reader->at, entry);

        if (end == 0)
            return refuse(reader, LOG_TRUNCATED, reader->at, problem);
        entry->number = reader->events;
        if (reader->agile)
            entry->digests = 0; /* of the header: no digest of anything */
        reader->at = end;
    }
    if (r > 0)
        reader->events++;
    return r;
}

const struct log_digest *log_entry_digest(const struct log_entry *entry, uint16_t algorithm)
{
    for (uint32_t i = 0; i < entry->digests; i++) {
        if (entry->digest[i].algorithm == algorithm)
            return &entry->digest[i];
    }
    return NULL;
}
