/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_WORKER_INFLIGHT_H
#define CASEMATE_HV_WORKER_INFLIGHT_H

/*
 * In-flight tracking of split virtqueues (vhost-user, "Inflight I/O tracking"): a block per queue
 * in memory that outlives the worker, from which its successor learns what was taken from the
 * available ring and not yet put into the used ring. The front-end shares the memory, so all that
 * is read from it is a claim.
 */
#include <stddef.h>
#include <stdint.h>

#include "hv/vhost_user_wire.h"

/* Most entries of a virtqueue that a worker takes. */
#define VIRTQUEUE_SIZE_MAX 1024u

/* Bytes of one queue's block (a multiple of 64), and of the whole area. */
size_t inflight_block_size(uint16_t entries);
size_t inflight_area_size(unsigned queues, uint16_t entries);

/* One queue's block, as virtqueue_start is given it. */
struct inflight {
    struct vhost_user_inflight_queue *block; /* mapped, 8-byte aligned; NULL: no tracking */
    uint16_t entries;                        /* of descriptor[], 1..VIRTQUEUE_SIZE_MAX */
    uint64_t counter;                        /* next value; inflight_recover sets it */
};

/*
 * Prepare the block for a ring whose used index is `used`. A block never used before is
 * initialised. Otherwise the last batch is completed if it had become visible to the driver, and
 * the heads that are still in flight are stored in `heads` (room for `entries`), oldest first.
 * Returns how many, or -ENODATA for a fresh block, or -EPROTO for one that is not of this format.
 */
int inflight_recover(struct inflight *inflight, uint16_t used, uint16_t *heads);

/* The chain with this head has been taken. `head` is below `entries`, here and below. */
void inflight_take(struct inflight *inflight, uint16_t head);

/* The chain's result is in the used ring, not yet visible. */
void inflight_complete(struct inflight *inflight, uint16_t head);

/*
 * The ring was stopped in order: nothing is in flight, and the next start, perhaps of a ring that a
 * new driver has laid out, takes its base from the front-end. Without this a driver that had broken
 * the ring would leave heads behind that its successor in the guest never offered.
 */
void inflight_forget(struct inflight *inflight);

/* The used index `used` is visible: the batch of `count` heads is over. */
void inflight_commit(struct inflight *inflight, const uint16_t *heads, size_t count, uint16_t used);

#endif
