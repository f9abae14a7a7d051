/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/linux64.h"

#include <string.h>

#include "base/bytes.h"
#include "hv/handoff.h"
#include "hv/layout.h"
#include "hv/vmm/x86.h"

enum { /* offsets in the zero page */
       ACPI_RSDP = 0x070,
       E820_COUNT = 0x1e8,
       VIDEO_MODE = 0x1fa,
       BOOT_FLAG = 0x1fe,
       HEADER = 0x202,
       VERSION = 0x206,
       LOADER_TYPE = 0x210,
       LOADFLAGS = 0x211,
       CODE32_START = 0x214,
       INITRD_ADDRESS = 0x218,
       INITRD_SIZE = 0x21c,
       CMDLINE_ADDRESS = 0x228,
       ALIGNMENT = 0x230,
       CMDLINE_SIZE = 0x238,
       E820_TABLE = 0x2d0,
       E820_ENTRY = 20,
};

#define LOADER_UNDEFINED 0xffu
#define LOADED_HIGH      0x01u
#define VIDEO_NORMAL     0xffffu
#define ELF_VERSION      0x020cu /* the oldest protocol with a 64-bit entry */
#define ELF_ALIGNMENT    0x200000u

static void elf_header(uint8_t *page)
{
    bytes_put16(page + BOOT_FLAG, 0xaa55);
    memcpy(page + HEADER, "HdrS", 4);
    bytes_put16(page + VERSION, ELF_VERSION);
    page[LOADFLAGS] = LOADED_HIGH;
    bytes_put32(page + ALIGNMENT, ELF_ALIGNMENT);
    bytes_put32(page + CMDLINE_SIZE, HANDOFF_CMDLINE_MAX - 1);
}

void linux64_zero_page(const struct linux64_boot *boot, uint8_t page[LINUX64_PAGE])
{
    memset(page, 0, LINUX64_PAGE);
    if (boot->image != NULL)
        memcpy(page + BZIMAGE_HEADER_START, boot->image->header, boot->image->header_size);
    else
        elf_header(page);
    bytes_put16(page + VIDEO_MODE, VIDEO_NORMAL);
    page[LOADER_TYPE] = LOADER_UNDEFINED;
    bytes_put32(page + CODE32_START, (uint32_t)boot->load);
    bytes_put32(page + CMDLINE_ADDRESS, (uint32_t)LAYOUT_CMDLINE);
    bytes_put32(page + INITRD_ADDRESS, (uint32_t)boot->initrd);
    bytes_put32(page + INITRD_SIZE, (uint32_t)boot->initrd_size);
    bytes_put64(page + ACPI_RSDP, boot->rsdp);
    page[E820_COUNT] = (uint8_t)boot->e820_count;
    for (size_t i = 0; i < boot->e820_count; i++) {
        uint8_t *at = page + E820_TABLE + i * E820_ENTRY;

        bytes_put64(at, boot->e820[i].start);
        bytes_put64(at + 8, boot->e820[i].size);
        bytes_put32(at + 16, boot->e820[i].type);
    }
}

void linux64_page_tables(uint8_t tables[LINUX64_TABLE_SIZE])
{
    const uint64_t flags = X86_PAGE_PRESENT | X86_PAGE_WRITE;
    uint8_t *level4 = tables, *level3 = tables + LINUX64_PAGE, *level2 = level3 + LINUX64_PAGE;

    memset(tables, 0, LINUX64_TABLE_SIZE);
    bytes_put64(level4, (LAYOUT_PAGE_TABLES + LINUX64_PAGE) | flags);
    for (uint64_t i = 0; i < 4; i++)
        bytes_put64(level3 + i * 8, (LAYOUT_PAGE_TABLES + (2 + i) * LINUX64_PAGE) | flags);
    for (uint64_t i = 0; i < 4 * 512; i++)
        bytes_put64(level2 + i * 8, (i << 21) | flags | X86_PAGE_LARGE);
}
