/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/launch/input.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "hv/launch/node.h"
#include "hv/launch/path.h"

/* Larger than any kernel or initrd that fits below 2 GiB of a guest's memory. */
#define BOOT_FILE_MAX ((uint64_t)INT32_MAX)

/*
 * Find what the path names without opening it: to open a FIFO waits, and to open a device acts (a
 * watchdog starts, a tape rewinds). Whoever may write the path's directory chooses what it names;
 * its kind is checked, and then this very object is opened.
 */
static int find_input(const char *what, const char *path, bool links, struct stat *st,
                      struct launch_error *error)
{
    char shown[256];
    int fd = path_find(path, links, st);

    text_escape(shown, sizeof(shown), path);
    if (fd == -ELOOP && !links)
        return launch_fail(error, LAUNCH_DENIED,
                           "the path of the %s '%s' leads through a symbolic link, and could end "
                           "outside of what the host's policy gives to the tenant; write the path "
                           "it stands for into the policy",
                           what, shown);
    if (fd == -ELOOP)
        return launch_fail(error, LAUNCH_DENIED,
                           "the path of the %s '%s' leads through a symbolic link that is not "
                           "root's: whoever owns it chooses the file; give the path it stands for",
                           what, shown);
    if (fd < 0)
        return launch_fail(error, LAUNCH_USAGE, "cannot open the %s '%s': %s", what, shown,
                           strerror(-fd));
    return fd;
}

/*
 * A second name may be somebody else's: of a file that is written, or of one that a tenant linked
 * into its tree to have it read.
 */
static int refuse_names(const char *what, const char *shown, const struct stat *st,
                        struct launch_error *error)
{
    if (!S_ISREG(st->st_mode) || st->st_nlink == 1)
        return 0;
    return launch_fail(error, LAUNCH_DENIED,
                       "the %s '%s' has %lu names (hard links), and another one may be somebody "
                       "else's; remove them, or copy the file",
                       what, shown, (unsigned long)st->st_nlink);
}

/* Open what was found. The descriptor or -errno. */
static int open_found(int found, int flags)
{
    char path[64];
    int fd;

    (void)text_format(path, sizeof(path), "/proc/self/fd/%d", found);
    fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

/* Copy without passing through user space where the file systems can. */
static int copy_all(int from, int to, uint64_t most, uint64_t *copied)
{
    static const size_t chunk = 1 << 20;
    cleanup_free char *buffer = NULL;
    uint64_t total = 0;

    buffer = malloc(chunk);
    if (buffer == NULL)
        return -ENOMEM;
    for (;;) {
        ssize_t n = read(from, buffer, chunk);
        int r;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        total += (uint64_t)n;
        if (total > most)
            return -EFBIG;
        r = fd_write_full(to, buffer, (size_t)n);
        if (r < 0)
            return r;
    }
    *copied = total;
    return 0;
}

int input_boot_file(const char *what, const char *path, bool links, uint64_t most,
                    struct launch_error *error)
{
    cleanup_fd int found = -1;
    cleanup_fd int file = -1;
    cleanup_fd int copy = -1;
    char shown[256];
    struct stat st;
    uint64_t size = 0;
    int r;

    found = find_input(what, path, links, &st, error);
    if (found < 0)
        return found;
    text_escape(shown, sizeof(shown), path);
    if (!S_ISREG(st.st_mode))
        return launch_fail(error, LAUNCH_USAGE, "the %s '%s' is %s; give a regular file", what,
                           shown, S_ISDIR(st.st_mode) ? "a directory" : "not a regular file");
    if (!links && refuse_names(what, shown, &st, error) < 0)
        return -ECANCELED;
    file = open_found(found, O_RDONLY);
    if (file < 0)
        return launch_fail(error, LAUNCH_USAGE, "cannot open the %s '%s': %s", what, shown,
                           strerror(-file));
    if (most > BOOT_FILE_MAX)
        most = BOOT_FILE_MAX;
    copy = memfd_create(what, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (copy < 0)
        return launch_fail(error, LAUNCH_SYSTEM, "no memory file for the %s: %s", what,
                           strerror(errno));
    r = copy_all(file, copy, most, &size);
    if (r == -EFBIG)
        return launch_fail(error, LAUNCH_USAGE,
                           "the %s does not fit: it has %llu bytes where %llu MiB are the most for "
                           "this guest; give a smaller one than '%s'",
                           what, (unsigned long long)st.st_size, (unsigned long long)(most >> 20),
                           shown);
    if (r < 0)
        return launch_fail(error, LAUNCH_SYSTEM, "cannot read the %s '%s': %s", what, shown,
                           strerror(-r));
    if (size == 0)
        return launch_fail(error, LAUNCH_USAGE, "the %s '%s' is empty", what, shown);
    if (lseek(copy, 0, SEEK_SET) < 0 ||
        fcntl(copy, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        return launch_fail(error, LAUNCH_SYSTEM, "cannot seal the copy of the %s: %s", what,
                           strerror(errno));
    return steal_fd(&copy);
}

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
    disk->lock = open_found(found, access);
    if (disk->lock < 0)
        return launch_fail(error, LAUNCH_USAGE, "cannot open the disk '%s': %s", shown,
                           strerror(-disk->lock));
    return 0;
}

static int open_image(int found, const char *shown, const struct guest_disk *spec,
                      struct input_disk *disk, struct launch_error *error)
{
    disk->fd = open_found(found, spec->readonly ? O_RDONLY : O_RDWR);
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
    found = find_input("disk", spec->path, links, &st, error);
    if (found < 0)
        return found;
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return launch_fail(error, LAUNCH_USAGE,
                           "the disk '%s' is %s; give a raw image file or a block device", shown,
                           S_ISDIR(st.st_mode) ? "a directory" : "neither file nor block device");
    if ((!spec->readonly || !links) && refuse_names("disk", shown, &st, error) < 0)
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

int input_kvm(struct launch_error *error)
{
    cleanup_fd int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;

    if (fd < 0)
        return launch_fail(
            error, LAUNCH_SYSTEM,
            "cannot open /dev/kvm: %s; is virtualization enabled in the firmware and "
            "the module kvm_intel or kvm_amd loaded?",
            strerror(errno));
    if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || major(st.st_rdev) != 10 ||
        minor(st.st_rdev) != 232)
        return launch_fail(error, LAUNCH_DENIED,
                           "/dev/kvm is not the KVM device (character 10:232); something replaced "
                           "it, look into that first");
    return steal_fd(&fd);
}

/* Only root may have been able to change what is going to run. */
static int check_program(int fd, const char *path, struct launch_error *error)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return launch_fail(error, LAUNCH_SYSTEM, "cannot examine '%s': %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return launch_fail(error, LAUNCH_DENIED,
                           "'%s' is not a file that only root can write; its owner or mode was "
                           "changed: install it again",
                           path);
    return 0;
}

int input_program(const char *name, struct launch_error *error)
{
    static const char installed[] = "/usr/libexec/casemate";
    cleanup_fd int fd = -1;
    char path[PATH_MAX], *slash;
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

    if (n > 0) {
        path[n] = '\0';
        slash = strrchr(path, '/');
        if (slash != NULL &&
            text_format(slash + 1, sizeof(path) - (size_t)(slash + 1 - path), "%s", name) == 0)
            fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    }
    if (fd < 0 && text_format(path, sizeof(path), "%s/%s", installed, name) == 0)
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return launch_fail(error, LAUNCH_SYSTEM,
                           "cannot open the program %s beside this one or in %s: %s", name,
                           installed, strerror(errno));
    if (check_program(fd, path, error) < 0)
        return -ECANCELED;
    return steal_fd(&fd);
}
