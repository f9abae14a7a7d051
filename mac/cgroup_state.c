/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's group while it runs: frozen or not, and what it has used. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "mac/cgroup_files.h"

/* Longer than a thread takes that is not stuck in the kernel (a dead disk, say). */
#define FREEZE_MS     3000
#define LOOK_AGAIN_MS 10
#define LOOKS         3 /* one after the other, at which all stand still */

static int64_t now_ms(void)
{
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The file's text from its beginning; 0 or -errno. */
static int read_again(int fd, char *text, size_t size)
{
    ssize_t n = pread(fd, text, size - 1, 0);

    if (n < 0)
        return -errno;
    text[n] = '\0';
    return 0;
}

/* The flag of a kernel thread in /proc/TID/stat (linux/sched.h, PF_KTHREAD). */
#define KERNEL_THREAD 0x00200000u

static int read_proc(unsigned tid, const char *file, char *text, size_t size)
{
    char path[48];
    cleanup_fd int fd = -1;
    int r = text_format(path, sizeof(path), "/proc/%u/%s", tid, file);

    if (r < 0)
        return r;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : read_again(fd, text, size);
}

/*
 * A thread's state and flags, of /proc/TID/stat (proc(5)). 0; -errno. SELinux keeps the kernel's
 * own threads from a guard (-EACCES), and none of its guest's.
 */
static int read_state(unsigned tid, char *state, unsigned *flags)
{
    char stat[512];
    const char *at;
    int r = read_proc(tid, "stat", stat, sizeof(stat));

    if (r < 0 && r != -EACCES && r != -EPERM)
        return r;
    *state = '?';
    *flags = r < 0 ? KERNEL_THREAD : 0;
    at = r == 0 ? strrchr(stat, ')') : NULL;
    if (at != NULL)
        (void)sscanf(at, ") %c %*d %*d %*d %*d %*d %u", state, flags);
    return 0;
}

/*
 * Asked to freeze, each thread has a signal pending and is awake: it can neither begin nor go on
 * with a sleep that signals end. One that sleeps so all the same, and not only for the moment in
 * which it finds the signal, is frozen. One that is gone does not run either.
 */
static bool stands_still(unsigned tid)
{
    unsigned flags = 0;
    char state = 0;

    return read_state(tid, &state, &flags) < 0 || (flags & KERNEL_THREAD) != 0 ||
           (state != '\0' && strchr("STtZX", state) != NULL);
}

/* 0 if each thread of the group itself stands still, 1 if not. */
static int moves(void *context, const char *name, int group)
{
    cleanup_fd int fd = openat(group, "cgroup.threads", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char text[16384];
    size_t filled = 0;
    ssize_t n;

    (void)context, (void)name;
    if (fd < 0)
        return 1;
    while ((n = read(fd, text + filled, sizeof(text) - 1 - filled)) > 0)
        filled += (size_t)n;
    if (n < 0 || filled == sizeof(text) - 1)
        return 1;
    text[filled] = '\0';
    for (char *line = text; *line != '\0'; line++) {
        unsigned tid = (unsigned)strtoul(line, &line, 10);

        if (*line != '\n' || !stands_still(tid))
            return 1;
    }
    return 0;
}

/*
 * Before Linux 6.14 KVM puts a kernel thread of its own into the group of each VM (recovery of huge
 * pages), which cannot be frozen: such a group never says "frozen 1", although all of the guest
 * stands still. So each thread is looked at, in the groups of the guest's processes.
 */
static bool all_stand_still(int group)
{
    return moves(NULL, "", group) == 0 && cgroup_each_child(group, moves, NULL) == 0;
}

/* v2 raises POLLPRI when cgroup.events changes. */
static int freeze_v2(int group, bool frozen)
{
    cleanup_fd int events = openat(group, "cgroup.events", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    const char *wanted = frozen ? "frozen 1\n" : "frozen 0\n";
    int64_t deadline = now_ms() + FREEZE_MS;
    unsigned still = 0;
    char text[256];
    int r;

    if (events < 0)
        return -errno;
    r = cgroup_file_write(group, "cgroup.freeze", frozen ? "1" : "0");
    while (r == 0) {
        struct pollfd changed = {.fd = events, .events = POLLPRI};
        int64_t left = deadline - now_ms();

        r = read_again(events, text, sizeof(text));
        if (r < 0 || strstr(text, wanted) != NULL)
            break;
        still = frozen && all_stand_still(group) ? still + 1 : 0;
        if (still == LOOKS)
            break;
        if (left <= 0)
            return -ETIMEDOUT;
        /* Threads tell nobody: look again. */
        if (poll(&changed, 1, left < LOOK_AGAIN_MS ? (int)left : LOOK_AGAIN_MS) < 0 &&
            errno != EINTR)
            r = -errno;
    }
    return r;
}

/* v1 tells nobody: it looks at its threads again whenever the state is read. */
static int freeze_v1(int group, bool frozen)
{
    cleanup_fd int state = openat(group, "freezer.state", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int64_t deadline = now_ms() + FREEZE_MS;
    char text[32];
    int r = state < 0 ? -errno : 0;

    while (r == 0) {
        r = cgroup_file_write(group, "freezer.state", frozen ? "FROZEN" : "THAWED");
        if (r == 0)
            r = read_again(state, text, sizeof(text));
        if (r < 0 || strcmp(text, frozen ? "FROZEN\n" : "THAWED\n") == 0)
            break;
        if (now_ms() > deadline)
            return -ETIMEDOUT;
    }
    return r;
}

int cgroup_freeze(struct cgroup *cgroup, bool frozen)
{
    for (unsigned i = 0; i < cgroup->count; i++) {
        const struct cgroup_hierarchy *h = &cgroup->hierarchy[i];
        int r;

        if (h->group < 0 || (!h->v2 && (h->controllers & CGROUP_FREEZER) == 0))
            continue;
        r = h->v2 ? freeze_v2(h->group, frozen) : freeze_v1(h->group, frozen);
        if (r < 0 && frozen) {
            /* All of it or nothing: half a guest would wait for the other half. */
            (void)cgroup_file_write(h->group, h->v2 ? "cgroup.freeze" : "freezer.state",
                                    h->v2 ? "0" : "THAWED");
        }
        return r;
    }
    return -ENOTSUP;
}

static uint64_t read_number(int group, const char *file)
{
    cleanup_fd int fd = openat(group, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    uint64_t value = UINT64_MAX;
    char text[32];

    if (fd < 0 || read_again(fd, text, sizeof(text)) < 0)
        return UINT64_MAX;
    text[strcspn(text, "\n")] = '\0';
    return text_number(text, 0, UINT64_MAX, &value) < 0 ? UINT64_MAX : value;
}

/* The value behind `word` at the beginning of one of the file's lines. */
static uint64_t read_word(int group, const char *file, const char *word)
{
    cleanup_fd int fd = openat(group, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    size_t length = strlen(word);
    char text[2048];
    uint64_t value;

    if (fd < 0 || read_again(fd, text, sizeof(text)) < 0)
        return UINT64_MAX;
    for (char *line = text; *line != '\0';) {
        size_t end = strcspn(line, "\n");
        bool last = line[end] == '\0';

        line[end] = '\0';
        if (strncmp(line, word, length) == 0 && line[length] == ' ')
            return text_number(line + length + 1, 0, UINT64_MAX, &value) < 0 ? UINT64_MAX : value;
        if (last)
            break;
        line += end + 1;
    }
    return UINT64_MAX;
}

static void take(uint64_t *value, uint64_t found)
{
    if (*value == UINT64_MAX)
        *value = found;
}

void cgroup_usage(const struct cgroup *cgroup, struct cgroup_usage *usage)
{
    *usage = (struct cgroup_usage){UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    for (unsigned i = 0; i < cgroup->count; i++) {
        const struct cgroup_hierarchy *h = &cgroup->hierarchy[i];
        uint64_t ns;

        if (h->group < 0)
            continue;
        if (h->v2) {
            take(&usage->cpu_usec, read_word(h->group, "cpu.stat", "usage_usec"));
            take(&usage->memory, read_number(h->group, "memory.current"));
            take(&usage->memory_peak, read_number(h->group, "memory.peak"));
        } else {
            ns = read_number(h->group, "cpuacct.usage");
            take(&usage->cpu_usec, ns == UINT64_MAX ? ns : ns / 1000);
            take(&usage->memory, read_number(h->group, "memory.usage_in_bytes"));
            take(&usage->memory_peak, read_number(h->group, "memory.max_usage_in_bytes"));
        }
        take(&usage->threads, read_number(h->group, "pids.current"));
    }
}

bool cgroup_ran_out_of_memory(const struct cgroup *cgroup, const char *process)
{
    uint64_t kills = UINT64_MAX;

    if (!cgroup_name_ok(process))
        return false;
    for (unsigned i = 0; i < cgroup->count; i++) {
        const struct cgroup_hierarchy *h = &cgroup->hierarchy[i];
        cleanup_fd int child = -1;

        if (h->group < 0)
            continue;
        if (h->v2) {
            take(&kills, read_word(h->group, "memory.events", "oom_kill"));
            continue;
        }
        child = openat(h->group, process, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (child >= 0)
            take(&kills, read_word(child, "memory.oom_control", "oom_kill"));
    }
    return kills != UINT64_MAX && kills > 0;
}
