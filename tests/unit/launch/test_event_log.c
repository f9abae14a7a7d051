/* SPDX-License-Identifier: Apache-2.0 */
/* What of an event stands in the journal. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hv/launch/event_log.h"
#include "hv/launch/launch.h"
#include "mac/process_kind.h"

static struct guest_record record = {
    .tenant = "acme", .name = "web", .uuid = {0x01, 0x23, 0x45, 0x67, [15] = 0xff}};

static const char *value_of(const struct event_log *log, const char *name)
{
    for (size_t i = 0; i < log->count; i++) {
        if (strcmp(log->fields[i].name, name) == 0)
            return log->fields[i].value;
    }
    return "(none)";
}

static void test_running(void **state)
{
    const struct record_event event = {.type = RECORD_EVENT_RUNNING};
    struct event_log log;

    (void)state;
    assert_int_equal(event_log_fill(&log, &record, &event), 0);
    assert_string_equal(value_of(&log, "MESSAGE"), "guest acme/web runs");
    assert_string_equal(value_of(&log, "CASEMATE_EVENT"), "running");
    assert_string_equal(value_of(&log, "CASEMATE_TENANT"), "acme");
    assert_string_equal(value_of(&log, "CASEMATE_GUEST"), "web");
    assert_string_equal(value_of(&log, "CASEMATE_UUID"), "01234567-0000-0000-0000-0000000000ff");
    assert_string_equal(value_of(&log, "PRIORITY"), "5");
    assert_int_equal(strlen(value_of(&log, "MESSAGE_ID")), 32);
    assert_string_equal(value_of(&log, "CASEMATE_RESULT"), "(none)");
}

static void test_failed(void **state)
{
    struct record_event event = {.type = RECORD_EVENT_ENDED, .result = LAUNCH_SYSTEM};
    struct event_log log;

    (void)state;
    (void)strcpy(event.text, "it\nPRIORITY=0");
    assert_int_equal(event_log_fill(&log, &record, &event), 0);
    assert_string_equal(value_of(&log, "MESSAGE"), "guest acme/web has ended: it?PRIORITY=0");
    assert_string_equal(value_of(&log, "PRIORITY"), "4");
    assert_string_equal(value_of(&log, "CASEMATE_RESULT"), "3");
}

static void test_died(void **state)
{
    struct record_event event = {.type = RECORD_EVENT_DIED, .kind = PROCESS_BLK, .pid = 77};
    struct event_log log;

    (void)state;
    assert_int_equal(event_log_fill(&log, &record, &event), 0);
    assert_string_equal(value_of(&log, "CASEMATE_PROCESS"), "blk");
    assert_string_equal(value_of(&log, "CASEMATE_PID"), "77");
    event.kind = PROCESS_KINDS; /* a number that is none has no name */
    assert_int_equal(event_log_fill(&log, &record, &event), 0);
    assert_string_equal(value_of(&log, "CASEMATE_PROCESS"), "(none)");
}

static void test_longest(void **state)
{
    struct record_event event = {.type = RECORD_EVENT_CRASH};
    struct event_log log;

    (void)state;
    memset(event.text, 'x', sizeof(event.text) - 1);
    assert_int_equal(event_log_fill(&log, &record, &event), 0);
    assert_true(strlen(value_of(&log, "MESSAGE")) > sizeof(event.text) - 1);
}

static void test_no_matter(void **state)
{
    struct event_log log;

    (void)state;
    for (uint32_t type = 0; type < RECORD_EVENTS + 2; type++) {
        const struct record_event event = {.type = type};
        int expected =
            type == 0 || type == RECORD_EVENT_STEP || type >= RECORD_EVENTS ? -ENOENT : 0;

        assert_int_equal(event_log_fill(&log, &record, &event), expected);
    }
}

/* Each event its own: people filter by them. */
static void test_ids_differ(void **state)
{
    char ids[RECORD_EVENTS][33] = {""};
    struct event_log log;

    (void)state;
    for (uint32_t type = 0; type < RECORD_EVENTS; type++) {
        const struct record_event event = {.type = type};

        if (event_log_fill(&log, &record, &event) == 0)
            (void)strcpy(ids[type], value_of(&log, "MESSAGE_ID"));
        for (uint32_t other = 0; other < type; other++)
            assert_true(ids[type][0] == '\0' || strcmp(ids[type], ids[other]) != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_running),   cmocka_unit_test(test_failed),
        cmocka_unit_test(test_died),      cmocka_unit_test(test_longest),
        cmocka_unit_test(test_no_matter), cmocka_unit_test(test_ids_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
