/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/worker/vhost_user_ring.h"

#include <errno.h>
#include <unistd.h>

#include "base/fd.h"

int worker_ring_init(struct worker_ring *ring)
{
    struct worker_ring fresh = {.kick = -1, .call = -1, .err = -1};
    int r = virtqueue_new(&fresh.queue);

    if (r == 0)
        *ring = fresh;
    return r;
}

void worker_ring_release(struct worker_ring *ring)
{
    fd_close(&ring->kick);
    fd_close(&ring->call);
    fd_close(&ring->err);
    virtqueue_free(ring->queue);
    ring->queue = NULL;
}

int worker_ring_start(struct worker_ring *ring, const struct guestmem *memory,
                      const struct inflight *inflight, uint64_t features)
{
    if (!ring->addressed || ring->kick < 0)
        return -EINVAL;
    ring->setup.features = features;
    return virtqueue_start(ring->queue, &ring->setup, memory, inflight, ring->call);
}

static void tell(const struct device *device, unsigned index, struct virtqueue *queue)
{
    if (device->queue_changed != NULL)
        device->queue_changed(device->self, index, queue);
}

/* What a predecessor left in flight is known to nobody else: finish it before anything changes. */
static void finish_recovery(struct worker_ring *ring, const struct device *device, unsigned index)
{
    while (ring->active && virtqueue_recovering(ring->queue))
        (void)device->process(device->self, index, ring->queue);
}

void worker_ring_suspend(struct worker_ring *ring, const struct device *device, unsigned index)
{
    finish_recovery(ring, device, index);
    if (ring->active)
        tell(device, index, NULL);
    ring->active = false;
}

/* The ring cannot be worked on any more: tell the front-end, and leave the ring alone. */
static void report_broken(struct worker_ring *ring)
{
    const uint64_t one = 1;

    if (ring->err >= 0 && write(ring->err, &one, sizeof(one)) < 0)
        fd_close(&ring->err);
}

void worker_ring_remap(struct worker_ring *ring)
{
    bool broken = virtqueue_broken(ring->queue);

    /* The device is not told of a ring that breaks here, so nothing later would report it. */
    if (virtqueue_remap(ring->queue) < 0 && !broken)
        report_broken(ring);
}

void worker_ring_update(struct worker_ring *ring, const struct device *device, unsigned index)
{
    bool active = ring->enabled && virtqueue_started(ring->queue) && !virtqueue_broken(ring->queue);

    if (active == ring->active)
        return;
    if (!active) {
        worker_ring_suspend(ring, device, index);
        ring->pending = false;
        return;
    }
    ring->active = true;
    tell(device, index, ring->queue);
    /* A kick may have come before: to us, or to a predecessor that died with it. */
    ring->pending = true;
}

void worker_ring_stop(struct worker_ring *ring, const struct device *device, unsigned index)
{
    if (virtqueue_started(ring->queue)) {
        worker_ring_suspend(ring, device, index);
        ring->setup.base = virtqueue_stop(ring->queue);
    }
    ring->pending = false;
    fd_close(&ring->kick);
}

void worker_ring_set_call(struct worker_ring *ring, int fd)
{
    fd_close(&ring->call);
    ring->call = fd;
    virtqueue_set_call(ring->queue, fd);
}

void worker_ring_set_kick(struct worker_ring *ring, int fd)
{
    fd_close(&ring->kick);
    ring->kick = fd;
    /* A kick on the old one may not have been read, and nobody repeats it. */
    ring->pending = ring->active;
}

void worker_ring_set_err(struct worker_ring *ring, int fd)
{
    fd_close(&ring->err);
    ring->err = fd;
}

bool worker_ring_process(struct worker_ring *ring, const struct device *device, unsigned index)
{
    if (!ring->active)
        return false;
    if (ring->pending)
        ring->pending = device->process(device->self, index, ring->queue);
    /* Not only by that: a packet that arrives finds what the guest did to the receive queue. */
    if (virtqueue_broken(ring->queue)) {
        worker_ring_update(ring, device, index);
        report_broken(ring);
    }
    return ring->pending;
}
