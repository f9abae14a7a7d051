/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/worker/iov.h"

#include <string.h>

/*
 * Keeps the compiler from reading guest memory a second time in place of the copy that was just
 * made of it: the check and the use would then see different bytes.
 */
static inline void copied(void)
{
    __asm__ volatile("" ::: "memory");
}

size_t iov_bytes(const struct iovec *iov, size_t count)
{
    size_t sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += iov[i].iov_len;
    return sum;
}

size_t iov_read(const struct iovec *iov, size_t count, size_t offset, void *data, size_t size)
{
    uint8_t *to = data;
    size_t done = 0;

    for (size_t i = 0; i < count && done < size; i++) {
        size_t n = iov[i].iov_len;

        if (offset >= n) {
            offset -= n;
            continue;
        }
        n -= offset;
        if (n > size - done)
            n = size - done;
        memcpy(to + done, (const uint8_t *)iov[i].iov_base + offset, n);
        done += n;
        offset = 0;
    }
    copied();
    return done;
}

size_t iov_write(const struct iovec *iov, size_t count, size_t offset, const void *data,
                 size_t size)
{
    const uint8_t *from = data;
    size_t done = 0;

    for (size_t i = 0; i < count && done < size; i++) {
        size_t n = iov[i].iov_len;

        if (offset >= n) {
            offset -= n;
            continue;
        }
        n -= offset;
        if (n > size - done)
            n = size - done;
        memcpy((uint8_t *)iov[i].iov_base + offset, from + done, n);
        done += n;
        offset = 0;
    }
    return done;
}

void iov_drop_front(struct iovec **iov, size_t *count, size_t bytes)
{
    while (*count > 0 && bytes >= (*iov)->iov_len) {
        bytes -= (*iov)->iov_len;
        (*iov)++;
        (*count)--;
    }
    if (*count > 0) {
        (*iov)->iov_base = (uint8_t *)(*iov)->iov_base + bytes;
        (*iov)->iov_len -= bytes;
    }
}

void iov_keep_front(struct iovec *iov, size_t *count, size_t bytes)
{
    for (size_t i = 0; i < *count; i++) {
        if (bytes <= iov[i].iov_len) {
            iov[i].iov_len = bytes;
            *count = bytes > 0 ? i + 1 : i;
            return;
        }
        bytes -= iov[i].iov_len;
    }
}
