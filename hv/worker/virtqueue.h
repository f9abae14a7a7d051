/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_WORKER_VIRTQUEUE_H
#define CASEMATE_HV_WORKER_VIRTQUEUE_H

/*
 * The device side of a split virtqueue (virtio 1.2, 2.7), with VIRTIO_F_EVENT_IDX and
 * VIRTIO_F_INDIRECT_DESC. The attacker owns every byte of the ring and may change it while it is
 * read: each descriptor is copied once and the copy is checked. Whatever breaks the rules marks the
 * ring broken, for good until it is started again; nothing outside guest memory is ever touched.
 * One thread only.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "hv/worker/guestmem.h"
#include "hv/worker/inflight.h"

/* Most buffers of one chain, = IOV_MAX, and most bytes of all of them. */
#define VIRTQUEUE_SEGMENTS_MAX 1024u
#define VIRTQUEUE_CHAIN_BYTES  (1ull << 30)

struct virtqueue;

/* A chain of buffers that the driver made available: device-readable ones first. */
struct virtqueue_chain {
    uint16_t head;
    size_t readable;       /* entries of iov that the device reads */
    size_t writable;       /* entries after them that it writes */
    size_t readable_bytes; /* sums */
    size_t writable_bytes;
    struct iovec iov[VIRTQUEUE_SEGMENTS_MAX];
};

/* Where a ring is, in the front-end's user addresses; all of it is the front-end's claim. */
struct virtqueue_setup {
    uint32_t entries; /* a power of two, 1..VIRTQUEUE_SIZE_MAX */
    uint64_t descriptor, available, used;
    uint32_t base;     /* index of the next available entry to take, 0..65535 */
    uint64_t features; /* negotiated */
};

/* A stopped ring. Allocates: before the filter. 0 or -ENOMEM. */
int virtqueue_new(struct virtqueue **queue);

/* Free; no descriptor is closed. NULL is allowed. Calls free(3). */
void virtqueue_free(struct virtqueue *queue);

/*
 * Start a stopped ring. `memory` must outlive it or be followed by virtqueue_remap. `inflight` may
 * be NULL or describe this ring's block; chains that a predecessor left in flight then come first
 * out of virtqueue_pop. -EINVAL: size, alignment or address; -EPROTO: not an in-flight block;
 * -EBUSY: not stopped. `call` (or -1) is the eventfd that interrupts the guest, borrowed; it is
 * signalled once at the start.
 */
int virtqueue_start(struct virtqueue *queue, const struct virtqueue_setup *setup,
                    const struct guestmem *memory, const struct inflight *inflight, int call);

/* Interrupt through another eventfd from now on (-1: through none). Borrowed. */
void virtqueue_set_call(struct virtqueue *queue, int call);

/*
 * The memory table has changed under a started ring: find it again. On -EINVAL the ring is broken.
 * No chain popped before may be used any more, only pushed.
 */
int virtqueue_remap(struct virtqueue *queue);

/*
 * Stop, with nothing popped. Returns the index of the next available entry, to be given as `base`
 * at the next start. What a predecessor left in flight and still waits stays in flight.
 */
uint16_t virtqueue_stop(struct virtqueue *queue);

/* Whether it runs; whether the driver has broken it (it then yields nothing). */
bool virtqueue_started(const struct virtqueue *queue);
bool virtqueue_broken(const struct virtqueue *queue);

/* Entries of a started ring; how many chains are popped and not pushed. */
uint16_t virtqueue_entries(const struct virtqueue *queue);
uint16_t virtqueue_outstanding(const struct virtqueue *queue);

/* True while chains that a predecessor left in flight wait to be popped. */
bool virtqueue_recovering(const struct virtqueue *queue);

/* Break the ring because of what a chain contains (no room for a status byte, say). */
void virtqueue_break(struct virtqueue *queue);

/*
 * Take the next chain: 1 with *chain filled, 0 if none is available or the ring is stopped, -EPROTO
 * if the ring is broken. Each popped chain is pushed later, or handed back with virtqueue_unpop.
 */
int virtqueue_pop(struct virtqueue *queue, struct virtqueue_chain *chain);

/*
 * Hand back the `count` chains popped last: they will be popped again. Only rings without in-flight
 * tracking; `heads` are theirs in the order in which they were popped.
 */
void virtqueue_unpop(struct virtqueue *queue, const uint16_t *heads, uint16_t count);

/* Put a popped chain into the used ring, `written` bytes of it written. Not visible yet. */
void virtqueue_push(struct virtqueue *queue, uint16_t head, uint32_t written);

/* Make what was pushed visible and interrupt the guest if it wants that: once per batch. */
void virtqueue_flush(struct virtqueue *queue);

/*
 * Ask the driver not to kick (a hint), or to kick. virtqueue_listen returns true if chains have
 * become available meanwhile: no kick will tell, so go on.
 */
void virtqueue_ignore(struct virtqueue *queue);
bool virtqueue_listen(struct virtqueue *queue);

#endif
