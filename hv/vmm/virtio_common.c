/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/checked.h"
#include "hv/vmm/virtio_state.h"

/*
 * The common configuration structure (virtio 1.2, 4.1.4.3). A driver accesses each field in its own
 * width, and 64-bit fields in halves; anything else is not an access to a field: it reads the bytes
 * that are there and writes nothing.
 */
struct common {
    uint32_t device_feature_select, device_feature;
    uint32_t driver_feature_select, driver_feature;
    uint16_t config_msix_vector, num_queues;
    uint8_t device_status, config_generation;
    uint16_t queue_select, queue_size, queue_msix_vector, queue_enable, queue_notify_off;
    uint64_t queue_desc, queue_driver, queue_device;
};

_Static_assert(sizeof(struct common) == VIRTIO_COMMON_SIZE, "virtio 1.2, 4.1.4.3");

static uint32_t half(uint64_t value, uint32_t select)
{
    return select < 2 ? (uint32_t)(value >> (32 * select)) : 0;
}

uint64_t virtio_common_read(const struct virtio_pci *device, unsigned offset, unsigned size)
{
    struct common common = {
        .device_feature_select = device->offered_select,
        .device_feature = half(device->offered, device->offered_select),
        .driver_feature_select = device->accepted_select,
        .driver_feature = half(device->accepted, device->accepted_select),
        .config_msix_vector = device->config_vector,
        .num_queues = (uint16_t)device->config.queues,
        .device_status = device->status,
        .queue_select = device->queue_select,
    };
    uint64_t value = 0;

    /* A queue that is not there has size 0 (4.1.5.1.3). */
    if (device->queue_select < device->config.queues) {
        const struct virtio_queue *queue = &device->queue[device->queue_select];

        common.queue_size = queue->size;
        common.queue_msix_vector = queue->vector;
        common.queue_enable = queue->enabled;
        common.queue_notify_off = device->queue_select;
        common.queue_desc = queue->descriptor;
        common.queue_driver = queue->driver;
        common.queue_device = queue->device;
    }
    if (offset < sizeof(common)) {
        unsigned rest = (unsigned)sizeof(common) - offset;

        memcpy(&value, (const uint8_t *)&common + offset, size < rest ? size : rest);
    }
    return value;
}

static void set_half(uint64_t *value, unsigned which, uint32_t to)
{
    unsigned shift = 32 * which;

    *value = (*value & ~(0xffffffffULL << shift)) | (uint64_t)to << shift;
}

/* The queue that the driver may still describe, or NULL. */
static struct virtio_queue *selected(struct virtio_pci *device)
{
    struct virtio_queue *queue;

    if (device->queue_select >= device->config.queues ||
        (device->status & VIRTIO_STATUS_DRIVER_OK) != 0)
        return NULL;
    queue = &device->queue[device->queue_select];
    /* Once enabled, the rings have been checked where they are: they stay. */
    return queue->enabled ? NULL : queue;
}

static void write_driver_feature(struct virtio_pci *device, uint32_t value)
{
    /* Features are settled with FEATURES_OK (3.1.1), bits added later would be unchecked. */
    if ((device->status & VIRTIO_STATUS_FEATURES_OK) == 0 && device->accepted_select < 2)
        set_half(&device->accepted, device->accepted_select, value);
}

static void write_queue_size(struct virtio_pci *device, uint16_t value)
{
    struct virtio_queue *queue = selected(device);

    if (queue != NULL && checked_power_of_two(value) && value <= VIRTIO_QUEUE_SIZE_MAX)
        queue->size = value;
}

static void write_queue_area(struct virtio_pci *device, unsigned offset, uint32_t value)
{
    struct virtio_queue *queue = selected(device);

    if (queue == NULL)
        return;
    if (offset < offsetof(struct common, queue_driver))
        set_half(&queue->descriptor, offset / 4 % 2, value);
    else if (offset < offsetof(struct common, queue_device))
        set_half(&queue->driver, offset / 4 % 2, value);
    else
        set_half(&queue->device, offset / 4 % 2, value);
}

static void write_vector(struct virtio_pci *device, bool of_queue, uint16_t vector)
{
    if (vector >= msix_vectors(device->msix))
        vector = VIRTIO_NO_VECTOR; /* what the driver reads back tells it (4.1.5.1.2) */
    if (!of_queue)
        device->config_vector = vector;
    else if (device->queue_select < device->config.queues)
        virtio_device_vector(device, &device->queue[device->queue_select], vector);
}

static void write_enable(struct virtio_pci *device, uint16_t value)
{
    struct virtio_queue *queue = selected(device);

    if (queue != NULL && value == 1)
        virtio_device_enable(device, queue);
}

#define FIELD(name, width) (offsetof(struct common, name) << 4 | (width))

void virtio_common_write(struct virtio_pci *device, unsigned offset, unsigned size, uint64_t value)
{
    if (size == 8) {
        if (offset % 8 == 0) {
            virtio_common_write(device, offset, 4, (uint32_t)value);
            virtio_common_write(device, offset + 4, 4, value >> 32);
        }
        return;
    }
    switch ((uint64_t)offset << 4 | size) {
    case FIELD(device_feature_select, 4):
        device->offered_select = (uint32_t)value;
        break;
    case FIELD(driver_feature_select, 4):
        device->accepted_select = (uint32_t)value;
        break;
    case FIELD(driver_feature, 4):
        write_driver_feature(device, (uint32_t)value);
        break;
    case FIELD(config_msix_vector, 2):
        write_vector(device, false, (uint16_t)value);
        break;
    case FIELD(device_status, 1):
        virtio_device_status(device, (uint8_t)value);
        break;
    case FIELD(queue_select, 2):
        device->queue_select = (uint16_t)value;
        break;
    case FIELD(queue_size, 2):
        write_queue_size(device, (uint16_t)value);
        break;
    case FIELD(queue_msix_vector, 2):
        write_vector(device, true, (uint16_t)value);
        break;
    case FIELD(queue_enable, 2):
        write_enable(device, (uint16_t)value);
        break;
    case FIELD(queue_desc, 4):
    case FIELD(queue_desc, 4) + (4 << 4):
    case FIELD(queue_driver, 4):
    case FIELD(queue_driver, 4) + (4 << 4):
    case FIELD(queue_device, 4):
    case FIELD(queue_device, 4) + (4 << 4):
        write_queue_area(device, offset, (uint32_t)value);
        break;
    default: /* read-only, reserved, or not the field's width */
        break;
    }
}
