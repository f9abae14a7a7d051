/* SPDX-License-Identifier: Apache-2.0 */
/* The strict grammar of what happens to a guest after its start. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/log/fixture.h"

static void ledger_of(struct buf *ledger, const struct measure_event *events, size_t count)
{
    struct measure_extend extend;

    buf_init(ledger, MEASURE_LEDGER_MAX);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(measure_event(&events[i], ledger, &extend), 0);
}

static int count_event(void *context, const struct measure_event *event)
{
    unsigned *count = context;

    ++*count;
    assert_int_equal(event->sequence, *count);
    return event->what == MEASURE_QUARANTINE ? 7 : 0;
}

static void ledger(void **state)
{
    static const struct measure_event sound[] = {
        {MEASURE_PAUSE, 1, 5}, {MEASURE_RESUME, 2, 5}, {MEASURE_QUARANTINE, 3, 9}};
    static const struct {
        struct measure_event event[2];
        enum log_reason reason;
        uint32_t at;
    } cases[] = {
        {{{MEASURE_PAUSE, 2, 5}, {MEASURE_RESUME, 3, 5}}, LOG_ORDER, 1},
        {{{MEASURE_PAUSE, 1, 5}, {MEASURE_RESUME, 1, 5}}, LOG_DUPLICATE, 2},
        {{{MEASURE_PAUSE, 1, 5}, {MEASURE_PAUSE, 1, 5}}, LOG_DUPLICATE, 2},
        {{{MEASURE_PAUSE, 1, 5}, {MEASURE_RESUME, 3, 5}}, LOG_ORDER, 2},
        {{{MEASURE_PAUSE, 1, 5}, {MEASURE_RESUME, 2, 4}}, LOG_DIFFERS, 2},
    };
    struct log_problem problem;
    struct measure_guest *guest;
    struct measured boot;
    size_t second, third, size;
    unsigned count = 0;
    struct buf log;

    (void)state;
    ledger_of(&log, sound, 3);
    fixture_event(&log, 2, &second, &size);
    fixture_event(&log, 3, &third, &size);
    assert_int_equal(log_check_ledger(log.data, log.size, count_event, &count, &problem), 7);
    assert_int_equal(count, 3);
    for (size_t at = 1; at < log.size; at++) {
        int r = log_check_ledger(log.data, at, NULL, NULL, &problem);

        /* What ends between two events was one. */
        if (r == 0)
            assert_true(at == second || at == third);
        else
            assert_int_equal(problem.reason, at == FIXTURE_HEADER ? LOG_MISSING : LOG_TRUNCATED);
    }
    for (size_t at = 0; at < log.size; at++) {
        log.data[at] ^= 0x08;
        assert_int_equal(log_check_ledger(log.data, log.size, NULL, NULL, &problem), -EBADMSG);
        log.data[at] ^= 0x08;
    }
    buf_release(&log);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ledger_of(&log, cases[i].event, 2);
        assert_int_equal(log_check_ledger(log.data, log.size, NULL, NULL, &problem), -EBADMSG);
        assert_int_equal(problem.reason, cases[i].reason);
        assert_int_equal(problem.event, cases[i].at);
        buf_release(&log);
    }
    assert_int_equal(log_check_ledger(NULL, 0, NULL, NULL, &problem), 0);
    /* One is not the other. */
    fixture_log(&boot);
    assert_int_equal(log_check_ledger(boot.log.data, boot.log.size, NULL, NULL, &problem),
                     -EBADMSG);
    assert_int_equal(problem.reason, LOG_ORDER);
    measured_release(&boot);
    ledger_of(&log, sound, 3);
    guest = malloc(sizeof(*guest));
    assert_non_null(guest);
    assert_int_equal(log_check_boot(log.data, log.size, guest, &problem), -EBADMSG);
    assert_int_equal(problem.reason, LOG_ORDER);
    free(guest);
    buf_release(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ledger)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
