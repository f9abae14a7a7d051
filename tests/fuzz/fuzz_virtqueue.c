/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/worker/virtqueue: the input is what a guest has written into the first 12 KiB of its memory:
 * descriptors at 0, available ring at 0x800, used ring at 0xc00, the rest buffers and indirect
 * tables. The first four bytes, taken off before, choose size, features and what is done.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_ring.h>

#include "base/fd.h"
#include "hv/worker/virtqueue.h"

#define RAM_SIZE  65536u
#define RAM_GUEST 0x1000u
#define RAM_USER  0x100000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct guestmem *memory;
static struct virtqueue *queue;
static uint8_t *ram;

static void prepare(void)
{
    struct guestmem_region regions[2] = {
        {.guest = RAM_GUEST, .size = RAM_SIZE / 2, .user = RAM_USER},
        {.guest = RAM_GUEST + RAM_SIZE / 2,
         .size = RAM_SIZE / 2,
         .user = RAM_USER + RAM_SIZE / 2,
         .offset = RAM_SIZE / 2},
    };
    int fd = fd_fixed_memfd("fuzz", RAM_SIZE, 0), fds[2] = {fd, fd};

    if (fd < 0 || guestmem_new(RAM_SIZE, &memory) < 0 ||
        guestmem_set(memory, regions, fds, 2) < 0 || virtqueue_new(&queue) < 0)
        abort();
    ram = guestmem_at_user(memory, RAM_USER, 1);
    fd_close(&fd);
}

/* Every buffer lies in one of the two mappings, and can be used. */
static void touch(const struct virtqueue_chain *chain)
{
    const uint8_t *low = ram, *high = guestmem_at_user(memory, RAM_USER + RAM_SIZE / 2, 1);
    size_t sum[2] = {0, 0};

    for (size_t i = 0; i < chain->readable + chain->writable; i++) {
        const uint8_t *base = chain->iov[i].iov_base;
        size_t length = chain->iov[i].iov_len;
        const uint8_t *start = base >= low && base < low + RAM_SIZE / 2 ? low : high;

        if (length == 0 || base < start || (size_t)(base - start) > RAM_SIZE / 2 ||
            length > RAM_SIZE / 2 - (size_t)(base - start))
            abort();
        sum[i >= chain->readable] += length;
        if (i >= chain->readable)
            ((uint8_t *)chain->iov[i].iov_base)[length - 1] ^= 1;
    }
    if (sum[0] != chain->readable_bytes || sum[1] != chain->writable_bytes)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct virtqueue_chain chain;
    struct virtqueue_setup setup = {
        .descriptor = RAM_USER, .available = RAM_USER + 0x800, .used = RAM_USER + 0xc00};

    if (memory == NULL)
        prepare();
    if (size < 4)
        return 0;
    setup.entries = 1u << (data[0] % 8);
    setup.base = data[2] | (uint32_t)data[3] << 8;
    if (data[1] & 1)
        setup.features |= 1ull << VIRTIO_RING_F_EVENT_IDX;
    if (data[1] & 2)
        setup.features |= 1ull << VIRTIO_RING_F_INDIRECT_DESC;
    memset(ram, 0, 0x3000);
    memcpy(ram, data + 4, size - 4 < 0x3000 ? size - 4 : 0x3000);
    if (virtqueue_start(queue, &setup, memory, NULL, -1) < 0)
        return 0;
    for (int i = 0; i < 200; i++) {
        if (virtqueue_pop(queue, &chain) != 1)
            break;
        touch(&chain);
        if ((data[1] & 4) != 0 && i == 3)
            virtqueue_unpop(queue, &chain.head, 1);
        else if ((data[1] & 8) == 0)
            virtqueue_push(queue, chain.head, (uint32_t)chain.writable_bytes);
        if ((data[1] & 16) != 0 || i % 4 == 3)
            virtqueue_flush(queue);
        if (virtqueue_outstanding(queue) > setup.entries)
            abort();
    }
    virtqueue_flush(queue);
    (void)virtqueue_listen(queue);
    virtqueue_ignore(queue);
    (void)virtqueue_stop(queue);
    return 0;
}
