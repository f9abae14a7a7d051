/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_WORKER_VHOST_USER_RING_H
#define CASEMATE_HV_WORKER_VHOST_USER_RING_H

/*
 * One vring of a connection: what the front-end has said about it, its descriptors, and whether
 * the device may work on it. A vring runs when it is started (it has a kick descriptor) and
 * enabled; it starts and stops as the protocol's "Ring states" say.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hv/worker/device.h"
#include "hv/worker/virtqueue.h"

struct worker_ring {
    struct virtqueue *queue;
    struct virtqueue_setup setup;
    int kick, call, err; /* owned, or -1 */
    bool addressed;      /* setup has addresses */
    bool enabled;
    bool active;  /* the device knows of the queue */
    bool pending; /* there may be something to do */
};

/* An empty, stopped, disabled vring. 0 or -ENOMEM. */
int worker_ring_init(struct worker_ring *ring);

/* Release everything; the device must have been told (worker_ring_stop). */
void worker_ring_release(struct worker_ring *ring);

/* Start it: all parts must be known. -EINVAL, -EPROTO as virtqueue_start. */
int worker_ring_start(struct worker_ring *ring, const struct guestmem *memory,
                      const struct inflight *inflight, uint64_t features);

/* Stop it and close its kick descriptor; setup.base is then where to go on. */
void worker_ring_stop(struct worker_ring *ring, const struct device *device, unsigned index);

/* Tell the device if it may now work on the queue, or no longer may. */
void worker_ring_update(struct worker_ring *ring, const struct device *device, unsigned index);

/* Take the queue away from the device while memory changes. worker_ring_update gives it back. */
void worker_ring_suspend(struct worker_ring *ring, const struct device *device, unsigned index);

/*
 * Memory has changed under a suspended ring: find it again. One that is not there any more is
 * broken, and the front-end is told by the error descriptor.
 */
void worker_ring_remap(struct worker_ring *ring);

/* Replace a descriptor; `fd` is owned from now on. */
void worker_ring_set_call(struct worker_ring *ring, int fd);
void worker_ring_set_kick(struct worker_ring *ring, int fd);
void worker_ring_set_err(struct worker_ring *ring, int fd);

/* Let the device work if there is something to do; true if there is still more. */
bool worker_ring_process(struct worker_ring *ring, const struct device *device, unsigned index);

#endif
