/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *buf, size_t limit)
{
    *buf = (struct buf){.limit = limit};
}

void buf_release(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){.limit = buf->limit};
}

/* Make room for `more` bytes and a terminator. */
static int reserve(struct buf *buf, size_t more)
{
    size_t need, capacity = buf->capacity > 0 ? buf->capacity : 256;
    uint8_t *data;

    if (more > buf->limit || buf->size > buf->limit - more)
        return -EFBIG;
    need = buf->size + more + 1;
    if (need <= buf->capacity)
        return 0;
    while (capacity < need) {
        if (capacity > SIZE_MAX / 2)
            return -EFBIG;
        capacity *= 2;
    }
    data = realloc(buf->data, capacity);
    if (data == NULL)
        return -ENOMEM;
    buf->data = data;
    buf->capacity = capacity;
    return 0;
}

void buf_append(struct buf *buf, const void *data, size_t size)
{
    if (buf->status < 0)
        return;
    buf->status = reserve(buf, size);
    if (buf->status < 0)
        return;
    if (size > 0)
        memcpy(buf->data + buf->size, data, size);
    buf->size += size;
    buf->data[buf->size] = '\0';
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list ap;
    int n;

    if (buf->status < 0)
        return;
    va_start(ap, format);
    n = vsnprintf(NULL, 0, format, ap);
    va_end(ap);
    if (n < 0) {
        buf->status = -EINVAL;
        return;
    }
    buf->status = reserve(buf, (size_t)n);
    if (buf->status < 0)
        return;
    va_start(ap, format);
    (void)vsnprintf((char *)buf->data + buf->size, (size_t)n + 1, format, ap);
    va_end(ap);
    buf->size += (size_t)n;
}

int buf_status(const struct buf *buf)
{
    return buf->status;
}
