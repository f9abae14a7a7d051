/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/boot.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "hv/acpi/acpi.h"
#include "hv/layout.h"
#include "hv/vmm/boot_private.h"
#include "hv/vmm/linux64.h"
#include "hv/vmm/pvh.h"

#define GDT_CODE64 0x00af9b000000ffffull
#define GDT_CODE32 0x00cf9b000000ffffull
#define GDT_DATA   0x00cf93000000ffffull

uint64_t boot_ram(const struct boot *boot)
{
    uint64_t size = 0;

    for (size_t i = 0; i < boot->map.ram_count; i++)
        size += boot->map.ram[i].end - boot->map.ram[i].start;
    return size;
}

int boot_read(struct boot *boot, int fd, uint64_t offset, uint64_t guest, uint64_t size,
              struct failure_report *report)
{
    void *to = memory_at(boot->memory, guest, size);
    int r = to != NULL ? fd_pread_full(fd, to, size, offset) : -EFAULT;

    if (r < 0)
        return failure_fill(report, r, FAILURE_SYSTEM, (uint64_t)(unsigned)-r, __LINE__);
    return 0;
}

static int put(struct boot *boot, uint64_t guest, const void *data, uint64_t size,
               struct failure_report *report)
{
    int r = memory_write(boot->memory, guest, data, size);

    if (r < 0)
        return failure_fill(report, r, FAILURE_KERNEL_MEMORY, guest + size, boot_ram(boot));
    return 0;
}

static int load_kernel(struct boot *boot, struct failure_report *report)
{
    const struct boot_source *source = boot->source;
    struct boot_start start = {0};
    int r;

    if (source->kernel_size == 0)
        return failure_fill(report, -ENOEXEC, FAILURE_KERNEL_EMPTY, 0, 0);
    start.size = source->kernel_size < sizeof(start.bytes) ? (size_t)source->kernel_size
                                                           : sizeof(start.bytes);
    r = fd_pread_full(source->kernel_fd, start.bytes, start.size, 0);
    if (r < 0)
        return failure_fill(report, r, FAILURE_SYSTEM, (uint64_t)(unsigned)-r, __LINE__);
    if (elf_matches(start.bytes, start.size))
        return boot_elf(boot, &start, report);
    if (bzimage_matches(start.bytes, start.size))
        return boot_bzimage(boot, &start, report);
    return failure_fill(report, -ENOEXEC, FAILURE_KERNEL_FORMAT, 0, 0);
}

static int load_initrd(struct boot *boot, uint64_t *initrd, struct failure_report *report)
{
    uint64_t size = boot->source->initrd_size, room = 0;
    int r;

    *initrd = 0;
    if (size == 0)
        return 0;
    r = boot_map_take_top(&boot->map, size, boot->initrd_last, initrd, &room);
    if (r < 0)
        return failure_fill(report, r, FAILURE_INITRD_MEMORY, size, room);
    return boot_read(boot, boot->source->initrd_fd, 0, *initrd, size, report);
}

/* Behind it RAM is zero as it was made: no event, which ends the log for who reads it. */
static int load_log(struct boot *boot, struct failure_report *report)
{
    const struct boot_source *source = boot->source;

    if (source->log_size == 0)
        return 0;
    if (source->log_size > ACPI_TPM_LOG_MAX)
        return failure_fill(report, -EFBIG, FAILURE_LOG_LONG, source->log_size, ACPI_TPM_LOG_MAX);
    return boot_read(boot, source->log_fd, 0, LAYOUT_TPM_LOG, source->log_size, report);
}

static int write_tables(struct boot *boot, uint64_t initrd, struct failure_report *report)
{
    const struct boot_source *source = boot->source;
    struct boot_e820 e820[BOOT_E820_MAX];
    size_t e820_count = boot_map_e820(&boot->map, e820);
    uint8_t page[LINUX64_PAGE], gdt[BOOT_GDT_SIZE] = {0}, *tables;
    int r;

    bytes_put64(gdt + 0x10, boot->entry.mode == BOOT_PVH ? GDT_CODE32 : GDT_CODE64);
    bytes_put64(gdt + 0x18, GDT_DATA);
    r = put(boot, LAYOUT_GDT, gdt, sizeof(gdt), report);
    if (r == 0)
        r = put(boot, LAYOUT_CMDLINE, source->cmdline, strlen(source->cmdline) + 1, report);
    if (r < 0)
        return r;
    if (boot->entry.mode == BOOT_PVH) {
        const struct pvh_boot pvh = {
            .initrd = initrd,
            .initrd_size = source->initrd_size,
            .rsdp = source->rsdp,
            .e820 = e820,
            .e820_count = e820_count,
        };

        _Static_assert(PVH_SIZE == sizeof(page), "both are a page");
        pvh_start_info(&pvh, page);
        return put(boot, LAYOUT_PVH_INFO, page, sizeof(page), report);
    }
    const struct linux64_boot zero = {
        .image = boot->is_bzimage ? &boot->image : NULL,
        .load = boot->load,
        .initrd = initrd,
        .initrd_size = source->initrd_size,
        .rsdp = source->rsdp,
        .e820 = e820,
        .e820_count = e820_count,
    };

    linux64_zero_page(&zero, page);
    r = put(boot, LAYOUT_ZERO_PAGE, page, sizeof(page), report);
    if (r < 0)
        return r;
    tables = memory_at(boot->memory, LAYOUT_PAGE_TABLES, LINUX64_TABLE_SIZE);
    if (tables == NULL)
        return failure_fill(report, -EFAULT, FAILURE_KERNEL_MEMORY,
                            LAYOUT_PAGE_TABLES + LINUX64_TABLE_SIZE, boot_ram(boot));
    linux64_page_tables(tables); /* in place: nobody runs yet */
    return 0;
}

int boot_load(struct memory *memory, const struct boot_source *source, struct boot_entry *entry,
              struct failure_report *report)
{
    struct boot boot = {.memory = memory, .source = source};
    const struct memory_range *ranges;
    size_t count = memory_ranges(memory, &ranges), length = strlen(source->cmdline);
    uint64_t initrd;
    int r;

    boot_map_init(&boot.map, ranges, count, source->log_size > 0);
    r = load_kernel(&boot, report);
    if (r < 0)
        return r;
    if (length > boot.cmdline_max)
        return failure_fill(report, -E2BIG, FAILURE_CMDLINE_LONG, length, boot.cmdline_max);
    r = load_initrd(&boot, &initrd, report);
    if (r == 0)
        r = load_log(&boot, report);
    if (r < 0)
        return r;
    r = write_tables(&boot, initrd, report);
    if (r < 0)
        return r;
    *entry = boot.entry;
    return 0;
}
