/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/log/grammar.h"

#include <errno.h>
#include <string.h>

#include "attest/log/grammar_event.h"
#include "attest/log/measure_text.h"

/* An event whose data are a fixed word, and whose digest is the log's word. */
static int take_named(struct grammar *g, uint32_t pcr, uint32_t type, const char *name,
                      struct digests *digests)
{
    int r = grammar_take(g, pcr, type);

    if (r < 0)
        return r;
    if (g->entry.size != strlen(name) || memcmp(g->entry.data, name, g->entry.size) != 0)
        return grammar_refuse(g, LOG_TEXT);
    grammar_digests(g, digests);
    return 0;
}

/* An event whose digest is that of its data. */
static int take_data(struct grammar *g, uint32_t pcr, uint32_t type)
{
    int r = grammar_take(g, pcr, type);

    return r < 0 ? r : grammar_digest(g);
}

static int take_program(struct grammar *g, struct measure_guest *guest, enum process_kind *kind,
                        struct buf *text)
{
    struct measure_program program;
    size_t at = 0;
    int r = take_data(g, 0, LOG_EV_NONHOST_CODE);

    if (r < 0)
        return r;
    if (measure_get_program(g->entry.data, g->entry.size, kind, &program, &at) < 0)
        return grammar_refuse_data(g, LOG_TEXT, at);
    text->size = 0;
    measure_put_program(text, *kind, &program);
    r = grammar_same(g, text);
    if (r == 0)
        guest->program[*kind] = program;
    return r;
}

/* In the order of the enum, the VMM first. */
static int take_programs(struct grammar *g, struct measure_guest *guest, struct buf *text)
{
    enum process_kind last = PROCESS_VMM, kind = PROCESS_VMM;
    int r = take_program(g, guest, &kind, text);

    if (r == 0 && kind != PROCESS_VMM)
        r = grammar_refuse(g, LOG_ORDER);
    while (r == 0 && grammar_is_next(g, 0, LOG_EV_NONHOST_CODE)) {
        r = take_program(g, guest, &kind, text);
        if (r == 0 && kind == last)
            r = grammar_refuse_data(g, LOG_DUPLICATE, 0);
        if (r == 0 && kind < last)
            r = grammar_refuse(g, LOG_ORDER);
        last = kind;
    }
    return r;
}

static int take_config(struct grammar *g, struct measure_guest *guest, struct buf *text)
{
    size_t at = 0;
    int r = take_data(g, 1, LOG_EV_PLATFORM_CONFIG_FLAGS);

    if (r < 0)
        return r;
    if (measure_get_config(g->entry.data, g->entry.size, &guest->config, &at) < 0)
        return grammar_refuse_data(g, LOG_TEXT, at);
    text->size = 0;
    measure_put_config(text, &guest->config);
    r = grammar_same(g, text);
    if (r == 0 && !measure_config_valid(&guest->config))
        r = grammar_refuse(g, LOG_TEXT);
    if (r == 0 && !measure_kinds_fit(guest))
        r = grammar_refuse(g, LOG_DIFFERS);
    return r;
}

static int take_cmdline(struct grammar *g, struct measure_guest *guest)
{
    int r = take_data(g, 8, LOG_EV_IPL);

    if (r < 0)
        return r;
    if (g->entry.size >= MEASURE_CMDLINE_MAX || memchr(g->entry.data, '\0', g->entry.size) != NULL)
        return grammar_refuse(g, LOG_TEXT);
    memcpy(guest->cmdline, g->entry.data, g->entry.size);
    guest->cmdline[g->entry.size] = '\0';
    return 0;
}

static int take_separators(struct grammar *g)
{
    static const uint8_t separator[4];
    int r = 0;

    for (uint32_t pcr = 0; r == 0 && pcr < 8; pcr++) {
        r = grammar_take(g, pcr, LOG_EV_SEPARATOR);
        /* Other data mean a failed start (PFP 1.06, 10.4.1, EV_SEPARATOR). */
        if (r == 0 && (g->entry.size != sizeof(separator) ||
                       memcmp(g->entry.data, separator, sizeof(separator)) != 0))
            r = grammar_refuse(g, LOG_TEXT);
        if (r == 0)
            r = grammar_digest(g);
    }
    return r;
}

static int take_start(struct grammar *g, struct measure_guest *guest, struct buf *text)
{
    size_t at = 0;
    int r = take_data(g, MEASURE_PCR_START, LOG_EV_ACTION);

    if (r < 0)
        return r;
    if (measure_get_start(g->entry.data, g->entry.size, &guest->start, &at) < 0)
        return grammar_refuse_data(g, LOG_TEXT, at);
    text->size = 0;
    measure_put_start(text, &guest->start);
    r = grammar_same(g, text);
    if (r == 0 && !measure_start_valid(&guest->start))
        r = grammar_refuse(g, LOG_TEXT);
    return r;
}

static int take_process(struct grammar *g, struct measure_guest *guest, enum process_kind kind,
                        uint32_t index, struct buf *text)
{
    struct measure_process *process = &guest->start.process[guest->start.processes];
    struct measure_program program;
    size_t at = 0;
    int r = take_data(g, MEASURE_PCR_START, LOG_EV_ACTION);

    if (r < 0)
        return r;
    if (measure_get_process(g->entry.data, g->entry.size, process, &program, &at) < 0)
        return grammar_refuse_data(g, LOG_TEXT, at);
    text->size = 0;
    measure_put_process(text, process, &program);
    r = grammar_same(g, text);
    if (r < 0)
        return r;
    if (process->kind != kind || process->index != index)
        return grammar_refuse(g, LOG_ORDER);
    if (!measure_process_valid(process, guest->start.selinux))
        return grammar_refuse(g, LOG_TEXT);
    /* What runs is what PCR 0 has: writing the event with that gives the same bytes. */
    text->size = 0;
    measure_put_process(text, process, &guest->program[kind]);
    if (buf_status(text) == 0 && grammar_same(g, text) < 0)
        return grammar_refuse(g, LOG_DIFFERS);
    guest->start.processes++;
    return buf_status(text);
}

static int take_processes(struct grammar *g, struct measure_guest *guest, struct buf *text)
{
    enum process_kind kind;
    uint32_t index;
    int r = 0;

    while (r == 0 && measure_process_at(guest, guest->start.processes, &kind, &index)) {
        if (guest->start.processes == MEASURE_PROCESSES_MAX)
            return grammar_refuse(g, LOG_DIFFERS);
        r = take_process(g, guest, kind, index, text);
    }
    return r;
}

static int take_boot(struct grammar *g, struct measure_guest *guest, bool started, struct buf *text)
{
    int r = take_programs(g, guest, text);

    if (r == 0)
        r = take_config(g, guest, text);
    if (r == 0)
        r = take_named(g, 1, LOG_EV_PLATFORM_CONFIG_FLAGS, MEASURE_ACPI_DATA, &guest->acpi);
    if (r == 0)
        r = take_named(g, 4, LOG_EV_IPL, MEASURE_KERNEL_DATA, &guest->kernel);
    if (r == 0)
        r = take_cmdline(g, guest);
    guest->has_initrd = r == 0 && grammar_is_next(g, 9, LOG_EV_IPL);
    if (guest->has_initrd)
        r = take_named(g, 9, LOG_EV_IPL, MEASURE_INITRD_DATA, &guest->initrd);
    if (r == 0)
        r = take_separators(g);
    guest->started = started;
    if (r == 0 && started)
        r = take_start(g, guest, text);
    if (r == 0 && started)
        r = take_processes(g, guest, text);
    return r == 0 ? grammar_end(g) : r;
}

static int check(const void *bytes, uint64_t size, bool started, struct measure_guest *guest,
                 struct log_problem *problem)
{
    struct grammar g;
    struct buf text;
    int r;

    *guest = (struct measure_guest){0};
    buf_init(&text, MEASURE_TEXT_MAX);
    r = grammar_open(&g, bytes, size, LOG_SIZE_MAX, problem);
    if (r == 0)
        r = take_boot(&g, guest, started, &text);
    grammar_close(&g);
    buf_release(&text);
    return r;
}

int log_check_boot(const void *bytes, uint64_t size, struct measure_guest *guest,
                   struct log_problem *problem)
{
    return check(bytes, size, true, guest, problem);
}

int log_check_predicted(const void *bytes, uint64_t size, struct measure_guest *guest,
                        struct log_problem *problem)
{
    return check(bytes, size, false, guest, problem);
}
