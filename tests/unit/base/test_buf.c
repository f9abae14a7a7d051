/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/buf.h"

static void test_grow(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 100000);
    for (int i = 0; i < 1000; i++)
        buf_printf(&buf, "%04d ", i);
    buf_append(&buf, "end", 3);
    assert_int_equal(buf_status(&buf), 0);
    assert_int_equal(buf.size, 5003);
    assert_memory_equal(buf.data, "0000 0001 0002", 14);
    assert_string_equal((const char *)buf.data + 4995, "0999 end");
    buf_release(&buf);
    assert_null(buf.data);
    assert_int_equal(buf.size, 0);
}

static void test_empty(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 0);
    buf_append(&buf, NULL, 0);
    assert_int_equal(buf_status(&buf), 0);
    assert_int_equal(buf.size, 0);
    buf_append(&buf, "x", 1);
    assert_int_equal(buf_status(&buf), -EFBIG);
    buf_release(&buf);
}

/* Up to the ceiling and not one byte more, by either way in. */
static void test_ceiling(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 8);
    buf_append(&buf, "12345678", 8);
    assert_int_equal(buf_status(&buf), 0);
    buf_append(&buf, "9", 1);
    assert_int_equal(buf_status(&buf), -EFBIG);
    assert_int_equal(buf.size, 8);
    buf_release(&buf);

    buf_init(&buf, 8);
    buf_printf(&buf, "%s", "123456789");
    assert_int_equal(buf_status(&buf), -EFBIG);
    assert_int_equal(buf.size, 0);
    buf_release(&buf);
}

static void test_size_overflow(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, SIZE_MAX);
    buf_append(&buf, "1234", 4);
    /* 4 + this wraps; the data must not be touched. */
    buf_append(&buf, "x", SIZE_MAX - 2);
    assert_true(buf_status(&buf) == -EFBIG || buf_status(&buf) == -ENOMEM);
    assert_int_equal(buf.size, 4);
    buf_release(&buf);
}

static void test_errors_stick(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 4);
    buf_append(&buf, "12345", 5);
    buf_append(&buf, "1", 1);
    buf_printf(&buf, "2");
    assert_int_equal(buf_status(&buf), -EFBIG);
    assert_int_equal(buf.size, 0);
    buf_release(&buf);
    assert_int_equal(buf_status(&buf), 0);
    buf_append(&buf, "1234", 4);
    assert_int_equal(buf_status(&buf), 0);
    buf_release(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grow),         cmocka_unit_test(test_empty),
        cmocka_unit_test(test_ceiling),      cmocka_unit_test(test_size_overflow),
        cmocka_unit_test(test_errors_stick),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
