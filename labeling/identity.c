/* SPDX-License-Identifier: Apache-2.0 */
#include "labeling/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "labeling/attributes.h"

/* Linux 6.9; not in the headers of Debian 12. */
struct uuid_request {
    uint8_t size;
    uint8_t uuid[16];
};
#define GET_UUID _IOR(0x15, 0, struct uuid_request)

#define RAMFS_TYPE  0x858458f6
#define DEVPTS_TYPE 0x1cd1

/* The UUID halves as one number, which is what ext4 and btrfs give as f_fsid on older kernels. */
static bool read_uuid(int fd, uint8_t id[FILE_SYSTEM_ID_SIZE])
{
    struct uuid_request request = {.size = 0};

    if (ioctl(fd, GET_UUID, &request) < 0 || request.size != sizeof(request.uuid))
        return false;
    for (unsigned i = 0; i < FILE_SYSTEM_ID_SIZE; i++)
        id[i] = request.uuid[i] ^ request.uuid[i + FILE_SYSTEM_ID_SIZE];
    return true;
}

int file_identity_read(int fd, struct file_identity *identity)
{
    cleanup_fd int opened = -1;
    struct file_identity found = {0};
    struct statfs fs;
    struct statx sx;
    struct stat st;

    if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
        return -errno;
    found.device = st.st_dev;
    found.inode = st.st_ino;
    found.format = st.st_mode & S_IFMT;
    if (S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode))
        found.special = st.st_rdev;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &sx) == 0 && (sx.stx_mask & STATX_BTIME) != 0)
        found.born = sx.stx_btime.tv_sec * 1000000000 + sx.stx_btime.tv_nsec;
    _Static_assert(sizeof(fs.f_fsid) == sizeof(found.file_system), "f_fsid is two integers");
    memcpy(found.file_system, &fs.f_fsid, sizeof(found.file_system));
    found.transient = fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_TYPE ||
                      fs.f_type == DEVPTS_TYPE || fs.f_type == HUGETLBFS_MAGIC;
    if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
        opened = label_reopen(fd);
    if (opened >= 0) {
        long generation = 0; /* the kernel writes an int into it */

        if (ioctl(opened, FS_IOC_GETVERSION, &generation) == 0)
            found.generation = (uint32_t)generation;
        (void)read_uuid(opened, found.file_system);
    }
    *identity = found;
    return 0;
}

bool file_identity_same(const struct file_identity *a, const struct file_identity *b,
                        bool same_boot)
{
    if (a->inode != b->inode || a->format != b->format || a->special != b->special)
        return false;
    if (same_boot ? a->device != b->device
                  : memcmp(a->file_system, b->file_system, FILE_SYSTEM_ID_SIZE) != 0)
        return false;
    if (a->generation != 0 && b->generation != 0 && a->generation != b->generation)
        return false;
    return a->born == 0 || b->born == 0 || a->born == b->born;
}

int file_identity_open(const char *path, const struct file_identity *identity, bool same_boot,
                       int *fd)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    cleanup_fd int opened = -1;
    struct file_identity found;
    int r;

    opened = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
    if (opened < 0)
        return -errno;
    r = file_identity_read(opened, &found);
    if (r < 0)
        return r;
    if (!file_identity_same(&found, identity, same_boot))
        return -ESTALE;
    *fd = steal_fd(&opened);
    return 0;
}

int file_identity_path(int fd, char *path, size_t size)
{
    char link[40], found[4096];
    struct stat by_fd, by_path;
    ssize_t length;

    (void)text_format(link, sizeof(link), "/proc/self/fd/%d", fd);
    length = readlink(link, found, sizeof(found));
    if (length < 0)
        return -errno;
    if (length == (ssize_t)sizeof(found))
        return -ENAMETOOLONG;
    found[length] = '\0';
    /* The kernel marks a deleted file in the text alone, which may as well be a name. */
    if (found[0] != '/' || fstat(fd, &by_fd) < 0 || lstat(found, &by_path) < 0 ||
        by_fd.st_dev != by_path.st_dev || by_fd.st_ino != by_path.st_ino)
        return -ENOENT;
    return text_copy(path, size, found);
}
