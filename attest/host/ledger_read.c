/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger's file, read whole. It has exactly one form, that of the writer: so the reader knows
 * where each field of an event is, and compares what must be constant.
 */
#include <errno.h>
#include <string.h>

#include "attest/digest.h"
#include "attest/host/ledger.h"
#include "attest/log/event.h"
#include "base/bytes.h"

/* TCG_PCR_EVENT2 with our two banks: pcr, type, count, then algorithm and digest twice, size. */
#define AT_TYPE    4u
#define AT_COUNT   8u
#define AT_SHA256  14u
#define AT_SHA384  48u
#define AT_SIZE    96u
#define EVENT_SIZE 100u

struct event {
    uint32_t pcr, type, size;
    const uint8_t *sha256, *sha384, *data;
};

/* 1: an event; 0: what is left is less than one; -EBADMSG. */
static int next_event(const uint8_t *bytes, size_t size, struct event *event)
{
    if (size < EVENT_SIZE)
        return 0;
    if (bytes_get32(bytes + AT_COUNT) != 2 ||
        bytes_get16(bytes + AT_SHA256 - 2) != LOG_ALG_SHA256 ||
        bytes_get16(bytes + AT_SHA384 - 2) != LOG_ALG_SHA384)
        return -EBADMSG;
    *event = (struct event){.pcr = bytes_get32(bytes),
                            .type = bytes_get32(bytes + AT_TYPE),
                            .size = bytes_get32(bytes + AT_SIZE),
                            .sha256 = bytes + AT_SHA256,
                            .sha384 = bytes + AT_SHA384,
                            .data = bytes + EVENT_SIZE};
    if (event->size == 0 || event->size > LEDGER_BATCH_MAX)
        return -EBADMSG;
    return event->size <= size - EVENT_SIZE;
}

static int extend(uint8_t pcr[32], const uint8_t digest[32])
{
    struct digest pass;
    int r = digest_begin(&pass);

    if (r == 0)
        r = digest_add(&pass, pcr, 32);
    if (r == 0)
        r = digest_add(&pass, digest, 32);
    return r == 0 ? digest_end(&pass, pcr) : r;
}

static int take_mark(struct ledger_state *state, const struct event *event, uint64_t at)
{
    static const uint8_t none[DIGEST_SHA384_SIZE];
    struct ledger_mark mark;

    if (memcmp(event->sha256, none, DIGEST_SIZE) != 0 ||
        memcmp(event->sha384, none, DIGEST_SHA384_SIZE) != 0 ||
        ledger_mark_read((const char *)event->data, event->size, &mark) < 0)
        return -EBADMSG;
    *state = (struct ledger_state){.mark = mark, .marked = true, .segment = at};
    memcpy(state->head, mark.pcr, sizeof(state->head));
    memcpy(state->before, mark.pcr, sizeof(state->before));
    return 0;
}

static int take_lines(struct ledger_state *state, const struct event *event)
{
    for (size_t at = 0; at < event->size;) {
        struct ledger_line line;
        size_t used;
        int r = ledger_line_read((const char *)event->data + at, event->size - at, &line, &used);

        if (r < 0)
            return r;
        if (line.generations) {
            state->generations = true;
            state->counter = line.counter;
            memcpy(state->root, line.root, sizeof(state->root));
        }
        at += used;
    }
    return 0;
}

static int take_event(struct ledger_state *state, const struct event *event, uint64_t at)
{
    struct digests digests;
    int r;

    if (!state->marked)
        return -EBADMSG;
    r = digests_of(event->data, event->size, &digests);
    if (r == 0 && (memcmp(digests.sha256, event->sha256, DIGEST_SIZE) != 0 ||
                   memcmp(digests.sha384, event->sha384, DIGEST_SHA384_SIZE) != 0))
        r = -EBADMSG;
    if (r == 0)
        r = take_lines(state, event);
    if (r < 0)
        return r;
    memcpy(state->before, state->head, sizeof(state->before));
    memcpy(state->last_sha256, digests.sha256, DIGEST_SIZE);
    memcpy(state->last_sha384, digests.sha384, DIGEST_SHA384_SIZE);
    state->last = at;
    state->events++;
    return extend(state->head, digests.sha256);
}

int ledger_read_event(const void *bytes, size_t size, uint32_t pcr, uint64_t at,
                      struct ledger_state *state)
{
    struct ledger_state s = *state;
    struct event event;
    int r = next_event(bytes, size, &event);

    if (r <= 0)
        return r;
    if (event.pcr != pcr)
        return -EBADMSG;
    if (event.type == LOG_EV_NO_ACTION)
        r = take_mark(&s, &event, at);
    else if (event.type == LOG_EV_ACTION)
        r = take_event(&s, &event, at);
    else
        r = -EBADMSG;
    if (r < 0)
        return r;
    s.end = at + EVENT_SIZE + event.size;
    *state = s;
    return 1;
}

int ledger_read(const void *bytes, size_t size, uint32_t pcr, struct ledger_state *state)
{
    struct ledger_state s = {0};
    struct buf header;
    int r;

    buf_init(&header, 4096);
    log_begin(&header);
    r = buf_status(&header);
    if (r == 0 && (size < header.size || memcmp(bytes, header.data, header.size) != 0))
        r = -EBADMSG;
    s.end = header.size;
    buf_release(&header);
    if (r < 0)
        return r;
    do
        r = ledger_read_event((const uint8_t *)bytes + s.end, size - s.end, pcr, s.end, &s);
    while (r == 1);
    if (r == 0)
        *state = s;
    return r;
}
