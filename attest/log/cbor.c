/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/log/cbor.h"

#include <string.h>

/* Major types (RFC 8949, 3.1). */
enum { UINT = 0, BYTES = 2, TEXT = 3, ARRAY = 4, MAP = 5, TAG = 6 };

static void head(struct buf *out, unsigned major, uint64_t value)
{
    uint8_t bytes[9];
    unsigned size = value < 24            ? 0
                    : value <= UINT8_MAX  ? 1
                    : value <= UINT16_MAX ? 2
                    : value <= UINT32_MAX ? 4
                                          : 8;
    const unsigned follow[] = {[1] = 24, [2] = 25, [4] = 26, [8] = 27};

    bytes[0] = (uint8_t)(major << 5 | (size == 0 ? (unsigned)value : follow[size]));
    for (unsigned i = 0; i < size; i++)
        bytes[1 + i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    buf_append(out, bytes, 1 + size);
}

void cbor_uint(struct buf *out, uint64_t value)
{
    head(out, UINT, value);
}

void cbor_bytes(struct buf *out, const void *data, size_t size)
{
    head(out, BYTES, size);
    buf_append(out, data, size);
}

void cbor_text(struct buf *out, const char *text)
{
    head(out, TEXT, strlen(text));
    buf_append(out, text, strlen(text));
}

void cbor_array(struct buf *out, uint64_t items)
{
    head(out, ARRAY, items);
}

void cbor_map(struct buf *out, uint64_t pairs)
{
    head(out, MAP, pairs);
}

void cbor_tag(struct buf *out, uint64_t tag)
{
    head(out, TAG, tag);
}
