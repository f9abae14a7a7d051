/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/pvh.h"

#include <string.h>

#include "base/bytes.h"
#include "hv/layout.h"

#define MAGIC   0x336ec578u
#define VERSION 1u

enum { /* offsets in struct hvm_start_info */
       MODULE_COUNT = 12,
       MODULE_LIST = 16,
       CMDLINE = 24,
       RSDP = 32,
       MAP = 40,
       MAP_COUNT = 48,
       /* what it points to, behind it */
       MODULES_AT = 0x100,
       MAP_AT = 0x200,
       MAP_ENTRY = 24,
};

_Static_assert(MAP_AT + BOOT_E820_MAX * MAP_ENTRY <= PVH_SIZE, "the memory map fits");

void pvh_start_info(const struct pvh_boot *boot, uint8_t info[PVH_SIZE])
{
    memset(info, 0, PVH_SIZE);
    bytes_put32(info, MAGIC);
    bytes_put32(info + 4, VERSION);
    if (boot->initrd_size > 0) {
        bytes_put32(info + MODULE_COUNT, 1);
        bytes_put64(info + MODULE_LIST, LAYOUT_PVH_INFO + MODULES_AT);
        bytes_put64(info + MODULES_AT, boot->initrd);
        bytes_put64(info + MODULES_AT + 8, boot->initrd_size);
    }
    bytes_put64(info + CMDLINE, LAYOUT_CMDLINE);
    bytes_put64(info + RSDP, boot->rsdp);
    bytes_put64(info + MAP, LAYOUT_PVH_INFO + MAP_AT);
    bytes_put32(info + MAP_COUNT, (uint32_t)boot->e820_count);
    for (size_t i = 0; i < boot->e820_count; i++) {
        uint8_t *at = info + MAP_AT + i * MAP_ENTRY;

        bytes_put64(at, boot->e820[i].start);
        bytes_put64(at + 8, boot->e820[i].size);
        bytes_put32(at + 16, boot->e820[i].type);
    }
}
