/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAYOUT_H
#define CASEMATE_HV_LAYOUT_H

/*
 * Where things are in the guest's physical address space and on its I/O bus: for the VMM, which
 * puts them there, and for whoever says beforehand what the guest will find (hv/acpi).
 */

/* Memory: RAM below the hole, then from 4 GiB up. */
#define LAYOUT_HOLE_START 0xc0000000ULL /* RAM below 4 GiB ends here at the latest */
#define LAYOUT_HIGH_START 0x100000000ULL

/* First MiB: what the VMM writes for the kernel. */
#define LAYOUT_GDT         0x00000500ULL
#define LAYOUT_ZERO_PAGE   0x00007000ULL /* struct boot_params */
#define LAYOUT_PVH_INFO    0x00006000ULL /* struct hvm_start_info, module list, memory map */
#define LAYOUT_STACK       0x00008ff0ULL
#define LAYOUT_PAGE_TABLES 0x00009000ULL /* identity map for the 64-bit entry, up to 0xf000 */
#define LAYOUT_CMDLINE     0x00020000ULL
#define LAYOUT_TPM_LOG     0x00040000ULL /* event log, reserved, when there is a TPM */
#define LAYOUT_TPM_LOG_END 0x00060000ULL
#define LAYOUT_EBDA        0x0009fc00ULL /* usable low memory ends */
#define LAYOUT_ACPI        0x000e0000ULL /* RSDP and tables, reserved, to 0xfffff */
#define LAYOUT_BIOS_RESET  0x000ffff0ULL /* f000:fff0, where a PC starts over */
#define LAYOUT_ACPI_END    0x00100000ULL
#define LAYOUT_KERNEL      0x01000000ULL

/* The hole. */
#define LAYOUT_PCI_MMIO     0xc0000000ULL /* BARs */
#define LAYOUT_PCI_MMIO_END 0xe0000000ULL
#define LAYOUT_ECAM         0xe0000000ULL /* one bus: 1 MiB */
#define LAYOUT_ECAM_SIZE    0x00100000ULL
#define LAYOUT_IOAPIC       0xfec00000ULL
#define LAYOUT_TPM          0xfed40000ULL /* registers of locality 0 */
#define LAYOUT_TPM_SIZE     0x00001000ULL
#define LAYOUT_LAPIC        0xfee00000ULL
#define LAYOUT_KVM_IDENTITY 0xfffbc000ULL
#define LAYOUT_KVM_TSS      0xfffbd000ULL

/* I/O ports. */
#define LAYOUT_PORT_I8042_DATA    0x60
#define LAYOUT_PORT_I8042_COMMAND 0x64
#define LAYOUT_PORT_DEBUG         0xe9 /* Bochs' and Xen's emergency console: write only */
#define LAYOUT_PORT_UART          0x3f8
#define LAYOUT_PORT_ACPI_SLEEP    0x600 /* SLEEP_CONTROL_REG, then SLEEP_STATUS_REG */
#define LAYOUT_PORT_GED           0x604 /* event selector of the GED, 1 byte */
#define LAYOUT_PORT_PCI_ADDRESS   0xcf8
#define LAYOUT_PORT_PCI_DATA      0xcfc

/* Global system interrupts. */
#define LAYOUT_GSI_UART 4
#define LAYOUT_GSI_GED  5
#define LAYOUT_GSI_SCI  9
#define LAYOUT_GSI_MSI  24 /* first one used for MSI routes; below are the IOAPIC's pins */

#endif
