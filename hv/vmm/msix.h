/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_MSIX_H
#define CASEMATE_HV_VMM_MSIX_H

/*
 * MSI-X of one PCI function (PCI Local Bus 3.0, 6.8.2): table and pending bits in a BAR, control
 * in a capability. Each vector has an eventfd; whoever holds it (a back-end) raises the vector by
 * writing to it. While the guest lets the vector through, KVM listens to the eventfd; while it is
 * masked, nobody does, and the eventfd itself remembers what is pending.
 *
 * Locking: as for PCI, under the bus lock.
 */
#include <stdint.h>

#include "hv/vmm/irq.h"
#include "hv/vmm/pci.h"

struct msix;

#define MSIX_VECTORS_MAX 64u
#define MSIX_ENTRY_SIZE  16u /* bytes of a table entry */

/*
 * `vectors` (1..MSIX_VECTORS_MAX) with their eventfds and GSIs, and the capability that says where
 * the caller has the table and the pending bits: offsets in BAR `bar`, multiples of 8.
 * 0, -EINVAL, -ENOSPC, -ENOMEM, -errno of eventfd(2).
 */
int msix_new(struct pci_device *device, struct irq_router *irq, unsigned bar, uint32_t table,
             uint32_t pba, unsigned vectors, struct msix **msix);

/* Close the eventfds. NULL is allowed. */
void msix_free(struct msix *msix);

/* How many vectors the table has, as given to msix_new. */
unsigned msix_vectors(const struct msix *msix);

/* Eventfd of a vector below msix_vectors(), borrowed; non-blocking. */
int msix_eventfd(const struct msix *msix, unsigned vector);

/* Raise a vector from here; a number that is none (0xffff: "no vector") is ignored. */
void msix_raise(struct msix *msix, unsigned vector);

/*
 * Accesses to the table and the pending bits, `offset` from the start of each; any offset and any
 * size of 1, 2, 4, 8. Aligned writes of 4 and 8 bytes count, others are dropped; what is outside
 * reads as zero.
 */
uint64_t msix_table_read(const struct msix *msix, uint64_t offset, unsigned size);
void msix_table_write(struct msix *msix, uint64_t offset, unsigned size, uint64_t value);
uint64_t msix_pba_read(const struct msix *msix, uint64_t offset, unsigned size);

/* The guest wrote [offset, offset + size) of the configuration space: follow its control word. */
void msix_config_written(struct msix *msix, unsigned offset, unsigned size);

#endif
