/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "hv/launch/guard.h"

/* "8:16\n", as sysfs writes a device. */
static int parse_device(const char *text, dev_t *device)
{
    char major_text[16];
    const char *colon = strchr(text, ':');
    uint64_t high, low;

    if (colon == NULL || (size_t)(colon - text) >= sizeof(major_text))
        return -EPROTO;
    memcpy(major_text, text, (size_t)(colon - text));
    major_text[colon - text] = '\0';
    if (text_number(major_text, 0, 4095, &high) < 0 || text_number(colon + 1, 0, 1 << 20, &low) < 0)
        return -EPROTO;
    *device = makedev((unsigned)high, (unsigned)low);
    return 0;
}

/* The kernel limits whole disks: for a partition, the disk it is on. 0 or -errno. */
static int whole_disk(dev_t device, dev_t *disk)
{
    cleanup_fd int fd = -1;
    char path[64], text[32];
    ssize_t n;

    (void)text_format(path, sizeof(path), "/sys/dev/block/%u:%u/partition", major(device),
                      minor(device));
    if (access(path, F_OK) < 0) {
        if (errno != ENOENT)
            return -errno;
        *disk = device;
        return 0;
    }
    (void)text_format(path, sizeof(path), "/sys/dev/block/%u:%u/../dev", major(device),
                      minor(device));
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    n = read(fd, text, sizeof(text) - 1);
    if (n <= 0)
        return n < 0 ? -errno : -EPROTO;
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return parse_device(text, disk);
}

static int limit_disk(struct guard *guard, unsigned i)
{
    uint64_t rate = guard->spec->io_limit;
    char shown[256];
    struct stat st;
    dev_t device = 0;
    int r = fstat(guard->disks[i].fd, &st) < 0 ? -errno : 0;

    text_escape(shown, sizeof(shown), guard->spec->disk[i].path);
    if (r == 0 && !S_ISBLK(st.st_mode) && major(st.st_dev) == 0)
        return launch_fail(guard->error, LAUNCH_USAGE,
                           "the io-limit cannot hold for the disk '%s': its file system is on no "
                           "block device; move the image, or leave the limit out",
                           shown);
    if (r == 0)
        r = whole_disk(S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev, &device);
    if (r == 0)
        r = cgroup_limit_io(guard->jail.cgroup, device, rate, rate);
    if (r == -ENOTSUP)
        return launch_fail(guard->error, LAUNCH_SYSTEM,
                           "this host has no cgroup controller for I/O, so no io-limit can hold; "
                           "leave it out");
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot limit the disk '%s': %s", shown,
                           strerror(-r));
    return 0;
}

int guard_limit_io(struct guard *guard)
{
    for (unsigned i = 0; guard->spec->io_limit != 0 && i < guard->spec->disks; i++) {
        int r = limit_disk(guard, i);

        if (r < 0)
            return r;
    }
    return 0;
}
