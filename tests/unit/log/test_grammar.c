/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strict grammar: what we emit is accepted, and of everything else it is said what is wrong and
 * where. Hostile logs are made of a sound one by cutting and pasting whole events, whose digests
 * are then made right again, so that nothing but the grammar can refuse them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/log/fixture.h"

/* Offsets in an event, and where its data begin. */
enum {
    AT_PCR = 0,
    AT_TYPE = 4,
    AT_COUNT = 8,
    AT_SHA256 = 14,
    AT_SHA384 = 48,
    AT_SIZE = 96,
    AT_DATA = 100
};

static int check(const struct buf *log, struct log_problem *problem)
{
    struct measure_guest *guest = malloc(sizeof(*guest));
    int r;

    assert_non_null(guest);
    *problem = (struct log_problem){0};
    /* Its own allocation, so that a sanitizer sees a byte too many. */
    void *copy = malloc(log->size > 0 ? log->size : 1);
    assert_non_null(copy);
    memcpy(copy, log->data, log->size);
    r = log_check_boot(copy, log->size, guest, problem);
    free(copy);
    free(guest);
    return r;
}

static void refused_at(const char *file, int line, const struct buf *log, enum log_reason reason,
                       uint32_t event)
{
    struct log_problem problem;
    int r = check(log, &problem);

    if (r != -EBADMSG || problem.reason != reason || problem.event != event)
        fail_msg("%s:%d: %d, %s at event %u, byte %llu; expected %s at event %u", file, line, r,
                 log_reason_word(problem.reason), problem.event, (unsigned long long)problem.offset,
                 log_reason_word(reason), event);
}
#define REFUSED(log, reason, event) refused_at(__FILE__, __LINE__, log, reason, event)

/* A copy of the log's bytes from `start` on, put in at `at`. */
static void insert(struct buf *log, size_t at, size_t start, size_t size)
{
    uint8_t *part = malloc(size + 1);

    assert_non_null(part);
    memcpy(part, log->data + start, size);
    buf_append(log, part, size);
    assert_int_equal(buf_status(log), 0);
    memmove(log->data + at + size, log->data + at, log->size - size - at);
    memcpy(log->data + at, part, size);
    free(part);
}

static void cut(struct buf *log, size_t start, size_t size)
{
    memmove(log->data + start, log->data + start + size, log->size - start - size);
    log->size -= size;
}

/* Make the digests of the event at `start` those of its data. */
static void rehash(struct buf *log, size_t start)
{
    const uint32_t size = bytes_get32(log->data + start + AT_SIZE);
    struct digests digests;

    assert_int_equal(digests_of(log->data + start + AT_DATA, size, &digests), 0);
    memcpy(log->data + start + AT_SHA256, digests.sha256, 32);
    memcpy(log->data + start + AT_SHA384, digests.sha384, 48);
}

/* Replace the first `from` in the data of event `number` by `to`, and hash again. */
static void edit(struct buf *log, uint32_t number, const char *from, const char *to)
{
    const size_t old = strlen(from), new = strlen(to);
    size_t start, size;
    uint8_t *found;

    fixture_event(log, number, &start, &size);
    found = memmem(log->data + start + AT_DATA, size - AT_DATA, from, old);
    assert_non_null(found);
    size = (size_t)(found - log->data);
    bytes_put32(log->data + start + AT_SIZE,
                bytes_get32(log->data + start + AT_SIZE) - (uint32_t)old + (uint32_t) new);
    cut(log, size, old);
    if (new > 0) {
        insert(log, size, 0, new); /* room */
        memcpy(log->data + size, to, new);
    }
    rehash(log, start);
}

static void ours_is_accepted(void **state)
{
    struct measure_guest *guest = fixture_guest(), *read = calloc(1, sizeof(*read));
    struct log_problem problem;
    struct measured measured;

    (void)state;
    assert_non_null(read);
    for (unsigned variant = 0; variant < 8; variant++) {
        guest->has_initrd = (variant & 1) == 0;
        if (!guest->has_initrd)
            guest->initrd = (struct digests){0};
        if ((variant & 2) != 0)
            memset(guest->cmdline, 0, sizeof(guest->cmdline));
        if ((variant & 4) != 0) {
            guest->start.selinux = false;
            for (uint32_t i = 0; i < guest->start.processes; i++)
                memset(guest->start.process[i].context, 0, MEASURE_CONTEXT_MAX);
        }
        assert_int_equal(measure_guest(guest, &measured), 0);
        assert_int_equal(log_check_boot(measured.log.data, measured.log.size, read, &problem), 0);
        assert_memory_equal(guest, read, sizeof(*guest));
        measured_release(&measured);
    }
    free(read);
    free(guest);
}

static void prediction(void **state)
{
    struct measure_guest *guest = fixture_guest();
    struct log_problem problem;
    struct measured measured;

    (void)state;
    assert_int_equal(measure_guest(guest, &measured), 0);
    assert_int_equal(log_check_predicted(measured.log.data, measured.log.size, guest, &problem),
                     -EBADMSG);
    assert_int_equal(problem.reason, LOG_TRAILING);
    measured_release(&measured);
    guest->started = false;
    assert_int_equal(measure_guest(guest, &measured), 0);
    assert_int_equal(log_check_predicted(measured.log.data, measured.log.size, guest, &problem), 0);
    REFUSED(&measured.log, LOG_MISSING, measured.extends + 1);
    measured_release(&measured);
    free(guest);
}

/* Every prefix is refused: between two events as missing, else as truncated. */
static void truncated(void **state)
{
    struct log_problem problem;
    struct measured measured;
    struct buf part;
    uint32_t event = 1;
    size_t start, size, total;

    (void)state;
    fixture_log(&measured);
    total = measured.log.size;
    fixture_event(&measured.log, 1, &start, &size);
    for (size_t at = 0; at < total; at++) {
        part = measured.log;
        part.size = at;
        while (at >= start + size) {
            event++;
            fixture_event(&measured.log, event, &start, &size);
        }
        assert_int_equal(check(&part, &problem), -EBADMSG);
        assert_int_equal(problem.reason, at == start ? LOG_MISSING : LOG_TRUNCATED);
        assert_int_equal(problem.event, at < FIXTURE_HEADER ? 0 : event);
    }
    measured_release(&measured);
}

/*
 * No byte can change without a refusal, but in digests that the log alone vouches for. Each of them
 * under CASEMATE_SOAK=1, else a sample that is another for each event.
 */
static void every_byte_counts(void **state)
{
    const bool all = getenv("CASEMATE_SOAK") != NULL;
    struct log_problem problem;
    struct measured measured;
    struct log_reader reader;
    struct log_entry entry;
    unsigned accepted = 0;

    (void)state;
    fixture_log(&measured);
    assert_int_equal(log_open(&reader, measured.log.data, measured.log.size, &problem), 0);
    while (log_next(&reader, &entry, &problem) > 0) {
        for (uint64_t at = entry.offset; at < reader.at; at += all ? 1 : 7) {
            const uint64_t within = at - entry.offset;
            int r;

            measured.log.data[at] ^= 0x41;
            r = check(&measured.log, &problem);
            measured.log.data[at] ^= 0x41;
            if (r == 0) {
                accepted++;
                assert_true(entry.number > 0 && within >= AT_SHA256 && within < AT_SIZE);
                assert_true(entry.pcr == 1 || entry.pcr == 4 || entry.pcr == 9);
                assert_int_not_equal(bytes_get32(entry.data), 0);
            }
        }
    }
    /* ACPI tables, kernel, initrd */
    assert_in_range(accepted, all ? 3 * (32 + 48) : 30, 3 * (32 + 48));
    measured_release(&measured);
}

/* Each event by itself: taken out, doubled on the spot, doubled at the end, swapped with the next.
 */
static void events_are_moved(void **state)
{
    struct log_problem problem;
    struct measured sound;
    uint32_t events;

    (void)state;
    fixture_log(&sound);
    events = sound.extends + 1;
    for (uint32_t i = 1; i < events; i++) {
        struct measured m;
        size_t start, size, next, next_size;
        bool initrd = false;

        fixture_event(&sound.log, i, &start, &size);
        initrd = bytes_get32(sound.log.data + start) == 9;

        fixture_log(&m);
        cut(&m.log, start, size);
        /* An initrd may be absent. */
        assert_int_equal(check(&m.log, &problem), initrd ? 0 : -EBADMSG);
        measured_release(&m);

        fixture_log(&m);
        insert(&m.log, start + size, start, size);
        REFUSED(&m.log, i == events - 1 ? LOG_TRAILING : LOG_DUPLICATE, i + 1);
        measured_release(&m);

        fixture_log(&m);
        insert(&m.log, m.log.size, start, size);
        REFUSED(&m.log, LOG_TRAILING, events);
        measured_release(&m);

        if (i + 1 == events)
            continue;
        fixture_event(&sound.log, i + 1, &next, &next_size);
        fixture_log(&m);
        insert(&m.log, start, next, next_size);
        cut(&m.log, next + next_size, next_size);
        assert_int_equal(check(&m.log, &problem), -EBADMSG);
        assert_in_range(problem.reason, LOG_TYPE, LOG_DIFFERS);
        assert_in_range(problem.event, i, i + 1);
        measured_release(&m);
    }
    measured_release(&sound);
}

static void header(void **state)
{
    struct measured m;

    (void)state;
    fixture_log(&m);
    m.log.data[FIXTURE_HEADER - 1] = 1; /* a vendor's byte that is not there */
    REFUSED(&m.log, LOG_HEADER, 0);
    measured_release(&m);
    fixture_log(&m);
    bytes_put16(m.log.data + 60, LOG_ALG_SHA384); /* banks in another order */
    REFUSED(&m.log, LOG_HEADER, 0);
    measured_release(&m);
    fixture_log(&m);
    insert(&m.log, 0, 0, FIXTURE_HEADER); /* a second one */
    REFUSED(&m.log, LOG_ALGORITHMS, 1);
    measured_release(&m);
    fixture_log(&m);
    cut(&m.log, 0, FIXTURE_HEADER);
    REFUSED(&m.log, LOG_HEADER, 0);
    measured_release(&m);
}

static void retyped(void **state)
{
    struct measured m;
    size_t start, size;
    uint32_t kernel, program;

    (void)state;
    fixture_log(&m);
    kernel = fixture_find(&m.log, 4, LOG_EV_IPL, 1);
    fixture_event(&m.log, kernel, &start, &size);
    bytes_put32(m.log.data + start + AT_TYPE, LOG_EV_NO_ACTION); /* would not be replayed */
    REFUSED(&m.log, LOG_TYPE, kernel);
    bytes_put32(m.log.data + start + AT_TYPE, 0x80000003);
    REFUSED(&m.log, LOG_TYPE, kernel);
    bytes_put32(m.log.data + start + AT_TYPE, LOG_EV_IPL);
    bytes_put32(m.log.data + start + AT_PCR, 5);
    REFUSED(&m.log, LOG_PCR, kernel);
    bytes_put32(m.log.data + start + AT_PCR, 24);
    REFUSED(&m.log, LOG_PCR, kernel);
    bytes_put32(m.log.data + start + AT_PCR, 8);
    REFUSED(&m.log, LOG_ORDER, kernel);
    bytes_put32(m.log.data + start + AT_PCR, 16);
    bytes_put32(m.log.data + start + AT_TYPE, 0x11);
    REFUSED(&m.log, LOG_UNKNOWN, kernel);
    measured_release(&m);

    /* A program that is a separator by type. */
    fixture_log(&m);
    program = 2;
    fixture_event(&m.log, program, &start, &size);
    bytes_put32(m.log.data + start + AT_TYPE, LOG_EV_SEPARATOR);
    REFUSED(&m.log, LOG_ORDER, program);
    measured_release(&m);
}

/* Events that we do not write, in the middle, and such as no replay sees. */
static void added(void **state)
{
    static const uint32_t types[] = {LOG_EV_NO_ACTION, LOG_EV_ACTION, LOG_EV_NONHOST_CODE, 0x1234};
    struct measured sound;

    (void)state;
    fixture_log(&sound);
    for (uint32_t i = 1; i <= sound.extends; i++) {
        for (size_t type = 0; type < sizeof(types) / sizeof(types[0]); type++) {
            struct log_event event = {.pcr = 12, .type = types[type], .data = "x", .size = 1};
            struct log_problem problem;
            struct measured m;
            size_t start, size, end;

            assert_int_equal(digests_of("x", 1, &event.digests), 0);
            fixture_log(&m);
            fixture_event(&m.log, i, &start, &size);
            end = m.log.size;
            log_append(&m.log, &event);
            insert(&m.log, start, end, m.log.size - end);
            m.log.size -= AT_DATA + 1;
            assert_int_equal(check(&m.log, &problem), -EBADMSG);
            assert_in_range(problem.reason, LOG_PCR, LOG_UNKNOWN);
            assert_int_equal(problem.event, i);
            measured_release(&m);
        }
    }
    measured_release(&sound);
}

static void digests(void **state)
{
    struct measured m;
    size_t start, size;

    (void)state;
    fixture_log(&m);
    for (uint32_t i = 1; i <= m.extends; i++) {
        uint32_t pcr;

        fixture_event(&m.log, i, &start, &size);
        pcr = bytes_get32(m.log.data + start);
        if (pcr != 0 && pcr != 8 && pcr != MEASURE_PCR_START)
            continue;
        m.log.data[start + AT_SHA256 + 31] ^= 1;
        REFUSED(&m.log, LOG_DIGEST, i);
        m.log.data[start + AT_SHA256 + 31] ^= 1;
        m.log.data[start + AT_SHA384] ^= 0x80; /* one bank alone */
        REFUSED(&m.log, LOG_DIGEST, i);
        m.log.data[start + AT_SHA384] ^= 0x80;
    }
    fixture_event(&m.log, 1, &start, &size);
    bytes_put32(m.log.data + start + AT_COUNT, 1);
    REFUSED(&m.log, LOG_TRUNCATED, 1);
    bytes_put32(m.log.data + start + AT_COUNT, 0);
    REFUSED(&m.log, LOG_ALGORITHMS, 1);
    bytes_put32(m.log.data + start + AT_COUNT, 2);
    bytes_put16(m.log.data + start + AT_SHA256 - 2, LOG_ALG_SHA384); /* a bank twice */
    REFUSED(&m.log, LOG_ALGORITHMS, 1);
    measured_release(&m);
}

static void spelt_otherwise(void **state)
{
    static const struct {
        uint32_t pcr, type; /* the event, */
        uint32_t skip;      /* behind so many of them */
        const char *from, *to;
        enum log_reason reason;
    } cases[] = {
        {0, LOG_EV_NONHOST_CODE, 0, "kind vmm\n", "kind blk\n", LOG_ORDER},
        {0, LOG_EV_NONHOST_CODE, 0, "kind vmm\n", "kind VMM\n", LOG_TEXT},
        {0, LOG_EV_NONHOST_CODE, 0, "kind vmm\n", "kind  vmm\n", LOG_TEXT},
        {0, LOG_EV_NONHOST_CODE, 0, "kind vmm\n", "kind vmm\r\n", LOG_TEXT},
        {0, LOG_EV_NONHOST_CODE, 0, "kind vmm\n", "kind front\n", LOG_TEXT},
        {0, LOG_EV_NONHOST_CODE, 0, "kind vmm\n", "", LOG_TEXT},
        {0, LOG_EV_NONHOST_CODE, 0, "program ", "filter ", LOG_TEXT},
        {0, LOG_EV_NONHOST_CODE, 1, "kind blk\n", "kind vmm\n", LOG_DUPLICATE},
        {0, LOG_EV_NONHOST_CODE, 2, "kind net\n", "kind blk\n", LOG_DUPLICATE},
        {0, LOG_EV_NONHOST_CODE, 1, "kind blk\n", "kind net\n", LOG_DUPLICATE},
        {1, LOG_EV_PLATFORM_CONFIG_FLAGS, 0, "format 1", "format 2", LOG_TEXT},
        {1, LOG_EV_PLATFORM_CONFIG_FLAGS, 0, "vcpus 2", "vcpus 02", LOG_TEXT},
        {1, LOG_EV_PLATFORM_CONFIG_FLAGS, 0, "vcpus 2", "vcpus 0", LOG_TEXT},
        {1, LOG_EV_PLATFORM_CONFIG_FLAGS, 0, "vcpus 2", "vcpus 65", LOG_TEXT},
        {1, LOG_EV_PLATFORM_CONFIG_FLAGS, 0, "vcpus 2", "vcpus 4294967298", LOG_TEXT},
        {1, LOG_EV_PLATFORM_CONFIG_FLAGS, 0, "vcpus 2\n", "", LOG_TEXT},
        {1, LOG_EV_PLATFORM_CONFIG_FLAGS, 0, "vcpus 2\n", "vcpus 2\nvcpus 2\n", LOG_TEXT},
        {1, LOG_EV_PLATFORM_CONFIG_FLAGS, 0, "memory 2147483648", "memory 2147483649", LOG_TEXT},
        {1, LOG_EV_PLATFORM_CONFIG_FLAGS, 0, "memory 2147483648", "memory 36893488147419103232",
         LOG_TEXT},
        {1, LOG_EV_PLATFORM_CONFIG_FLAGS, 0, "cpu v3", "cpu v5", LOG_TEXT},
        {1, LOG_EV_PLATFORM_CONFIG_FLAGS, 0, "blk 4 writable", "blk 4", LOG_TEXT},
        {1, LOG_EV_PLATFORM_CONFIG_FLAGS, 0, "blk 4 writable", "blk 4 maybe", LOG_TEXT},
        {1, LOG_EV_PLATFORM_CONFIG_FLAGS, 0, "blk 4 writable", "blk 17 writable", LOG_TEXT},
        {1, LOG_EV_PLATFORM_CONFIG_FLAGS, 0, "net 2 0210", "net 2 02AB", LOG_TEXT},
        {1, LOG_EV_PLATFORM_CONFIG_FLAGS, 0, "net 2 0210", "net 2 0:10", LOG_TEXT},
        {1, LOG_EV_PLATFORM_CONFIG_FLAGS, 0, "device rng 1\n", "device vmm 1\n", LOG_TEXT},
        {1, LOG_EV_PLATFORM_CONFIG_FLAGS, 0, "device rng 1\n", "device rng 1 x\n", LOG_TEXT},
        {1, LOG_EV_PLATFORM_CONFIG_FLAGS, 0, "device rng 1\n", "device rng 1", LOG_TEXT},
        {1, LOG_EV_PLATFORM_CONFIG_FLAGS, 0, "device rng 1\n", "device rng 1\n\n", LOG_TEXT},
        {1, LOG_EV_PLATFORM_CONFIG_FLAGS, 0, "device rng 1\n", "device rng 1\ntpm\n", LOG_TEXT},
        {1, LOG_EV_PLATFORM_CONFIG_FLAGS, 0, "device rng 1\n", "", LOG_DIFFERS},
        {1, LOG_EV_PLATFORM_CONFIG_FLAGS, 1, "ACPI DATA", "ACPI DATE", LOG_TEXT},
        {4, LOG_EV_IPL, 0, "kernel", "kernel2", LOG_TEXT},
        {4, LOG_EV_IPL, 0, "kernel", "", LOG_TEXT},
        {9, LOG_EV_IPL, 0, "initrd", "INITRD", LOG_TEXT},
        {3, LOG_EV_SEPARATOR, 0, "", "\1", LOG_TEXT},
        {21, LOG_EV_ACTION, 0, "event start", "event begin", LOG_TEXT},
        {21, LOG_EV_ACTION, 0, "format 1", "format 0", LOG_TEXT},
        {21, LOG_EV_ACTION, 0, "tenant acme", "tenant Acme", LOG_TEXT},
        {21, LOG_EV_ACTION, 0, "tenant acme", "tenant -acme", LOG_TEXT},
        {21, LOG_EV_ACTION, 0, "tenant acme\n", "", LOG_TEXT},
        {21, LOG_EV_ACTION, 0, "name web", "name web db", LOG_TEXT},
        {21, LOG_EV_ACTION, 0, "uuid 1234", "uuid 123", LOG_TEXT},
        {21, LOG_EV_ACTION, 0, "generation 7", "generation -7", LOG_TEXT},
        {21, LOG_EV_ACTION, 0, "generation 7", "generation +7", LOG_TEXT},
        {21, LOG_EV_ACTION, 0, "generation 7", "generation 18446744073709551616", LOG_TEXT},
        {21, LOG_EV_ACTION, 0, "resets 1", "resets 0", LOG_TEXT},
        {21, LOG_EV_ACTION, 0, "proof none", "proof None", LOG_TEXT},
        {21, LOG_EV_ACTION, 0, "proof none", "proof ", LOG_TEXT},
        {21, LOG_EV_ACTION, 0, "proof none", "proof 00", LOG_TEXT},
        {21, LOG_EV_ACTION, 0, "mac selinux", "mac permissive", LOG_TEXT},
        {21, LOG_EV_ACTION, 1, "kind vmm", "kind blk", LOG_ORDER},
        {21, LOG_EV_ACTION, 2, "index 0", "index 1", LOG_ORDER},
        {21, LOG_EV_ACTION, 2, "uid 20", "uid 020", LOG_TEXT},
        {21, LOG_EV_ACTION, 2, "uid 20", "uid 99999920", LOG_TEXT},
        {21, LOG_EV_ACTION, 2, "context system_u:", "context none ", LOG_TEXT},
        {21, LOG_EV_ACTION, 2, "context system_u", "context system\tu", LOG_TEXT},
        {21, LOG_EV_ACTION, 2, "program ", "program 0", LOG_TEXT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct log_problem problem;
        struct measured m;
        uint32_t event = 0;
        int r;

        fixture_log(&m);
        for (uint32_t n = 0; n <= cases[i].skip; n++)
            event = fixture_find(&m.log, cases[i].pcr, cases[i].type, event + 1);
        assert_int_not_equal(event, 0);
        edit(&m.log, event, cases[i].from, cases[i].to);
        r = check(&m.log, &problem);
        /* A name that the next event has too is seen there. */
        if (r != -EBADMSG || problem.reason != cases[i].reason || problem.event < event ||
            problem.event > event + 1)
            fail_msg("case %zu, '%s' as '%s': %d, %s at event %u of %u, expected %s", i,
                     cases[i].from, cases[i].to, r, log_reason_word(problem.reason), problem.event,
                     event, log_reason_word(cases[i].reason));
        measured_release(&m);
    }
}

/* A process whose program is none of PCR 0's. */
static void another_program(void **state)
{
    struct measured m;
    size_t start, size;
    uint8_t *found;
    uint32_t event;

    (void)state;
    fixture_log(&m);
    event = fixture_find(&m.log, MEASURE_PCR_START, LOG_EV_ACTION, 1) + 3;
    fixture_event(&m.log, event, &start, &size);
    found = memmem(m.log.data + start, size, "filter ", 7);
    assert_non_null(found);
    found[7] = found[7] == 'a' ? 'b' : 'a';
    rehash(&m.log, start);
    REFUSED(&m.log, LOG_DIFFERS, event);
    measured_release(&m);
}

static void filled_up(void **state)
{
    static const uint8_t zeroes[64];
    struct measured m;

    (void)state;
    fixture_log(&m);
    buf_append(&m.log, zeroes, sizeof(zeroes));
    REFUSED(&m.log, LOG_TRAILING, m.extends + 1);
    m.log.size -= 63;
    REFUSED(&m.log, LOG_TRAILING, m.extends + 1);
    measured_release(&m);
}

static void too_long(void **state)
{
    struct log_problem problem;
    struct measured m;
    struct buf large;

    (void)state;
    fixture_log(&m);
    buf_init(&large, 2 * LOG_SIZE_MAX);
    buf_append(&large, m.log.data, m.log.size);
    while (large.size <= LOG_SIZE_MAX)
        buf_append(&large, m.log.data, 64);
    assert_int_equal(check(&large, &problem), -EBADMSG);
    assert_int_equal(problem.reason, LOG_TOO_LONG);
    buf_release(&large);
    measured_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ours_is_accepted), cmocka_unit_test(prediction),
        cmocka_unit_test(truncated),        cmocka_unit_test(every_byte_counts),
        cmocka_unit_test(events_are_moved), cmocka_unit_test(header),
        cmocka_unit_test(retyped),          cmocka_unit_test(added),
        cmocka_unit_test(digests),          cmocka_unit_test(spelt_otherwise),
        cmocka_unit_test(another_program),  cmocka_unit_test(filled_up),
        cmocka_unit_test(too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
