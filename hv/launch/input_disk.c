/* SPDX-License-Identifier: Apache-2.0 */
/* Disks among a guest's inputs: images and block devices. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "hv/launch/input.h"
#include "hv/launch/input_found.h"
#include "hv/launch/node.h"

/* Capacity and geometry from the kind of file; raw only, its contents are never looked at. */
static int measure_disk(const char *shown, struct input_disk *disk, struct launch_error *error)
{
    struct stat st;

    if (fstat(disk->fd, &st) < 0)
        return launch_fail(error, LAUNCH_SYSTEM, "cannot examine the disk '%s': %s", shown,
                           strerror(errno));
    if (S_ISREG(st.st_mode)) {
        disk->capacity = (uint64_t)st.st_size;
        disk->block_size = 512;
        disk->discard_alignment = st.st_blksize > 0 ? (uint64_t)st.st_blksize : 4096;
    } else {
        int block = 512;
        uint64_t bytes = 0;

        if (ioctl(disk->fd, BLKGETSIZE64, &bytes) < 0 || ioctl(disk->fd, BLKSSZGET, &block) < 0)
            return launch_fail(error, LAUNCH_SYSTEM, "cannot measure the block device '%s': %s",
                               shown, strerror(errno));
        if (block < 512 || block > 4096)
            return launch_fail(error, LAUNCH_USAGE,
                               "the disk '%s' has blocks of %d bytes; 512 to 4096 are supported",
                               shown, block);
        disk->capacity = bytes;
        disk->block_size = (uint32_t)block;
        disk->discard_alignment = (uint32_t)block;
    }
    if (disk->capacity == 0 || disk->capacity % disk->block_size != 0)
        return launch_fail(error, LAUNCH_USAGE,
                           "the disk '%s' has %llu bytes, which is not a whole number of %u-byte "
                           "blocks; images are raw, convert or extend it first",
                           shown, (unsigned long long)disk->capacity, disk->block_size);
    return 0;
}

/* Why the kernel does not let us make or use a node of our own. */
static int refuse_node(const char *shown, int r, struct launch_error *error)
{
    if (r == -EBUSY)
        return launch_fail(error, LAUNCH_DENIED,
                           "the block device '%s' is in use: by another guest, or by this host, "
                           "which has it mounted or a part of something else",
                           shown);
    if (r == -EPERM)
        return launch_fail(error, LAUNCH_DENIED,
                           "cannot make a device node for the disk '%s': %s; a guest gets a block "
                           "device through a node of its own, and containers and user namespaces "
                           "may make none: start it on the host itself (or give the container "
                           "CAP_MKNOD and the device with 'rwm'), or use an image file",
                           shown, strerror(-r));
    if (r == -EROFS || r == -EACCES)
        return launch_fail(error, LAUNCH_USAGE,
                           "cannot open the block device '%s': %s; if it can only be read, add "
                           "',ro' to the disk",
                           shown, strerror(-r));
    return launch_fail(error, r == -ENXIO || r == -ENOMEDIUM ? LAUNCH_USAGE : LAUNCH_SYSTEM,
                       "cannot open the block device '%s': %s", shown, strerror(-r));
}

/*
 * O_EXCL claims the device whole, whatever its nodes are called: what this host has mounted is no
 * guest's to write. The lock only keeps out who asks for it, readers and other programs, and they
 * ask at the node that has a name; so that one is opened too, and stays with us.
 */
static int open_block(int found, const char *shown, const struct guest_disk *spec,
                      const struct stat *st, struct input_disk *disk, struct launch_error *error)
{
    int access = spec->readonly ? O_RDONLY : O_RDWR;

    disk->fd = node_open_block(st->st_rdev, spec->readonly ? access : access | O_EXCL);
    if (disk->fd < 0)
        return refuse_node(shown, disk->fd, error);
    disk->lock = input_open_found(found, access);
    if (disk->lock < 0)
        return launch_fail(error, LAUNCH_USAGE, "cannot open the disk '%s': %s", shown,
                           strerror(-disk->lock));
    return 0;
}

static int open_image(int found, const char *shown, const struct guest_disk *spec,
                      struct input_disk *disk, struct launch_error *error)
{
    disk->fd = input_open_found(found, spec->readonly ? O_RDONLY : O_RDWR);
    if (disk->fd < 0)
        return launch_fail(error, LAUNCH_USAGE, "cannot open the disk '%s': %s", shown,
                           strerror(-disk->fd));
    return 0;
}

int input_disk_lock(const struct input_disk *disk)
{
    return disk->lock >= 0 ? disk->lock : disk->fd;
}

void input_disk_close(struct input_disk *disk)
{
    fd_close(&disk->fd);
    fd_close(&disk->lock);
}

int input_disk(const struct guest_disk *spec, bool links, struct input_disk *disk,
               struct launch_error *error)
{
    struct input_disk d = {.fd = -1, .lock = -1};
    cleanup_fd int found = -1;
    char shown[256];
    struct stat st;
    int r;

    text_escape(shown, sizeof(shown), spec->path);
    found = input_find("disk", spec->path, links, &st, error);
    if (found < 0)
        return found;
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return launch_fail(error, LAUNCH_USAGE,
                           "the disk '%s' is %s; give a raw image file or a block device", shown,
                           S_ISDIR(st.st_mode) ? "a directory" : "neither file nor block device");
    if ((!spec->readonly || !links) && input_refuse_names("disk", shown, &st, error) < 0)
        return -ECANCELED;
    d.block_device = S_ISBLK(st.st_mode);
    if (d.block_device)
        r = open_block(found, shown, spec, &st, &d, error);
    else
        r = open_image(found, shown, spec, &d, error);
    if (r == 0)
        r = measure_disk(shown, &d, error);
    if (r < 0) {
        input_disk_close(&d);
        return r;
    }
    *disk = d;
    return 0;
}
