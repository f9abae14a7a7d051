/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_VIRTIO_PCI_H
#define CASEMATE_HV_VMM_VIRTIO_PCI_H

/*
 * A virtio device over PCI, modern only (virtio 1.2, 4.1), whose back-end is another process
 * reached by vhost-user. The transport lives here; the queues' contents never do.
 *
 * Locking: virtio_pci_new and virtio_pci_connect run before the vCPUs. From then on the bus lock
 * protects everything of a device: vCPUs hold it during an access, and the main thread takes it
 * (bus_lock) around virtio_pci_broken and virtio_pci_error. A conversation with the back-end
 * happens under it; each wait in it has an end (hv/vmm/vhost_user.h).
 *
 * After virtio_pci_new nothing is allocated, mapped or opened.
 */
#include <stdint.h>

#include "hv/failure.h"
#include "hv/handoff.h"
#include "hv/vmm/irq.h"
#include "hv/vmm/memory.h"
#include "hv/vmm/pci.h"

struct virtio_pci;

#define VIRTIO_QUEUE_SIZE_MAX 256u /* entries of a virtqueue */

/* What went wrong, for CONTROL_FAILED. */
struct virtio_failure {
    enum hv_failure failure;
    uint64_t detail[4];
};

/*
 * Make the PCI function, its BAR, eventfds (one kick per queue, one per MSI-X vector, one for
 * errors) and MSI-X vectors. No word with the back-end yet, so this may run before the filters.
 * `socket` becomes the device's; the rest must outlive it. `index` is the device's number for
 * messages. 0, -EINVAL (configuration), -ENOSPC, -ENOMEM, -errno of eventfd(2); on failure `socket`
 * stays the caller's, and the PCI host can only be freed.
 */
int virtio_pci_new(struct pci_host *pci, struct irq_router *irq, struct memory *memory,
                   const struct vmm_device *config, unsigned index, int socket,
                   struct virtio_pci **device);

/* Close everything; the PCI host must not be used any more. NULL is allowed. */
void virtio_pci_free(struct virtio_pci *device);

/*
 * Negotiate with the back-end: features, protocol features, memory table, configuration, queue
 * count, in-flight area. Before the gate, after the filter. 0, or -EPROTO with *failure filled.
 */
int virtio_pci_connect(struct virtio_pci *device, struct virtio_failure *failure);

/*
 * Descriptors for the main thread to watch, both borrowed. The socket: ask poll for POLLRDHUP only
 * (POLLHUP comes anyway), never for POLLIN, since replies are awaited by the vCPU that asked. On
 * either event call virtio_pci_broken and stop watching it. The error eventfd: POLLIN, then call
 * virtio_pci_error.
 */
int virtio_pci_socket(const struct virtio_pci *device);
int virtio_pci_error_fd(const struct virtio_pci *device);

/*
 * The back-end has died or broken the protocol: mark the device DEVICE_NEEDS_RESET for the guest.
 * After the driver's reset it offers nothing and refuses FEATURES_OK. May be called again.
 * Bus lock held.
 */
void virtio_pci_broken(struct virtio_pci *device);

/*
 * The error eventfd is readable; clears it. Returns 0 when the back-end found a virtqueue unusable,
 * which is the driver's doing: the device is now DEVICE_NEEDS_RESET and a reset repairs it.
 * Returns -EPROTO with *failure filled when a vCPU found the back-end gone or breaking the
 * protocol: virtio_pci_broken has been done already. Bus lock held.
 */
int virtio_pci_error(struct virtio_pci *device, struct virtio_failure *failure);

#endif
