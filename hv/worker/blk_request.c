/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/worker/blk_request.h"

#include <errno.h>
#include <linux/virtio_blk.h>

#include "base/checked.h"
#include "hv/worker/iov.h"

_Static_assert(BLK_ID_BYTES == VIRTIO_BLK_ID_BYTES, "virtio 1.2, 5.2.6");

/* Split off the status byte: the last byte that the device writes (5.2.6). */
static void take_status(struct virtqueue_chain *chain, struct blk_request *request)
{
    struct iovec *last = &chain->iov[chain->readable + chain->writable - 1];

    request->written = (uint32_t)chain->writable_bytes;
    request->status = (uint8_t *)last->iov_base + last->iov_len - 1;
    chain->writable_bytes--;
    if (--last->iov_len == 0)
        chain->writable--;
}

/*
 * However the driver cuts it into buffers, it may not ask for more than it was told: one request
 * is one system call, during which the worker answers nobody.
 */
static int decode_data(const struct blk_limits *limits, struct blk_request *request,
                       uint64_t sector, size_t bytes)
{
    if (bytes == 0 || bytes > BLK_DATA_BYTES_MAX || bytes % BLK_SECTOR != 0 ||
        !checked_range(sector, bytes / BLK_SECTOR, limits->sectors))
        return VIRTIO_BLK_S_IOERR;
    request->offset = sector * BLK_SECTOR;
    request->bytes = bytes;
    return 0;
}

static int decode_range(const struct blk_limits *limits, struct blk_request *request,
                        const struct virtio_blk_discard_write_zeroes *raw, uint32_t most)
{
    uint32_t allowed = request->operation == BLK_ZERO ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0;

    if ((raw->flags & ~allowed) != 0)
        return VIRTIO_BLK_S_UNSUPP; /* 5.2.6.2 */
    if (raw->num_sectors > most || !checked_range(raw->sector, raw->num_sectors, limits->sectors))
        return VIRTIO_BLK_S_IOERR;
    request->range[request->ranges++] = (struct blk_range){
        .offset = raw->sector * BLK_SECTOR,
        .bytes = (uint64_t)raw->num_sectors * BLK_SECTOR,
        .unmap = (raw->flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP) != 0,
    };
    return 0;
}

/* DISCARD, WRITE_ZEROES: the data is a list of ranges, copied once. */
static int decode_ranges(const struct blk_limits *limits, struct blk_request *request,
                         const struct iovec *iov, size_t count, size_t bytes)
{
    struct virtio_blk_discard_write_zeroes raw[BLK_RANGES_MAX];
    bool zero = request->operation == BLK_ZERO;
    size_t n = bytes / sizeof(raw[0]), most = zero ? BLK_ZERO_RANGES_MAX : BLK_RANGES_MAX;

    if (limits->readonly)
        return VIRTIO_BLK_S_IOERR;
    if (zero ? !limits->zero : !limits->discard)
        return VIRTIO_BLK_S_UNSUPP;
    if (n == 0 || n > most || bytes % sizeof(raw[0]) != 0)
        return VIRTIO_BLK_S_IOERR;
    if (iov_read(iov, count, 0, raw, bytes) != bytes)
        return VIRTIO_BLK_S_IOERR;
    for (size_t i = 0; i < n; i++) {
        int r =
            decode_range(limits, request, &raw[i], zero ? BLK_ZERO_SECTORS : BLK_DISCARD_SECTORS);
        if (r != 0)
            return r;
    }
    return 0;
}

int blk_request_decode(const struct blk_limits *limits, struct virtqueue_chain *chain,
                       struct blk_request *request)
{
    struct virtio_blk_outhdr header;
    struct iovec *out = chain->iov, *in = chain->iov + chain->readable;
    size_t out_count = chain->readable, out_bytes = chain->readable_bytes;

    if (out_bytes < sizeof(header) || chain->writable_bytes == 0)
        return -EPROTO;
    request->ranges = 0;
    take_status(chain, request);
    (void)iov_read(out, out_count, 0, &header, sizeof(header));
    iov_drop_front(&out, &out_count, sizeof(header));
    out_bytes -= sizeof(header);

    switch (header.type) {
    case VIRTIO_BLK_T_IN:
        request->operation = BLK_READ;
        request->iov = in;
        request->count = chain->writable;
        return decode_data(limits, request, header.sector, chain->writable_bytes);
    case VIRTIO_BLK_T_OUT:
        if (limits->readonly)
            return VIRTIO_BLK_S_IOERR; /* 5.2.6.2 */
        request->operation = BLK_WRITE;
        request->iov = out;
        request->count = out_count;
        return decode_data(limits, request, header.sector, out_bytes);
    case VIRTIO_BLK_T_FLUSH:
        request->operation = BLK_FLUSH;
        return 0;
    case VIRTIO_BLK_T_GET_ID:
        request->operation = BLK_GET_ID;
        request->iov = in;
        request->count = chain->writable;
        request->bytes = chain->writable_bytes;
        return request->bytes >= BLK_ID_BYTES ? 0 : VIRTIO_BLK_S_IOERR;
    case VIRTIO_BLK_T_DISCARD:
        request->operation = BLK_DISCARD;
        return decode_ranges(limits, request, out, out_count, out_bytes);
    case VIRTIO_BLK_T_WRITE_ZEROES:
        request->operation = BLK_ZERO;
        return decode_ranges(limits, request, out, out_count, out_bytes);
    default:
        return VIRTIO_BLK_S_UNSUPP;
    }
}
