/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cmd/verbs/console.h"
#include "cmd/verbs/table.h"

#define E "\x1d"

static void type(const char *typed, const char *wanted, bool leaves)
{
    /* However the terminal cuts it into reads. */
    for (size_t cut = 0; cut <= strlen(typed); cut++) {
        char keys[64];
        bool escaped = false, leave = false;
        size_t n = console_keys(&escaped, typed, cut, keys, &leave);

        if (!leave)
            n += console_keys(&escaped, typed + cut, strlen(typed) - cut, keys + n, &leave);
        assert_int_equal(n, strlen(wanted));
        assert_memory_equal(keys, wanted, n);
        assert_int_equal(leave, leaves);
    }
}

static void test_keys(void **state)
{
    (void)state;
    type("ls\r", "ls\r", false);
    type("q", "q", false);
    type(E "q", "", true);
    type("a" E "q", "a", true);
    type(E E, E, false);
    type(E E "q", E "q", false);
    type(E E E "q", E, true);
    type(E "x", E "x", false);
    type(E, "", false); /* it may still become something */
    type("\x03\x1a", "\x03\x1a", false);
}

static void test_keys_after_leaving(void **state)
{
    char keys[64];
    bool escaped = false, leave = false;

    (void)state;
    assert_int_equal(console_keys(&escaped, "a" E "qrm\r", 6, keys, &leave), 1);
    assert_true(leave); /* the rest was for nobody */
    assert_false(escaped);
}

static void test_sizes(void **state)
{
    char text[16];

    (void)state;
    assert_string_equal(table_size(text, 0), "0");
    assert_string_equal(table_size(text, 1023), "1023");
    assert_string_equal(table_size(text, 1024), "1K");
    assert_string_equal(table_size(text, 1536), "1.5K");
    assert_string_equal(table_size(text, 512ull << 20), "512M");
    assert_string_equal(table_size(text, (1ull << 40) - 1), "1023G");
    assert_string_equal(table_size(text, UINT64_MAX), "15.9E");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_keys_after_leaving),
        cmocka_unit_test(test_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
