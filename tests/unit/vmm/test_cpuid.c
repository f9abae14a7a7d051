/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/vmm/cpuid.h"

/* A host with everything: all bits of every leaf that matters. */
static int setup(void **state)
{
    static const uint32_t leaves[][2] = {
        {0, 0},          {1, 0},          {2, 0},          {4, 0},          {4, 1},
        {4, 3},          {6, 0},          {7, 0},          {7, 1},          {7, 2},
        {0xa, 0},        {0xb, 0},        {0xb, 1},        {0xd, 0},        {0xd, 1},
        {0xd, 2},        {0xd, 5},        {0xd, 9},        {0x14, 0},       {0x1f, 0},
        {0x40000000, 0}, {0x40000001, 0}, {0x80000000, 0}, {0x80000001, 0}, {0x80000007, 0},
        {0x80000008, 0}, {0x8000000a, 0}, {0x8000001d, 3}, {0x8000001e, 0}, {0x80000021, 0},
    };
    struct kvm_cpuid2 *set = calloc(1, sizeof(*set) + CPUID_CAPACITY * sizeof(set->entries[0]));

    if (set == NULL)
        return -1;
    for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++)
        set->entries[set->nent++] = (struct kvm_cpuid_entry2){
            .function = leaves[i][0],
            .index = leaves[i][1],
            .eax = UINT32_MAX,
            .ebx = UINT32_MAX,
            .ecx = UINT32_MAX,
            .edx = UINT32_MAX,
        };
    cpuid_find(set, 4, 0)->eax = 1u | 1u << 5;
    cpuid_find(set, 4, 1)->eax = 2u | 1u << 5;
    cpuid_find(set, 4, 3)->eax = 3u | 3u << 5;
    cpuid_find(set, 0xd, 2)->eax = 0x100;
    cpuid_find(set, 0xd, 2)->ebx = 0x240;
    cpuid_find(set, 0xd, 5)->eax = 0x40;
    cpuid_find(set, 0xd, 5)->ebx = 0x340;
    *state = set;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void test_host_is_untouched(void **state)
{
    struct kvm_cpuid2 *set = *state;
    struct failure_report report;
    uint32_t before = set->nent;

    assert_int_equal(cpuid_baseline(set, CPU_HOST, &report), 0);
    assert_int_equal(set->nent, before);
    assert_int_equal(cpuid_find(set, 7, 0)->ebx, UINT32_MAX);
}

static void test_v2(void **state)
{
    struct kvm_cpuid2 *set = *state;
    struct failure_report report;

    assert_int_equal(cpuid_baseline(set, CPU_V2, &report), 0);
    assert_int_equal(cpuid_find(set, 1, 0)->ecx &
                         (1u << 28 | 1u << 26 | 1u << 12 | 1u << 25 | 1u << 5),
                     0); /* AVX, XSAVE, FMA, AES, VMX */
    assert_int_equal(cpuid_find(set, 1, 0)->ecx & (1u << 20 | 1u << 31), 1u << 20 | 1u << 31);
    assert_int_equal(cpuid_find(set, 7, 0)->ebx, 1u << 7 | 1u << 10 | 1u << 20);
    assert_int_equal(cpuid_find(set, 7, 0)->edx & (1u << 26 | 1u << 31 | 1u << 10 | 1u << 29),
                     1u << 26 | 1u << 31 | 1u << 10 | 1u << 29);
    assert_int_equal(cpuid_find(set, 7, 0)->edx & (1u << 2 | 1u << 24), 0);
    assert_null(cpuid_find(set, 0xd, 0));
    assert_null(cpuid_find(set, 0xd, 2));
    assert_null(cpuid_find(set, 0x14, 0));
    assert_null(cpuid_find(set, 0xa, 0));
    assert_null(cpuid_find(set, 0x8000000a, 0));
    assert_null(cpuid_find(set, 7, 1));
    assert_non_null(cpuid_find(set, 0x40000001, 0));
    assert_int_equal(cpuid_find(set, 0x80000001, 0)->ecx & (1u << 5 | 1u << 2), 0);
    assert_int_equal(cpuid_find(set, 0x80000008, 0)->ebx & (1u << 12 | 1u << 0), 1u << 12);
}

static void test_v3_and_v4(void **state)
{
    struct kvm_cpuid2 *set = *state;
    struct failure_report report;

    assert_int_equal(cpuid_baseline(set, CPU_V4, &report), 0);
    assert_int_equal(cpuid_find(set, 0xd, 0)->eax, 0xe7);
    assert_int_equal(cpuid_find(set, 0xd, 0)->ecx, 0x380);
    assert_null(cpuid_find(set, 0xd, 1));
    assert_null(cpuid_find(set, 0xd, 9));
    assert_true(cpuid_find(set, 7, 0)->ebx & 1u << 16);
    assert_int_equal(cpuid_baseline(set, CPU_V3, &report), 0);
    assert_int_equal(cpuid_find(set, 0xd, 0)->eax, 7);
    assert_int_equal(cpuid_find(set, 0xd, 0)->ecx, 0x340);
    assert_null(cpuid_find(set, 0xd, 5));
    assert_false(cpuid_find(set, 7, 0)->ebx & 1u << 16);
    assert_true(cpuid_find(set, 7, 0)->ebx & 1u << 5);
}

/* Taking one required bit from the host must be noticed, and exactly that one named. */
static void test_missing_bits(void **state)
{
    static const struct {
        uint32_t leaf;
        unsigned reg, bit;
        enum cpu_model least; /* the lowest level that needs it */
    } cases[] = {
        {1, 2, 13, CPU_V2},           {1, 2, 23, CPU_V2},          {1, 3, 26, CPU_V2},
        {1, 2, 12, CPU_V3},           {1, 2, 26, CPU_V3},          {7, 1, 5, CPU_V3},
        {7, 1, 17, CPU_V4},           {7, 1, 31, CPU_V4},          {0xd, 0, 2, CPU_V3},
        {0xd, 0, 6, CPU_V4},          {0x80000001u, 2, 0, CPU_V2}, {0x80000001u, 2, 5, CPU_V3},
        {0x80000001u, 3, 20, CPU_V2},
    };
    struct kvm_cpuid2 *set = *state;
    size_t bytes = sizeof(*set) + CPUID_CAPACITY * sizeof(set->entries[0]);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (enum cpu_model model = CPU_V2; model <= CPU_V4; model++) {
            struct kvm_cpuid2 *copy = malloc(bytes);
            struct failure_report report = {0};
            struct kvm_cpuid_entry2 *e;
            uint32_t *reg;
            int r;

            assert_non_null(copy);
            memcpy(copy, set, bytes);
            e = cpuid_find(copy, cases[i].leaf, 0);
            reg = cases[i].reg == 0   ? &e->eax
                  : cases[i].reg == 1 ? &e->ebx
                  : cases[i].reg == 2 ? &e->ecx
                                      : &e->edx;
            *reg &= ~(1u << cases[i].bit);
            r = cpuid_baseline(copy, model, &report);
            if (model < cases[i].least) {
                assert_int_equal(r, 0);
            } else {
                assert_int_equal(r, -ENOTSUP);
                assert_int_equal(report.failure, FAILURE_CPU_MODEL);
                assert_int_equal(report.detail[0], model);
                assert_int_equal(report.detail[1], cases[i].leaf);
                assert_int_equal(report.detail[2], cases[i].reg);
                assert_int_equal(report.detail[3], 1u << cases[i].bit);
                assert_int_equal(copy->nent, set->nent); /* untouched */
            }
            free(copy);
        }
    }
}

/* A host without the mitigations' bits can still give every level, without them. */
static void test_optional_bits(void **state)
{
    struct kvm_cpuid2 *set = *state;
    struct failure_report report;

    cpuid_find(set, 7, 0)->edx = 0;
    cpuid_find(set, 1, 0)->ecx &= ~(1u << 17);
    assert_int_equal(cpuid_baseline(set, CPU_V4, &report), 0);
    assert_int_equal(cpuid_find(set, 7, 0)->edx, 0);
    assert_int_equal(cpuid_find(set, 1, 0)->ecx & 1u << 17, 0);
}

static void test_topology(void **state)
{
    struct kvm_cpuid2 *set = *state;

    for (unsigned vcpus = 1; vcpus <= HANDOFF_VCPUS_MAX; vcpus++) {
        unsigned bits = 0;

        while (1u << bits < vcpus)
            bits++;
        for (unsigned id = 0; id < vcpus; id++) {
            assert_int_equal(cpuid_topology(set, vcpus, id), 0);
            assert_int_equal(cpuid_find(set, 1, 0)->ebx >> 24, id);
            assert_int_equal((cpuid_find(set, 1, 0)->ebx >> 16) & 0xff, 1u << bits);
            assert_int_equal((cpuid_find(set, 1, 0)->edx >> 28) & 1, vcpus > 1);
            assert_int_equal(cpuid_find(set, 0xb, 0)->ebx, 1);
            assert_int_equal(cpuid_find(set, 0xb, 0)->eax, 0);
            assert_int_equal(cpuid_find(set, 0xb, 1)->ebx, vcpus);
            assert_int_equal(cpuid_find(set, 0xb, 1)->eax, bits);
            assert_int_equal(cpuid_find(set, 0xb, 1)->ecx, 0x201);
            assert_int_equal(cpuid_find(set, 0xb, 2)->ecx, 2);
            assert_int_equal(cpuid_find(set, 0x1f, 1)->edx, id);
            assert_int_equal(cpuid_find(set, 4, 0)->eax >> 26, (1u << bits) - 1);
            assert_int_equal((cpuid_find(set, 4, 0)->eax >> 14) & 0xfff, 0);
            assert_int_equal((cpuid_find(set, 4, 3)->eax >> 14) & 0xfff, (1u << bits) - 1);
            assert_int_equal(cpuid_find(set, 0x8000001e, 0)->eax, id);
            assert_int_equal(cpuid_find(set, 0x80000008, 0)->ecx & 0xff, vcpus - 1);
        }
    }
    assert_true(set->nent < CPUID_CAPACITY);
    set->nent = CPUID_CAPACITY;
    for (uint32_t i = 0; i < CPUID_CAPACITY; i++)
        set->entries[i].function = 0x123;
    assert_int_equal(cpuid_topology(set, 1, 0), -ENOSPC);
}

static void test_platform(void **state)
{
    struct kvm_cpuid2 *set = *state;

    cpuid_find(set, 1, 0)->ecx = 1u << 5;                /* VMX */
    cpuid_find(set, 0x80000001u, 0)->ecx = 1u << 2 | 1u; /* SVM */
    cpuid_platform(set, true);
    assert_int_equal(cpuid_find(set, 0x80000001u, 0)->ecx, 1);
    assert_int_equal(cpuid_find(set, 1, 0)->ecx, 1u << 31 | 1u << 24);
    cpuid_platform(set, false);
    assert_int_equal(cpuid_find(set, 1, 0)->ecx, 1u << 31);
    assert_true(cpuid_has_kvmclock(set));
    cpuid_find(set, 0x40000001, 0)->eax = ~(1u << 3);
    assert_false(cpuid_has_kvmclock(set));
    set->nent = 0;
    assert_false(cpuid_has_kvmclock(set));
    cpuid_platform(set, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_host_is_untouched, setup, teardown),
        cmocka_unit_test_setup_teardown(test_v2, setup, teardown),
        cmocka_unit_test_setup_teardown(test_v3_and_v4, setup, teardown),
        cmocka_unit_test_setup_teardown(test_missing_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_optional_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_topology, setup, teardown),
        cmocka_unit_test_setup_teardown(test_platform, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
