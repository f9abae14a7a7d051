/* SPDX-License-Identifier: Apache-2.0 */
/* hv/worker/net_header: 8 bytes of features, 4 of packet length, 12 of header. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hv/worker/net_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct virtio_net_hdr_v1 h;
    uint64_t features;
    uint32_t bytes;

    if (size < 8 + 4 + sizeof(h))
        return 0;
    memcpy(&features, data, 8);
    memcpy(&bytes, data + 8, 4);
    bytes %= 70000;
    memcpy(&h, data + 12, sizeof(h));
    if (net_header_check(&h, features, bytes) < 0)
        return 0;
    /* What the host's kernel relies on. */
    if ((h.flags & ~VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0 || h.num_buffers != 0)
        abort();
    if (h.flags != 0 && (uint32_t)h.csum_start + h.csum_offset + 2 > bytes)
        abort();
    if (h.hdr_len > bytes || (h.gso_type != 0 && (h.gso_size == 0 || h.flags == 0)))
        abort();
    return 0;
}
