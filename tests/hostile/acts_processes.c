/* SPDX-License-Identifier: Apache-2.0 */
/* Another guest's processes: signals, priorities, namespaces, what is to be seen of them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/hostile/hostile.h"

static int send_signal(const struct hostile_world *w, long number)
{
    return outcome(kill(w->victim, (int)number));
}

static int stop_and_go(const struct hostile_world *w, long unused)
{
    (void)unused;
    if (kill(w->victim, SIGSTOP) < 0)
        return -errno;
    return outcome(kill(w->victim, SIGCONT));
}

static int to_thread(const struct hostile_world *w, long unused)
{
    (void)unused;
    return outcome(syscall(SYS_tgkill, w->victim, w->victim, SIGURG));
}

static int queue(const struct hostile_world *w, long unused)
{
    siginfo_t info = {.si_signo = SIGURG, .si_code = SI_QUEUE};

    (void)unused;
    return outcome(syscall(SYS_rt_sigqueueinfo, w->victim, SIGURG, &info));
}

static int by_pidfd(const struct hostile_world *w, long unused)
{
    int pidfd = (int)syscall(SYS_pidfd_open, w->victim, 0);

    (void)unused;
    if (pidfd < 0)
        return -errno;
    return outcome(syscall(SYS_pidfd_send_signal, pidfd, SIGURG, NULL, 0));
}

static int has_pidfd(const struct hostile_world *w, long unused)
{
    (void)unused;
    return outcome(syscall(SYS_pidfd_open, w->victim, 0));
}

/* The kernel sends SIGIO in the name of who became the owner; the runner sees if the victim died.
 */
static int by_owner(const struct hostile_world *w, long unused)
{
    int pair[2];

    (void)unused;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        return -errno;
    if (fcntl(pair[0], F_SETOWN, w->victim) < 0 || fcntl(pair[0], F_SETSIG, SIGTERM) < 0 ||
        fcntl(pair[0], F_SETFL, O_ASYNC | O_NONBLOCK) < 0)
        return -errno;
    if (write(pair[1], "x", 1) < 0)
        return -errno;
    return -EINPROGRESS; /* the victim's death is the success */
}

static int everybody(const struct hostile_world *w, long unused)
{
    (void)w;
    (void)unused;
    /* Signal 0 to every process that it may signal: ESRCH when there is none but itself. */
    return outcome(kill(-1, 0));
}

static int affinity(const struct hostile_world *w, long set)
{
    unsigned long mask[16];
    long r;

    memset(mask, 0xff, sizeof(mask));
    r = syscall(SYS_sched_getaffinity, w->victim, sizeof(mask), mask);
    if (r < 0 || !set)
        return outcome(r);
    return outcome(syscall(SYS_sched_setaffinity, w->victim, sizeof(mask), mask));
}

static int nice_it(const struct hostile_world *w, long unused)
{
    (void)unused;
    return outcome(setpriority(PRIO_PROCESS, (id_t)w->victim, 5));
}

static int scheduler(const struct hostile_world *w, long set)
{
    struct sched_param none = {0};

    if (!set)
        return outcome(sched_getscheduler(w->victim));
    return outcome(sched_setscheduler(w->victim, SCHED_BATCH, &none));
}

static int io_priority(const struct hostile_world *w, long unused)
{
    (void)unused;
    return outcome(syscall(SYS_ioprio_set, 1, w->victim, 2 << 13 | 4));
}

static int limit(const struct hostile_world *w, long set)
{
    struct rlimit old, changed = {.rlim_cur = 0, .rlim_max = 0};

    return outcome(prlimit(w->victim, RLIMIT_CORE, set ? &changed : NULL, &old));
}

static int group_of(const struct hostile_world *w, long session)
{
    return outcome(session ? getsid(w->victim) : getpgid(w->victim));
}

static int robust_list(const struct hostile_world *w, long unused)
{
    void *head = NULL;
    size_t size = 0;

    (void)unused;
    return outcome(syscall(SYS_get_robust_list, w->victim, &head, &size));
}

static int enter(const struct hostile_world *w, long flags)
{
    int pidfd = (int)syscall(SYS_pidfd_open, w->victim, 0);

    return pidfd < 0 ? -errno : outcome(setns(pidfd, (int)flags));
}

static int see(const struct hostile_world *w, long name)
{
    static const char *const names[] = {"status", "attr/current", "cgroup", "comm", "fdinfo/3"};
    char bytes[128];
    int fd = open_proc(w->victim, names[name], O_RDONLY);

    return fd < 0 ? fd : outcome(read(fd, bytes, sizeof(bytes)));
}

static int list(const struct hostile_world *w, long unused)
{
    char entries[512];
    int fd = open("/proc", O_RDONLY | O_DIRECTORY);

    (void)w;
    (void)unused;
    return fd < 0 ? -errno : outcome(syscall(SYS_getdents64, fd, entries, sizeof(entries)));
}

static int out_of_memory(const struct hostile_world *w, long unused)
{
    int fd = open_proc(w->victim, "oom_score_adj", O_WRONLY);

    (void)unused;
    return fd < 0 ? fd : outcome(write(fd, "1000", 4));
}

static int move_cgroup(const struct hostile_world *w, long unused)
{
    int fd = open("/sys/fs/cgroup/cgroup.procs", O_WRONLY);

    (void)w;
    (void)unused;
    return outcome(fd);
}

#define GUEST REACH_GUEST
static const struct act rows[] = {
    {"kill-0", "asks whether it lives", GUEST, send_signal, NULL, 0, 0, 0},
    {"kill", "sends it a signal", GUEST, send_signal, NULL, SIGURG, 0, 0},
    {"kill-stop", "stops it and lets it go on", GUEST, stop_and_go, NULL, 0, 0, 0},
    {"kill-kill", "kills it", GUEST, send_signal, NULL, SIGKILL, 0, 0},
    {"kill-all", "signals everybody", REACH_HOST, everybody, NULL, 0, 0, 0},
    {"tgkill", "signals its thread", GUEST, to_thread, NULL, 0, 0, 0},
    {"sigqueue", "queues a signal with data", GUEST, queue, NULL, 0, 0, 0},
    {"pidfd", "takes a pidfd of it", REACH_HOST, has_pidfd, NULL, 0, 0, 0},
    {"pidfd-signal", "signals it by pidfd", GUEST, by_pidfd, NULL, 0, 0, 0},
    {"sigio", "lets the kernel signal it (F_SETOWN)", GUEST, by_owner, NULL, 0, 0, ACT_DEATH},
    {"affinity-get", "asks on which CPUs it runs", GUEST, affinity, NULL, 0, 0, 0},
    {"affinity-set", "chooses its CPUs", GUEST, affinity, NULL, 1, 0, 0},
    {"priority", "lowers its priority", GUEST, nice_it, NULL, 0, 0, 0},
    {"scheduler-get", "asks for its scheduler", GUEST, scheduler, NULL, 0, 0, 0},
    {"scheduler-set", "changes its scheduler", GUEST, scheduler, NULL, 1, 0, 0},
    {"ioprio", "changes its I/O priority", GUEST, io_priority, NULL, 0, 0, 0},
    {"limit-get", "reads its limits", GUEST, limit, NULL, 0, 0, 0},
    {"limit-set", "sets its limits", GUEST, limit, NULL, 1, 0, 0},
    {"getpgid", "asks for its process group", GUEST, group_of, NULL, 0, 0, 0},
    {"getsid", "asks for its session", GUEST, group_of, NULL, 1, 0, 0},
    {"robust-list", "reads an address of it", GUEST, robust_list, NULL, 0, 0, 0},
    {"setns-mount", "enters its mount namespace", GUEST, enter, NULL, CLONE_NEWNS, 0, 0},
    {"setns-net", "enters its network namespace", GUEST, enter, NULL, CLONE_NEWNET, 0, 0},
    {"see-status", "reads /proc/PID/status", GUEST, see, NULL, 0, 0, 0},
    {"see-context", "reads its SELinux context", GUEST, see, NULL, 1, 0, 0},
    {"see-cgroup", "reads its cgroup", GUEST, see, NULL, 2, 0, 0},
    {"see-name", "reads its name", GUEST, see, NULL, 3, 0, 0},
    {"see-fdinfo", "reads about its descriptors", GUEST, see, NULL, 4, 0, 0},
    {"see-all", "lists /proc", REACH_HOST, list, NULL, 0, 0, 0},
    {"oom-score", "makes it the next to be killed", GUEST, out_of_memory, NULL, 0, 0, 0},
    {"cgroup-move", "opens the host's list of processes to leave its cgroup", REACH_HOST,
     move_cgroup, NULL, 0, 0, 0},
};
ACT_THEME(acts_processes, "Another guest's processes", rows);
