/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_ELF_H
#define CASEMATE_HV_VMM_ELF_H

/*
 * Decoder of the parts of ELF (System V gABI, chapters 4 and 5) that loading a kernel needs, for
 * i386 and x86-64, and of the PVH note that Xen defined (xen/include/public/elfnote.h). Pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/failure.h"

#define ELF_START_SIZE   64u /* bytes of the file that elf_decode_header wants */
#define ELF_SEGMENTS_MAX 64u
#define ELF_TABLE_MAX    (56u * ELF_SEGMENTS_MAX) /* bytes of the program header table */

struct elf_header {
    bool is64;
    uint64_t entry;
    uint64_t table_offset; /* of the program headers, in the file */
    size_t table_size;     /* bytes, at most ELF_TABLE_MAX */
    uint32_t segments;     /* 1..ELF_SEGMENTS_MAX */
};

enum elf_type { ELF_OTHER, ELF_LOAD, ELF_NOTE };

struct elf_segment {
    enum elf_type type;
    uint64_t offset, file_size; /* in the file, inside it */
    uint64_t address;           /* physical; address + memory_size does not overflow */
    uint64_t memory_size;       /* >= file_size for ELF_LOAD */
    uint64_t align;
};

/* True if the first `size` bytes of a file look like ELF. */
bool elf_matches(const uint8_t *start, size_t size);

/*
 * Decode the file header from the first `size` bytes of a file of `file_size`. 0, or -ENOEXEC with
 * *report filled and *header untouched.
 */
int elf_decode_header(const uint8_t *start, size_t size, uint64_t file_size,
                      struct elf_header *header, struct failure_report *report);

/*
 * Decode the program headers from `table`, header->table_size bytes, into segments[0] to
 * segments[header->segments - 1]. 0, or -ENOEXEC with *report filled.
 */
int elf_decode_segments(const struct elf_header *header, const uint8_t *table, uint64_t file_size,
                        struct elf_segment segments[ELF_SEGMENTS_MAX],
                        struct failure_report *report);

/*
 * Look for the PVH entry point in the notes of one segment. `align` is the segment's p_align.
 * 1 with *entry set, 0 when there is none, -ENOEXEC with *report filled for malformed notes.
 */
int elf_find_pvh(const uint8_t *notes, size_t size, uint64_t align, uint64_t *entry,
                 struct failure_report *report);

#endif
