/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_PCI_CONFIG_H
#define CASEMATE_HV_VMM_PCI_CONFIG_H

/* Configuration space: registers of a type 0 header (PCI Local Bus 3.0, 6.1) and its byte order. */
#include <stdint.h>

enum {
    PCI_VENDOR = 0x00,
    PCI_DEVICE = 0x02,
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_REVISION = 0x08,
    PCI_PROG_IF = 0x09,
    PCI_SUBCLASS = 0x0a,
    PCI_CLASS = 0x0b,
    PCI_CACHE_LINE = 0x0c,
    PCI_BAR0 = 0x10,
    PCI_SUBSYSTEM_VENDOR = 0x2c,
    PCI_SUBSYSTEM = 0x2e,
    PCI_CAPABILITIES = 0x34,
    PCI_INTERRUPT_LINE = 0x3c,
    PCI_HEADER_END = 0x40,
};

#define PCI_COMMAND_MEMORY      0x0002u
#define PCI_COMMAND_MASTER      0x0004u
#define PCI_COMMAND_NO_INTX     0x0400u
#define PCI_STATUS_CAPABILITIES 0x0010u

#define PCI_CAP_VENDOR 0x09
#define PCI_CAP_MSIX   0x11

static inline uint16_t pci_get16(const uint8_t *bytes, unsigned offset)
{
    return (uint16_t)(bytes[offset] | bytes[offset + 1] << 8);
}

static inline uint32_t pci_get32(const uint8_t *bytes, unsigned offset)
{
    return pci_get16(bytes, offset) | (uint32_t)pci_get16(bytes, offset + 2) << 16;
}

static inline void pci_put16(uint8_t *bytes, unsigned offset, uint16_t value)
{
    bytes[offset] = (uint8_t)value;
    bytes[offset + 1] = (uint8_t)(value >> 8);
}

static inline void pci_put32(uint8_t *bytes, unsigned offset, uint32_t value)
{
    pci_put16(bytes, offset, (uint16_t)value);
    pci_put16(bytes, offset + 2, (uint16_t)(value >> 16));
}

#endif
