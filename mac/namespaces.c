/* SPDX-License-Identifier: Apache-2.0 */
#include "mac/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

const uint64_t namespaces_clone_flags =
    CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

/* A detached tmpfs with nothing in it and no way to put something there. */
static int empty_tmpfs(void)
{
    cleanup_fd int context = fsopen("tmpfs", FSOPEN_CLOEXEC);
    int mount;

    if (context < 0)
        return -errno;
    if (fsconfig(context, FSCONFIG_SET_STRING, "mode", "0555", 0) != 0 ||
        fsconfig(context, FSCONFIG_SET_STRING, "nr_inodes", "1", 0) != 0 ||
        fsconfig(context, FSCONFIG_SET_STRING, "size", "4096", 0) != 0 ||
        fsconfig(context, FSCONFIG_SET_FLAG, "ro", NULL, 0) != 0 ||
        fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0)
        return -errno;
    mount = fsmount(context, FSMOUNT_CLOEXEC,
                    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    return mount < 0 ? -errno : mount;
}

/* In a child with a mount namespace of its own: leave only `root` in it. 0 or -errno. */
static int replace_root(int root)
{
    /* Nothing we do from here on may show in the host's namespace, nor the other way round. */
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return -errno;
    /* Over the old root, then the two change places; the old tree ends on top and goes as one. */
    if (move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) != 0)
        return -errno;
    if (fchdir(root) != 0 || syscall(SYS_pivot_root, ".", ".") != 0)
        return -errno;
    if (umount2(".", MNT_DETACH) != 0)
        return -errno;
    if (chdir("/") != 0)
        return -errno;
    return 0;
}

int namespaces_empty_root(void)
{
    cleanup_fd int root = empty_tmpfs();
    cleanup_fd int ready_read = -1, ready_write = -1, go_read = -1, go_write = -1, space = -1;
    struct clone_args args = {.flags = CLONE_NEWNS};
    char path[64];
    int ready[2], go[2], result = -EIO, status;
    ssize_t n;
    pid_t child;

    if (root < 0)
        return steal_fd(&root);
    if (pipe2(ready, O_CLOEXEC) != 0)
        return -errno;
    ready_read = ready[0];
    ready_write = ready[1];
    if (pipe2(go, O_CLOEXEC) != 0)
        return -errno;
    go_read = go[0];
    go_write = go[1];

    /*
     * No exit signal: the caller's own waits and its SIGCHLD never see this child. As after a fork
     * the child has only this thread, and does nothing but system calls.
     */
    child = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (child < 0)
        return -errno;
    if (child == 0) {
        char byte;

        close(go_write); /* else our own copy would keep the read below from ending */
        result = replace_root(root);
        if (write(ready_write, &result, sizeof(result)) == (ssize_t)sizeof(result))
            (void)!read(go_read, &byte, 1); /* until the parent has the namespace, or is gone */
        _exit(0);
    }
    fd_close(&ready_write);
    do
        n = read(ready_read, &result, sizeof(result));
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof(result))
        result = -EIO;
    if (result == 0) {
        result = text_format(path, sizeof(path), "/proc/%d/ns/mnt", (int)child);
        if (result == 0) {
            space = open(path, O_RDONLY | O_CLOEXEC);
            if (space < 0)
                result = -errno;
        }
    }
    fd_close(&go_write);
    while (waitpid(child, &status, (int)__WCLONE) < 0 && errno == EINTR)
        ;
    return result < 0 ? result : steal_fd(&space);
}

int namespaces_enter_root(int root_fd)
{
    /* The kernel sets root and working directory to the root of the namespace it enters. */
    if (setns(root_fd, CLONE_NEWNS) != 0)
        return -errno;
    /* A copy of its own: one mount, and processes of a guest share nothing, not even emptiness. */
    if (unshare(CLONE_NEWNS) != 0)
        return -errno;
    if (chdir("/") != 0)
        return -errno;
    return 0;
}

int namespaces_read(pid_t pid, struct namespaces_ids *ids)
{
    struct namespaces_ids found;
    const struct {
        const char *name;
        uint64_t *id;
    } rows[] = {
        {"mnt", &found.mnt}, {"pid", &found.pid},       {"net", &found.net},   {"ipc", &found.ipc},
        {"uts", &found.uts}, {"cgroup", &found.cgroup}, {"user", &found.user},
    };
    cleanup_fd int dir = -1;
    char path[64];
    struct stat st;

    if (pid <= 0)
        return -ESRCH;
    if (text_format(path, sizeof(path), "/proc/%d/ns", (int)pid) < 0)
        return -EINVAL;
    dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -errno;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (fstatat(dir, rows[i].name, &st, 0) != 0)
            return -errno;
        *rows[i].id = st.st_ino;
    }
    *ids = found;
    return 0;
}
