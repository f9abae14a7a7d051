/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hv/layout.h"
#include "hv/vmm/bzimage.h"
#include "hv/vmm/linux64.h"
#include "tests/unit/vmm/kernel_images.h"

static uint8_t file[IMAGE_SIZE];

static int setup(void **state)
{
    (void)state;
    image_bzimage(file);
    return 0;
}

static void test_good(void **state)
{
    struct failure_report report;
    struct bzimage image;

    (void)state;
    assert_true(bzimage_matches(file, BZIMAGE_START_SIZE));
    assert_int_equal(bzimage_decode(file, BZIMAGE_START_SIZE, IMAGE_SIZE, &image, &report), 0);
    assert_int_equal(image.payload_offset, IMAGE_SETUP);
    assert_int_equal(image.payload_size, 4096);
    assert_int_equal(image.preferred, 0x1000000);
    assert_int_equal(image.init_size, 0x100000);
    assert_int_equal(image.alignment, 0x200000);
    assert_int_equal(image.initrd_max, 0x7fffffff);
    assert_int_equal(image.cmdline_max, 2047);
    assert_true(image.relocatable);
    assert_int_equal(image.header_size, 0x26c - 0x1f1);
}

/* One field at a time is made to lie. */
static void test_lies(void **state)
{
    static const struct {
        size_t offset;
        unsigned size;
        uint64_t value;
        enum hv_failure failure;
        uint64_t detail[2];
    } cases[] = {
        {0x1f1, 1, 0, FAILURE_KERNEL_TRUNCATED, {2560 + 4096, IMAGE_SIZE}}, /* 0 means 4 */
        {0x1f1, 1, 9, FAILURE_KERNEL_SETUP, {0x1f1, 9}},
        {0x1f1, 1, 255, FAILURE_KERNEL_SETUP, {0x1f1, 255}},
        {0x1f4, 4, 0, FAILURE_KERNEL_SETUP, {0x1f4, 0}},
        {0x1f4, 4, 32, FAILURE_KERNEL_SETUP, {0x1f4, 32}}, /* ends before the entry */
        {0x1f4, 4, 257, FAILURE_KERNEL_TRUNCATED, {IMAGE_SIZE + 16, IMAGE_SIZE}},
        {0x1f4, 4, 0xffffffff, FAILURE_KERNEL_TRUNCATED, {1024 + 0xffffffffull * 16, IMAGE_SIZE}},
        {0x1fe, 2, 0xaa56, FAILURE_KERNEL_FORMAT, {0, 0}},
        {0x201, 1, 0x61, FAILURE_KERNEL_SETUP, {0x201, 0x61}},
        {0x201, 1, 0, FAILURE_KERNEL_SETUP, {0x201, 0}},
        {0x202, 4, 0, FAILURE_KERNEL_FORMAT, {0, 0}},
        {0x206, 2, 0x020b, FAILURE_KERNEL_OLD, {0x020b, 0}},
        {0x206, 2, 0, FAILURE_KERNEL_OLD, {0, 0}},
        {0x211, 1, 0, FAILURE_KERNEL_SETUP, {0x211, 0}},
        {0x230, 4, 0, FAILURE_KERNEL_SETUP, {0x230, 0}},
        {0x230, 4, 0x300000, FAILURE_KERNEL_SETUP, {0x230, 0x300000}},
        {0x230, 4, 16, FAILURE_KERNEL_SETUP, {0x230, 16}},
        {0x236, 2, 0x7e, FAILURE_KERNEL_OLD, {0x020f, 0}},
        {0x258, 8, 0x1000001, FAILURE_KERNEL_SETUP, {0x258, 0x1000001}},
        {0x258, 8, 0xffffffffffe00000u, FAILURE_KERNEL_SETUP, {0x258, 0xffffffffffe00000u}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct failure_report report = {0};
        struct bzimage image = {.payload_size = 77};

        image_bzimage(file);
        memcpy(file + cases[i].offset, &cases[i].value, cases[i].size);
        assert_int_equal(bzimage_decode(file, BZIMAGE_START_SIZE, IMAGE_SIZE, &image, &report),
                         -ENOEXEC);
        assert_int_equal(report.failure, cases[i].failure);
        assert_int_equal(report.detail[0], cases[i].detail[0]);
        assert_int_equal(report.detail[1], cases[i].detail[1]);
        assert_int_equal(image.payload_size, 77); /* untouched */
    }
}

static void test_cut_anywhere(void **state)
{
    (void)state;
    for (size_t size = 0; size < IMAGE_SIZE; size++) {
        size_t start = size < BZIMAGE_START_SIZE ? size : BZIMAGE_START_SIZE;
        uint8_t *copy = malloc(start + 1); /* so that a sanitizer sees a read too far */
        struct failure_report report = {0};
        struct bzimage image;

        assert_non_null(copy);
        memcpy(copy, file, start);
        copy[start] = 0;
        copy = realloc(copy, start > 0 ? start : 1);
        assert_int_equal(bzimage_decode(copy, start, size, &image, &report), -ENOEXEC);
        assert_true(report.failure != FAILURE_NONE);
        free(copy);
    }
}

static void test_signature_behind(void **state)
{
    struct failure_report report;
    struct bzimage image;

    (void)state;
    assert_int_equal(bzimage_decode(file, BZIMAGE_START_SIZE, IMAGE_SIZE + 5000, &image, &report),
                     0);
    assert_int_equal(image.payload_size, 4096);
}

/* A header that is longer than its place in the zero page must not run over what follows it. */
static void test_long_header(void **state)
{
    struct failure_report report;
    uint8_t page[LINUX64_PAGE];
    struct bzimage image;
    struct boot_e820 map = {.start = 0, .size = 0x9fc00, .type = BOOT_E820_RAM};
    struct linux64_boot boot = {.image = &image,
                                .e820 = &map,
                                .e820_count = 1,
                                .rsdp = 0xe0000,
                                .load = 0x1000000,
                                .initrd = 0x7000000,
                                .initrd_size = 5};

    (void)state;
    file[0x201] = 0xff;
    memset(file + 0x26c, 0xee, 0x100);
    assert_int_equal(bzimage_decode(file, BZIMAGE_START_SIZE, IMAGE_SIZE, &image, &report), 0);
    assert_int_equal(image.header_size, sizeof(image.header));
    linux64_zero_page(&boot, page);
    assert_int_equal(page[0x28f], 0xee);
    assert_int_equal(page[0x290], 0);
    assert_int_equal(page[0x1e8], 1);
    assert_int_equal(bytes_get64(page + 0x2d8), 0x9fc00);
    assert_int_equal(bytes_get32(page + 0x218), 0x7000000);
    assert_int_equal(bytes_get32(page + 0x21c), 5);
    assert_int_equal(bytes_get32(page + 0x228), LAYOUT_CMDLINE);
    assert_int_equal(bytes_get64(page + 0x070), 0xe0000);
    assert_int_equal(page[0x210], 0xff);
}

static void test_page_tables(void **state)
{
    static uint8_t tables[LINUX64_TABLE_SIZE];

    (void)state;
    linux64_page_tables(tables);
    /* walk by hand: every 2 MiB page of the first 4 GiB maps to itself */
    for (uint64_t address = 0; address < 1ull << 32; address += 1u << 21) {
        uint64_t e4 = bytes_get64(tables + (address >> 39) * 8);
        uint64_t e3 =
            bytes_get64(tables + ((e4 & ~0xfffull) - LAYOUT_PAGE_TABLES) + (address >> 30) * 8);
        uint64_t e2 = bytes_get64(tables + ((e3 & ~0xfffull) - LAYOUT_PAGE_TABLES) +
                                  ((address >> 21) & 511) * 8);

        assert_int_equal(e4 & e3 & e2 & 3, 3);
        assert_int_equal(e2, address | 0x83);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_good, setup),
        cmocka_unit_test_setup(test_lies, setup),
        cmocka_unit_test_setup(test_cut_anywhere, setup),
        cmocka_unit_test_setup(test_signature_behind, setup),
        cmocka_unit_test_setup(test_long_header, setup),
        cmocka_unit_test_setup(test_page_tables, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
