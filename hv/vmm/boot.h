/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_BOOT_H
#define CASEMATE_HV_VMM_BOOT_H

/*
 * Loading a kernel that a tenant chose. Decoders (bzimage.h, elf.h) look at bytes and fill structs;
 * here the files are read, each header once into a local, and RAM is filled. Runs under filter 0.
 */
#include <stddef.h>
#include <stdint.h>

#include "hv/failure.h"
#include "hv/vmm/memory.h"

enum boot_mode {
    BOOT_LINUX64, /* long mode, rsi = zero page (Documentation/arch/x86/boot.rst, 64-bit) */
    BOOT_PVH,     /* 32-bit protected mode, ebx = start info (Xen's PVH, hvm_start_info) */
};

#define BOOT_GDT_SIZE 32u /* bytes at LAYOUT_GDT: two empty, code 0x10, data 0x18 */

/* How the boot CPU starts. */
struct boot_entry {
    enum boot_mode mode;
    uint64_t rip;
    uint64_t argument; /* guest-physical address for rsi or ebx */
};

struct boot_source {
    int kernel_fd, initrd_fd, log_fd; /* sealed: what was checked stays as it is */
    uint64_t kernel_size, initrd_size;
    uint64_t log_size; /* bytes of the event log, at most ACPI_TPM_LOG_MAX; 0: no TPM */
    const char *cmdline;
    uint64_t rsdp; /* guest-physical address of the ACPI root pointer */
};

/* Load everything. 0, or -errno with *report filled. */
int boot_load(struct memory *memory, const struct boot_source *source, struct boot_entry *entry,
              struct failure_report *report);

#endif
