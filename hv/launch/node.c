/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/launch/node.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

/* Like the empty root of a jail, but for one node, which is why it is not nodev. */
static int own_tmpfs(void)
{
    cleanup_fd int context = fsopen("tmpfs", FSOPEN_CLOEXEC);
    int mount;

    if (context < 0)
        return -errno;
    if (fsconfig(context, FSCONFIG_SET_STRING, "mode", "0700", 0) != 0 ||
        fsconfig(context, FSCONFIG_SET_STRING, "nr_inodes", "2", 0) != 0 ||
        fsconfig(context, FSCONFIG_SET_STRING, "size", "4096", 0) != 0 ||
        fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0)
        return -errno;
    mount = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    return mount < 0 ? -errno : mount;
}

int node_open_block(dev_t device, int flags)
{
    cleanup_fd int directory = own_tmpfs();
    cleanup_fd int fd = -1;
    struct stat st;
    char name[40];

    if (directory < 0)
        return steal_fd(&directory);
    /* What people see of it, in /proc/PID/fd. */
    (void)text_format(name, sizeof(name), "block-%u:%u", major(device), minor(device));
    if (mknodat(directory, name, S_IFBLK | 0600, device) != 0)
        return -errno;
    fd = openat(directory, name, flags | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        return -errno;
    /* Nobody else could have put it there; a device of another number would be another's disk. */
    if (!S_ISBLK(st.st_mode) || st.st_rdev != device)
        return -ESTALE;
    return steal_fd(&fd);
}
