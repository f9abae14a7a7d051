/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_PCI_H
#define CASEMATE_HV_VMM_PCI_H

/*
 * The PCI host bridge: bus 0, reached by ECAM and by ports CF8/CFC, and the configuration space of
 * its functions (PCI Local Bus 3.0, chapter 6; PCI Express Base, 7.2). BARs are placed by the VMM
 * (there is no firmware) and the guest may move them. Everything is allocated before the vCPUs run;
 * an access of a vCPU allocates nothing.
 *
 * Locking: functions are added before the vCPUs run; accesses then come through the bus, with its
 * lock held, which is the only lock here. Hooks and `moved` run under it.
 */
#include <stdint.h>

#include "hv/vmm/bus.h"

struct pci_host;
struct pci_device;

#define PCI_CONFIG_SIZE 4096u /* bytes of ECAM of a function; those from 256 on read as zero */
#define PCI_CONFIG_USED 256u  /* bytes of configuration space that our functions have */

struct pci_identity {
    uint16_t vendor, device, subsystem_vendor, subsystem;
    uint8_t class_code, subclass, prog_if, revision;
};

/*
 * A bus with its host bridge (00:00.0), answering at its ports and in ECAM. 0, -ENOMEM, or -EEXIST
 * when something else is there already.
 */
int pci_host_new(struct bus *bus, struct pci_host **host);

/* Free the host and its functions; the bus must not be used any more. NULL is allowed. */
void pci_host_free(struct pci_host *host);

/*
 * A function in the next free slot (1..31), without decoding enabled. `device` is owned by the
 * host. 0, -ENOSPC, -ENOMEM.
 */
int pci_device_new(struct pci_host *host, const struct pci_identity *identity,
                   struct pci_device **device);

/*
 * A 32-bit, non-prefetchable memory BAR (`index` 0..5) of `size` bytes, a power of two >= 4096,
 * placed in the window. `moved` (may be NULL) is called with the new address, or BUS_UNMAPPED, when
 * the guest enables, moves or disables it. 0, -EINVAL, -ENOSPC, -EEXIST (index in use), -ENOMEM.
 */
int pci_device_bar(struct pci_device *device, unsigned index, uint64_t size,
                   const struct bus_ops *ops, void *context,
                   void (*moved)(void *context, uint64_t address));

/*
 * Append a capability of `size` bytes (its two header bytes included; the first two bytes of `data`
 * are not looked at) to the list; `writable` is a mask of the bits that the guest may write, NULL
 * for none. Returns its offset in the configuration space, -EINVAL or -ENOSPC.
 */
int pci_device_capability(struct pci_device *device, uint8_t id, const void *data,
                          const void *writable, unsigned size);

/*
 * `read` is called before a configuration read of [offset, offset + size), to refresh bytes with
 * pci_device_config; `written` after a write took effect. One pair for a function; either may be
 * NULL. The range lies within PCI_CONFIG_USED.
 */
struct pci_hooks {
    void (*read)(void *context, unsigned offset, unsigned size);
    void (*written)(void *context, unsigned offset, unsigned size);
};
void pci_device_hooks(struct pci_device *device, const struct pci_hooks *hooks, void *context);

/* The PCI_CONFIG_USED bytes of the configuration space (for MSI-X control and the like); borrowed.
 */
uint8_t *pci_device_config(struct pci_device *device);

#endif
