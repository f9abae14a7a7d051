/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/checked.h"

static void test_range(void **state)
{
    (void)state;
    assert_true(checked_range(0, 0, 0));
    assert_true(checked_range(0, 10, 10));
    assert_true(checked_range(10, 0, 10));
    assert_true(checked_range(0, UINT64_MAX, UINT64_MAX));
    assert_true(checked_range(UINT64_MAX, 0, UINT64_MAX));
    assert_false(checked_range(0, 11, 10));
    assert_false(checked_range(11, 0, 10));
    assert_false(checked_range(10, 1, 10));
    assert_false(checked_range(5, UINT64_MAX, 10));
    assert_false(checked_range(5, UINT64_MAX - 4, 10)); /* the sum wraps to 0 */
    assert_false(checked_range(UINT64_MAX, 1, 10));
    assert_false(checked_range(UINT64_MAX, UINT64_MAX, UINT64_MAX));
}

static void test_add(void **state)
{
    uint64_t sum = 77;

    (void)state;
    assert_true(checked_add(UINT64_MAX - 1, 1, &sum));
    assert_int_equal(sum, UINT64_MAX);
    sum = 77;
    assert_false(checked_add(UINT64_MAX, 1, &sum));
    assert_false(checked_add(UINT64_MAX, UINT64_MAX, &sum));
    assert_int_equal(sum, 77);
}

static void test_mul(void **state)
{
    uint64_t product = 77;

    (void)state;
    assert_false(checked_mul(1ULL << 32, 1ULL << 32, &product));
    assert_false(checked_mul(UINT64_MAX, 2, &product));
    assert_false(checked_mul(3, UINT64_MAX / 2, &product));
    assert_int_equal(product, 77);
    assert_true(checked_mul(UINT64_MAX, 0, &product));
    assert_int_equal(product, 0);
    assert_true(checked_mul(0xffffffffULL, 0x100000001ULL, &product));
    assert_true(product == UINT64_MAX);
}

static void test_power_of_two(void **state)
{
    (void)state;
    assert_false(checked_power_of_two(0));
    assert_false(checked_power_of_two(3));
    assert_false(checked_power_of_two(UINT64_MAX));
    assert_false(checked_power_of_two((1ULL << 63) + 1));
    assert_true(checked_power_of_two(1));
    assert_true(checked_power_of_two(256));
    assert_true(checked_power_of_two(1ULL << 63));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_range),
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_mul),
        cmocka_unit_test(test_power_of_two),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
