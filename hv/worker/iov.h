/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_WORKER_IOV_H
#define CASEMATE_HV_WORKER_IOV_H

/*
 * Lists of buffers in guest memory. The list itself is ours (a local copy, checked); the bytes it
 * points to can be changed by the guest at any moment, so they are copied out once and looked at
 * in the copy only.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Sum of the lengths; the caller has bounded them (virtqueue_pop does). */
size_t iov_bytes(const struct iovec *iov, size_t count);

/* Copy up to `size` bytes from `offset` on into `data`. Returns the bytes copied. */
size_t iov_read(const struct iovec *iov, size_t count, size_t offset, void *data, size_t size);

/* Copy up to `size` bytes of `data` to `offset` on. Returns the bytes copied. */
size_t iov_write(const struct iovec *iov, size_t count, size_t offset, const void *data,
                 size_t size);

/* Drop the first `bytes` bytes: *iov and *count then describe the rest. Changes elements. */
void iov_drop_front(struct iovec **iov, size_t *count, size_t bytes);

/* Keep only the first `bytes` bytes. Changes elements and *count. */
void iov_keep_front(struct iovec *iov, size_t *count, size_t bytes);

#endif
