/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The setup header of a Linux kernel image: the first bytes of the input are the file's size, the
 * rest its start. What the decoder lets through must be safe to act on.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "hv/vmm/bzimage.h"
#include "hv/vmm/linux64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static void use(const struct bzimage *image, uint64_t file_size)
{
    static uint8_t page[LINUX64_PAGE];
    const struct boot_e820 map = {.start = 0, .size = 0x9fc00, .type = BOOT_E820_RAM};
    const struct linux64_boot boot = {
        .image = image,
        .load = image->preferred,
        .e820 = &map,
        .e820_count = 1,
    };

    REQUIRE(image->payload_size > BZIMAGE_ENTRY64);
    REQUIRE(image->payload_offset < file_size);
    REQUIRE(image->payload_size <= file_size - image->payload_offset);
    REQUIRE(image->init_size >= image->payload_size);
    REQUIRE(image->alignment >= 4096 && (image->alignment & (image->alignment - 1)) == 0);
    REQUIRE(image->preferred % image->alignment == 0);
    REQUIRE(image->preferred + image->init_size > image->preferred);
    REQUIRE(image->header_size <= sizeof(image->header));
    linux64_zero_page(&boot, page);
    REQUIRE(page[0x1e8] == 1 && page[0x290] == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct failure_report report = {0};
    struct bzimage image;
    uint64_t file_size;

    if (size < 8)
        return 0;
    file_size = bytes_get64(data);
    data += 8;
    size -= 8;
    if (size > BZIMAGE_START_SIZE)
        size = BZIMAGE_START_SIZE;
    if (file_size < size)
        file_size = size;
    if (bzimage_decode(data, size, file_size, &image, &report) == 0)
        use(&image, file_size);
    else
        REQUIRE(report.failure != FAILURE_NONE && report.failure < FAILURES);
    return 0;
}
