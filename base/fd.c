/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"

void fd_close(int *fd)
{
    int saved = errno;

    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
    errno = saved;
}

ssize_t fd_read_most(int fd, void *data, size_t size)
{
    uint8_t *bytes = data;
    size_t have = 0;

    while (have < size) {
        ssize_t n = read(fd, bytes + have, size - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        have += (size_t)n;
    }
    return (ssize_t)have;
}

int fd_read_full(int fd, void *data, size_t size)
{
    ssize_t n = fd_read_most(fd, data, size);

    if (n < 0)
        return (int)n;
    return (size_t)n == size ? 0 : -ENODATA;
}

int fd_pread_full(int fd, void *data, size_t size, uint64_t offset)
{
    uint8_t *at = data;

    if (offset > INT64_MAX || size > INT64_MAX - offset)
        return -EOVERFLOW;
    while (size > 0) {
        ssize_t n = pread(fd, at, size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return -ENODATA;
        at += n;
        size -= (size_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

int fd_write_full(int fd, const void *data, size_t size)
{
    const uint8_t *at = data;

    while (size > 0) {
        ssize_t n = write(fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

int fd_sealed_memfd(const char *name, const void *data, size_t size)
{
    cleanup_fd int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int r;

    if (fd < 0)
        return -errno;
    r = fd_write_full(fd, data, size);
    if (r < 0)
        return r;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return -errno;
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        return -errno;
    return steal_fd(&fd);
}

int fd_fixed_memfd(const char *name, uint64_t size, unsigned flags)
{
    cleanup_fd int fd = -1;

    if (size > INT64_MAX)
        return -EOVERFLOW;
    fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);
    if (fd < 0)
        return -errno;
    if (ftruncate(fd, (off_t)size) < 0)
        return -errno;
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        return -errno;
    return steal_fd(&fd);
}

int fd_require_seals(int fd, int seals)
{
    int have = fcntl(fd, F_GET_SEALS);

    if (have < 0)
        return -errno;
    return (have & seals) == seals ? 0 : -EPERM;
}
