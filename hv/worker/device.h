/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_WORKER_DEVICE_H
#define CASEMATE_HV_WORKER_DEVICE_H

/*
 * What a kind of device tells the vhost-user back-end and the event loop about itself. One instance
 * per process, filled in before the filter; adding a device is writing one of these.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/worker/virtqueue.h"

#define DEVICE_POLL_MAX 8u

struct device {
    void *self; /* first argument of all below; owned by the caller */

    uint64_t features;          /* virtio bits of the device type; transport bits are added */
    uint64_t protocol_features; /* vhost-user bits beyond MQ, REPLY_ACK and CONFIG */
    unsigned queues;            /* virtqueues, 1..HANDOFF_QUEUES_MAX */
    const void *config;         /* device configuration space, little-endian */
    size_t config_size;         /* bytes, at most VHOST_USER_CONFIG_MAX */

    /* The driver's choice, a subset of what was offered. 0 or -errno: refused. May be NULL. */
    int (*set_features)(void *self, uint64_t features);

    /*
     * Queue `index` can be worked on (`queue`), or no longer (NULL). On NULL every chain that was
     * popped must be pushed or handed back before returning, and no pointer into guest memory kept.
     * May be NULL.
     */
    void (*queue_changed)(void *self, unsigned index, struct virtqueue *queue);

    /*
     * Work on a queue: it was kicked or just became active. Bounded; true if there is more to do
     * although no kick will come (it is called again soon).
     */
    bool (*process)(void *self, unsigned index, struct virtqueue *queue);

    /* Descriptors of the backing to wait for. */
    unsigned polls;
    int poll_fd[DEVICE_POLL_MAX];
    short (*poll_events)(void *self, unsigned index);              /* 0: do not look at it now */
    void (*poll_ready)(void *self, unsigned index, short revents); /* bounded, too */
};

#endif
