/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_LINUX64_H
#define CASEMATE_HV_VMM_LINUX64_H

/*
 * What Linux's 64-bit boot protocol wants in memory (Documentation/arch/x86/boot.rst and
 * zero-page.rst): the zero page and identity-mapped page tables. Pure.
 */
#include <stdint.h>

#include "hv/vmm/boot_map.h"
#include "hv/vmm/bzimage.h"

#define LINUX64_PAGE       4096u
#define LINUX64_TABLE_SIZE (6u * LINUX64_PAGE)

struct linux64_boot {
    const struct bzimage *image;  /* NULL for an ELF kernel, which has no setup header */
    uint64_t load;                /* where the kernel is */
    uint64_t initrd, initrd_size; /* below 4 GiB */
    uint64_t rsdp;
    const struct boot_e820 *e820;
    size_t e820_count; /* 1..BOOT_E820_MAX */
};

/* Fill the zero page for a command line at LAYOUT_CMDLINE. */
void linux64_zero_page(const struct linux64_boot *boot, uint8_t page[LINUX64_PAGE]);

/* Page tables, to be put at LAYOUT_PAGE_TABLES, that map the first 4 GiB one to one. */
void linux64_page_tables(uint8_t tables[LINUX64_TABLE_SIZE]);

#endif
