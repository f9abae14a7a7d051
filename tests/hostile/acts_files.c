/* SPDX-License-Identifier: Apache-2.0 */
/* Another guest's disk, by its path and by every detour to it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/hostile/hostile.h"

static int holds_secret(int fd, const struct hostile_world *w)
{
    uint64_t value = 0;

    if (pread(fd, &value, sizeof(value), 0) != (ssize_t)sizeof(value))
        return -errno;
    return value == w->secret ? 0 : -ENOMSG;
}

static int open_read(const struct hostile_world *w, long flags)
{
    int fd = open(w->image, (int)flags | O_CLOEXEC);

    return fd < 0 ? -errno : holds_secret(fd, w);
}

static int open_write(const struct hostile_world *w, long flags)
{
    int fd = open(w->image, (int)flags | O_CLOEXEC);

    return fd < 0 ? -errno : outcome(pwrite(fd, "hostile!", 8, 4096));
}

static int map(const struct hostile_world *w, long write)
{
    int fd = open(w->image, write ? O_RDWR : O_RDONLY);
    volatile uint64_t *at;

    if (fd < 0)
        return -errno;
    at = mmap(NULL, 4096, write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return -errno;
    return *at == w->secret ? 0 : -ENOMSG;
}

static int path_only(const struct hostile_world *w, long unused)
{
    int fd = open(w->image, O_PATH | O_CLOEXEC);

    (void)unused;
    return outcome(fd);
}

static int look(const struct hostile_world *w, long unused)
{
    struct stat st;

    (void)unused;
    return outcome(stat(w->image, &st));
}

static int cut(const struct hostile_world *w, long unused)
{
    (void)unused;
    return outcome(truncate(w->image, 8192));
}

static int relabel(const struct hostile_world *w, long unused)
{
    (void)unused;
    return outcome(
        setxattr(w->image, "security.selinux", w->own_context, strlen(w->own_context) + 1, 0));
}

static int read_label(const struct hostile_world *w, long unused)
{
    char label[256];

    (void)unused;
    return outcome_or(getxattr(w->image, "security.selinux", label, sizeof(label)), ENODATA);
}

static int attribute(const struct hostile_world *w, long unused)
{
    (void)unused;
    return outcome(setxattr(w->image, "user.hostile", "1", 1, 0));
}

static int mode(const struct hostile_world *w, long unused)
{
    (void)unused;
    return outcome(chmod(w->image, 0666));
}

static int owner(const struct hostile_world *w, long unused)
{
    (void)unused;
    return outcome(chown(w->image, 12345, 12345));
}

static int rename_away(const struct hostile_world *w, long unused)
{
    char to[160];

    (void)unused;
    (void)snprintf(to, sizeof(to), "%s.taken", w->image);
    return rename(w->image, to) < 0 ? -errno : outcome(rename(to, w->image));
}

static int second_name(const struct hostile_world *w, long symbolic)
{
    char to[160];
    int r;

    (void)snprintf(to, sizeof(to), "%s.link", w->image);
    r = outcome(symbolic ? symlink(w->image, to) : link(w->image, to));
    (void)unlink(to);
    return r;
}

static int lock_it(const struct hostile_world *w, long unused)
{
    struct flock lock = {.l_type = F_WRLCK};
    int fd = open(w->image, O_RDWR | O_CLOEXEC);

    (void)unused;
    return fd < 0 ? -errno : outcome_or(fcntl(fd, F_OFD_SETLK, &lock), EAGAIN);
}

static int by_handle(const struct hostile_world *w, long unused)
{
    union {
        struct file_handle handle;
        char bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
    } h = {.handle = {.handle_bytes = MAX_HANDLE_SZ}};
    int mount, at, fd;

    (void)unused;
    if (name_to_handle_at(AT_FDCWD, w->image, &h.handle, &mount, 0) < 0)
        return -errno;
    at = open("/", O_RDONLY | O_DIRECTORY);
    if (at < 0)
        return -errno;
    fd = open_by_handle_at(at, &h.handle, O_RDONLY);
    if (fd < 0)
        return -errno;
    return holds_secret(fd, w);
}

static int through_victim(const struct hostile_world *w, long root)
{
    char path[192];
    int fd;

    if (root)
        (void)snprintf(path, sizeof(path), "root%s", w->image);
    else
        (void)snprintf(path, sizeof(path), "fd/%d", HOSTILE_FD_DISK);
    fd = open_proc(w->victim, path, O_RDWR);
    return fd < 0 ? fd : holds_secret(fd, w);
}

static int watch(const struct hostile_world *w, long unused)
{
    int fd = inotify_init1(IN_CLOEXEC);

    (void)unused;
    return fd < 0 ? -errno : outcome(inotify_add_watch(fd, w->image, IN_ACCESS | IN_MODIFY));
}

static int watch_all(const struct hostile_world *w, long unused)
{
    int fd = (int)syscall(SYS_fanotify_init, FAN_CLASS_NOTIF | FAN_CLOEXEC, O_RDONLY);

    (void)unused;
    if (fd < 0)
        return -errno;
    return outcome(
        syscall(SYS_fanotify_mark, fd, FAN_MARK_ADD, FAN_OPEN | FAN_ACCESS, AT_FDCWD, w->image));
}

static int copy_from(const struct hostile_world *w, long unused)
{
    int from = open(w->image, O_RDONLY), to = (int)syscall(SYS_memfd_create, "copy", 0);

    (void)unused;
    if (from < 0 || to < 0)
        return -errno;
    return outcome(syscall(SYS_sendfile, to, from, NULL, 4096));
}

#define GUEST REACH_GUEST
static const struct act rows[] = {
    {"disk-read", "reads the disk by its path", GUEST, open_read, NULL, O_RDONLY, 0, 0},
    {"disk-read-write", "opens it for both", GUEST, open_read, NULL, O_RDWR, 0, 0},
    {"disk-write", "writes it by its path", GUEST, open_write, NULL, O_WRONLY, 0, 0},
    {"disk-append", "opens it to append", GUEST, open_write, NULL, O_WRONLY | O_APPEND, 0, 0},
    {"disk-map", "maps it", GUEST, map, NULL, 0, 0, 0},
    {"disk-map-write", "maps it to write", GUEST, map, NULL, 1, 0, 0},
    {"disk-path-only", "takes an O_PATH descriptor of it", GUEST, path_only, NULL, 0, 0, 0},
    {"disk-stat", "looks at its size and times", GUEST, look, NULL, 0, 0, 0},
    {"disk-truncate", "cuts it short", GUEST, cut, NULL, 0, 0, 0},
    {"disk-relabel", "gives it a label of its own guest's", GUEST, relabel, NULL, 0, 0, 0},
    {"disk-label-read", "reads its label", GUEST, read_label, NULL, 0, 0, 0},
    {"disk-attribute", "leaves a mark in its attributes", GUEST, attribute, NULL, 0, 0, 0},
    {"disk-chmod", "opens it to all", GUEST, mode, NULL, 0, 0, 0},
    {"disk-chown", "takes it over", GUEST, owner, NULL, 0, 0, 0},
    {"disk-rename", "moves it away", GUEST, rename_away, NULL, 0, 0, 0},
    {"disk-link", "gives it a second name", GUEST, second_name, NULL, 0, 0, 0},
    {"disk-symlink", "makes a link to it", GUEST, second_name, NULL, 1, 0, 0},
    {"disk-lock", "locks it", GUEST, lock_it, NULL, 0, 0, 0},
    {"disk-by-handle", "opens it by file handle", GUEST, by_handle, NULL, 0, 0, 0},
    {"disk-proc-fd", "opens it in /proc/PID/fd", GUEST, through_victim, NULL, 0, 0, 0},
    {"disk-proc-root", "opens it through /proc/PID/root", GUEST, through_victim, NULL, 1, 0, 0},
    {"disk-inotify", "watches when it is used", GUEST, watch, NULL, 0, 0, 0},
    {"disk-fanotify", "the same with fanotify", GUEST, watch_all, NULL, 0, 0, 0},
    {"disk-sendfile", "copies it to a memory file", GUEST, copy_from, NULL, 0, 0, 0},
};
ACT_THEME(acts_files, "Another guest's disk", rows);
