/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_BOOT_PRIVATE_H
#define CASEMATE_HV_VMM_BOOT_PRIVATE_H

/* Between boot.c and the loaders of the two file formats. */
#include "hv/vmm/boot.h"
#include "hv/vmm/boot_map.h"
#include "hv/vmm/bzimage.h"
#include "hv/vmm/elf.h"

struct boot {
    struct memory *memory;
    const struct boot_source *source;
    struct boot_map map;
    uint64_t initrd_last; /* highest address for the initrd's last byte */
    uint64_t cmdline_max; /* bytes without NUL */
    struct bzimage image; /* valid for a bzImage */
    bool is_bzimage;
    uint64_t load;           /* where a bzImage went */
    struct boot_entry entry; /* mode and rip */
};

/* The start of the kernel file, read once. */
struct boot_start {
    uint8_t bytes[BZIMAGE_START_SIZE];
    size_t size;
};

/* Load a bzImage or an ELF kernel. 0, or -errno with *report filled. */
int boot_bzimage(struct boot *boot, const struct boot_start *start, struct failure_report *report);
int boot_elf(struct boot *boot, const struct boot_start *start, struct failure_report *report);

/* Read `size` bytes at `offset` of a sealed file into RAM that was taken in the map. */
int boot_read(struct boot *boot, int fd, uint64_t offset, uint64_t guest, uint64_t size,
              struct failure_report *report);

/* Bytes of RAM, for messages. */
uint64_t boot_ram(const struct boot *boot);

#endif
