/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/host/file.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int host_file_size(int fd, uint64_t *size)
{
    struct stat st;

    /* By number: the C library's fstat is a newfstatat, which takes paths. */
    if (syscall(SYS_fstat, fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EBADMSG;
    *size = (uint64_t)st.st_size;
    return 0;
}

int host_file_write_at(int fd, const void *data, size_t size, uint64_t offset)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pwrite(fd, (const uint8_t *)data + done, size - done, (off_t)(offset + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        done += (size_t)n;
    }
    return 0;
}
