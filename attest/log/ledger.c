/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger: what happens to a guest after its start, both written and read. */
#include <errno.h>
#include <string.h>

#include "attest/log/grammar.h"
#include "attest/log/grammar_event.h"
#include "attest/log/measure_text.h"

const char *measure_happening_word(enum measure_happening what)
{
    static const char *const words[MEASURE_HAPPENINGS] = {
        [MEASURE_PAUSE] = "pause",           [MEASURE_RESUME] = "resume",
        [MEASURE_QUARANTINE] = "quarantine", [MEASURE_BUTTON] = "button",
        [MEASURE_RESET] = "reset",           [MEASURE_PERMISSIVE] = "permissive",
        [MEASURE_RELOAD] = "reload",
    };

    return (unsigned)what < MEASURE_HAPPENINGS ? words[what] : NULL;
}

/* The event's text into `text`, which is empty. */
static int format(const struct measure_event *event, struct buf *text)
{
    if (measure_happening_word(event->what) == NULL || event->sequence == 0)
        return -EINVAL;
    measure_put_event(text, event);
    return buf_status(text);
}

int measure_event(const struct measure_event *event, struct buf *ledger,
                  struct measure_extend *extend)
{
    const size_t before = ledger->size;
    struct log_event written = {.pcr = MEASURE_PCR_LEDGER, .type = LOG_EV_ACTION};
    struct buf text;
    int r;

    buf_init(&text, MEASURE_TEXT_MAX);
    r = format(event, &text);
    if (r == 0)
        r = digests_of(text.data, text.size, &written.digests);
    if (r == 0) {
        if (ledger->size == 0)
            log_begin(ledger);
        written.data = text.data;
        written.size = (uint32_t)text.size;
        log_append(ledger, &written);
        r = buf_status(ledger);
    }
    if (r < 0) {
        /* Half an event would spoil the log for all that come later. */
        ledger->size = before;
        ledger->status = 0;
    } else {
        *extend = (struct measure_extend){MEASURE_PCR_LEDGER, written.digests};
    }
    buf_release(&text);
    return r;
}

static int check_event(struct grammar *g, struct measure_event *last)
{
    struct measure_event event;
    struct buf text;
    size_t at = 0;
    int r = grammar_take(g, MEASURE_PCR_LEDGER, LOG_EV_ACTION);

    if (r == 0)
        r = grammar_digest(g);
    if (r < 0)
        return r;
    if (measure_get_event(g->entry.data, g->entry.size, &event, &at) < 0)
        return grammar_refuse_data(g, LOG_TEXT, at);
    buf_init(&text, MEASURE_TEXT_MAX);
    r = format(&event, &text);
    r = r == -EINVAL ? grammar_refuse_data(g, LOG_TEXT, 0) : r < 0 ? r : grammar_same(g, &text);
    buf_release(&text);
    if (r < 0)
        return r;
    if (event.sequence == last->sequence)
        return grammar_refuse(g, LOG_DUPLICATE);
    if (event.sequence != last->sequence + 1)
        return grammar_refuse(g, LOG_ORDER);
    if (event.time < last->time)
        return grammar_refuse(g, LOG_DIFFERS);
    *last = event;
    return 0;
}

int log_check_ledger(const void *bytes, uint64_t size,
                     int (*visit)(void *context, const struct measure_event *event), void *context,
                     struct log_problem *problem)
{
    struct measure_event event = {0};
    struct grammar g;
    int r;

    if (size == 0)
        return 0;
    r = grammar_open(&g, bytes, size, MEASURE_LEDGER_MAX, problem);
    /* It is begun with its first event. */
    do {
        if (r == 0)
            r = check_event(&g, &event);
        if (r == 0 && visit != NULL)
            r = visit(context, &event);
    } while (r == 0 && !grammar_at_end(&g));
    grammar_close(&g);
    return r;
}
