/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "labeling/category.h"

static void test_parse_hostile(void **state)
{
    static const char *const bad[] = {
        "",
        "c",
        "5",
        "c1024",
        "c99999",
        "c-1",
        "c+1",
        " c1",
        "c1 ",
        "c1,",
        ",c1",
        "c1,,c2",
        "c1,c1",
        "c3.c3",
        "c3.c1",
        "c1.c",
        "c1.",
        "c1.c2.c3",
        "c01",
        "c00",
        "C1",
        "c1;c2",
        "c1\n",
        "c0.c1023",
        "c1.c3,c2",
        "c1,c2,c3,c4,c5,c6,c7,c8,c9",
        "c4294967297",
        "s0:c1",
        "c1.c8,c9",
        "c1:c2",
        "c1,c2,",
        "c18446744073709551617",
        "c0x1",
    };
    struct category_set set = {.size = 77};

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (category_parse(bad[i], &set) != -EINVAL)
            fail_msg("taken: '%s'", bad[i]);
    assert_int_equal(set.size, 77);
}

static void test_parse_and_text(void **state)
{
    static const char *const pairs[][2] = {
        {"c5,c2", "c2,c5"},
        {"c1,c2", "c1,c2"},
        {"c1.c2", "c1,c2"},
        {"c1,c2,c3", "c1.c3"},
        {"c1.c3", "c1.c3"},
        {"c0,c1023", "c0,c1023"},
        {"c9,c1.c3,c5", "c1.c3,c5,c9"},
        {"c7", "c7"},
        {"c1016.c1023", "c1016.c1023"},
        {"c1001,c1003,c1005,c1007,c1009,c1011,c1013,c1015",
         "c1001,c1003,c1005,c1007,c1009,c1011,c1013,c1015"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct category_set set;
        char text[CATEGORY_TEXT_MAX];

        assert_int_equal(category_parse(pairs[i][0], &set), 0);
        category_text(&set, text);
        assert_string_equal(text, pairs[i][1]);
    }
}

static void test_make_refuses(void **state)
{
    struct category_set set = {.size = 77};
    const uint16_t twice[] = {3, 9, 3}, far[] = {1, 1024}, nine[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

    (void)state;
    assert_int_equal(category_make(twice, 3, &set), -EINVAL);
    assert_int_equal(category_make(far, 2, &set), -EINVAL);
    assert_int_equal(category_make(nine, 0, &set), -EINVAL);
    assert_int_equal(category_make(nine, 9, &set), -EINVAL);
    assert_int_equal(set.size, 77);
}

static void test_pool_check(void **state)
{
    static const struct category_pool bad[] = {
        {0, 1024, 1}, {0, 1024, 4}, {0, 1025, 2}, {1, 1024, 2},       {1024, 2, 2},
        {0, 1, 2},    {0, 2, 3},    {5, 0, 2},    {0xffffffff, 5, 2}, {5, 0xffffffff, 2},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(category_pool_check(&bad[i]), -EINVAL);
    assert_int_equal(category_pool_check(&(struct category_pool){1022, 2, 2}), 0);
}

/* Every number gives a set of its own, and the set its number back. */
static void test_unrank_is_a_bijection(void **state)
{
    static const struct category_pool pools[] = {{0, 1024, 2}, {100, 40, 3}, {1021, 3, 3}};

    (void)state;
    for (unsigned p = 0; p < sizeof(pools) / sizeof(pools[0]); p++) {
        uint64_t total = category_pool_sets(&pools[p]);
        struct category_set set = {0};

        for (uint64_t rank = 0; rank < total; rank++) {
            uint64_t back = UINT64_MAX;

            assert_int_equal(category_unrank(&pools[p], rank, &set), 0);
            assert_int_equal(set.size, pools[p].size);
            assert_true(set.category[0] >= pools[p].first);
            assert_true(set.category[set.size - 1] < pools[p].first + pools[p].count);
            for (unsigned i = 1; i < set.size; i++)
                assert_true(set.category[i - 1] < set.category[i]);
            assert_int_equal(category_rank(&pools[p], &set, &back), 0);
            assert_int_equal(back, rank);
        }
        assert_int_equal(category_unrank(&pools[p], total, &set), -ERANGE);
        assert_int_equal(category_unrank(&pools[p], UINT64_MAX, &set), -ERANGE);
    }
    assert_int_equal(category_pool_sets(&pools[0]), 523776);
    assert_int_equal(category_pool_sets(&(struct category_pool){0, 1024, 3}), 178433024);
}

static void test_rank_refuses(void **state)
{
    const struct category_pool pool = {10, 10, 2};
    const struct category_set low = {2, {9, 12}}, high = {2, {12, 20}}, three = {3, {11, 12, 13}};
    uint64_t rank = 77;

    (void)state;
    assert_int_equal(category_rank(&pool, &low, &rank), -ERANGE);
    assert_int_equal(category_rank(&pool, &high, &rank), -ERANGE);
    assert_int_equal(category_rank(&pool, &three, &rank), -ERANGE);
    assert_int_equal(rank, 77);
}

static void test_dominance(void **state)
{
    const struct category_set pair = {2, {3, 9}}, other = {2, {3, 10}}, triple = {3, {3, 5, 9}},
                              one = {1, {5}}, apart = {3, {1, 2, 4}};

    (void)state;
    assert_true(category_contains(&triple, &pair));
    assert_false(category_contains(&pair, &triple));
    assert_true(category_comparable(&pair, &triple));
    assert_true(category_comparable(&one, &triple));
    assert_true(category_comparable(&pair, &pair));
    assert_false(category_comparable(&pair, &other));
    assert_false(category_comparable(&apart, &triple));
    assert_false(category_comparable(&one, &pair));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_hostile),
        cmocka_unit_test(test_parse_and_text),
        cmocka_unit_test(test_make_refuses),
        cmocka_unit_test(test_pool_check),
        cmocka_unit_test(test_unrank_is_a_bijection),
        cmocka_unit_test(test_rank_refuses),
        cmocka_unit_test(test_dominance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
