/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "hv/vmm/virtio_state.h"

/*
 * Life of a device: what the driver asks for by device_status and what the back-end is told. The
 * back-end knows of a queue only between DRIVER_OK and the next reset.
 *
 * How long a vCPU may wait for the back-end, in all: long enough for an honest one on a host that
 * is badly overloaded. A queue stops when its last request is done, and a disk can be slow.
 */
#define START_SECONDS  20u
#define STOP_SECONDS   60u
#define CHANGE_SECONDS 20u

void virtio_device_clear(struct virtio_pci *device)
{
    device->accepted = 0;
    device->offered_select = device->accepted_select = 0;
    device->queue_select = 0;
    device->config_vector = VIRTIO_NO_VECTOR;
    device->status = 0;
    device->isr = 0;
    for (unsigned i = 0; i < device->config.queues; i++) {
        struct virtio_queue *queue = &device->queue[i];

        queue->descriptor = queue->driver = queue->device = 0;
        queue->size = VIRTIO_QUEUE_SIZE_MAX;
        queue->vector = VIRTIO_NO_VECTOR;
        queue->enabled = queue->started = false;
    }
}

/* Virtio 1.2, 2.1.2: tell a driver that is at work by a configuration change notification. */
static void needs_reset(struct virtio_pci *device)
{
    if (device->status == 0 || (device->status & VIRTIO_STATUS_NEEDS_RESET) != 0)
        return;
    device->status |= VIRTIO_STATUS_NEEDS_RESET;
    device->isr |= VIRTIO_ISR_CONFIG;
    msix_raise(device->msix, device->config_vector);
}

void virtio_pci_broken(struct virtio_pci *device)
{
    vhost_user_abandon(device->front);
    device->broken = true;
    device->offered = 0;
    needs_reset(device);
}

struct virtio_failure virtio_failure_of(const struct virtio_pci *device, int error)
{
    struct virtio_failure failure = {.failure = FAILURE_VHOST_PROTOCOL};

    failure.detail[0] = device->index;
    if (error == -EPIPE) {
        failure.failure = FAILURE_VHOST_PEER;
        return failure;
    }
    failure.detail[1] = vhost_user_last(device->front);
    failure.detail[2] = (uint64_t)-error;
    return failure;
}

/* A vCPU found the back-end gone or wrong: the main thread hears of it by the error eventfd. */
static void fail(struct virtio_pci *device, int error)
{
    static const uint64_t one = 1;
    ssize_t n;

    if (!device->broken)
        device->failure = virtio_failure_of(device, error);
    virtio_pci_broken(device);
    n = write(device->error, &one, sizeof(one));
    (void)n; /* EAGAIN: it is signalled already */
}

int virtio_pci_error(struct virtio_pci *device, struct virtio_failure *failure)
{
    uint64_t count;
    ssize_t n = read(device->error, &count, sizeof(count));

    (void)n; /* EAGAIN: a spurious wake-up, and what follows holds nevertheless */
    if (device->failure.failure != FAILURE_NONE) {
        *failure = device->failure;
        return -EPROTO;
    }
    if (n == (ssize_t)sizeof(count))
        needs_reset(device);
    return 0;
}

/*
 * A ring that the back-end reported broken until now was the old driver's: the new one starts
 * afresh. Not on a broken device, of which the main thread still has to hear.
 */
static void forget_errors(struct virtio_pci *device)
{
    uint64_t count;
    ssize_t n;

    if (device->broken)
        return;
    n = read(device->error, &count, sizeof(count));
    (void)n; /* EAGAIN: nothing was reported */
}

/* ---------------------------------------------------------------- start and reset */

static int call_of(const struct virtio_pci *device, const struct virtio_queue *queue)
{
    return queue->vector < msix_vectors(device->msix) ? msix_eventfd(device->msix, queue->vector)
                                                      : -1;
}

static int start(struct virtio_pci *device)
{
    int r;

    vhost_user_patience(device->front, START_SECONDS);
    r = vhost_user_set_features(device->front,
                                device->accepted | VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES));
    for (unsigned i = 0; r == 0 && i < device->config.queues; i++) {
        struct virtio_queue *queue = &device->queue[i];
        const struct vhost_user_ring ring = {
            .index = i,
            .size = queue->size,
            .descriptor = queue->descriptor,
            .available = queue->driver,
            .used = queue->device,
            .kick = queue->kick,
            .call = call_of(device, queue),
            .error = device->error,
        };

        if (!queue->enabled)
            continue;
        r = vhost_user_ring_start(device->front, &ring);
        queue->started = r == 0;
    }
    return r;
}

/*
 * The driver takes its memory back as soon as it reads status 0, so the back-end has to be done
 * with it before (virtio 1.2, 4.1.4.3.1). One that does not answer is broken, and then nothing can
 * be promised: it could write to all guest memory anyway.
 */
static void reset(struct virtio_pci *device)
{
    int r = 0;

    vhost_user_patience(device->front, STOP_SECONDS);
    for (unsigned i = 0; r == 0 && i < device->config.queues && !device->broken; i++) {
        uint16_t base;

        if (device->queue[i].started)
            r = vhost_user_ring_stop(device->front, i, &base);
    }
    forget_errors(device);
    if (r < 0)
        fail(device, r);
    virtio_device_clear(device);
}

void virtio_device_status(struct virtio_pci *device, uint8_t value)
{
    uint8_t added = (uint8_t)(value & ~device->status);

    if (value == 0) {
        reset(device);
        return;
    }
    /* Bits are only ever added (3.1.1); clearing one without a reset has no effect. */
    device->status |=
        added & (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FAILED);
    if ((added & VIRTIO_STATUS_FEATURES_OK) != 0 && (device->status & VIRTIO_STATUS_DRIVER) != 0 &&
        (device->accepted & ~device->offered) == 0 &&
        (device->accepted & VIRTIO_BIT(VIRTIO_F_VERSION_1)) != 0 &&
        virtio_features_acceptable(device, device->accepted))
        device->status |= VIRTIO_STATUS_FEATURES_OK;
    if ((added & VIRTIO_STATUS_DRIVER_OK) != 0 &&
        (device->status & (VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_NEEDS_RESET)) ==
            VIRTIO_STATUS_FEATURES_OK) {
        int r = device->broken ? 0 : start(device);

        device->status |= VIRTIO_STATUS_DRIVER_OK;
        if (r < 0)
            fail(device, r);
        else if (device->broken)
            needs_reset(device);
    }
}

/* ---------------------------------------------------------------- queues */

/* An area of `size` bytes that is aligned and wholly in one range of RAM. */
static bool area_usable(const struct virtio_pci *device, uint64_t address, uint64_t size,
                        uint64_t alignment)
{
    return address % alignment == 0 && memory_at(device->memory, address, size) != NULL;
}

void virtio_device_enable(struct virtio_pci *device, struct virtio_queue *queue)
{
    uint64_t n = queue->size;

    if ((device->status & VIRTIO_STATUS_FEATURES_OK) == 0)
        return;
    /* Virtio 1.2, 2.7: sizes and alignments, with the event index fields at the ends. */
    if (area_usable(device, queue->descriptor, 16 * n, 16) &&
        area_usable(device, queue->driver, 6 + 2 * n, 2) &&
        area_usable(device, queue->device, 6 + 8 * n, 4))
        queue->enabled = true;
    else
        needs_reset(device);
}

void virtio_device_vector(struct virtio_pci *device, struct virtio_queue *queue, uint16_t vector)
{
    bool changed = queue->vector != vector;
    int r;

    queue->vector = vector;
    if (!changed || !queue->started || device->broken)
        return;
    vhost_user_patience(device->front, CHANGE_SECONDS);
    r = vhost_user_ring_call(device->front, (uint32_t)(queue - device->queue),
                             call_of(device, queue));
    if (r < 0)
        fail(device, r);
}
