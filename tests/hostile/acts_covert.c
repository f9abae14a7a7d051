/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Covert channels: an accomplice changes something that both can see. That two processes on one
 * machine can always signal by load and caches is not our subject; these go through the kernel's
 * objects, where rules can stand.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/hostile/hostile.h"

/* A file of the host that everybody may read: the medium of the first channels. */
#define MEDIUM "/etc/passwd"

static int lock_offer(const struct hostile_world *w, long unused)
{
    struct flock lock = {.l_type = F_RDLCK, .l_start = 17, .l_len = 1};
    int fd = open(MEDIUM, O_RDONLY);

    (void)w;
    (void)unused;
    return fd < 0 ? -errno : outcome(fcntl(fd, F_OFD_SETLK, &lock));
}

static int lock_take(const struct hostile_world *w, long unused)
{
    struct flock lock = {.l_type = F_WRLCK, .l_start = 17, .l_len = 1};
    int fd = open(MEDIUM, O_RDONLY);

    (void)w;
    (void)unused;
    if (fd < 0 || fcntl(fd, F_OFD_GETLK, &lock) < 0)
        return -errno;
    return lock.l_type == F_UNLCK ? -ENOMSG : 0;
}

static int flock_offer(const struct hostile_world *w, long unused)
{
    int fd = open(MEDIUM, O_RDONLY);

    (void)w;
    (void)unused;
    return fd < 0 ? -errno : outcome(flock(fd, LOCK_EX | LOCK_NB));
}

static int flock_take(const struct hostile_world *w, long unused)
{
    int fd = open(MEDIUM, O_RDONLY);

    (void)w;
    (void)unused;
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return -ENOMSG;
    return outcome_or(-1, EWOULDBLOCK);
}

/* The table of locks shows the inodes of everybody's. */
static int lock_table(const struct hostile_world *w, long unused)
{
    char text[256];
    int fd = open("/proc/locks", O_RDONLY);

    (void)w;
    (void)unused;
    return fd < 0 ? -errno : outcome(read(fd, text, sizeof(text)));
}

static const char *shared(const struct hostile_world *w, const char *name, char path[160])
{
    (void)snprintf(path, 160, "%s/%s", w->shared, name);
    return path;
}

static int file_offer(const struct hostile_world *w, long unused)
{
    char path[160];
    int fd = open(shared(w, "file", path), O_CREAT | O_RDWR, 0666);

    (void)unused;
    return fd < 0 ? -errno : outcome(write(fd, "secret", 6));
}

static int file_take(const struct hostile_world *w, long unused)
{
    char path[160], text[8];
    int fd = open(shared(w, "file", path), O_RDONLY);

    (void)unused;
    return fd < 0 ? -errno : outcome(read(fd, text, sizeof(text)));
}

static int name_offer(const struct hostile_world *w, long unused)
{
    char path[160];

    (void)unused;
    return outcome_or(mkdir(shared(w, "secret", path), 0777), EEXIST);
}

static int name_take(const struct hostile_world *w, long unused)
{
    char path[160];
    struct stat st;

    (void)unused;
    return outcome(stat(shared(w, "secret", path), &st));
}

static int time_offer(const struct hostile_world *w, long unused)
{
    const struct timespec times[2] = {{.tv_sec = 12345}, {.tv_sec = 12345}};
    char path[160];

    (void)unused;
    return outcome(utimensat(AT_FDCWD, shared(w, "medium", path), times, 0));
}

static int time_take(const struct hostile_world *w, long unused)
{
    char path[160];
    struct stat st;

    (void)unused;
    if (stat(shared(w, "medium", path), &st) < 0)
        return -errno;
    return st.st_mtim.tv_sec == 12345 ? 0 : -ENOMSG;
}

static int xattr_offer(const struct hostile_world *w, long unused)
{
    char path[160];

    (void)unused;
    return outcome(setxattr(shared(w, "medium", path), "user.secret", "1", 1, 0));
}

static int xattr_take(const struct hostile_world *w, long unused)
{
    char path[160], value[8];

    (void)unused;
    return outcome(getxattr(shared(w, "medium", path), "user.secret", value, sizeof(value)));
}

static int lease_take(const struct hostile_world *w, long unused)
{
    char path[160];
    int fd = open(shared(w, "medium", path), O_RDONLY);

    (void)unused;
    /* EAGAIN: somebody else has it open, which is the message. */
    return fd < 0 ? -errno : outcome_or(fcntl(fd, F_SETLEASE, F_WRLCK), EAGAIN);
}

static int watch_take(const struct hostile_world *w, long unused)
{
    int fd = inotify_init1(IN_NONBLOCK);

    (void)unused;
    return fd < 0 ? -errno : outcome(inotify_add_watch(fd, w->shared, IN_ALL_EVENTS));
}

static int space_take(const struct hostile_world *w, long unused)
{
    struct statfs st;

    (void)unused;
    return outcome(statfs(w->shared, &st));
}

static int space_of_own(const struct hostile_world *w, long unused)
{
    struct statfs st;

    (void)w;
    (void)unused;
    return outcome(fstatfs(HANDOFF_FD_BACKING, &st));
}

static int counters(const struct hostile_world *w, long unused)
{
    struct sysinfo info;

    (void)w;
    (void)unused;
    return outcome(sysinfo(&info));
}

static int proc_counters(const struct hostile_world *w, long name)
{
    static const char *const names[] = {"/proc/stat", "/proc/meminfo", "/proc/loadavg",
                                        "/proc/interrupts"};
    char text[128];
    int fd = open(names[name], O_RDONLY);

    (void)w;
    return fd < 0 ? -errno : outcome(read(fd, text, sizeof(text)));
}

static int name_of_host(const struct hostile_world *w, long unused)
{
    struct utsname name;

    (void)w;
    (void)unused;
    return outcome(uname(&name));
}

static int drop_in_cwd(const struct hostile_world *w, long unused)
{
    int fd = open("hostile-drop", O_CREAT | O_EXCL | O_WRONLY, 0666);

    (void)w;
    (void)unused;
    if (fd < 0)
        return -errno;
    (void)unlink("hostile-drop");
    return 0;
}

#define GUEST REACH_GUEST
#define HOST  REACH_HOST
static const struct act rows[] = {
    {"covert-lock", "sees the other's lock on " MEDIUM, GUEST, lock_take, lock_offer, 0, 0, 0},
    {"covert-flock", "the same with flock", GUEST, flock_take, flock_offer, 0, 0, 0},
    {"covert-locks", "reads the table of locks", HOST, lock_table, NULL, 0, 0, 0},
    {"covert-file", "reads a file that the other wrote", GUEST, file_take, file_offer, 0, 0, 0},
    {"covert-name", "sees a name that the other made", GUEST, name_take, name_offer, 0, 0, 0},
    {"covert-times", "sees the times that the other set", GUEST, time_take, time_offer, 0, 0, 0},
    {"covert-xattr", "sees an attribute that the other set", GUEST, xattr_take, xattr_offer, 0, 0,
     0},
    {"covert-lease", "asks with a lease who has a file open", HOST, lease_take, NULL, 0, 0, 0},
    {"covert-watch", "watches a shared directory", HOST, watch_take, NULL, 0, 0, 0},
    {"covert-space", "sees how full a file system is", HOST, space_take, NULL, 0, 0, 0},
    {"covert-own-space", "the same by its own disk", HOST, space_of_own, NULL, 0, KIND(PROCESS_BLK),
     0},
    {"covert-sysinfo", "reads memory and load of the host", HOST, counters, NULL, 0, 0, 0},
    {"covert-stat", "reads /proc/stat", HOST, proc_counters, NULL, 0, 0, 0},
    {"covert-meminfo", "reads /proc/meminfo", HOST, proc_counters, NULL, 1, 0, 0},
    {"covert-loadavg", "reads /proc/loadavg", HOST, proc_counters, NULL, 2, 0, 0},
    {"covert-interrupts", "reads /proc/interrupts", HOST, proc_counters, NULL, 3, 0, 0},
    {"uname", "reads the host's name and kernel", HOST, name_of_host, NULL, 0, 0, 0},
    {"cwd-file", "makes a file in its working directory", HOST, drop_in_cwd, NULL, 0, 0, 0},
};
ACT_THEME(acts_covert, "Covert channels through files, locks and counters", rows);
