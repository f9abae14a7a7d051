/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/elf.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"

#define NOTE_PVH    18u /* XEN_ELFNOTE_PHYS32_ENTRY */
#define NOTE_HEADER 12u

bool elf_matches(const uint8_t *start, size_t size)
{
    return size >= SELFMAG && memcmp(start, ELFMAG, SELFMAG) == 0;
}

static int bad_field(struct failure_report *report, size_t offset, uint64_t value)
{
    return failure_fill(report, -ENOEXEC, FAILURE_ELF_HEADER, offset, value);
}

/* Fields that both classes have, at their own offsets. */
struct fields {
    uint16_t type, machine, phentsize, phnum;
    uint32_t version;
    uint64_t entry, phoff;
    size_t type_at, machine_at, version_at, phentsize_at, phnum_at;
};

#define FIELDS(Ehdr, start)                                                                        \
    {                                                                                              \
        .type_at = offsetof(Ehdr, e_type), .machine_at = offsetof(Ehdr, e_machine),                \
        .version_at = offsetof(Ehdr, e_version), .phentsize_at = offsetof(Ehdr, e_phentsize),      \
        .phnum_at = offsetof(Ehdr, e_phnum),                                                       \
        .type = bytes_get16((start) + offsetof(Ehdr, e_type)),                                     \
        .machine = bytes_get16((start) + offsetof(Ehdr, e_machine)),                               \
        .version = bytes_get32((start) + offsetof(Ehdr, e_version)),                               \
        .phentsize = bytes_get16((start) + offsetof(Ehdr, e_phentsize)),                           \
        .phnum = bytes_get16((start) + offsetof(Ehdr, e_phnum))                                    \
    }

static struct fields read_fields(const uint8_t *start, bool is64)
{
    if (is64) {
        struct fields f = FIELDS(Elf64_Ehdr, start);

        f.entry = bytes_get64(start + offsetof(Elf64_Ehdr, e_entry));
        f.phoff = bytes_get64(start + offsetof(Elf64_Ehdr, e_phoff));
        return f;
    } else {
        struct fields f = FIELDS(Elf32_Ehdr, start);

        f.entry = bytes_get32(start + offsetof(Elf32_Ehdr, e_entry));
        f.phoff = bytes_get32(start + offsetof(Elf32_Ehdr, e_phoff));
        return f;
    }
}

int elf_decode_header(const uint8_t *start, size_t size, uint64_t file_size,
                      struct elf_header *header, struct failure_report *report)
{
    struct elf_header decoded = {0};
    struct fields f;
    size_t least;

    if (!elf_matches(start, size))
        return failure_fill(report, -ENOEXEC, FAILURE_KERNEL_FORMAT, 0, 0);
    if (size < EI_NIDENT)
        return failure_fill(report, -ENOEXEC, FAILURE_KERNEL_TRUNCATED, EI_NIDENT, file_size);
    if (start[EI_CLASS] != ELFCLASS32 && start[EI_CLASS] != ELFCLASS64)
        return bad_field(report, EI_CLASS, start[EI_CLASS]);
    if (start[EI_DATA] != ELFDATA2LSB)
        return bad_field(report, EI_DATA, start[EI_DATA]);
    decoded.is64 = start[EI_CLASS] == ELFCLASS64;
    least = decoded.is64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
    if (size < least)
        return failure_fill(report, -ENOEXEC, FAILURE_KERNEL_TRUNCATED, least, file_size);
    f = read_fields(start, decoded.is64);
    if (f.type != ET_EXEC && f.type != ET_DYN)
        return bad_field(report, f.type_at, f.type);
    if (f.machine != EM_X86_64 && (decoded.is64 || f.machine != EM_386))
        return bad_field(report, f.machine_at, f.machine);
    if (f.version != EV_CURRENT)
        return bad_field(report, f.version_at, f.version);
    if (f.phentsize != (decoded.is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
        return bad_field(report, f.phentsize_at, f.phentsize);
    if (f.phnum == 0 || f.phnum > ELF_SEGMENTS_MAX)
        return bad_field(report, f.phnum_at, f.phnum);
    decoded.entry = f.entry;
    decoded.segments = f.phnum;
    decoded.table_offset = f.phoff;
    decoded.table_size = (size_t)f.phnum * f.phentsize;
    if (!checked_range(decoded.table_offset, decoded.table_size, file_size)) {
        uint64_t end = UINT64_MAX;

        (void)checked_add(decoded.table_offset, decoded.table_size, &end);
        return failure_fill(report, -ENOEXEC, FAILURE_KERNEL_TRUNCATED, end, file_size);
    }
    *header = decoded;
    return 0;
}

static enum elf_type type_of(uint32_t p_type)
{
    return p_type == PT_LOAD ? ELF_LOAD : p_type == PT_NOTE ? ELF_NOTE : ELF_OTHER;
}

static struct elf_segment decode64(const uint8_t *at)
{
    return (struct elf_segment){
        .type = type_of(bytes_get32(at + offsetof(Elf64_Phdr, p_type))),
        .offset = bytes_get64(at + offsetof(Elf64_Phdr, p_offset)),
        .file_size = bytes_get64(at + offsetof(Elf64_Phdr, p_filesz)),
        .address = bytes_get64(at + offsetof(Elf64_Phdr, p_paddr)),
        .memory_size = bytes_get64(at + offsetof(Elf64_Phdr, p_memsz)),
        .align = bytes_get64(at + offsetof(Elf64_Phdr, p_align)),
    };
}

static struct elf_segment decode32(const uint8_t *at)
{
    return (struct elf_segment){
        .type = type_of(bytes_get32(at + offsetof(Elf32_Phdr, p_type))),
        .offset = bytes_get32(at + offsetof(Elf32_Phdr, p_offset)),
        .file_size = bytes_get32(at + offsetof(Elf32_Phdr, p_filesz)),
        .address = bytes_get32(at + offsetof(Elf32_Phdr, p_paddr)),
        .memory_size = bytes_get32(at + offsetof(Elf32_Phdr, p_memsz)),
        .align = bytes_get32(at + offsetof(Elf32_Phdr, p_align)),
    };
}

int elf_decode_segments(const struct elf_header *header, const uint8_t *table, uint64_t file_size,
                        struct elf_segment segments[ELF_SEGMENTS_MAX],
                        struct failure_report *report)
{
    size_t each = header->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);

    for (uint32_t i = 0; i < header->segments; i++) {
        struct elf_segment s =
            header->is64 ? decode64(table + i * each) : decode32(table + i * each);
        uint64_t end;

        segments[i] = s;
        if (s.type == ELF_OTHER)
            continue;
        if (!checked_add(s.offset, s.file_size, &end))
            end = UINT64_MAX;
        if (end > file_size)
            return failure_fill(report, -ENOEXEC, FAILURE_KERNEL_TRUNCATED, end, file_size);
        if (s.type == ELF_LOAD &&
            (s.file_size > s.memory_size || !checked_add(s.address, s.memory_size, &end))) {
            *report = (struct failure_report){
                .failure = FAILURE_ELF_SEGMENT,
                .detail = {i, s.address, s.memory_size},
            };
            return -ENOEXEC;
        }
    }
    return 0;
}

/* `value` rounded up to `align`, which is 4 or 8; 32-bit values cannot overflow 64 bits. */
static uint64_t padded(uint64_t value, uint64_t align)
{
    return (value + align - 1) & ~(align - 1);
}

int elf_find_pvh(const uint8_t *notes, size_t size, uint64_t align, uint64_t *entry,
                 struct failure_report *report)
{
    uint64_t at = 0;

    /* The gABI wants 8 in 64-bit files, everybody wrote 4; p_align tells which it is. */
    if (align != 8)
        align = 4;
    while (at + NOTE_HEADER <= size) {
        uint64_t name_size = bytes_get32(notes + at);
        uint64_t desc_size = bytes_get32(notes + at + 4);
        uint32_t type = bytes_get32(notes + at + 8);
        uint64_t name = at + NOTE_HEADER;
        uint64_t desc = padded(name + name_size, align);

        if (!checked_range(name, name_size, size) || !checked_range(desc, desc_size, size))
            return failure_fill(report, -ENOEXEC, FAILURE_ELF_NOTE, at, 0);
        if (type == NOTE_PVH && name_size == 4 && memcmp(notes + name, "Xen", 4) == 0) {
            if (desc_size != 4 && desc_size != 8)
                return failure_fill(report, -ENOEXEC, FAILURE_ELF_NOTE, at, 0);
            *entry = desc_size == 4 ? bytes_get32(notes + desc) : bytes_get64(notes + desc);
            return 1;
        }
        at = padded(desc + desc_size, align);
    }
    return 0;
}
