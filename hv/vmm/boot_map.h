/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_BOOT_MAP_H
#define CASEMATE_HV_VMM_BOOT_MAP_H

/* What lies where in guest RAM while a kernel is loaded. Pure. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/vmm/memory.h"

#define BOOT_MAP_MAX 80u /* taken places: low structures, 64 segments, initrd */

struct boot_map {
    size_t ram_count;
    struct {
        uint64_t start, end;
    } ram[2];
    size_t taken_count;
    struct {
        uint64_t start, end;
    } taken[BOOT_MAP_MAX];
    bool tpm_log; /* the event log's place is kept from the kernel */
};

/*
 * RAM as in `ranges` (1 or 2), with what the VMM itself writes (hv/layout.h) taken; with `tpm_log`
 * the place of the event log, too.
 */
void boot_map_init(struct boot_map *map, const struct memory_range *ranges, size_t count,
                   bool tpm_log);

/*
 * Take [start, start + size). 0; -EFAULT if it is not all in one range of RAM; -EEXIST if some of
 * it is taken; -ENOSPC. Size 0 takes nothing.
 */
int boot_map_take(struct boot_map *map, uint64_t start, uint64_t size);

/*
 * Take `size` (> 0) bytes at the highest page that is free, in RAM below 4 GiB, with the last byte
 * at most at `last`. 0 with *start set, or -ENOSPC with *room bytes as the most there was.
 */
int boot_map_take_top(struct boot_map *map, uint64_t size, uint64_t last, uint64_t *start,
                      uint64_t *room);

/* Type of an entry of the memory map that the kernel gets (ACPI 6.5, 15.1). */
enum { BOOT_E820_RAM = 1, BOOT_E820_RESERVED = 2 };

struct boot_e820 {
    uint64_t start, size;
    uint32_t type;
};

#define BOOT_E820_MAX 8u

/* The memory map for the kernel, in address order. Returns the number of entries. */
size_t boot_map_e820(const struct boot_map *map, struct boot_e820 entries[BOOT_E820_MAX]);

#endif
