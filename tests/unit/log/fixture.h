/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_UNIT_LOG_FIXTURE_H
#define CASEMATE_TESTS_UNIT_LOG_FIXTURE_H

/* A guest with two disks, a net and a random source, and logs that are put together by hand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/log/grammar.h"
#include "attest/log/measure_text.h"
#include "base/bytes.h"
#include "policy/guest.h"

#define FIXTURE_HEADER 69u /* bytes of our header */

/* Digests that differ for every `what`. */
static inline struct digests fixture_digests(uint8_t what)
{
    struct digests digests;

    assert_int_equal(digests_of(&what, 1, &digests), 0);
    return digests;
}

static inline void fixture_program(struct measure_guest *guest, enum process_kind kind)
{
    struct measure_program *program = &guest->program[kind];

    program->used = true;
    program->file = fixture_digests((uint8_t)(16 + kind));
    program->filters = kind == PROCESS_VMM ? 2 : 1;
    program->filter[0] = fixture_digests((uint8_t)(32 + kind));
    if (kind == PROCESS_VMM)
        program->filter[1] = fixture_digests((uint8_t)(48 + kind));
}

/* To be freed. */
static inline struct measure_guest *fixture_guest(void)
{
    struct measure_guest *guest = calloc(1, sizeof(*guest));
    enum process_kind kind;
    uint32_t index;

    assert_non_null(guest);
    for (unsigned i = 0; i < PROCESS_KINDS; i++)
        fixture_program(guest, (enum process_kind)i);
    guest->config = (struct measure_config){
        .vcpus = 2,
        .memory = 2ULL << 30,
        .cpu = GUEST_CPU_V3,
        .irqchip = GUEST_IRQCHIP_SPLIT,
        .devices = 4,
        .device = {{.kind = PROCESS_BLK, .queues = 4},
                   {.kind = PROCESS_BLK, .queues = 1, .readonly = true},
                   {.kind = PROCESS_NET, .queues = 2, .mac = {2, 0x10, 0x20, 0x30, 0x40, 0x50}},
                   {.kind = PROCESS_RNG, .queues = 1}},
    };
    guest->acpi = fixture_digests(1);
    guest->kernel = fixture_digests(2);
    guest->has_initrd = true;
    guest->initrd = fixture_digests(3);
    strcpy(guest->cmdline, "console=ttyS0 root=/dev/vda1");
    guest->started = true;
    guest->start = (struct measure_start){
        .tenant = "acme",
        .name = "web",
        .uuid = {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0x4d, 0xef, 0x80, 1, 2, 3, 4, 5, 6, 7},
        .generation = 7,
        .resets = 1,
        .selinux = true,
        .policy = {true, {0xaa}},
        .host = {true, {0xbb}},
        .previous = {true, {0xcc}},
    };
    while (measure_process_at(guest, guest->start.processes, &kind, &index)) {
        struct measure_process *process = &guest->start.process[guest->start.processes];

        *process = (struct measure_process){
            .kind = kind, .index = index, .uid = 200000 + guest->start.processes};
        (void)snprintf(process->context, sizeof(process->context),
                       "system_u:system_r:casemate_tenant_0001_%s_t:s0:c12,c345",
                       process_kind_name(kind));
        guest->start.processes++;
    }
    return guest;
}

/* Its log; to be released. */
static inline void fixture_log(struct measured *measured)
{
    struct measure_guest *guest = fixture_guest();

    assert_int_equal(measure_guest(guest, measured), 0);
    free(guest);
}

/* Start and size of event `number` of a log that is sound. */
static inline void fixture_event(const struct buf *log, uint32_t number, size_t *start,
                                 size_t *size)
{
    struct log_reader reader;
    struct log_entry entry = {0};
    struct log_problem problem;

    assert_int_equal(log_open(&reader, log->data, log->size, &problem), 0);
    do
        assert_int_equal(log_next(&reader, &entry, &problem), 1);
    while (entry.number < number);
    *start = entry.offset;
    *size = reader.at - entry.offset;
}

/* Number of the first event of that PCR and type from number `from` on; 0: there is none. */
static inline uint32_t fixture_find(const struct buf *log, uint32_t pcr, uint32_t type,
                                    uint32_t from)
{
    struct log_reader reader;
    struct log_entry entry;
    struct log_problem problem;

    assert_int_equal(log_open(&reader, log->data, log->size, &problem), 0);
    while (log_next(&reader, &entry, &problem) > 0) {
        if (entry.number >= from && entry.pcr == pcr && entry.type == type && entry.number > 0)
            return entry.number;
    }
    return 0;
}

#endif
