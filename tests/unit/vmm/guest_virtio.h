/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_GUEST_VIRTIO_H
#define CASEMATE_TESTS_GUEST_VIRTIO_H

/*
 * What a guest's driver does to a virtio device over PCI (virtio 1.2, 4.1): finds the structures by
 * their capabilities and uses nothing that it was not told there.
 */
#include "hv/vmm/pci_config.h"
#include "tests/unit/vmm/guest_pci.h"

/* Offsets in the common configuration structure, as a driver's header has them. */
enum {
    COMMON_DEVICE_FEATURE_SELECT = 0,
    COMMON_DEVICE_FEATURE = 4,
    COMMON_DRIVER_FEATURE_SELECT = 8,
    COMMON_DRIVER_FEATURE = 12,
    COMMON_CONFIG_VECTOR = 16,
    COMMON_NUM_QUEUES = 18,
    COMMON_STATUS = 20,
    COMMON_GENERATION = 21,
    COMMON_QUEUE_SELECT = 22,
    COMMON_QUEUE_SIZE = 24,
    COMMON_QUEUE_VECTOR = 26,
    COMMON_QUEUE_ENABLE = 28,
    COMMON_QUEUE_NOTIFY_OFF = 30,
    COMMON_QUEUE_DESC = 32,
    COMMON_QUEUE_DRIVER = 40,
    COMMON_QUEUE_DEVICE = 48,
};

enum { STATUS_ACK = 1, STATUS_DRIVER = 2, STATUS_DRIVER_OK = 4, STATUS_FEATURES_OK = 8 };
enum { STATUS_NEEDS_RESET = 64, STATUS_FAILED = 128 };

struct guest_virtio {
    struct bus *bus;
    unsigned slot;
    unsigned window;                      /* offset of the PCI_CFG capability */
    unsigned msix;                        /* offset of the MSI-X capability */
    uint64_t common, isr, device, notify; /* guest-physical; 0: not there */
    uint64_t table, pba;
    uint32_t notify_step, device_size;
};

static inline uint64_t guest_virtio_config(const struct guest_virtio *v, unsigned at, unsigned size)
{
    return guest_read(v->bus, guest_ecam(v->slot, at), size);
}

static inline uint64_t guest_virtio_bar(const struct guest_virtio *v, unsigned bar)
{
    return guest_virtio_config(v, PCI_BAR0 + 4 * bar, 4) & ~0xfULL;
}

/* Look where everything is; again after a BAR has moved. */
static inline void guest_virtio_find(struct guest_virtio *v)
{
    for (unsigned at = guest_capability(v->bus, v->slot, PCI_CAP_VENDOR, 0); at != 0;
         at = guest_capability(v->bus, v->slot, PCI_CAP_VENDOR, at)) {
        unsigned type = (unsigned)guest_virtio_config(v, at + 3, 1);
        uint64_t where = guest_virtio_bar(v, (unsigned)guest_virtio_config(v, at + 4, 1)) +
                         guest_virtio_config(v, at + 8, 4);

        if (type == 1)
            v->common = where;
        if (type == 2) {
            v->notify = where;
            v->notify_step = (uint32_t)guest_virtio_config(v, at + 16, 4);
        }
        if (type == 3)
            v->isr = where;
        if (type == 4) {
            v->device = where;
            v->device_size = (uint32_t)guest_virtio_config(v, at + 12, 4);
        }
        if (type == 5)
            v->window = at;
    }
    v->msix = guest_capability(v->bus, v->slot, PCI_CAP_MSIX, 0);
    if (v->msix != 0) {
        uint32_t table = (uint32_t)guest_virtio_config(v, v->msix + 4, 4);
        uint32_t pba = (uint32_t)guest_virtio_config(v, v->msix + 8, 4);

        v->table = guest_virtio_bar(v, table & 7) + (table & ~7u);
        v->pba = guest_virtio_bar(v, pba & 7) + (pba & ~7u);
    }
}

static inline uint32_t common_get(const struct guest_virtio *v, unsigned field, unsigned size)
{
    return (uint32_t)guest_read(v->bus, v->common + field, size);
}

static inline void common_set(const struct guest_virtio *v, unsigned field, unsigned size,
                              uint64_t value)
{
    guest_write(v->bus, v->common + field, size, value);
}

static inline unsigned status_get(const struct guest_virtio *v)
{
    return common_get(v, COMMON_STATUS, 1);
}

/* Add a bit to the status; returns what the device made of it. */
static inline unsigned status_add(const struct guest_virtio *v, unsigned bit)
{
    common_set(v, COMMON_STATUS, 1, status_get(v) | bit);
    return status_get(v);
}

static inline uint64_t features_offered(const struct guest_virtio *v)
{
    uint64_t low;

    common_set(v, COMMON_DEVICE_FEATURE_SELECT, 4, 0);
    low = common_get(v, COMMON_DEVICE_FEATURE, 4);
    common_set(v, COMMON_DEVICE_FEATURE_SELECT, 4, 1);
    return low | (uint64_t)common_get(v, COMMON_DEVICE_FEATURE, 4) << 32;
}

static inline void features_accept(const struct guest_virtio *v, uint64_t features)
{
    common_set(v, COMMON_DRIVER_FEATURE_SELECT, 4, 0);
    common_set(v, COMMON_DRIVER_FEATURE, 4, (uint32_t)features);
    common_set(v, COMMON_DRIVER_FEATURE_SELECT, 4, 1);
    common_set(v, COMMON_DRIVER_FEATURE, 4, features >> 32);
}

/* Reset, then up to FEATURES_OK; returns the status. */
static inline unsigned guest_virtio_begin(const struct guest_virtio *v, uint64_t features)
{
    common_set(v, COMMON_STATUS, 1, 0);
    status_add(v, STATUS_ACK);
    status_add(v, STATUS_DRIVER);
    features_accept(v, features);
    return status_add(v, STATUS_FEATURES_OK);
}

/* Describe and enable a queue; returns whether the device enabled it. */
static inline bool guest_virtio_queue(const struct guest_virtio *v, unsigned index, unsigned size,
                                      uint64_t desc, uint64_t driver, uint64_t device)
{
    common_set(v, COMMON_QUEUE_SELECT, 2, index);
    common_set(v, COMMON_QUEUE_SIZE, 2, size);
    common_set(v, COMMON_QUEUE_DESC, 4, desc & 0xffffffff);
    common_set(v, COMMON_QUEUE_DESC + 4, 4, desc >> 32);
    common_set(v, COMMON_QUEUE_DRIVER, 8, driver);
    common_set(v, COMMON_QUEUE_DEVICE, 8, device);
    common_set(v, COMMON_QUEUE_VECTOR, 2, index + 1);
    common_set(v, COMMON_QUEUE_ENABLE, 2, 1);
    return common_get(v, COMMON_QUEUE_ENABLE, 2) == 1;
}

/* Vector `vector` to local APIC 0 with `data`, unmasked; MSI-X on. */
static inline void guest_virtio_vector(const struct guest_virtio *v, unsigned vector, uint32_t data)
{
    guest_write(v->bus, v->table + 16 * vector, 4, LAYOUT_LAPIC);
    guest_write(v->bus, v->table + 16 * vector + 4, 4, 0);
    guest_write(v->bus, v->table + 16 * vector + 8, 4, data);
    guest_write(v->bus, v->table + 16 * vector + 12, 4, 0);
    guest_write(v->bus, guest_ecam(v->slot, v->msix + 2), 2, 0x8000);
}

#endif
