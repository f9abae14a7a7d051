/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_WORKER_NET_RX_H
#define CASEMATE_HV_WORKER_NET_RX_H

/*
 * From a tap into the guest's receive queue. Buffers are taken from the ring ahead of time into a
 * window, so that a packet is read straight into guest memory over as many of them as it needs
 * (VIRTIO_NET_F_MRG_RXBUF). A packet that turns out longer than the window waits in a buffer of
 * ours until the guest has given more: the tap is not read meanwhile, and its sender feels that.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/worker/net_header.h"
#include "hv/worker/virtqueue.h"

#define NET_RX_SLOTS 64u
#define NET_RX_BYTES (NET_HEADER_SIZE + NET_PACKET_MAX)

struct net_rx_slot {
    uint16_t head;
    size_t iov, count; /* its part of net_rx.iov */
    size_t bytes;
};

struct net_rx {
    struct virtqueue *queue; /* NULL while it must not be touched */
    bool mergeable;
    bool starved; /* the guest has given too few buffers: wait for its kick */
    struct net_rx_slot slot[NET_RX_SLOTS];
    size_t first, slots;                      /* valid: slot[first] .. slot[slots - 1] */
    struct iovec iov[VIRTQUEUE_SEGMENTS_MAX]; /* one entry is kept free for `waiting` */
    size_t iov_count;
    bool full;                         /* no chain more can be taken in */
    size_t bytes;                      /* room in all valid slots */
    size_t waiting_bytes;              /* a packet in `waiting`, or 0 */
    uint8_t waiting[NET_RX_BYTES + 1]; /* one more, so that too long a packet shows */
    struct virtqueue_chain chain;      /* the one being taken in */
};

/* The queue may be used. */
void net_rx_attach(struct net_rx *rx, struct virtqueue *queue, bool mergeable);

/* It may no longer be used: hand back what was taken, keep no pointer. */
void net_rx_detach(struct net_rx *rx);

/* The guest has kicked: there may be buffers again, for the packet that waits too. */
void net_rx_kicked(struct net_rx *rx);

/* True if a packet could be taken in now. */
bool net_rx_wants(const struct net_rx *rx);

/*
 * Take packets from `tap` (non-blocking) until it is empty, the guest has no room, or a bound is
 * reached. A packet that the tap cannot hand over (-EINVAL) is dropped. 0, or the read's -errno
 * other than these and -EAGAIN: the tap is of no use any more.
 */
int net_rx_receive(struct net_rx *rx, int tap);

#endif
