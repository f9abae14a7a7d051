/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hv/launch/error.h"

static struct control_message message(uint32_t failure, uint64_t d0, uint64_t d1)
{
    return (struct control_message){
        .type = CONTROL_FAILED, .failure = failure, .detail = {d0, d1, UINT64_MAX, UINT64_MAX}};
}

static void every_failure_has_a_sentence(void **state)
{
    char text[640];

    (void)state;
    for (uint32_t f = FAILURE_NONE + 1; f < FAILURES; f++) {
        struct control_message m = message(f, 1, 2);

        (void)failure_text(&m, "casemate-vmm", text, sizeof(text));
        assert_true(strlen(text) > 10);
        assert_null(strchr(text, '%'));
        assert_null(strstr(text, "unknown code"));
    }
}

static void details_are_shown_in_their_form(void **state)
{
    struct control_message m = message(FAILURE_KERNEL_TRUNCATED, 4096, 12);
    char text[640];

    (void)state;
    assert_int_equal(failure_text(&m, "x", text, sizeof(text)), LAUNCH_USAGE);
    assert_string_equal(text, "the kernel is cut short: it says it needs 4096 bytes and has 12");
    m = message(FAILURE_KVM_MSR, 0x10a, 0);
    (void)failure_text(&m, "x", text, sizeof(text));
    assert_non_null(strstr(text, "MSR 0x10a "));
    m = message(FAILURE_INITRD_MEMORY, 5, 6);
    (void)failure_text(&m, "x", text, sizeof(text));
    assert_non_null(strstr(text, "5 bytes where 6"));
}

static void a_hostile_number_stays_a_number(void **state)
{
    const uint32_t codes[] = {FAILURE_NONE, FAILURES, FAILURES + 1, UINT32_MAX};
    char text[640];

    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct control_message m = message(codes[i], UINT64_MAX, UINT64_MAX);

        assert_int_equal(failure_text(&m, "casemate-net", text, sizeof(text)), LAUNCH_SYSTEM);
        assert_non_null(strstr(text, "unknown code"));
    }
    for (uint32_t f = 1; f < FAILURES; f++) {
        struct control_message m = message(f, UINT64_MAX, UINT64_MAX);

        (void)failure_text(&m, "casemate-net", text, sizeof(text));
        assert_true(strlen(text) < sizeof(text) - 1);
    }
}

static void a_small_buffer_is_not_overrun(void **state)
{
    struct control_message m = message(FAILURE_HANDOFF, 1, 2);
    char text[32];

    (void)state;
    for (size_t size = 1; size <= 16; size++) {
        memset(text, 'z', sizeof(text));
        (void)failure_text(&m, "casemate-blk of the disk", text, size);
        assert_true(memchr(text, '\0', size) != NULL);
        assert_int_equal(text[size], 'z');
    }
}

static void the_first_cause_stays(void **state)
{
    struct launch_error error = {0};

    (void)state;
    (void)launch_fail(&error, LAUNCH_DENIED, "first %d", 1);
    (void)launch_fail(&error, LAUNCH_SYSTEM, "second");
    assert_int_equal(error.result, LAUNCH_DENIED);
    assert_string_equal(error.message, "first 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failure_has_a_sentence),
        cmocka_unit_test(details_are_shown_in_their_form),
        cmocka_unit_test(a_hostile_number_stays_a_number),
        cmocka_unit_test(a_small_buffer_is_not_overrun),
        cmocka_unit_test(the_first_cause_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
