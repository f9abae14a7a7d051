/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/worker/net_rx.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "hv/worker/iov.h"

/* Packets before the other queues, and the sockets, get their turn. */
#define PACKETS_PER_TURN 128
#define NUM_BUFFERS_AT   10u /* offset in struct virtio_net_hdr_v1 */

void net_rx_attach(struct net_rx *rx, struct virtqueue *queue, bool mergeable)
{
    rx->queue = queue;
    rx->mergeable = mergeable;
    rx->starved = false;
    rx->full = false;
    rx->first = rx->slots = rx->iov_count = rx->bytes = 0;
    rx->waiting_bytes = 0;
}

void net_rx_detach(struct net_rx *rx)
{
    uint16_t heads[NET_RX_SLOTS];
    uint16_t count = 0;

    if (rx->queue == NULL)
        return;
    for (size_t i = rx->first; i < rx->slots; i++)
        heads[count++] = rx->slot[i].head;
    virtqueue_unpop(rx->queue, heads, count);
    net_rx_attach(rx, NULL, false);
}

bool net_rx_wants(const struct net_rx *rx)
{
    return rx->queue != NULL && !rx->starved && !virtqueue_broken(rx->queue);
}

/* Move what is left to the front, so that the arrays have room behind it. */
static void compact(struct net_rx *rx)
{
    size_t left = rx->slots - rx->first;
    size_t gone = left > 0 ? rx->slot[rx->first].iov : rx->iov_count;

    if (rx->first == 0)
        return;
    memmove(rx->iov, rx->iov + gone, (rx->iov_count - gone) * sizeof(rx->iov[0]));
    memmove(rx->slot, rx->slot + rx->first, left * sizeof(rx->slot[0]));
    for (size_t i = 0; i < left; i++)
        rx->slot[i].iov -= gone;
    rx->iov_count -= gone;
    rx->slots = left;
    rx->first = 0;
    rx->full = false;
}

/* Take in one more chain: true if there was one and it fits. */
static bool take(struct net_rx *rx)
{
    struct virtqueue_chain *c = &rx->chain;

    if (rx->slots == NET_RX_SLOTS || virtqueue_pop(rx->queue, c) != 1)
        return false;
    if (c->readable > 0 || c->writable_bytes < NET_HEADER_SIZE) {
        virtqueue_break(rx->queue);
        return false;
    }
    if (rx->iov_count + c->writable > VIRTQUEUE_SEGMENTS_MAX - 1) {
        if (rx->iov_count == 0) {
            virtqueue_break(rx->queue); /* no driver cuts a packet into a thousand pieces */
            return false;
        }
        virtqueue_unpop(rx->queue, &c->head, 1);
        rx->full = true;
        return false;
    }
    rx->slot[rx->slots++] = (struct net_rx_slot){
        .head = c->head,
        .iov = rx->iov_count,
        .count = c->writable,
        .bytes = c->writable_bytes,
    };
    memcpy(rx->iov + rx->iov_count, c->iov, c->writable * sizeof(c->iov[0]));
    rx->iov_count += c->writable;
    rx->bytes += c->writable_bytes;
    return true;
}

/* Fill the window until any packet fits, as far as the guest has buffers. */
static void refill(struct net_rx *rx)
{
    if (rx->bytes >= NET_RX_BYTES)
        return;
    compact(rx);
    while (rx->bytes < NET_RX_BYTES && take(rx))
        ;
}

/* Room for the next packet: with mergeable buffers the whole window, else the first chain. */
static size_t room(const struct net_rx *rx)
{
    return rx->mergeable ? rx->bytes : rx->slot[rx->first].bytes;
}

static size_t room_iov(const struct net_rx *rx)
{
    return rx->mergeable ? rx->iov_count - rx->slot[rx->first].iov : rx->slot[rx->first].count;
}

/* `bytes` bytes lie in the front slots: hand those to the guest. */
static void deliver(struct net_rx *rx, size_t bytes)
{
    struct net_rx_slot *front = &rx->slot[rx->first];
    struct iovec *iov = rx->iov + front->iov;
    size_t covered = front->bytes;
    uint16_t buffers = 1;

    for (size_t i = rx->first + 1; covered < bytes; i++) {
        covered += rx->slot[i].bytes;
        buffers++;
    }
    (void)iov_write(iov, front->count, NUM_BUFFERS_AT, &buffers, sizeof(buffers));
    for (uint16_t i = 0; i < buffers; i++) {
        struct net_rx_slot *s = &rx->slot[rx->first++];
        size_t n = bytes < s->bytes ? bytes : s->bytes;

        virtqueue_push(rx->queue, s->head, (uint32_t)n);
        bytes -= n;
        rx->bytes -= s->bytes;
    }
}

/* Read one packet. Its length; 0 if it had to be put aside or dropped; -errno. */
static ssize_t read_packet(struct net_rx *rx, int tap)
{
    size_t have = room(rx), count = room_iov(rx), spare = 0;
    struct iovec *iov = rx->iov + rx->slot[rx->first].iov;
    struct iovec saved = iov[count];
    ssize_t n;

    /* One entry behind the window catches what does not fit; another slot may own it. */
    if (have < NET_RX_BYTES) {
        spare = 1;
        iov[count].iov_base = rx->waiting + have;
        iov[count].iov_len = sizeof(rx->waiting) - have;
    }
    do {
        n = readv(tap, iov, (int)(count + spare));
    } while (n < 0 && errno == EINTR);
    iov[count] = saved;
    if (n < 0)
        return -errno;
    if ((size_t)n <= have)
        return n;
    /* Without mergeable buffers no later chain helps: the driver chose their size. */
    if (!rx->mergeable || (size_t)n > NET_RX_BYTES)
        return 0;
    (void)iov_read(iov, count, 0, rx->waiting, have);
    rx->waiting_bytes = (size_t)n;
    return 0;
}

/* True if every buffer that the guest can give is in the window. */
static bool complete(struct net_rx *rx)
{
    /* What was pushed must be visible before it can come back. */
    virtqueue_flush(rx->queue);
    return rx->full || rx->slots == NET_RX_SLOTS ||
           virtqueue_outstanding(rx->queue) == virtqueue_entries(rx->queue);
}

/*
 * Deliver the packet that waits, if there is room by now; drop it if there never will be. True if
 * none waits any more.
 */
static bool deliver_waiting(struct net_rx *rx)
{
    size_t n = rx->waiting_bytes;

    if (n == 0)
        return true;
    if (n > rx->bytes && !complete(rx))
        return false;
    rx->waiting_bytes = 0;
    if (n > rx->bytes)
        return true;
    (void)iov_write(rx->iov + rx->slot[rx->first].iov, rx->iov_count - rx->slot[rx->first].iov, 0,
                    rx->waiting, n);
    deliver(rx, n);
    return true;
}

/*
 * Make room for the next packet: true if there is some and no packet waits. Otherwise the guest has
 * been asked to kick, and rx->starved says so, or the ring is broken.
 */
static bool prepare(struct net_rx *rx)
{
    do {
        refill(rx);
        if (virtqueue_broken(rx->queue))
            return false;
        if (rx->bytes > 0 && deliver_waiting(rx) && rx->bytes > 0)
            return true;
    } while (virtqueue_listen(rx->queue));
    rx->starved = !virtqueue_broken(rx->queue);
    return false;
}

void net_rx_kicked(struct net_rx *rx)
{
    rx->starved = false;
    if (rx->queue == NULL || rx->waiting_bytes == 0)
        return;
    (void)prepare(rx);
    virtqueue_flush(rx->queue);
}

int net_rx_receive(struct net_rx *rx, int tap)
{
    int r = 0;

    virtqueue_ignore(rx->queue);
    for (int i = 0; i < PACKETS_PER_TURN && prepare(rx); i++) {
        ssize_t n = read_packet(rx, tap);

        /*
         * What the virtio header cannot express (tunnelled segments, say) is refused with -EINVAL
         * when it is off the tap's queue already: one packet lost, which anybody who can send to
         * the guest may bring about, is not the end of the link.
         */
        if (n == -EINVAL)
            continue;
        if (n < 0) {
            r = n == -EAGAIN ? 0 : (int)n;
            break;
        }
        /* A tap always gives the header; anything shorter is not from one. */
        if (n >= (ssize_t)NET_HEADER_SIZE)
            deliver(rx, (size_t)n);
    }
    virtqueue_flush(rx->queue);
    return r;
}
