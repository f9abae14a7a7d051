/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VERIFY_WRITER_H
#define CASEMATE_ATTEST_VERIFY_WRITER_H

/* Big-endian fields, as reader.h reads them. What does not fit any more is remembered. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct writer {
    uint8_t *at;
    const uint8_t *end;
    bool full; /* something did not fit */
};

static inline void writer_bytes(struct writer *writer, const void *data, size_t size)
{
    if ((size_t)(writer->end - writer->at) < size) {
        writer->full = true;
        return;
    }
    memcpy(writer->at, data, size);
    writer->at += size;
}

static inline void writer_number(struct writer *writer, uint64_t value, unsigned bytes)
{
    uint8_t big[8];

    for (unsigned i = 0; i < bytes; i++)
        big[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
    writer_bytes(writer, big, bytes);
}

/* A TPM2B. */
static inline void writer_sized(struct writer *writer, const void *data, size_t size)
{
    writer_number(writer, size, 2);
    writer_bytes(writer, data, size);
}

#endif
