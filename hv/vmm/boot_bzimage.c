/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "hv/layout.h"
#include "hv/vmm/boot_private.h"

static uint64_t round_up(uint64_t value, uint64_t align)
{
    return (value + align - 1) & ~(align - 1);
}

/*
 * At its preferred address, or above low memory if that is where it prefers to be. Never below the
 * preferred one, although the protocol would let a relocatable kernel be there: Linux unpacks
 * itself at the preferred address at the lowest, wherever it was loaded, and so over the initrd or
 * past the end of RAM. And not above 4 GiB, where the page tables of the 64-bit entry end.
 */
static int place(struct boot *boot, struct failure_report *report)
{
    const struct bzimage *image = &boot->image;
    uint64_t low = round_up(LAYOUT_ACPI_END, image->alignment);

    boot->load = image->relocatable && image->preferred < low ? low : image->preferred;
    if (boot->load < LAYOUT_HOLE_START &&
        boot_map_take(&boot->map, boot->load, image->init_size) == 0)
        return 0;
    return failure_fill(report, -ENOMEM, FAILURE_KERNEL_MEMORY, boot->load + image->init_size,
                        boot_ram(boot));
}

int boot_bzimage(struct boot *boot, const struct boot_start *start, struct failure_report *report)
{
    int r =
        bzimage_decode(start->bytes, start->size, boot->source->kernel_size, &boot->image, report);

    if (r < 0)
        return r;
    r = place(boot, report);
    if (r < 0)
        return r;
    boot->is_bzimage = true;
    boot->initrd_last = boot->image.initrd_max;
    boot->cmdline_max = boot->image.cmdline_max;
    boot->entry = (struct boot_entry){
        .mode = BOOT_LINUX64,
        .rip = boot->load + BZIMAGE_ENTRY64,
        .argument = LAYOUT_ZERO_PAGE,
    };
    return boot_read(boot, boot->source->kernel_fd, boot->image.payload_offset, boot->load,
                     boot->image.payload_size, report);
}
