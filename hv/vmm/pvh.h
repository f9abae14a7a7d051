/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_PVH_H
#define CASEMATE_HV_VMM_PVH_H

/* The start info of Xen's PVH boot protocol (xen/include/public/arch-x86/hvm/start_info.h). Pure.
 */
#include <stdint.h>

#include "hv/vmm/boot_map.h"

#define PVH_SIZE 0x1000u /* bytes reserved at LAYOUT_PVH_INFO */

struct pvh_boot {
    uint64_t initrd, initrd_size; /* size 0: no module */
    uint64_t rsdp;
    const struct boot_e820 *e820;
    size_t e820_count; /* 1..BOOT_E820_MAX */
};

/*
 * Version 1 of the start info, its module list and memory map, to be put at LAYOUT_PVH_INFO, for a
 * command line at LAYOUT_CMDLINE.
 */
void pvh_start_info(const struct pvh_boot *boot, uint8_t info[PVH_SIZE]);

#endif
