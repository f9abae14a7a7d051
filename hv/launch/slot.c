/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/launch/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

#define RUNTIME_DIRECTORY "/run/casemate"

/*
 * The directory must be root's own and nobody else's to write: whoever could swap the file could
 * give two guests one slot.
 */
static int open_slots(void)
{
    cleanup_fd int dir = -1;
    struct stat st;
    int fd;

    if (mkdir(RUNTIME_DIRECTORY, 0755) < 0 && errno != EEXIST)
        return -errno;
    dir = open(RUNTIME_DIRECTORY, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return -errno;
    if (fstat(dir, &st) < 0)
        return -errno;
    if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return -EPERM;
    fd = openat(dir, "slots", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd;
}

int slot_acquire(struct slot *slot)
{
    cleanup_fd int fd = open_slots();

    if (fd < 0)
        return fd;
    for (unsigned n = 0; n < SLOTS; n++) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = n, .l_len = 1};

        if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
            *slot = (struct slot){.fd = steal_fd(&fd), .number = n};
            return text_format(slot->label.categories, sizeof(slot->label.categories), "c%u,c%u",
                               2 * n, 2 * n + 1);
        }
        if (errno != EAGAIN && errno != EACCES)
            return -errno;
    }
    return -EAGAIN;
}

void slot_release(struct slot *slot)
{
    fd_close(&slot->fd);
}

uid_t slot_uid(const struct slot *slot, unsigned index)
{
    return SLOT_UID_BASE + slot->number * SLOT_UIDS + index % SLOT_UIDS;
}
