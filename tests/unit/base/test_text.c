/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/text.h"

static void test_copy(void **state)
{
    char to[4] = "old";

    (void)state;
    assert_int_equal(text_copy(to, sizeof(to), "toolong"), -ENAMETOOLONG);
    assert_int_equal(text_copy(to, sizeof(to), "four"), -ENAMETOOLONG);
    assert_string_equal(to, "old");
    assert_int_equal(text_copy(to, 0, ""), -ENAMETOOLONG);
    assert_int_equal(text_copy(to, sizeof(to), "abc"), 0);
    assert_string_equal(to, "abc");
    assert_int_equal(text_copy(to, sizeof(to), ""), 0);
    assert_string_equal(to, "");
}

static void test_format(void **state)
{
    char to[6] = "old";

    (void)state;
    assert_int_equal(text_format(to, sizeof(to), "%d", 123456), -ENAMETOOLONG);
    assert_string_equal(to, "");
    assert_int_equal(text_format(to, sizeof(to), "%d", 12345), 0);
    assert_string_equal(to, "12345");
    assert_int_equal(text_format(to, 0, "x"), -ENAMETOOLONG);
    assert_string_equal(to, "12345");
}

static void test_number(void **state)
{
    static const struct {
        const char *text;
        uint64_t low, high;
        int r;
        uint64_t value;
    } cases[] = {
        {"0", 0, 10, 0, 0},
        {"10", 0, 10, 0, 10},
        {"007", 0, 10, 0, 7},
        {"18446744073709551615", 0, UINT64_MAX, 0, UINT64_MAX},
        {"18446744073709551616", 0, UINT64_MAX, -ERANGE, 0},
        {"99999999999999999999999", 0, UINT64_MAX, -ERANGE, 0},
        {"18446744073709551626", 0, 10, -ERANGE, 0}, /* 10 when it wraps */
        {"99999999999999999999999x", 0, UINT64_MAX, -EINVAL, 0},
        {"11", 0, 10, -ERANGE, 0},
        {"0", 1, 10, -ERANGE, 0},
        {"", 0, 10, -EINVAL, 0},
        {"-1", 0, UINT64_MAX, -EINVAL, 0},
        {"+1", 0, 10, -EINVAL, 0},
        {" 1", 0, 10, -EINVAL, 0},
        {"1 ", 0, 10, -EINVAL, 0},
        {"1\n", 0, 10, -EINVAL, 0},
        {"0x1", 0, 10, -EINVAL, 0},
        {"1e1", 0, 10, -EINVAL, 0},
        {"1.0", 0, 10, -EINVAL, 0},
        {"\xd9\xa1", 0, 10, -EINVAL, 0}, /* a digit in another script */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t value = 77;

        if (text_number(cases[i].text, cases[i].low, cases[i].high, &value) != cases[i].r)
            fail_msg("number '%s'", cases[i].text);
        assert_int_equal(value, cases[i].r == 0 ? cases[i].value : 77);
    }
}

static void test_size(void **state)
{
    static const struct {
        const char *text;
        int r;
        uint64_t bytes;
    } cases[] = {
        {"0", 0, 0},
        {"512", 0, 512},
        {"1K", 0, 1024},
        {"3M", 0, 3ULL << 20},
        {"2G", 0, 2ULL << 30},
        {"1T", 0, 1ULL << 40},
        {"9223372036854775807", 0, INT64_MAX},
        {"9223372036854775808", -ERANGE, 0},
        {"8388607T", 0, 8388607ULL << 40},
        {"8388608T", -ERANGE, 0},
        {"16777216T", -ERANGE, 0}, /* 2^64: 0 when it wraps */
        {"17592186044417M", -ERANGE, 0},
        {"", -EINVAL, 0},
        {"G", -EINVAL, 0},
        {"1g", -EINVAL, 0},
        {"1GB", -EINVAL, 0},
        {"1 G", -EINVAL, 0},
        {"-1G", -EINVAL, 0},
        {"1.5G", -EINVAL, 0},
        {"1P", -EINVAL, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t bytes = 77;

        if (text_size(cases[i].text, &bytes) != cases[i].r)
            fail_msg("size '%s'", cases[i].text);
        assert_int_equal(bytes, cases[i].r == 0 ? cases[i].bytes : 77);
    }
}

static void test_escape(void **state)
{
    char to[64], all[256], shown[1024];

    (void)state;
    assert_string_equal(text_escape(to, sizeof(to), "plain text"), "plain text");
    assert_string_equal(text_escape(to, sizeof(to), "\x1b[2J\n\\\xff"), "\\x1b[2J\\x0a\\x5c\\xff");
    /* Cut between characters, never within an escape, always terminated. */
    assert_string_equal(text_escape(to, 4, "abcdef"), "abc");
    assert_string_equal(text_escape(to, 6, "ab\n\n"), "ab");
    assert_string_equal(text_escape(to, 7, "ab\n\n"), "ab\\x0a");
    assert_string_equal(text_escape(to, 1, "abc"), "");

    for (int i = 0; i < 255; i++)
        all[i] = (char)(i + 1);
    all[255] = '\0';
    text_escape(shown, sizeof(shown), all);
    for (const char *c = shown; *c != '\0'; c++)
        assert_true(*c >= 0x20 && *c < 0x7f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy), cmocka_unit_test(test_format), cmocka_unit_test(test_number),
        cmocka_unit_test(test_size), cmocka_unit_test(test_escape),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
