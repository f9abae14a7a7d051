/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust: arbitrary bytes as an event log. Properties: what the strict grammar accepts is what we
 * write, byte for byte, and the lenient reader takes it apart as well; whatever the lenient reader
 * takes can be shown and replayed; a refusal has a reason and a place within the log.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "attest/log/describe.h"
#include "attest/log/grammar.h"
#include "attest/log/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void refused(const struct log_problem *problem, size_t size)
{
    if (problem->reason <= LOG_WHOLE || problem->reason >= LOG_REASONS || problem->offset > size)
        abort();
}

static void show(const uint8_t *data, size_t size)
{
    struct log_problem problem;
    struct log_reader reader;
    struct log_entry entry;
    struct log_pcrs pcrs;
    struct buf text;
    int r = log_open(&reader, data, size, &problem);

    buf_init(&text, 1u << 20);
    while (r == 0) {
        r = log_next(&reader, &entry, &problem);
        if (r <= 0)
            break;
        text.size = 0;
        log_describe(&entry, &text);
        for (size_t i = 0; i < text.size; i++) {
            if (text.data[i] < 0x20 || text.data[i] > 0x7e)
                abort();
        }
        r = 0;
    }
    buf_release(&text);
    if (r < 0)
        refused(&problem, size);
    (void)log_replay(data, size, LOG_ALG_SHA384, &pcrs, &problem);
}

/* What was accepted is written again. */
static void same(const struct measure_guest *guest, const uint8_t *data, size_t size)
{
    struct measured measured;

    if (measure_guest(guest, &measured) < 0 || measured.log.size != size ||
        memcmp(measured.log.data, data, size) != 0)
        abort();
    measured_release(&measured);
}

static int collect(void *context, const struct measure_event *event)
{
    struct measure_extend extend;

    return measure_event(event, context, &extend);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct measure_guest guest;
    struct log_problem problem;
    struct buf ledger;

    show(data, size);
    if (log_check_boot(data, size, &guest, &problem) == 0)
        same(&guest, data, size);
    else
        refused(&problem, size);
    if (log_check_predicted(data, size, &guest, &problem) == 0)
        same(&guest, data, size);
    else
        refused(&problem, size);
    buf_init(&ledger, MEASURE_LEDGER_MAX);
    if (log_check_ledger(data, size, collect, &ledger, &problem) < 0)
        refused(&problem, size);
    else if (ledger.size != size || (size > 0 && memcmp(ledger.data, data, size) != 0))
        abort();
    buf_release(&ledger);
    return 0;
}
