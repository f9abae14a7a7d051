/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/worker/net_tx.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "hv/worker/iov.h"
#include "hv/worker/net_header.h"

/* Packets before the other queues, and the sockets, get their turn; and between interrupts. */
#define PACKETS_PER_TURN 256
#define PACKETS_PER_CALL 64

/* 0: sent or dropped; -EAGAIN: the tap is full; -EPROTO: not what a transmit queue holds. */
static int send_one(int tap, uint64_t features, struct virtqueue_chain *chain)
{
    struct virtio_net_hdr_v1 header;
    struct iovec *iov = chain->iov;
    size_t count = chain->readable;
    size_t bytes = chain->readable_bytes;
    ssize_t n;

    if (chain->writable > 0 || bytes < NET_HEADER_SIZE)
        return -EPROTO;
    (void)iov_read(iov, count, 0, &header, sizeof(header));
    if (tap < 0 || net_header_check(&header, features, bytes - NET_HEADER_SIZE) < 0)
        return 0;
    /* Our copy of the header stands in for the guest's, which can have changed since. */
    iov_drop_front(&iov, &count, NET_HEADER_SIZE);
    if (iov > chain->iov) {
        iov--;
    } else if (count < VIRTQUEUE_SEGMENTS_MAX) {
        memmove(iov + 1, iov, count * sizeof(iov[0]));
    } else {
        return 0;
    }
    iov[0].iov_base = &header;
    iov[0].iov_len = sizeof(header);
    do {
        n = writev(tap, iov, (int)count + 1);
    } while (n < 0 && errno == EINTR);
    return n < 0 && errno == EAGAIN ? -EAGAIN : 0;
}

enum net_tx_result net_tx_send(struct virtqueue *queue, int tap, uint64_t features,
                               struct virtqueue_chain *chain)
{
    enum net_tx_result result = NET_TX_MORE;
    int r = 0;

    virtqueue_ignore(queue);
    for (int i = 1; i <= PACKETS_PER_TURN; i++) {
        r = virtqueue_pop(queue, chain);
        if (r == 0 && virtqueue_listen(queue))
            continue;
        if (r != 1) {
            result = NET_TX_DRAINED;
            break;
        }
        r = send_one(tap, features, chain);
        if (r == -EAGAIN) {
            virtqueue_unpop(queue, &chain->head, 1);
            result = NET_TX_BLOCKED;
            break;
        }
        if (r < 0) {
            virtqueue_break(queue);
            result = NET_TX_DRAINED;
            break;
        }
        virtqueue_push(queue, chain->head, 0);
        if (i % PACKETS_PER_CALL == 0)
            virtqueue_flush(queue);
    }
    virtqueue_flush(queue);
    return result;
}
