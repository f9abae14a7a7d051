/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "mac/cgroup_files.h"

#define BASE "casemate"

/* Longer than any exit takes that is not stuck in the kernel (a dead disk, say). */
#define DEATH_SECONDS 10

static int64_t now_ms(void)
{
    struct timespec t;

    if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
        return 0;
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int wait_for(int fd, short events, int64_t deadline)
{
    struct pollfd p = {.fd = fd, .events = events};
    int64_t left = deadline - now_ms();
    int n = poll(&p, 1, left > 0 ? (int)left : 0);

    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    return n == 0 ? -ETIMEDOUT : 0;
}

/* v2: cgroup.events raises POLLPRI whenever `populated` of the whole subtree changes. */
static int wait_unpopulated(int group, int64_t deadline)
{
    cleanup_fd int events = openat(group, "cgroup.events", O_RDONLY | O_CLOEXEC);

    if (events < 0)
        return -errno;
    for (;;) {
        char text[256];
        ssize_t n = pread(events, text, sizeof(text) - 1, 0);
        int r;

        if (n < 0)
            return -errno;
        text[n] = '\0';
        if (strstr(text, "populated 0\n"))
            return 0;
        r = wait_for(events, POLLPRI, deadline);
        if (r < 0)
            return r;
    }
}

#define NO_WAIT INT64_MIN /* as a deadline */

struct killing {
    int directory;
    int64_t deadline;
};

static int same_pid(void *context, pid_t pid)
{
    return pid == *(const pid_t *)context ? 1 : 0;
}

static int kill_process(void *context, pid_t pid)
{
    const struct killing *killing = context;
    cleanup_fd int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    int r;

    if (pidfd < 0)
        return errno == ESRCH ? 0 : -errno;
    /* The number may have been given to a stranger since we read it; the descriptor cannot be. */
    r = cgroup_each_process(killing->directory, same_pid, &pid);
    if (r <= 0)
        return r;
    if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) != 0)
        return errno == ESRCH ? 0 : -errno;
    return killing->deadline == NO_WAIT ? 0 : wait_for(pidfd, POLLIN, killing->deadline);
}

static int kill_in(int directory, int64_t deadline)
{
    struct killing killing = {.directory = directory, .deadline = deadline};

    return cgroup_each_process(directory, kill_process, &killing);
}

static int kill_child(void *context, const char *name, int child)
{
    (void)name;
    return kill_in(child, *(const int64_t *)context);
}

/* Without cgroup.kill: again until nobody is left, as one might have been added meanwhile. */
static int kill_one_by_one(int group, int64_t deadline)
{
    for (;;) {
        int r = kill_in(group, deadline);

        if (r == 0)
            r = cgroup_each_child(group, kill_child, &deadline);
        if (r < 0)
            return r;
        r = cgroup_is_populated(group);
        if (r <= 0)
            return r;
        if (now_ms() > deadline)
            return -ETIMEDOUT;
    }
}

/*
 * What v1 has frozen dies when it is thawed: killed first, so that it does not run once more. On v2
 * frozen processes die at once.
 */
static void thaw_dying(const struct cgroup_hierarchy *h)
{
    const int64_t no_wait = NO_WAIT;

    if (h->v2 || (h->controllers & CGROUP_FREEZER) == 0 || h->group < 0)
        return;
    (void)kill_in(h->group, no_wait);
    (void)cgroup_each_child(h->group, kill_child, (void *)(uintptr_t)&no_wait);
    (void)cgroup_file_write(h->group, "freezer.state", "THAWED");
}

static int empty(const struct cgroup_hierarchy *h, int64_t deadline)
{
    int r = -ENOENT;

    if (h->v2)
        r = cgroup_file_write(h->group, "cgroup.kill", "1");
    if (r == -ENOENT) /* v1, or a kernel before 5.14 */
        r = kill_one_by_one(h->group, deadline);
    if (r == 0 && h->v2)
        r = wait_unpopulated(h->group, deadline);
    /* Removed already, by a guard whose janitor this is: empty enough. */
    return r == -ENODEV || r == -ENOENT ? 0 : r;
}

/*
 * The last guest turns off the light; the others keep it from going (ENOTEMPTY, EBUSY). The root
 * of a hierarchy is writable to nobody by its mode, and the guard has long given up overriding
 * modes: as its owner, root lends itself the right for this one call.
 */
static void remove_base(int root)
{
    struct stat st;

    if (unlinkat(root, BASE, AT_REMOVEDIR) == 0 || errno != EACCES)
        return;
    if (fstat(root, &st) != 0 || fchmod(root, (st.st_mode & 07777) | S_IWUSR) != 0)
        return;
    (void)unlinkat(root, BASE, AT_REMOVEDIR);
    (void)fchmod(root, st.st_mode & 07777);
}

int cgroup_destroy(struct cgroup *cgroup)
{
    int64_t deadline = now_ms() + DEATH_SECONDS * 1000;
    int result = 0;

    for (unsigned i = 0; i < cgroup->count; i++)
        thaw_dying(&cgroup->hierarchy[i]);
    for (unsigned i = 0; i < cgroup->count; i++) {
        struct cgroup_hierarchy *h = &cgroup->hierarchy[i];
        int r;

        if (h->group < 0)
            continue;
        r = empty(h, deadline);
        if (r == 0)
            r = cgroup_remove(h->base, h->group, cgroup->name);
        if (r < 0) {
            result = result < 0 ? result : r;
            continue;
        }
        fd_close(&h->group);
        fd_close(&h->base);
        remove_base(h->root);
    }
    return result;
}
