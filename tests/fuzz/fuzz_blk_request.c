/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/worker/blk_request: byte 0 flags, 1 readable buffers, 2 writable ones, then a length of two
 * bytes for each, then what the buffers hold.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "hv/worker/blk_request.h"

#define SECTORS 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct blk_request *r)
{
    if (r->operation == BLK_READ || r->operation == BLK_WRITE) {
        size_t sum = 0;

        if (!checked_range(r->offset, r->bytes, SECTORS * 512ull))
            abort();
        for (size_t i = 0; i < r->count; i++)
            sum += r->iov[i].iov_len;
        if (sum != r->bytes)
            abort();
    }
    if (r->ranges > BLK_RANGES_MAX)
        abort();
    for (unsigned i = 0; i < r->ranges; i++)
        if (!checked_range(r->range[i].offset, r->range[i].bytes, SECTORS * 512ull))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct virtqueue_chain chain;
    static uint8_t memory[1u << 16];
    struct blk_limits limits = {.sectors = SECTORS};
    struct blk_request request;
    size_t count, at = 3, used = 0;
    int r;

    if (size < 3)
        return 0;
    limits.readonly = data[0] & 1;
    limits.discard = data[0] & 2;
    limits.zero = data[0] & 4;
    memset(&chain, 0, sizeof(chain));
    chain.readable = data[1] % 32;
    chain.writable = data[2] % 32;
    count = chain.readable + chain.writable;
    for (size_t i = 0; i < count; i++, at += 2) {
        size_t length;

        if (at + 2 > size)
            return 0;
        length = (data[at] | (size_t)data[at + 1] << 8) % 4097;
        /* virtqueue_pop gives no empty buffer. */
        if (length == 0 || length > sizeof(memory) - used)
            return 0;
        chain.iov[i].iov_base = memory + used;
        chain.iov[i].iov_len = length;
        used += length;
        if (i < chain.readable)
            chain.readable_bytes += length;
        else
            chain.writable_bytes += length;
    }
    memset(memory, 0, sizeof(memory));
    memcpy(memory, data + at, size - at < used ? size - at : used);
    r = blk_request_decode(&limits, &chain, &request);
    if (r == -EPROTO)
        return 0;
    if (request.status < memory || request.status >= memory + used)
        abort();
    if (r == 0)
        check(&request);
    return 0;
}
