/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_KERNEL_IMAGES_H
#define CASEMATE_TESTS_KERNEL_IMAGES_H

/* The smallest well-formed kernel images, for tests to damage. */
#include <elf.h>
#include <string.h>

#include "base/bytes.h"

#define IMAGE_SETUP 1024u /* one setup sector and the boot sector */
#define IMAGE_SIZE  (IMAGE_SETUP + 4096u)

/* A bzImage, protocol 2.15, 64-bit, relocatable, preferring 16 MiB. */
static inline void image_bzimage(uint8_t file[IMAGE_SIZE])
{
    memset(file, 0, IMAGE_SIZE);
    file[0x1f1] = 1;
    bytes_put32(file + 0x1f4, 4096 / 16);
    bytes_put16(file + 0x1fe, 0xaa55);
    file[0x200] = 0xeb;
    file[0x201] = 0x6a;
    memcpy(file + 0x202, "HdrS", 4);
    bytes_put16(file + 0x206, 0x020f);
    file[0x211] = 1;
    bytes_put32(file + 0x22c, 0x7fffffff);
    bytes_put32(file + 0x230, 0x200000);
    file[0x234] = 1;
    bytes_put16(file + 0x236, 0x7f);
    bytes_put32(file + 0x238, 2047);
    bytes_put64(file + 0x258, 0x1000000);
    bytes_put32(file + 0x260, 0x100000);
    memset(file + IMAGE_SETUP, 0x90, 4096);
}

#define ELF64_LOAD  0x1000u /* offset of what is loaded */
#define ELF64_NOTE  0x200u
#define ELF64_SIZE  0x3000u
#define ELF64_ENTRY 0x1000010u

/* An ELF64 kernel of two segments of 4 KiB at 16 MiB and 17 MiB; with `pvh` a note as well. */
static inline void image_elf64(uint8_t file[ELF64_SIZE], int pvh)
{
    Elf64_Ehdr header = {
        .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_EXEC,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_entry = ELF64_ENTRY,
        .e_phoff = 64,
        .e_ehsize = 64,
        .e_phentsize = 56,
        .e_phnum = pvh ? 3 : 2,
    };
    Elf64_Phdr segment[3] = {
        {.p_type = PT_LOAD,
         .p_offset = ELF64_LOAD,
         .p_paddr = 0x1000000,
         .p_filesz = 0x1000,
         .p_memsz = 0x1000,
         .p_align = 0x1000},
        {.p_type = PT_LOAD,
         .p_offset = ELF64_LOAD + 0x1000,
         .p_paddr = 0x1100000,
         .p_filesz = 0x800,
         .p_memsz = 0x10000,
         .p_align = 0x1000},
        {.p_type = PT_NOTE, .p_offset = ELF64_NOTE, .p_filesz = 24, .p_memsz = 24, .p_align = 4},
    };

    memset(file, 0, ELF64_SIZE);
    memcpy(file, &header, sizeof(header));
    memcpy(file + 64, segment, sizeof(segment));
    bytes_put32(file + ELF64_NOTE, 4);
    bytes_put32(file + ELF64_NOTE + 4, 8);
    bytes_put32(file + ELF64_NOTE + 8, 18);
    memcpy(file + ELF64_NOTE + 12, "Xen", 4);
    bytes_put64(file + ELF64_NOTE + 16, ELF64_ENTRY + 0x20);
    memset(file + ELF64_LOAD, 0xf4, 0x1800);
}

/* Program header `index`, to be changed in place. */
static inline uint8_t *image_phdr(uint8_t *file, unsigned index)
{
    return file + 64 + 56ull * index;
}

#endif
