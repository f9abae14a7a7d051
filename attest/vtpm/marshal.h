/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VTPM_MARSHAL_H
#define CASEMATE_ATTEST_VTPM_MARSHAL_H

/*
 * Fields as a TPM reads and writes them, big-endian (TCG TPM 2.0 Library, part 1, 11.2). Both ends
 * are bounded and keep their first error: after one, writing does nothing and reading gives zeroes,
 * so that a structure is written or read through and the error asked for once.
 */
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct tpm_writer {
    uint8_t *bytes; /* the caller's */
    size_t size, limit;
    bool full; /* more was written than fits */
};

struct tpm_reader {
    const uint8_t *at; /* the caller's */
    size_t left;
    bool bad; /* more was read than was there */
};

static inline void tpm_put(struct tpm_writer *w, const void *data, size_t size)
{
    if (w->full || size > w->limit - w->size) {
        w->full = true;
        return;
    }
    if (size > 0)
        memcpy(w->bytes + w->size, data, size);
    w->size += size;
}

static inline void tpm_put8(struct tpm_writer *w, uint8_t value)
{
    tpm_put(w, &value, sizeof(value));
}

static inline void tpm_put16(struct tpm_writer *w, uint16_t value)
{
    value = htobe16(value);
    tpm_put(w, &value, sizeof(value));
}

static inline void tpm_put32(struct tpm_writer *w, uint32_t value)
{
    value = htobe32(value);
    tpm_put(w, &value, sizeof(value));
}

/* A TPM2B: `size` up to 65535, then the bytes. */
static inline void tpm_put2b(struct tpm_writer *w, const void *data, size_t size)
{
    if (size > UINT16_MAX)
        w->full = true;
    tpm_put16(w, (uint16_t)size);
    tpm_put(w, data, size);
}

/* The next `size` bytes where they are, or NULL. */
static inline const uint8_t *tpm_take(struct tpm_reader *r, size_t size)
{
    const uint8_t *at = r->at;

    if (r->bad || size > r->left) {
        r->bad = true;
        return NULL;
    }
    r->at += size;
    r->left -= size;
    return at;
}

static inline uint8_t tpm_get8(struct tpm_reader *r)
{
    const uint8_t *at = tpm_take(r, 1);

    return at != NULL ? *at : 0;
}

static inline uint16_t tpm_get16(struct tpm_reader *r)
{
    const uint8_t *at = tpm_take(r, sizeof(uint16_t));
    uint16_t value = 0;

    if (at != NULL)
        memcpy(&value, at, sizeof(value));
    return be16toh(value);
}

static inline uint32_t tpm_get32(struct tpm_reader *r)
{
    const uint8_t *at = tpm_take(r, sizeof(uint32_t));
    uint32_t value = 0;

    if (at != NULL)
        memcpy(&value, at, sizeof(value));
    return be32toh(value);
}

/* A TPM2B: its bytes where they are (NULL on an error), *size of them (0 on an error). */
static inline const uint8_t *tpm_get2b(struct tpm_reader *r, size_t *size)
{
    size_t n = tpm_get16(r);
    const uint8_t *at = tpm_take(r, n);

    *size = at != NULL ? n : 0;
    return at;
}

#endif
