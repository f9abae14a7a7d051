/* SPDX-License-Identifier: Apache-2.0 */
/* The golden corpus of guest blocks, tests/golden/guest: see golden.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/guest.h"
#include "policy/language/parse_guest.h"
#include "tests/unit/policy/golden.h"

#define MESSAGES  20
#define CASES_MIN 60

static int outcome(const struct buf *source, struct buf *out)
{
    struct guest_diagnostic messages[MESSAGES];
    struct guest_spec spec;
    size_t count = MESSAGES;
    int r = guest_parse((const char *)source->data, source->size, &spec, messages, &count);

    if (r == 0)
        guest_format(&spec, out);
    else
        golden_messages(messages, count, out);
    return r;
}

static size_t passing, failing;

static void test_pass(void **state)
{
    (void)state;
    passing = golden_folder("tests/golden/guest/pass/*.guest", true, outcome);
}

static void test_fail(void **state)
{
    (void)state;
    failing = golden_folder("tests/golden/guest/fail/*.guest", false, outcome);
}

/* A corpus that was not found, or half of it, must not look like success. */
static void test_size(void **state)
{
    (void)state;
    assert_true(passing + failing >= CASES_MIN);
    assert_true(failing > passing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pass),
        cmocka_unit_test(test_fail),
        cmocka_unit_test(test_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
