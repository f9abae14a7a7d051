/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ELF kernel: the whole file is the input. Segments that the decoder and the map let through
 * must lie in the file, in RAM, and nowhere over one another.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/layout.h"
#include "hv/vmm/boot_map.h"
#include "hv/vmm/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

#define RAM_LOW  (64ull << 20)
#define RAM_HIGH (64ull << 20)

static void place(const struct elf_segment *segments, uint32_t count)
{
    const struct memory_range ram[2] = {
        {.guest = 0, .size = RAM_LOW},
        {.guest = LAYOUT_HIGH_START, .size = RAM_HIGH},
    };
    uint64_t start = 0, room = 0, size = count * 123457ull + 1;
    struct boot_map map;

    boot_map_init(&map, ram, 2, count % 2 == 1);
    for (uint32_t i = 0; i < count; i++) {
        size_t before = map.taken_count;

        if (segments[i].type != ELF_LOAD ||
            boot_map_take(&map, segments[i].address, segments[i].memory_size) != 0)
            continue;
        REQUIRE(map.taken_count - before == (segments[i].memory_size > 0));
    }
    if (boot_map_take_top(&map, size, 0x7fffffff, &start, &room) == 0)
        REQUIRE(start % 4096 == 0 && start + size <= RAM_LOW);
    else
        REQUIRE(room < RAM_LOW);
    for (size_t i = 0; i < map.taken_count; i++) {
        REQUIRE(map.taken[i].start < map.taken[i].end);
        REQUIRE(map.taken[i].end <= RAM_LOW || (map.taken[i].start >= LAYOUT_HIGH_START &&
                                                map.taken[i].end <= LAYOUT_HIGH_START + RAM_HIGH));
        for (size_t j = 0; j < i; j++)
            REQUIRE(map.taken[i].end <= map.taken[j].start ||
                    map.taken[j].end <= map.taken[i].start);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct elf_segment segments[ELF_SEGMENTS_MAX];
    struct failure_report report = {0};
    struct elf_header header;
    uint64_t entry;

    if (elf_decode_header(data, size < ELF_START_SIZE ? size : ELF_START_SIZE, size, &header,
                          &report) < 0) {
        REQUIRE(report.failure != FAILURE_NONE && report.failure < FAILURES);
        return 0;
    }
    REQUIRE(header.segments >= 1 && header.segments <= ELF_SEGMENTS_MAX);
    REQUIRE(header.table_size <= ELF_TABLE_MAX && header.table_offset <= size &&
            header.table_size <= size - header.table_offset);
    if (elf_decode_segments(&header, data + header.table_offset, size, segments, &report) < 0)
        return 0;
    for (uint32_t i = 0; i < header.segments; i++) {
        const struct elf_segment *s = &segments[i];

        if (s->type == ELF_OTHER)
            continue;
        REQUIRE(s->offset <= size && s->file_size <= size - s->offset);
        REQUIRE(s->type != ELF_LOAD || s->address + s->memory_size >= s->address);
        if (s->type == ELF_NOTE) {
            /* its own allocation, so that one byte too far is seen */
            uint8_t *notes = malloc(s->file_size > 0 ? s->file_size : 1);

            REQUIRE(notes != NULL);
            memcpy(notes, data + s->offset, s->file_size);
            (void)elf_find_pvh(notes, s->file_size, s->align, &entry, &report);
            free(notes);
        }
    }
    place(segments, header.segments);
    return 0;
}
