/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_VIRTIO_PCI_H
#define CASEMATE_HV_VMM_VIRTIO_PCI_H

/*
 * A virtio device over PCI, modern only (virtio 1.2, 4.1), whose back-end is another process
 * reached by vhost-user. The transport lives here; the queues' contents never do.
 */
#include <stdint.h>

#include "hv/failure.h"
#include "hv/handoff.h"
#include "hv/vmm/irq.h"
#include "hv/vmm/memory.h"
#include "hv/vmm/pci.h"

struct virtio_pci;

/* What went wrong, for CONTROL_FAILED. */
struct virtio_failure {
    enum hv_failure failure;
    uint64_t detail[4];
};

/*
 * Make the PCI function, its BAR, eventfds and MSI-X vectors. No word with the back-end yet, so
 * this may run before the filters. `socket` becomes the device's; the rest must outlive it.
 * `index` is the device's number for messages. 0 or -errno.
 */
int virtio_pci_new(struct pci_host *pci, struct irq_router *irq, struct memory *memory,
                   const struct vmm_device *config, unsigned index, int socket,
                   struct virtio_pci **device);

/*
 * Negotiate with the back-end: features, protocol features, memory table, configuration, queue
 * count, in-flight area. Before the gate, after the filter. 0, or -EPROTO with *failure filled.
 */
int virtio_pci_connect(struct virtio_pci *device, struct virtio_failure *failure);

/*
 * Descriptors to watch (the vhost-user socket: a back-end that hangs up has died). Returns the
 * socket, borrowed.
 */
int virtio_pci_socket(const struct virtio_pci *device);

/* The back-end has died or broken the protocol: mark the device DEVICE_NEEDS_RESET for the guest.
 */
void virtio_pci_broken(struct virtio_pci *device);

#endif
