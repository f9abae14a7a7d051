/* SPDX-License-Identifier: Apache-2.0 */
#include "labeling/object.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

struct kind_of_object {
    const char *name;
    mode_t format;
    bool path_only; /* opening it would have effects of its own */
};

static const struct kind_of_object kinds[LABEL_OBJECT_KINDS] = {
    [LABEL_OBJECT_IMAGE] = {"image", S_IFREG, false},
    [LABEL_OBJECT_BLOCK] = {"block", S_IFBLK, false},
    [LABEL_OBJECT_KERNEL] = {"kernel", S_IFREG, false},
    [LABEL_OBJECT_INITRD] = {"initrd", S_IFREG, false},
    [LABEL_OBJECT_MEMORY] = {"memory", S_IFREG, false},
    [LABEL_OBJECT_TPM] = {"tpm", S_IFREG, false},
    [LABEL_OBJECT_SOCKET] = {"socket", S_IFSOCK, true},
    [LABEL_OBJECT_NODE] = {"node", S_IFCHR, true},
    [LABEL_OBJECT_DIRECTORY] = {"directory", S_IFDIR, false},
};

const char *label_object_kind_name(enum label_object_kind kind)
{
    return (unsigned)kind < LABEL_OBJECT_KINDS ? kinds[kind].name : NULL;
}

static int open_path(int directory, const char *path, uint64_t flags, uint64_t resolve)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC | flags,
                           .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | resolve};
    int fd;

    /* -EAGAIN, from a rename during "..", is the caller's: a tenant could keep us busy here. */
    fd = (int)syscall(SYS_openat2, directory, path, &how, sizeof(how));
    return fd < 0 ? -errno : fd;
}

int label_tree_open(const char *path)
{
    if (path[0] != '/')
        return -EINVAL;
    return open_path(AT_FDCWD, path, O_DIRECTORY, 0);
}

int label_object_check(int fd, enum label_object_kind kind, unsigned flags)
{
    bool may_have_names = (flags & LABEL_OPEN_SHARED) != 0 && (flags & LABEL_OPEN_WRITABLE) == 0;
    struct stat st;

    if ((unsigned)kind >= LABEL_OBJECT_KINDS)
        return -EINVAL;
    if (fstat(fd, &st) < 0)
        return -errno;
    if ((st.st_mode & S_IFMT) != kinds[kind].format) {
        if (S_ISDIR(st.st_mode))
            return -EISDIR;
        if (S_ISLNK(st.st_mode))
            return -ELOOP;
        return kind == LABEL_OBJECT_DIRECTORY ? -ENOTDIR : -EINVAL;
    }
    if (st.st_nlink == 0)
        return -ENOENT;
    if (!S_ISDIR(st.st_mode) && st.st_nlink > 1 && !may_have_names)
        return -EMLINK;
    return 0;
}

int label_object_open(int tree, const char *path, enum label_object_kind kind, unsigned flags)
{
    bool writable = (flags & LABEL_OPEN_WRITABLE) != 0;
    cleanup_fd int found = -1, opened = -1;
    int access, r;
    char link[40];

    if ((unsigned)kind >= LABEL_OBJECT_KINDS)
        return -EINVAL;
    found = open_path(tree, path, 0, RESOLVE_BENEATH);
    if (found < 0)
        return found;
    /* Looked at before it is opened: opening a FIFO or a device does things. */
    r = label_object_check(found, kind, flags);
    if (r < 0)
        return r;
    if (kinds[kind].path_only)
        return steal_fd(&found);
    access = writable && kind != LABEL_OBJECT_DIRECTORY ? O_RDWR : O_RDONLY;
    if (kind == LABEL_OBJECT_BLOCK && writable)
        access |= O_EXCL; /* nobody has it mounted */
    (void)text_format(link, sizeof(link), "/proc/self/fd/%d", found);
    opened = open(link, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (opened < 0)
        return -errno;
    return steal_fd(&opened);
}
