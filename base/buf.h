/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_BASE_BUF_H
#define CASEMATE_BASE_BUF_H

/*
 * A growing byte buffer with a ceiling. Errors stick: after the first failed append every later one
 * does nothing, and buf_status tells at the end, so that a writer of many parts checks once.
 */
#include <stddef.h>
#include <stdint.h>

struct buf {
    uint8_t *data;   /* owned; NUL-terminated behind `size` once anything was appended */
    size_t size;     /* bytes in use */
    size_t capacity; /* bytes allocated */
    size_t limit;    /* ceiling in bytes */
    int status;      /* 0 or the first -errno */
};

/* An empty buffer that may grow to `limit` bytes. */
void buf_init(struct buf *buf, size_t limit);

/* Release what it holds; the buffer is empty afterwards. */
void buf_release(struct buf *buf);

/* Append bytes. Sticky -ENOMEM, or -EFBIG beyond the ceiling. */
void buf_append(struct buf *buf, const void *data, size_t size);

/* Append printf output; the same errors. */
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* 0, or the first error since buf_init. */
int buf_status(const struct buf *buf);

#endif
