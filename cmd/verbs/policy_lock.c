/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs/policy_lock.h"

#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "hv/host_image.h"

int policy_lock(int directory)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = openat(directory, HOST_IMAGE_LOCK,
                    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
    int r;

    if (fd < 0)
        return -errno;
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return fd;
    r = errno == EACCES ? -EAGAIN : -errno;
    fd_close(&fd);
    return r;
}
