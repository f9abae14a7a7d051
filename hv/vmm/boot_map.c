/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/boot_map.h"

#include <errno.h>

#include "base/checked.h"
#include "hv/handoff.h"
#include "hv/layout.h"

#define PAGE 4096ull
#define MIB  (1ull << 20)

static void take_own(struct boot_map *map, uint64_t start, uint64_t end)
{
    map->taken[map->taken_count].start = start;
    map->taken[map->taken_count].end = end;
    map->taken_count++;
}

void boot_map_init(struct boot_map *map, const struct memory_range *ranges, size_t count,
                   bool tpm_log)
{
    *map = (struct boot_map){.ram_count = count < 2 ? count : 2, .tpm_log = tpm_log};
    for (size_t i = 0; i < map->ram_count; i++) {
        map->ram[i].start = ranges[i].guest;
        map->ram[i].end = ranges[i].guest + ranges[i].size;
    }
    take_own(map, 0, LAYOUT_PAGE_TABLES + 0x7000); /* GDT, start info, zero page, page tables */
    take_own(map, LAYOUT_CMDLINE, LAYOUT_CMDLINE + HANDOFF_CMDLINE_MAX);
    if (tpm_log)
        take_own(map, LAYOUT_TPM_LOG, LAYOUT_TPM_LOG_END);
    take_own(map, LAYOUT_EBDA, LAYOUT_ACPI_END); /* EBDA, video memory, ROMs, ACPI tables */
}

/* A taken place that [start, end) meets, as its index; taken_count if it meets none. */
static size_t meets(const struct boot_map *map, uint64_t start, uint64_t end)
{
    size_t i = 0;

    while (i < map->taken_count && (start >= map->taken[i].end || map->taken[i].start >= end))
        i++;
    return i;
}

int boot_map_take(struct boot_map *map, uint64_t start, uint64_t size)
{
    for (size_t i = 0; size > 0 && i < map->ram_count; i++) {
        if (start < map->ram[i].start ||
            !checked_range(start - map->ram[i].start, size, map->ram[i].end - map->ram[i].start))
            continue;
        if (meets(map, start, start + size) < map->taken_count)
            return -EEXIST;
        if (map->taken_count >= BOOT_MAP_MAX)
            return -ENOSPC;
        take_own(map, start, start + size);
        return 0;
    }
    return size == 0 ? 0 : -EFAULT;
}

/* Bytes free right below `end`, down to the next taken place or `floor`. */
static uint64_t free_below(const struct boot_map *map, uint64_t floor, uint64_t end)
{
    uint64_t low = floor;

    for (size_t i = 0; i < map->taken_count; i++) {
        if (map->taken[i].start < end && map->taken[i].end > low)
            low = map->taken[i].end < end ? map->taken[i].end : end;
    }
    return end > low ? end - low : 0;
}

static uint64_t largest_gap(const struct boot_map *map, uint64_t floor, uint64_t limit)
{
    uint64_t most = free_below(map, floor, limit);

    for (size_t i = 0; i < map->taken_count; i++) {
        uint64_t end = map->taken[i].start < limit ? map->taken[i].start : limit;
        uint64_t gap = free_below(map, floor, end);

        if (gap > most)
            most = gap;
    }
    return most;
}

int boot_map_take_top(struct boot_map *map, uint64_t size, uint64_t last, uint64_t *start,
                      uint64_t *room)
{
    /* RAM below 4 GiB is the first range. */
    uint64_t floor = map->ram[0].start;
    uint64_t limit = last < map->ram[0].end - 1 ? last + 1 : map->ram[0].end;
    uint64_t end = limit;

    while (end > floor && size <= end - floor) {
        uint64_t base = (end - size) & ~(PAGE - 1);
        size_t hit = meets(map, base, base + size);

        if (hit == map->taken_count) {
            int r = boot_map_take(map, base, size);

            if (r == 0)
                *start = base;
            return r;
        }
        end = map->taken[hit].start; /* below `end`: this ends */
    }
    *room = largest_gap(map, floor, limit);
    return -ENOSPC;
}

static size_t add(struct boot_e820 *entries, size_t count, uint64_t start, uint64_t end,
                  uint32_t type)
{
    entries[count] = (struct boot_e820){.start = start, .size = end - start, .type = type};
    return count + 1;
}

size_t boot_map_e820(const struct boot_map *map, struct boot_e820 entries[BOOT_E820_MAX])
{
    size_t n = 0;

    if (map->tpm_log) {
        /* Linux maps the log only from where there is no RAM to be used. */
        n = add(entries, n, 0, LAYOUT_TPM_LOG, BOOT_E820_RAM);
        n = add(entries, n, LAYOUT_TPM_LOG, LAYOUT_TPM_LOG_END, BOOT_E820_RESERVED);
        n = add(entries, n, LAYOUT_TPM_LOG_END, LAYOUT_EBDA, BOOT_E820_RAM);
    } else {
        n = add(entries, n, 0, LAYOUT_EBDA, BOOT_E820_RAM);
    }
    n = add(entries, n, LAYOUT_EBDA, LAYOUT_EBDA + 0x400, BOOT_E820_RESERVED);
    n = add(entries, n, LAYOUT_ACPI, LAYOUT_ACPI_END, BOOT_E820_RESERVED);
    if (map->ram[0].end > MIB)
        n = add(entries, n, MIB, map->ram[0].end, BOOT_E820_RAM);
    /* Linux uses ECAM only where the memory map or ACPI keeps everything else away from it. */
    n = add(entries, n, LAYOUT_ECAM, LAYOUT_ECAM + LAYOUT_ECAM_SIZE, BOOT_E820_RESERVED);
    if (map->ram_count > 1)
        n = add(entries, n, map->ram[1].start, map->ram[1].end, BOOT_E820_RAM);
    return n;
}
