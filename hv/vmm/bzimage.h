/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_BZIMAGE_H
#define CASEMATE_HV_VMM_BZIMAGE_H

/*
 * Decoder of the Linux/x86 boot protocol's setup header (Documentation/arch/x86/boot.rst). Pure:
 * bytes in, struct out.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/failure.h"

#define BZIMAGE_HEADER_START 0x1f1u /* of the setup header, in the file and in the zero page */
#define BZIMAGE_HEADER_END   0x290u /* the zero page has something else from here on */
#define BZIMAGE_START_SIZE   BZIMAGE_HEADER_END /* bytes of the file that the decoder wants */
#define BZIMAGE_ENTRY64      0x200u /* of the 64-bit entry point behind the load address */

struct bzimage {
    uint64_t payload_offset, payload_size; /* protected-mode code in the file, bytes */
    uint64_t preferred;                    /* load address */
    uint64_t alignment;                    /* of load addresses, power of two >= 4096 */
    uint64_t init_size;   /* memory from the load address that it uses until it has a map */
    uint64_t initrd_max;  /* highest address that an initrd's last byte may have */
    uint64_t cmdline_max; /* bytes without NUL */
    bool relocatable;
    size_t header_size;
    uint8_t header[BZIMAGE_HEADER_END - BZIMAGE_HEADER_START]; /* for the zero page */
};

/* True if the first `size` bytes of a file look like a Linux kernel image. */
bool bzimage_matches(const uint8_t *start, size_t size);

/*
 * Decode and check the header in the first `size` bytes (all of the file or BZIMAGE_START_SIZE) of
 * a file of `file_size` bytes. 0, or -ENOEXEC with *report filled and *image untouched.
 */
int bzimage_decode(const uint8_t *start, size_t size, uint64_t file_size, struct bzimage *image,
                   struct failure_report *report);

#endif
