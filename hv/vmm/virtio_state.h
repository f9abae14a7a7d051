/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_VIRTIO_STATE_H
#define CASEMATE_HV_VMM_VIRTIO_STATE_H

/*
 * Inside of a virtio device, shared by the files of the transport and by nobody else:
 *   virtio_pci.c     the PCI function: BAR, capabilities, doorbells
 *   virtio_common.c  the common configuration structure
 *   virtio_device.c  life of the device: status, start, reset, failure
 *   virtio_connect.c what the kinds of device are, and the first talk with the back-end
 */
#include <stdbool.h>
#include <stdint.h>

#include "hv/vhost_user_wire.h"
#include "hv/vmm/msix.h"
#include "hv/vmm/vhost_user.h"
#include "hv/vmm/virtio_pci.h"

/* Device status (virtio 1.2, 2.1). */
#define VIRTIO_STATUS_ACKNOWLEDGE 0x01u
#define VIRTIO_STATUS_DRIVER      0x02u
#define VIRTIO_STATUS_DRIVER_OK   0x04u
#define VIRTIO_STATUS_FEATURES_OK 0x08u
#define VIRTIO_STATUS_NEEDS_RESET 0x40u
#define VIRTIO_STATUS_FAILED      0x80u

#define VIRTIO_NO_VECTOR  0xffffu
#define VIRTIO_ISR_CONFIG 0x02u

#define VIRTIO_BIT(n)      (1ULL << (n))
#define VIRTIO_F_VERSION_1 32

struct virtio_kind;

/* A split virtqueue as the driver described it. Nothing here reads or writes guest memory. */
struct virtio_queue {
    uint64_t descriptor, driver, device; /* guest-physical addresses of the three areas */
    uint16_t size;                       /* entries; power of two <= VIRTIO_QUEUE_SIZE_MAX */
    uint16_t vector;                     /* MSI-X vector or VIRTIO_NO_VECTOR */
    bool enabled;                        /* by the driver; addresses and size are fixed then */
    bool started;                        /* the back-end serves it */
    bool doorbell;                       /* KVM signals `kick` itself */
    int kick;                            /* eventfd */
};

struct virtio_pci {
    const struct virtio_kind *kind;
    struct vmm_device config;
    unsigned index; /* of the device, for messages */
    struct pci_device *pci;
    struct irq_router *irq;
    struct memory *memory;
    struct msix *msix;
    struct vhost_user *front;
    int error; /* eventfd: a virtqueue is unusable, or `failure` is there to be fetched */

    /* fixed once connected */
    uint64_t offered;                     /* features */
    uint8_t space[VHOST_USER_CONFIG_MAX]; /* device configuration as the driver reads it */

    /* of the driver; a reset clears it */
    uint64_t accepted; /* features */
    uint32_t offered_select, accepted_select;
    uint16_t queue_select, config_vector;
    uint8_t status, isr;
    struct virtio_queue queue[HANDOFF_QUEUES_MAX]; /* the first config.queues are there */

    uint64_t bar;                  /* where it is, or BUS_UNMAPPED */
    unsigned window;               /* offset of VIRTIO_PCI_CAP_PCI_CFG in configuration space */
    bool broken;                   /* no back-end any more */
    struct virtio_failure failure; /* FAILURE_NONE, or why */
};

/* ---- virtio_connect.c */

/* The description of the kind of device, or NULL when it is none of virtio's or lacks queues. */
const struct virtio_kind *virtio_kind_of(const struct vmm_device *config);

/* Identity on the PCI bus. */
struct pci_identity virtio_kind_identity(const struct virtio_kind *kind);

/* Bytes of device configuration; 0: it has none. */
unsigned virtio_kind_config_size(const struct virtio_kind *kind);

/* May a driver that accepted these features (a subset of those offered) go on? */
bool virtio_features_acceptable(const struct virtio_pci *device, uint64_t features);

/* ---- virtio_common.c: any offset, any size of 1, 2, 4, 8 */
#define VIRTIO_COMMON_SIZE 56u
uint64_t virtio_common_read(const struct virtio_pci *device, unsigned offset, unsigned size);
void virtio_common_write(struct virtio_pci *device, unsigned offset, unsigned size, uint64_t value);

/* ---- virtio_device.c */

/* State after a reset; for a new device. */
void virtio_device_clear(struct virtio_pci *device);

/* The driver writes device_status. */
void virtio_device_status(struct virtio_pci *device, uint8_t value);

/* The driver enables the selected queue; or chooses its vector. */
void virtio_device_enable(struct virtio_pci *device, struct virtio_queue *queue);
void virtio_device_vector(struct virtio_pci *device, struct virtio_queue *queue, uint16_t vector);

/* Describe what a call of hv/vmm/vhost_user.h returned. */
struct virtio_failure virtio_failure_of(const struct virtio_pci *device, int error);

#endif
