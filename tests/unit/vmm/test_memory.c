/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/memfd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "hv/layout.h"
#include "hv/vmm/memory.h"

#define MIB (1ull << 20)

static struct memory *map(uint64_t size)
{
    int fd = fd_fixed_memfd("ram", size, 0);
    struct memory *memory = NULL;

    assert_true(fd >= 0);
    assert_int_equal(memory_new(fd, size, &memory), 0);
    assert_int_equal(memory_fd(memory), fd);
    return memory;
}

static void unmap(struct memory *memory)
{
    int fd = memory_fd(memory);

    memory_free(memory);
    (void)close(fd);
}

static void test_sizes(void **state)
{
    static const uint64_t bad[] = {0, 1, 4096, 2 * MIB - 1, 3 * MIB, UINT64_MAX, 1ull << 63};
    struct memory *memory = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(memory_new(-1, bad[i], &memory), -EINVAL);
    assert_int_equal(memory_new(-1, 2 * MIB, &memory), -EBADF);
    assert_null(memory);
}

/* More huge pages than any host has: refused now, not when the guest touches them. */
static void test_huge_pages(void **state)
{
    const uint64_t size = 1ull << 46;
    int fd = fd_fixed_memfd("ram", size, MFD_HUGETLB | MFD_HUGE_2MB);
    struct memory *memory = NULL;

    (void)state;
    if (fd < 0) {
        print_message("no memory files of huge pages here: %s\n", strerror(-fd));
        skip();
    }
    assert_int_equal(memory_new(fd, size, &memory), -ENOMEM);
    assert_null(memory);
    (void)close(fd);
}

static void test_small(void **state)
{
    struct memory *memory = map(32 * MIB);
    const struct memory_range *range;

    (void)state;
    assert_int_equal(memory_ranges(memory, &range), 1);
    assert_int_equal(range[0].guest, 0);
    assert_int_equal(range[0].size, 32 * MIB);
    assert_non_null(memory_at(memory, 0, 32 * MIB));
    assert_non_null(memory_at(memory, 32 * MIB - 1, 1));
    assert_null(memory_at(memory, 32 * MIB - 1, 2));
    assert_null(memory_at(memory, 32 * MIB, 1));
    assert_null(memory_at(memory, 0, 0));
    assert_null(memory_at(memory, 1, UINT64_MAX));
    assert_null(memory_at(memory, UINT64_MAX, 1));
    assert_null(memory_at(memory, UINT64_MAX, UINT64_MAX));
    assert_null(memory_at(memory, LAYOUT_HIGH_START, 1));
    unmap(memory);
}

/* The same file is behind both ranges, one after the other; the hole belongs to nobody. */
static void test_hole(void **state)
{
    struct memory *memory = map(LAYOUT_HOLE_START + 64 * MIB);
    const struct memory_range *range;
    uint32_t value = 0xfeedbeef, back = 0;

    (void)state;
    assert_int_equal(memory_ranges(memory, &range), 2);
    assert_int_equal(range[0].size, LAYOUT_HOLE_START);
    assert_int_equal(range[1].guest, LAYOUT_HIGH_START);
    assert_int_equal(range[1].size, 64 * MIB);
    assert_int_equal(range[1].offset, LAYOUT_HOLE_START);
    assert_null(memory_at(memory, LAYOUT_HOLE_START, 1));
    assert_null(memory_at(memory, LAYOUT_HOLE_START - 1, 2));
    assert_null(memory_at(memory, LAYOUT_HIGH_START - 1, 2));
    assert_null(memory_at(memory, LAYOUT_HOLE_START - 1, LAYOUT_HIGH_START));
    assert_int_equal(memory_write(memory, LAYOUT_HIGH_START + 4, &value, 4), 0);
    assert_int_equal(memory_read(memory, LAYOUT_HIGH_START + 4, &back, 4), 0);
    assert_int_equal(back, value);
    assert_int_equal(pread(memory_fd(memory), &back, 4, (off_t)LAYOUT_HOLE_START + 4), 4);
    assert_int_equal(back, value);
    assert_int_equal(memory_write(memory, LAYOUT_HOLE_START - 2, &value, 4), -EFAULT);
    assert_int_equal(memory_read(memory, LAYOUT_HIGH_START + 64 * MIB - 2, &back, 4), -EFAULT);
    unmap(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_huge_pages),
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_hole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
