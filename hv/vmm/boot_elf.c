/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/checked.h"
#include "base/fd.h"
#include "hv/layout.h"
#include "hv/vmm/boot_private.h"

#define NOTES_MAX  65536u /* bytes of one segment of notes that are looked at */
#define INITRD_MAX 0x7fffffffu

static int read_file(const struct boot *boot, void *data, size_t size, uint64_t offset,
                     struct failure_report *report)
{
    int r = fd_pread_full(boot->source->kernel_fd, data, size, offset);

    if (r < 0)
        return failure_fill(report, r, FAILURE_SYSTEM, (uint64_t)(unsigned)-r, __LINE__);
    return 0;
}

static int load_segments(struct boot *boot, const struct elf_segment *segments, uint32_t count,
                         struct failure_report *report)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct elf_segment *s = &segments[i];
        int r;

        if (s->type != ELF_LOAD || s->memory_size == 0)
            continue;
        r = boot_map_take(&boot->map, s->address, s->memory_size);
        if (r == -EFAULT && s->address >= LAYOUT_ACPI_END && s->address < LAYOUT_HOLE_START)
            return failure_fill(report, -ENOMEM, FAILURE_KERNEL_MEMORY, s->address + s->memory_size,
                                boot_ram(boot));
        if (r < 0) {
            *report = (struct failure_report){
                .failure = FAILURE_ELF_SEGMENT,
                .detail = {i, s->address, s->memory_size},
            };
            return r;
        }
        /* What memory_size has beyond file_size is zero: RAM is fresh and nothing overlaps. */
        if (s->file_size > 0) {
            r = boot_read(boot, boot->source->kernel_fd, s->offset, s->address, s->file_size,
                          report);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* 1 and *entry if some note names a PVH entry point. */
static int find_pvh(const struct boot *boot, const struct elf_segment *segments, uint32_t count,
                    uint64_t *entry, struct failure_report *report)
{
    uint8_t notes[NOTES_MAX];

    for (uint32_t i = 0; i < count; i++) {
        const struct elf_segment *s = &segments[i];
        int r;

        if (s->type != ELF_NOTE)
            continue;
        if (s->file_size > NOTES_MAX)
            return failure_fill(report, -ENOEXEC, FAILURE_ELF_NOTE, s->offset, s->file_size);
        r = read_file(boot, notes, (size_t)s->file_size, s->offset, report);
        if (r == 0)
            r = elf_find_pvh(notes, (size_t)s->file_size, s->align, entry, report);
        if (r != 0)
            return r;
    }
    return 0;
}

static bool inside(const struct elf_segment *segments, uint32_t count, uint64_t address)
{
    for (uint32_t i = 0; i < count; i++) {
        if (segments[i].type == ELF_LOAD && address >= segments[i].address &&
            address - segments[i].address < segments[i].memory_size)
            return true;
    }
    return false;
}

int boot_elf(struct boot *boot, const struct boot_start *start, struct failure_report *report)
{
    struct elf_segment segments[ELF_SEGMENTS_MAX];
    uint8_t table[ELF_TABLE_MAX];
    struct elf_header header;
    uint64_t entry;
    int pvh, r;

    r = elf_decode_header(start->bytes, start->size, boot->source->kernel_size, &header, report);
    if (r < 0)
        return r;
    r = read_file(boot, table, header.table_size, header.table_offset, report);
    if (r < 0)
        return r;
    r = elf_decode_segments(&header, table, boot->source->kernel_size, segments, report);
    if (r < 0)
        return r;
    pvh = find_pvh(boot, segments, header.segments, &entry, report);
    if (pvh < 0)
        return pvh;
    if (pvh == 0) {
        /* Only 64-bit Linux has an entry of another kind that we know. */
        if (!header.is64)
            return failure_fill(report, -ENOEXEC, FAILURE_ELF_NOTE, 0, 0);
        entry = header.entry;
    }
    if (!inside(segments, header.segments, entry) || entry > UINT32_MAX)
        return failure_fill(report, -ENOEXEC, FAILURE_ELF_ENTRY, entry, 0);
    r = load_segments(boot, segments, header.segments, report);
    if (r < 0)
        return r;
    boot->initrd_last = INITRD_MAX;
    boot->cmdline_max = UINT64_MAX; /* nothing in the file tells; ours is bounded */
    boot->entry = (struct boot_entry){
        .mode = pvh == 1 ? BOOT_PVH : BOOT_LINUX64,
        .rip = entry,
        .argument = pvh == 1 ? LAYOUT_PVH_INFO : LAYOUT_ZERO_PAGE,
    };
    boot->load = entry;
    return 0;
}
