/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_PCI_H
#define CASEMATE_HV_VMM_PCI_H

/*
 * The PCI host bridge: bus 0, reached by ECAM and by ports CF8/CFC, and the configuration space of
 * its functions. BARs are placed by the VMM (there is no firmware) and the guest may move them.
 */
#include <stdint.h>

#include "hv/vmm/bus.h"

struct pci_host;
struct pci_device;

#define PCI_CONFIG_SIZE 4096 /* bytes of ECAM configuration space of a function */

struct pci_identity {
    uint16_t vendor, device, subsystem_vendor, subsystem;
    uint8_t class_code, subclass, prog_if, revision;
};

/* A bus with its host bridge (00:00.0), answering at its ports and in ECAM. 0 or -errno. */
int pci_host_new(struct bus *bus, struct pci_host **host);

/* A function in the next free slot (1..31). `device` is owned by the host. 0, -ENOSPC, -ENOMEM. */
int pci_device_new(struct pci_host *host, const struct pci_identity *identity,
                   struct pci_device **device);

/*
 * A 32-bit, non-prefetchable memory BAR (`index` 0..5) of `size` bytes, a power of two >= 4096,
 * placed in the window. `moved` (may be NULL) is called with the new address, or BUS_UNMAPPED, when
 * the guest moves or disables it. 0, -ENOSPC, -EEXIST, -ENOMEM.
 */
int pci_device_bar(struct pci_device *device, unsigned index, uint64_t size,
                   const struct bus_ops *ops, void *context,
                   void (*moved)(void *context, uint64_t address));

/*
 * Append a capability of `size` bytes (its two header bytes included) to the list; `writable` is a
 * mask of the bits that the guest may write, NULL for none. Returns its offset in the
 * configuration space or -ENOSPC. `written` hooks see a guest's write after it took effect.
 */
int pci_device_capability(struct pci_device *device, uint8_t id, const void *data,
                          const void *writable, unsigned size);

/* Called after each configuration write that touched [offset, offset + size) of a capability. */
void pci_device_on_write(struct pci_device *device,
                         void (*written)(void *context, unsigned offset, unsigned size),
                         void *context);

/* The bytes of the configuration space (for MSI-X control and the like); borrowed. */
uint8_t *pci_device_config(struct pci_device *device);

#endif
