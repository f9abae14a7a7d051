/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_BASE_FD_H
#define CASEMATE_BASE_FD_H

/* Descriptors: closing, whole reads and writes, sealed memory files. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Close *fd if it is >= 0 and store -1. Keeps errno. */
void fd_close(int *fd);

/*
 * Read until there are `size` bytes or the file ends. How many they are, or -errno (what was read
 * stays in `data`). EINTR is retried.
 */
ssize_t fd_read_most(int fd, void *data, size_t size);

/*
 * Read exactly `size` bytes. 0, or -ENODATA when the file ends first (what was read stays in
 * `data`), or -errno. EINTR is retried.
 */
int fd_read_full(int fd, void *data, size_t size);

/* The same at `offset`, which must not exceed INT64_MAX (else -EOVERFLOW). */
int fd_pread_full(int fd, void *data, size_t size, uint64_t offset);

/* Write exactly `size` bytes. 0 or -errno; EINTR is retried. */
int fd_write_full(int fd, const void *data, size_t size);

/*
 * A memory file that holds `size` bytes of `data`, sealed against every change (F_SEAL_WRITE,
 * SHRINK, GROW, SEAL), close-on-exec. `name` shows in /proc. Returns the descriptor, which the
 * caller owns, or -errno.
 */
int fd_sealed_memfd(const char *name, const void *data, size_t size);

/*
 * A writable memory file of fixed `size` bytes of zeroes: F_SEAL_SHRINK, F_SEAL_GROW and
 * F_SEAL_SEAL, so that no holder can make another's mapping fault. `flags` is 0 or MFD_HUGETLB with
 * its size bits. Returns the descriptor, which the caller owns, or -errno.
 */
int fd_fixed_memfd(const char *name, uint64_t size, unsigned flags);

/* 0 if the file carries all of `seals` (F_SEAL_*), -EPERM if not, -errno. */
int fd_require_seals(int fd, int seals);

#endif
