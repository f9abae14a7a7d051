/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_GUEST_RING_H
#define CASEMATE_TESTS_GUEST_RING_H

/* A driver's side of a split virtqueue (virtio 1.2, 2.7), in guest memory. */
#include <linux/virtio_ring.h>
#include <stdatomic.h>
#include <string.h>

#include "hv/vmm/memory.h"

struct guest_ring {
    struct vring_desc *desc;
    struct vring_avail *avail;
    struct vring_used *used;
    uint16_t size;
    uint16_t next; /* free descriptor, taken round and round */
    uint16_t seen; /* used entries fetched */
    uint64_t at_desc, at_avail, at_used;
};

struct guest_buffer {
    uint64_t address;
    uint32_t size;
    bool device_writes;
};

/* Areas at `base`, `base` + 0x2000 and `base` + 0x4000. */
static inline void guest_ring_init(struct guest_ring *ring, struct memory *memory, uint64_t base,
                                   uint16_t size)
{
    memset(ring, 0, sizeof(*ring));
    ring->size = size;
    ring->at_desc = base;
    ring->at_avail = base + 0x2000;
    ring->at_used = base + 0x4000;
    ring->desc = memory_at(memory, ring->at_desc, 16u * size);
    ring->avail = memory_at(memory, ring->at_avail, 6u + 2u * size);
    ring->used = memory_at(memory, ring->at_used, 6u + 8u * size);
    memset(ring->desc, 0, 16u * size);
    memset(ring->avail, 0, 6u + 2u * size);
    memset(ring->used, 0, 6u + 8u * size);
}

/* Make a chain available; the caller keeps no more than the ring has descriptors in flight. */
static inline uint16_t guest_ring_add(struct guest_ring *ring, const struct guest_buffer *buffer,
                                      unsigned count)
{
    uint16_t head = ring->next, index = ring->avail->idx;

    for (unsigned i = 0; i < count; i++) {
        struct vring_desc *d = &ring->desc[ring->next];

        ring->next = (uint16_t)((ring->next + 1) % ring->size);
        d->addr = buffer[i].address;
        d->len = buffer[i].size;
        d->flags = (uint16_t)((buffer[i].device_writes ? VRING_DESC_F_WRITE : 0) |
                              (i + 1 < count ? VRING_DESC_F_NEXT : 0));
        d->next = ring->next;
    }
    ring->avail->ring[index % ring->size] = head;
    atomic_thread_fence(memory_order_seq_cst);
    ring->avail->idx = (uint16_t)(index + 1);
    atomic_thread_fence(memory_order_seq_cst);
    return head;
}

/* The next used entry, if there is one. */
static inline bool guest_ring_fetch(struct guest_ring *ring, struct vring_used_elem *elem)
{
    volatile uint16_t *index = &ring->used->idx;

    if (*index == ring->seen)
        return false;
    atomic_thread_fence(memory_order_seq_cst);
    *elem = ring->used->ring[ring->seen++ % ring->size];
    return true;
}

#endif
