/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files into whole memories: placement, and every way in which it must fail. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "hv/acpi/acpi.h"
#include "hv/layout.h"
#include "hv/vmm/boot.h"
#include "hv/vmm/boot_map.h"
#include "tests/unit/vmm/kernel_images.h"
#include "tests/vmm-payload.h"

#define MIB (1ull << 20)

static char cmdline[2048] = "console=ttyS0";
static uint64_t log_size; /* of the event log that the next load gets */

struct outcome {
    int result;
    struct failure_report report;
    struct boot_entry entry;
    struct memory *memory;
    int ram;
};

static struct outcome load(const void *kernel, size_t kernel_size, uint64_t initrd_size,
                           uint64_t ram)
{
    struct outcome o = {.ram = fd_fixed_memfd("ram", ram, 0)};
    int kernel_fd = fd_sealed_memfd("kernel", kernel, kernel_size), initrd_fd = -1, log_fd = -1;
    struct boot_source source = {
        .kernel_fd = kernel_fd,
        .kernel_size = kernel_size,
        .initrd_size = initrd_size,
        .log_size = log_size,
        .cmdline = cmdline,
        .rsdp = LAYOUT_ACPI,
    };

    assert_true(o.ram >= 0 && kernel_fd >= 0);
    assert_int_equal(memory_new(o.ram, ram, &o.memory), 0);
    if (initrd_size > 0) {
        initrd_fd = fd_fixed_memfd("initrd", initrd_size, 0);
        assert_true(initrd_fd >= 0);
        assert_true(pwrite(initrd_fd, "initrd!", initrd_size < 7 ? (size_t)initrd_size : 7, 0) > 0);
    }
    if (log_size > 0) {
        log_fd = fd_fixed_memfd("log", log_size, 0);
        assert_true(log_fd >= 0);
        assert_int_equal(pwrite(log_fd, "first", 5, 0), 5);
        assert_int_equal(pwrite(log_fd, "!", 1, (off_t)log_size - 1), 1);
    }
    source.initrd_fd = initrd_fd;
    source.log_fd = log_fd;
    o.result = boot_load(o.memory, &source, &o.entry, &o.report);
    fd_close(&kernel_fd);
    fd_close(&initrd_fd);
    fd_close(&log_fd);
    return o;
}

static void release(struct outcome *o)
{
    memory_free(o->memory);
    fd_close(&o->ram);
}

static void expect_failure(const void *kernel, size_t size, uint64_t initrd, uint64_t ram,
                           enum hv_failure failure)
{
    struct outcome o = load(kernel, size, initrd, ram);

    assert_true(o.result < 0);
    assert_int_equal(o.report.failure, failure);
    release(&o);
}

static void test_bzimage(void **state)
{
    uint8_t file[IMAGE_SIZE], page[4096];
    struct outcome o;
    char text[16];

    (void)state;
    image_bzimage(file);
    o = load(file, sizeof(file), 5000, 64 * MIB);
    assert_int_equal(o.result, 0);
    assert_int_equal(o.entry.mode, BOOT_LINUX64);
    assert_int_equal(o.entry.rip, 0x1000200);
    assert_int_equal(o.entry.argument, LAYOUT_ZERO_PAGE);
    assert_int_equal(*(uint8_t *)memory_at(o.memory, 0x1000fff, 1), 0x90);
    assert_int_equal(*(uint8_t *)memory_at(o.memory, 0x1001000, 1), 0);
    assert_int_equal(memory_read(o.memory, LAYOUT_ZERO_PAGE, page, sizeof(page)), 0);
    /* the initrd ends at the top of RAM, on a page */
    assert_int_equal(bytes_get32(page + 0x218), 64 * MIB - 8192);
    assert_int_equal(bytes_get32(page + 0x21c), 5000);
    assert_int_equal(memory_read(o.memory, 64 * MIB - 8192, text, 8), 0);
    assert_string_equal(text, "initrd!");
    assert_int_equal(memory_read(o.memory, LAYOUT_CMDLINE, text, 14), 0);
    assert_string_equal(text, "console=ttyS0");
    release(&o);
}

/* Linux unpacks itself at its preferred address, however low it was loaded. */
static void test_bzimage_stays_up(void **state)
{
    uint8_t file[IMAGE_SIZE];

    (void)state;
    image_bzimage(file);
    bytes_put32(file + 0x260, 20 * MIB); /* 16 MiB + 20 MiB is more than there is */
    expect_failure(file, sizeof(file), 0, 32 * MIB, FAILURE_KERNEL_MEMORY);
    bytes_put32(file + 0x260, 16 * MIB + 1);
    expect_failure(file, sizeof(file), 0, 32 * MIB, FAILURE_KERNEL_MEMORY);
    bytes_put32(file + 0x260, UINT32_MAX);
    expect_failure(file, sizeof(file), 0, 32 * MIB, FAILURE_KERNEL_MEMORY);
}

static void test_bzimage_moves_up(void **state)
{
    uint8_t file[IMAGE_SIZE];
    struct outcome o;

    (void)state;
    image_bzimage(file);
    bytes_put64(file + 0x258, 0); /* where the VMM's own structures are */
    o = load(file, sizeof(file), 0, 32 * MIB);
    assert_int_equal(o.result, 0);
    assert_int_equal(o.entry.rip, 0x200200);
    release(&o);
    file[0x234] = 0; /* it says that it cannot move */
    expect_failure(file, sizeof(file), 0, 32 * MIB, FAILURE_KERNEL_MEMORY);
}

/* RAM is there, but the page tables of the entry do not reach it. */
static void test_bzimage_above_4g(void **state)
{
    uint8_t file[IMAGE_SIZE];

    (void)state;
    image_bzimage(file);
    bytes_put64(file + 0x258, 4096 * MIB + 16 * MIB);
    expect_failure(file, sizeof(file), 0, 4096 * MIB, FAILURE_KERNEL_MEMORY);
}

static void test_initrd(void **state)
{
    uint8_t file[IMAGE_SIZE], page[4096];
    struct outcome o;

    (void)state;
    image_bzimage(file);
    /* between the kernel's end at 17 MiB and the end of RAM */
    o = load(file, sizeof(file), 15 * MIB, 32 * MIB);
    assert_int_equal(o.result, 0);
    release(&o);
    expect_failure(file, sizeof(file), 15 * MIB + 1, 32 * MIB, FAILURE_INITRD_MEMORY);
    expect_failure(file, sizeof(file), 64 * MIB, 32 * MIB, FAILURE_INITRD_MEMORY);
    /* below what the kernel allows, though RAM goes on */
    bytes_put32(file + 0x22c, 20 * MIB - 1);
    o = load(file, sizeof(file), MIB, 64 * MIB);
    assert_int_equal(o.result, 0);
    assert_int_equal(memory_read(o.memory, LAYOUT_ZERO_PAGE, page, sizeof(page)), 0);
    assert_int_equal(bytes_get32(page + 0x218), 19 * MIB);
    release(&o);
    bytes_put32(file + 0x22c, 0);
    expect_failure(file, sizeof(file), 1, 64 * MIB, FAILURE_INITRD_MEMORY);
}

static void test_cmdline(void **state)
{
    uint8_t file[IMAGE_SIZE];
    struct outcome o;

    (void)state;
    image_bzimage(file);
    bytes_put32(file + 0x238, 13); /* exactly ours */
    o = load(file, sizeof(file), 0, 64 * MIB);
    assert_int_equal(o.result, 0);
    release(&o);
    bytes_put32(file + 0x238, 12);
    o = load(file, sizeof(file), 0, 64 * MIB);
    assert_true(o.result < 0);
    assert_int_equal(o.report.failure, FAILURE_CMDLINE_LONG);
    assert_int_equal(o.report.detail[0], 13);
    assert_int_equal(o.report.detail[1], 12);
    release(&o);
}

/* The type of `address` in the zero page's memory map; 0 if no entry or more than one has it. */
static uint32_t e820_type(const uint8_t *page, uint64_t address)
{
    uint32_t type = 0;
    unsigned hits = 0;

    for (unsigned i = 0; i < page[0x1e8]; i++) {
        const uint8_t *entry = page + 0x2d0 + (size_t)i * 20;

        if (address < bytes_get64(entry) || address - bytes_get64(entry) >= bytes_get64(entry + 8))
            continue;
        type = bytes_get32(entry + 16);
        hits++;
    }
    return hits == 1 ? type : 0;
}

/* It lies where the kernel has no RAM, whole, with zeroes behind it. */
static void test_event_log(void **state)
{
    static const uint64_t sizes[] = {6, 5000, ACPI_TPM_LOG_MAX};
    uint8_t file[IMAGE_SIZE], page[4096];
    struct outcome o;

    (void)state;
    image_bzimage(file);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const uint8_t *log;

        log_size = sizes[i];
        o = load(file, sizeof(file), 5000, 32 * MIB);
        assert_int_equal(o.result, 0);
        log = memory_at(o.memory, LAYOUT_TPM_LOG, LAYOUT_TPM_LOG_END - LAYOUT_TPM_LOG);
        assert_memory_equal(log, "first", 5);
        assert_int_equal(log[log_size - 1], '!');
        for (uint64_t at = log_size; at < LAYOUT_TPM_LOG_END - LAYOUT_TPM_LOG; at++)
            assert_int_equal(log[at], 0);
        assert_int_equal(memory_read(o.memory, LAYOUT_ZERO_PAGE, page, sizeof(page)), 0);
        assert_int_equal(e820_type(page, LAYOUT_TPM_LOG - 1), BOOT_E820_RAM);
        assert_int_equal(e820_type(page, LAYOUT_TPM_LOG), BOOT_E820_RESERVED);
        assert_int_equal(e820_type(page, LAYOUT_TPM_LOG_END - 1), BOOT_E820_RESERVED);
        assert_int_equal(e820_type(page, LAYOUT_TPM_LOG_END), BOOT_E820_RAM);
        assert_int_equal(e820_type(page, LAYOUT_EBDA), BOOT_E820_RESERVED);
        assert_int_equal(e820_type(page, 32 * MIB - 1), BOOT_E820_RAM);
        release(&o);
    }
    log_size = ACPI_TPM_LOG_MAX + 1;
    expect_failure(file, sizeof(file), 0, 32 * MIB, FAILURE_LOG_LONG);
    log_size = 0;
    o = load(file, sizeof(file), 0, 32 * MIB);
    assert_int_equal(o.result, 0);
    assert_int_equal(memory_read(o.memory, LAYOUT_ZERO_PAGE, page, sizeof(page)), 0);
    assert_int_equal(e820_type(page, LAYOUT_TPM_LOG), BOOT_E820_RAM);
    release(&o);
}

/* A tenant's kernel cannot be laid over the log, from where it would speak in our name. */
static void test_event_log_is_taken(void **state)
{
    const struct memory_range ram = {.guest = 0, .size = 32 * MIB};
    struct boot_e820 e820[BOOT_E820_MAX];
    struct boot_map map;
    uint64_t end = 0;

    (void)state;
    boot_map_init(&map, &ram, 1, true);
    assert_int_equal(boot_map_take(&map, LAYOUT_TPM_LOG - 8, 9), -EEXIST);
    assert_int_equal(boot_map_take(&map, LAYOUT_TPM_LOG_END - 1, 4096), -EEXIST);
    assert_int_equal(boot_map_take(&map, LAYOUT_TPM_LOG - 4096, 4096), 0);
    assert_int_equal(boot_map_take(&map, LAYOUT_TPM_LOG_END, 4096), 0);
    for (size_t i = 0, n = boot_map_e820(&map, e820); i < n; i++) {
        assert_true(e820[i].start >= end); /* in order, none over another */
        end = e820[i].start + e820[i].size;
    }
}

static void test_no_kernel(void **state)
{
    static const char script[600] = "#!/bin/sh\n";

    (void)state;
    expect_failure("", 0, 0, 32 * MIB, FAILURE_KERNEL_EMPTY);
    expect_failure("x", 1, 0, 32 * MIB, FAILURE_KERNEL_FORMAT);
    expect_failure(script, sizeof(script), 0, 32 * MIB, FAILURE_KERNEL_FORMAT);
    expect_failure("\177ELF", 4, 0, 32 * MIB, FAILURE_KERNEL_TRUNCATED);
}

static void test_elf64(void **state)
{
    uint8_t file[ELF64_SIZE];
    struct outcome o;

    (void)state;
    image_elf64(file, 0);
    o = load(file, sizeof(file), 100, 32 * MIB);
    assert_int_equal(o.result, 0);
    assert_int_equal(o.entry.mode, BOOT_LINUX64);
    assert_int_equal(o.entry.rip, ELF64_ENTRY);
    assert_int_equal(*(uint8_t *)memory_at(o.memory, 0x11007ff, 1), 0xf4);
    assert_int_equal(*(uint8_t *)memory_at(o.memory, 0x1100800, 1), 0);
    release(&o);

    image_elf64(file, 1);
    o = load(file, sizeof(file), 100, 32 * MIB);
    assert_int_equal(o.result, 0);
    assert_int_equal(o.entry.mode, BOOT_PVH);
    assert_int_equal(o.entry.rip, ELF64_ENTRY + 0x20);
    assert_int_equal(o.entry.argument, LAYOUT_PVH_INFO);
    release(&o);
}

static void test_pvh_start_info(void **state)
{
    uint8_t payload[PAYLOAD_SIZE], info[4096], *map;
    struct outcome o;
    uint32_t entries;

    (void)state;
    payload_build(PAYLOAD_OFF, payload);
    o = load(payload, sizeof(payload), 4097, LAYOUT_HOLE_START + 64 * MIB);
    assert_int_equal(o.result, 0);
    assert_int_equal(memory_read(o.memory, o.entry.argument, info, sizeof(info)), 0);
    assert_int_equal(bytes_get32(info), 0x336ec578);
    assert_int_equal(bytes_get32(info + 4), 1);
    assert_int_equal(bytes_get32(info + 12), 1);
    assert_int_equal(bytes_get64(info + 24), LAYOUT_CMDLINE);
    assert_int_equal(bytes_get64(info + 32), LAYOUT_ACPI);
    uint8_t *module = info + (bytes_get64(info + 16) - LAYOUT_PVH_INFO);
    assert_int_equal(bytes_get64(module), 0x80000000u - 8192);
    assert_int_equal(bytes_get64(module + 8), 4097);
    map = info + (bytes_get64(info + 40) - LAYOUT_PVH_INFO);
    entries = bytes_get32(info + 48);
    assert_int_equal(entries, 6);
    /* in order, without overlap; the last is what is above 4 GiB */
    for (uint32_t i = 1; i < entries; i++)
        assert_true(bytes_get64(map + 24 * i) >=
                    bytes_get64(map + 24 * (i - 1)) + bytes_get64(map + 24 * (i - 1) + 8));
    assert_int_equal(bytes_get64(map + 24 * 5), LAYOUT_HIGH_START);
    assert_int_equal(bytes_get64(map + 24 * 5 + 8), 64 * MIB);
    assert_int_equal(bytes_get32(map + 24 * 5 + 16), BOOT_E820_RAM);
    release(&o);
}

/* Where the second segment may not go. */
static void test_elf_places(void **state)
{
    static const struct {
        uint64_t address, size;
        enum hv_failure failure;
    } cases[] = {
        {0x1000fff, 0x10000, FAILURE_ELF_SEGMENT},  /* the first segment's last byte */
        {0xfff000, 0x1001, FAILURE_ELF_SEGMENT},    /* its first byte */
        {0x800000, 0x1800000, FAILURE_ELF_SEGMENT}, /* all of it */
        {0, 0x1000, FAILURE_ELF_SEGMENT},           /* low structures */
        {LAYOUT_ZERO_PAGE, 0x1000, FAILURE_ELF_SEGMENT},
        {LAYOUT_PAGE_TABLES, 0x1000, FAILURE_ELF_SEGMENT},
        {LAYOUT_CMDLINE - 0x800, 0x801, FAILURE_ELF_SEGMENT},
        {LAYOUT_EBDA - 0x800, 0x801, FAILURE_ELF_SEGMENT},
        {LAYOUT_ACPI, 0x1000, FAILURE_ELF_SEGMENT},
        {LAYOUT_ACPI_END - 1, 0x1000, FAILURE_ELF_SEGMENT},
        {32 * MIB - 0x800, 0x801, FAILURE_KERNEL_MEMORY}, /* the end of RAM */
        {32 * MIB, 0x1000, FAILURE_KERNEL_MEMORY},
        {LAYOUT_PCI_MMIO, 0x1000, FAILURE_ELF_SEGMENT}, /* devices */
        {LAYOUT_LAPIC, 0x1000, FAILURE_ELF_SEGMENT},
        {LAYOUT_HIGH_START, 0x1000, FAILURE_ELF_SEGMENT},
        {0xffffffff81000000u, 0x1000, FAILURE_ELF_SEGMENT}, /* a virtual address */
        {0x2000000000000000u, 0x1000, FAILURE_ELF_SEGMENT},
    };
    uint8_t file[ELF64_SIZE];
    struct outcome o;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        image_elf64(file, 1);
        bytes_put64(image_phdr(file, 1) + 24, cases[i].address);
        bytes_put64(image_phdr(file, 1) + 40, cases[i].size);
        o = load(file, sizeof(file), 0, 32 * MIB);
        assert_true(o.result < 0);
        assert_int_equal(o.report.failure, cases[i].failure);
        if (cases[i].failure == FAILURE_ELF_SEGMENT) {
            assert_int_equal(o.report.detail[0], 1);
            assert_int_equal(o.report.detail[1], cases[i].address);
            assert_int_equal(o.report.detail[2], cases[i].size);
        }
        release(&o);
    }
    /* right beside things is allowed */
    image_elf64(file, 1);
    bytes_put64(image_phdr(file, 1) + 24, 0x1001000);
    o = load(file, sizeof(file), 0, 32 * MIB);
    assert_int_equal(o.result, 0);
    release(&o);
    bytes_put64(image_phdr(file, 1) + 24, LAYOUT_ACPI_END);
    o = load(file, sizeof(file), 0, 32 * MIB);
    assert_int_equal(o.result, 0);
    release(&o);
}

static void test_elf_entry(void **state)
{
    static const uint64_t bad[] = {0,          0xffffff,   0x1001000,           0x1110000,
                                   0x11000000, UINT64_MAX, 0xffffffff81000010u, 0x101000010u};
    uint8_t file[ELF64_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        image_elf64(file, 0);
        bytes_put64(file + 24, bad[i]);
        expect_failure(file, sizeof(file), 0, 32 * MIB, FAILURE_ELF_ENTRY);
        image_elf64(file, 1);
        bytes_put64(file + ELF64_NOTE + 16, bad[i]);
        expect_failure(file, sizeof(file), 0, 32 * MIB, FAILURE_ELF_ENTRY);
    }
}

/* A 32-bit entry above 4 GiB, though there is RAM and a segment. */
static void test_elf_entry_high(void **state)
{
    uint8_t file[ELF64_SIZE];

    (void)state;
    image_elf64(file, 1);
    bytes_put64(image_phdr(file, 0) + 24, LAYOUT_HIGH_START);
    bytes_put64(file + ELF64_NOTE + 16, LAYOUT_HIGH_START + 0x10);
    expect_failure(file, sizeof(file), 0, LAYOUT_HOLE_START + 64 * MIB, FAILURE_ELF_ENTRY);
}

static void test_elf32_needs_pvh(void **state)
{
    uint8_t payload[PAYLOAD_SIZE];

    (void)state;
    payload_build(PAYLOAD_OFF, payload);
    bytes_put32(payload + 0x88, 17);
    expect_failure(payload, sizeof(payload), 0, 32 * MIB, FAILURE_ELF_NOTE);
}

static void test_huge_notes(void **state)
{
    uint8_t *file = calloc(1, ELF64_SIZE + 70000);

    (void)state;
    assert_non_null(file);
    image_elf64(file, 1);
    bytes_put64(image_phdr(file, 2) + 32, 65537);
    expect_failure(file, ELF64_SIZE + 70000, 0, 32 * MIB, FAILURE_ELF_NOTE);
    free(file);
}

/* Sixty-four segments are all taken account of; the same place twice is refused at the end. */
static void test_many_segments(void **state)
{
    uint8_t file[ELF64_SIZE];
    struct outcome o;

    (void)state;
    image_elf64(file, 0);
    bytes_put16(file + 56, 64);
    memset(file + ELF64_LOAD, 0, sizeof(file) - ELF64_LOAD);
    for (unsigned i = 0; i < 64; i++) {
        uint8_t *p = image_phdr(file, i);

        memset(p, 0, 56);
        bytes_put32(p, 1);
        bytes_put64(p + 24, 0x1000000 + i * 0x1000ull);
        bytes_put64(p + 40, 0x1000);
    }
    o = load(file, sizeof(file), MIB, 32 * MIB);
    assert_int_equal(o.result, 0);
    release(&o);
    bytes_put64(image_phdr(file, 63) + 24, 0x1000000 + 17 * 0x1000ull);
    o = load(file, sizeof(file), MIB, 32 * MIB);
    assert_int_equal(o.report.failure, FAILURE_ELF_SEGMENT);
    assert_int_equal(o.report.detail[0], 63);
    release(&o);
}

/* The initrd goes into the highest gap that is large enough, not over a segment in the way. */
static void test_initrd_around_segments(void **state)
{
    uint8_t file[ELF64_SIZE], info[4096];
    struct outcome o;

    (void)state;
    image_elf64(file, 1);
    bytes_put64(image_phdr(file, 1) + 24, 31 * MIB);
    o = load(file, sizeof(file), 2 * MIB, 32 * MIB);
    assert_int_equal(o.result, 0);
    assert_int_equal(memory_read(o.memory, o.entry.argument, info, sizeof(info)), 0);
    assert_int_equal(bytes_get64(info + (bytes_get64(info + 16) - LAYOUT_PVH_INFO)), 29 * MIB);
    release(&o);
    o = load(file, sizeof(file), 15 * MIB, 32 * MIB); /* 16 MiB + 4 KiB to 31 MiB is less */
    assert_int_equal(o.result, 0);
    assert_int_equal(memory_read(o.memory, o.entry.argument, info, sizeof(info)), 0);
    assert_int_equal(bytes_get64(info + (bytes_get64(info + 16) - LAYOUT_PVH_INFO)), MIB);
    release(&o);
    o = load(file, sizeof(file), 15 * MIB + 1, 32 * MIB);
    assert_int_equal(o.report.failure, FAILURE_INITRD_MEMORY);
    assert_int_equal(o.report.detail[0], 15 * MIB + 1);
    assert_int_equal(o.report.detail[1], 15 * MIB);
    release(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bzimage),          cmocka_unit_test(test_bzimage_stays_up),
        cmocka_unit_test(test_bzimage_moves_up), cmocka_unit_test(test_bzimage_above_4g),
        cmocka_unit_test(test_initrd),           cmocka_unit_test(test_cmdline),
        cmocka_unit_test(test_event_log),        cmocka_unit_test(test_event_log_is_taken),
        cmocka_unit_test(test_no_kernel),        cmocka_unit_test(test_elf64),
        cmocka_unit_test(test_pvh_start_info),   cmocka_unit_test(test_elf_places),
        cmocka_unit_test(test_elf_entry),        cmocka_unit_test(test_elf_entry_high),
        cmocka_unit_test(test_elf32_needs_pvh),  cmocka_unit_test(test_huge_notes),
        cmocka_unit_test(test_many_segments),    cmocka_unit_test(test_initrd_around_segments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
