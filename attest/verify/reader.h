/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VERIFY_READER_H
#define CASEMATE_ATTEST_VERIFY_READER_H

/* Big-endian fields of hostile bytes. The first fault stays; all later reads give zero. */
#include <string.h>

#include "attest/verify/tpm.h"

struct reader {
    const uint8_t *at, *end;
    enum tpm_fault fault;
};

static inline void reader_fault(struct reader *reader, enum tpm_fault fault)
{
    if (reader->fault == TPM_FAULT_NONE)
        reader->fault = fault;
    reader->at = reader->end;
}

static inline uint64_t reader_number(struct reader *reader, unsigned bytes)
{
    uint64_t value = 0;

    if ((size_t)(reader->end - reader->at) < bytes) {
        reader_fault(reader, TPM_FAULT_SHORT);
        return 0;
    }
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | *reader->at++;
    return value;
}

static inline uint8_t reader_u8(struct reader *reader)
{
    return (uint8_t)reader_number(reader, 1);
}

static inline uint16_t reader_u16(struct reader *reader)
{
    return (uint16_t)reader_number(reader, 2);
}

static inline uint32_t reader_u32(struct reader *reader)
{
    return (uint32_t)reader_number(reader, 4);
}

/* A TPM2B of at most `most` bytes to `to`; *size is how many. */
static inline void reader_sized(struct reader *reader, uint8_t *to, size_t most, uint32_t *size)
{
    const uint16_t length = reader_u16(reader);

    if (reader->fault != TPM_FAULT_NONE)
        return;
    if (length > (size_t)(reader->end - reader->at)) {
        reader_fault(reader, TPM_FAULT_SHORT);
    } else if (length > most) {
        reader_fault(reader, TPM_FAULT_VALUE);
    } else {
        memcpy(to, reader->at, length);
        reader->at += length;
        *size = length;
    }
}

/* Nothing may follow. */
static inline void reader_end(struct reader *reader)
{
    if (reader->at != reader->end)
        reader_fault(reader, TPM_FAULT_TRAILING);
}

#endif
