/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_WORKER_VIRTQUEUE_RING_H
#define CASEMATE_HV_WORKER_VIRTQUEUE_RING_H

/*
 * Inside of virtqueue: shared by virtqueue.c (the rings) and virtqueue_chain.c (the descriptors).
 */
#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>

#include "hv/worker/guestmem.h"
#include "hv/worker/virtqueue.h"

struct virtqueue {
    struct virtqueue_setup setup;
    const struct guestmem *memory;
    /* the ring in this process, valid while started and not broken */
    uint8_t *descriptor;
    uint8_t *available;
    uint8_t *used;
    uint16_t entries; /* copy of setup.entries */
    uint16_t next_available;
    uint16_t next_used;    /* of the entry that virtqueue_push fills */
    uint16_t visible_used; /* used->idx as the driver sees it */
    uint16_t signalled;    /* visible_used when the driver was last interrupted */
    bool signalled_valid;  /* false until the first interrupt after a start */
    bool started, broken, event_idx, indirect;
    int call;
    struct inflight inflight;
    uint16_t recover[VIRTQUEUE_SIZE_MAX]; /* heads that a predecessor left in flight */
    uint16_t recover_at, recover_count;
    uint16_t batch[VIRTQUEUE_SIZE_MAX]; /* heads pushed and not yet visible */
    uint16_t batch_count;
    uint16_t outstanding; /* chains popped and not pushed */
    bool outstanding_head[VIRTQUEUE_SIZE_MAX];
};

/* Read the chain that starts at `head` (below entries). 0 or -EPROTO. */
int virtqueue_read_chain(const struct virtqueue *queue, uint16_t head,
                         struct virtqueue_chain *chain);

#endif
