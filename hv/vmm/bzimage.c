/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/bzimage.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"

enum { /* offsets of fields in the file */
       SETUP_SECTS = 0x1f1,
       SYSSIZE = 0x1f4,
       BOOT_FLAG = 0x1fe,
       JUMP = 0x200,
       HEADER = 0x202,
       VERSION = 0x206,
       LOADFLAGS = 0x211,
       INITRD_MAX = 0x22c,
       ALIGNMENT = 0x230,
       RELOCATABLE = 0x234,
       XLOADFLAGS = 0x236,
       CMDLINE_SIZE = 0x238,
       PREFERRED = 0x258,
       INIT_SIZE = 0x260,
       LEAST_END = 0x264, /* what protocol 2.12 has at least */
};

#define VERSION_LEAST   0x020cu
#define LOADED_HIGH     0x01u
#define XLF_KERNEL_64   0x01u
#define SECTOR          512u
#define PARAGRAPH       16u
#define ALIGNMENT_LEAST 4096u
#define ADDRESS_MAX     (1ull << 46)

bool bzimage_matches(const uint8_t *start, size_t size)
{
    return size >= VERSION + 2 && bytes_get16(start + BOOT_FLAG) == 0xaa55 &&
           memcmp(start + HEADER, "HdrS", 4) == 0;
}

static int lies(struct failure_report *report, unsigned offset, uint64_t value)
{
    return failure_fill(report, -ENOEXEC, FAILURE_KERNEL_SETUP, offset, value);
}

/* Where the payload is: the sector counts must agree with the file. */
static int decode_extent(const uint8_t *start, uint64_t file_size, struct bzimage *image,
                         struct failure_report *report)
{
    unsigned sectors = start[SETUP_SECTS] != 0 ? start[SETUP_SECTS] : 4;
    uint64_t paragraphs = bytes_get32(start + SYSSIZE);

    image->payload_offset = (sectors + 1ull) * SECTOR;
    image->payload_size = paragraphs * PARAGRAPH;
    if (image->payload_offset >= file_size)
        return lies(report, SETUP_SECTS, start[SETUP_SECTS]);
    if (image->payload_size <= BZIMAGE_ENTRY64)
        return lies(report, SYSSIZE, paragraphs);
    /* What follows is a signature or nothing: not part of the kernel. */
    if (!checked_range(image->payload_offset, image->payload_size, file_size))
        return failure_fill(report, -ENOEXEC, FAILURE_KERNEL_TRUNCATED,
                            image->payload_offset + image->payload_size, file_size);
    return 0;
}

static int decode_placement(const uint8_t *start, struct bzimage *image,
                            struct failure_report *report)
{
    image->alignment = bytes_get32(start + ALIGNMENT);
    image->preferred = bytes_get64(start + PREFERRED);
    image->init_size = bytes_get32(start + INIT_SIZE);
    image->relocatable = start[RELOCATABLE] != 0;
    if (!checked_power_of_two(image->alignment) || image->alignment < ALIGNMENT_LEAST)
        return lies(report, ALIGNMENT, image->alignment);
    if (image->preferred % image->alignment != 0 || image->preferred >= ADDRESS_MAX)
        return lies(report, PREFERRED, image->preferred);
    if (image->init_size < image->payload_size)
        image->init_size = image->payload_size;
    return 0;
}

int bzimage_decode(const uint8_t *start, size_t size, uint64_t file_size, struct bzimage *image,
                   struct failure_report *report)
{
    struct bzimage decoded = {0};
    size_t end;
    unsigned version;
    int r;

    if (!bzimage_matches(start, size))
        return failure_fill(report, -ENOEXEC, FAILURE_KERNEL_FORMAT, 0, 0);
    version = bytes_get16(start + VERSION);
    if (version < VERSION_LEAST)
        return failure_fill(report, -ENOEXEC, FAILURE_KERNEL_OLD, version, 0);
    if (size < LEAST_END)
        return failure_fill(report, -ENOEXEC, FAILURE_KERNEL_TRUNCATED, LEAST_END, file_size);
    /* The short jump at 0x200 leads over the header: its operand is the header's length. */
    end = HEADER + (size_t)start[JUMP + 1];
    if (end < LEAST_END)
        return lies(report, JUMP + 1, start[JUMP + 1]);
    if (end > BZIMAGE_HEADER_END)
        end = BZIMAGE_HEADER_END;
    if (end > size)
        return failure_fill(report, -ENOEXEC, FAILURE_KERNEL_TRUNCATED, end, file_size);
    if ((bytes_get16(start + XLOADFLAGS) & XLF_KERNEL_64) == 0)
        return failure_fill(report, -ENOEXEC, FAILURE_KERNEL_OLD, version, 0);
    if ((start[LOADFLAGS] & LOADED_HIGH) == 0)
        return lies(report, LOADFLAGS, start[LOADFLAGS]);
    r = decode_extent(start, file_size, &decoded, report);
    if (r < 0)
        return r;
    r = decode_placement(start, &decoded, report);
    if (r < 0)
        return r;
    decoded.initrd_max = bytes_get32(start + INITRD_MAX);
    decoded.cmdline_max = bytes_get32(start + CMDLINE_SIZE);
    decoded.header_size = end - BZIMAGE_HEADER_START;
    memcpy(decoded.header, start + BZIMAGE_HEADER_START, decoded.header_size);
    *image = decoded;
    return 0;
}
