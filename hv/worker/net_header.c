/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/worker/net_header.h"

#include <errno.h>
#include <stdbool.h>

#include "base/checked.h"

_Static_assert(sizeof(struct virtio_net_hdr_v1) == NET_HEADER_SIZE, "virtio 1.2, 5.1.6");

static bool agreed(uint64_t features, unsigned bit)
{
    return (features & (1ull << bit)) != 0;
}

static int check_segmentation(struct virtio_net_hdr_v1 *h, uint64_t features, size_t bytes)
{
    unsigned type = h->gso_type & ~(unsigned)VIRTIO_NET_HDR_GSO_ECN;
    bool ecn = (h->gso_type & VIRTIO_NET_HDR_GSO_ECN) != 0;

    if (type == VIRTIO_NET_HDR_GSO_NONE) {
        h->gso_type = VIRTIO_NET_HDR_GSO_NONE;
        h->gso_size = 0;
        h->hdr_len = 0;
        return ecn ? -EINVAL : 0;
    }
    if (type == VIRTIO_NET_HDR_GSO_TCPV4   ? !agreed(features, VIRTIO_NET_F_HOST_TSO4)
        : type == VIRTIO_NET_HDR_GSO_TCPV6 ? !agreed(features, VIRTIO_NET_F_HOST_TSO6)
                                           : true)
        return -EINVAL;
    if (ecn && !agreed(features, VIRTIO_NET_F_HOST_ECN))
        return -EINVAL;
    /* 5.1.6.2.1: segmentation implies a checksum to fill in. */
    if ((h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) == 0)
        return -EINVAL;
    return h->gso_size > 0 && h->hdr_len <= bytes ? 0 : -EINVAL;
}

int net_header_check(struct virtio_net_hdr_v1 *header, uint64_t features, size_t bytes)
{
    struct virtio_net_hdr_v1 h = *header;
    int r;

    if (bytes < NET_PACKET_MIN || bytes > NET_PACKET_MAX)
        return -EINVAL;
    h.flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
    if (h.flags != 0) {
        if (!agreed(features, VIRTIO_NET_F_CSUM))
            return -EINVAL;
        if (!checked_range((uint64_t)h.csum_start + h.csum_offset, sizeof(uint16_t), bytes))
            return -EINVAL;
    } else {
        h.csum_start = 0;
        h.csum_offset = 0;
    }
    r = check_segmentation(&h, features, bytes);
    if (r < 0)
        return r;
    h.num_buffers = 0;
    *header = h;
    return 0;
}
