/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors to checked lists of buffers (virtio 1.2, 2.7.5). Reads guest memory, writes none. */
#include <errno.h>

#include "hv/worker/virtqueue_ring.h"

/* An indirect table has no alignment that the driver must keep. */
typedef uint64_t unaligned_u64 __attribute__((aligned(1), may_alias));

#define DESCRIPTOR_SIZE 16u

struct descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};

/* A table of descriptors in guest memory. */
struct table {
    const uint8_t *start;
    uint32_t entries;
};

/* The one read of a descriptor: volatile, so that no field can be fetched a second time later. */
static struct descriptor read_descriptor(const struct table *table, uint32_t index)
{
    const volatile unaligned_u64 *at =
        (const volatile unaligned_u64 *)(const void *)(table->start + index * DESCRIPTOR_SIZE);
    uint64_t address = at[0], rest = at[1];
    struct descriptor d = {
        .address = address,
        .length = (uint32_t)rest,
        .flags = (uint16_t)(rest >> 32),
        .next = (uint16_t)(rest >> 48),
    };

    return d;
}

/* Append one buffer: more than one entry where it crosses from one memory region to the next. */
static int add_buffer(const struct virtqueue *queue, const struct descriptor *d,
                      struct virtqueue_chain *chain)
{
    bool write = (d->flags & VRING_DESC_F_WRITE) != 0;
    uint64_t address = d->address;
    size_t left = d->length;

    if (left == 0 || address + left < address)
        return -EPROTO;
    if (!write && chain->writable > 0)
        return -EPROTO; /* 2.7.4.2: readable buffers come first */
    if (chain->readable_bytes + chain->writable_bytes + left > VIRTQUEUE_CHAIN_BYTES)
        return -EPROTO;
    while (left > 0) {
        size_t size = left, at = chain->readable + chain->writable;
        void *host = guestmem_at(queue->memory, address, &size);

        if (host == NULL || at == VIRTQUEUE_SEGMENTS_MAX)
            return -EPROTO;
        chain->iov[at].iov_base = host;
        chain->iov[at].iov_len = size;
        if (write) {
            chain->writable++;
            chain->writable_bytes += size;
        } else {
            chain->readable++;
            chain->readable_bytes += size;
        }
        address += size;
        left -= size;
    }
    return 0;
}

/* The table that an indirect descriptor points to: contiguous, whole descriptors, bounded. */
static int enter_indirect(const struct virtqueue *queue, const struct descriptor *d,
                          struct table *table)
{
    size_t size = d->length;
    void *host;

    if (!queue->indirect || (d->flags & VRING_DESC_F_NEXT) != 0)
        return -EPROTO;
    if (size == 0 || size % DESCRIPTOR_SIZE != 0 || size / DESCRIPTOR_SIZE > VIRTQUEUE_SEGMENTS_MAX)
        return -EPROTO;
    host = guestmem_at(queue->memory, d->address, &size);
    if (host == NULL || size != d->length)
        return -EPROTO;
    table->start = host;
    table->entries = d->length / DESCRIPTOR_SIZE;
    return 0;
}

/*
 * Walk one table from `index`. A chain has at most as many descriptors as the table, so a loop ends
 * there. With `indirect` NULL this is an indirect table, which may not hold another.
 * Returns 0 at the end of the chain, 1 if it goes on in *indirect, -EPROTO.
 */
static int walk(const struct virtqueue *queue, const struct table *table, uint16_t index,
                struct virtqueue_chain *chain, struct table *indirect)
{
    for (uint32_t seen = 0; seen < table->entries; seen++) {
        struct descriptor d;
        int r;

        if (index >= table->entries)
            return -EPROTO;
        d = read_descriptor(table, index);
        if ((d.flags & VRING_DESC_F_INDIRECT) != 0) {
            if (indirect == NULL)
                return -EPROTO;
            r = enter_indirect(queue, &d, indirect);
            return r < 0 ? r : 1;
        }
        r = add_buffer(queue, &d, chain);
        if (r < 0)
            return r;
        if ((d.flags & VRING_DESC_F_NEXT) == 0)
            return 0;
        index = d.next;
    }
    return -EPROTO;
}

int virtqueue_read_chain(const struct virtqueue *queue, uint16_t head,
                         struct virtqueue_chain *chain)
{
    struct table ring = {.start = queue->descriptor, .entries = queue->entries}, indirect;
    int r;

    chain->head = head;
    chain->readable = chain->writable = 0;
    chain->readable_bytes = chain->writable_bytes = 0;
    r = walk(queue, &ring, head, chain, &indirect);
    if (r == 1)
        r = walk(queue, &indirect, 0, chain, NULL);
    return r;
}
