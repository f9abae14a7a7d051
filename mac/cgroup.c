/* SPDX-License-Identifier: Apache-2.0 */
#include "mac/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "mac/cgroup_files.h"

#define BASE "casemate"

/* Pass the controllers of `from` on to its children; returns those that it let us. */
static unsigned enable_controllers(int from, unsigned wanted)
{
    static const struct {
        unsigned bit;
        const char *word;
    } rows[] = {
        {CGROUP_NO_MEMORY, "+memory"},
        {CGROUP_NO_CPU, "+cpu"},
        {CGROUP_NO_PIDS, "+pids"},
        {CGROUP_NO_IO, "+io"},
    };
    unsigned enabled = 0;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        /* One by one: the kernel takes all of a line or nothing. */
        if ((wanted & rows[i].bit) != 0 &&
            cgroup_file_write(from, "cgroup.subtree_control", rows[i].word) == 0)
            enabled |= rows[i].bit;
    }
    return enabled;
}

static int make_directory(int parent, const char *name)
{
    int fd;

    if (mkdirat(parent, name, 0755) != 0 && errno != EEXIST)
        return -errno;
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

/* A stale group of our name: gone if nobody is in it. */
static int remove_stale(int base, const char *name)
{
    cleanup_fd int group = openat(base, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    int r;

    if (group < 0)
        return errno == ENOENT ? 0 : -errno;
    r = cgroup_is_populated(group);
    if (r != 0)
        return r > 0 ? -EBUSY : r;
    return cgroup_remove(base, group, name);
}

static int create_in(struct cgroup_hierarchy *h, const char *name)
{
    int r = -ENOENT;

    /* Another guest's end may remove `casemate` between our steps; then once more. */
    for (unsigned attempt = 0; r == -ENOENT && attempt < 8; attempt++) {
        fd_close(&h->base);
        h->base = make_directory(h->root, BASE);
        if (h->base < 0)
            return h->base;
        if (h->v2)
            h->controllers =
                enable_controllers(h->base, enable_controllers(h->root, h->controllers));
        r = remove_stale(h->base, name);
        if (r == 0 && mkdirat(h->base, name, 0755) != 0)
            r = errno == EEXIST ? -EBUSY : -errno; /* another launcher was faster */
    }
    if (r < 0)
        return r;
    h->group = openat(h->base, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return h->group < 0 ? -errno : 0;
}

static int limit_memory(const struct cgroup_hierarchy *h, uint64_t bytes)
{
    int r;

    if (!h->v2) {
        /* Kernels before 5.11 count children only when told so; later ones know no other way. */
        (void)cgroup_file_write(h->group, "memory.use_hierarchy", "1");
        return bytes == 0
                   ? 0
                   : cgroup_file_printf(h->group, "memory.limit_in_bytes", "%" PRIu64, bytes);
    }
    /* A VMM without its workers, or they without it, is of no use to anybody. */
    (void)cgroup_file_write(h->group, "memory.oom.group", "1");
    if (bytes == 0)
        return 0;
    r = cgroup_file_printf(h->group, "memory.max", "%" PRIu64, bytes);
    return r;
}

static int limit_cpu(const struct cgroup_hierarchy *h, uint32_t percent)
{
    const uint64_t period = 100000; /* us */
    uint64_t quota = percent * period / 100;
    int r;

    if (percent == 0)
        return 0;
    if (h->v2)
        return cgroup_file_printf(h->group, "cpu.max", "%" PRIu64 " %" PRIu64, quota, period);
    r = cgroup_file_printf(h->group, "cpu.cfs_period_us", "%" PRIu64, period);
    return r < 0 ? r : cgroup_file_printf(h->group, "cpu.cfs_quota_us", "%" PRIu64, quota);
}

static int set_limits(const struct cgroup_hierarchy *h, const struct cgroup_limits *limits)
{
    int r = 0;

    if ((h->controllers & CGROUP_NO_MEMORY) != 0)
        r = limit_memory(h, limits->memory);
    if (r == 0 && (h->controllers & CGROUP_NO_CPU) != 0)
        r = limit_cpu(h, limits->cpu_percent);
    if (r == 0 && (h->controllers & CGROUP_NO_PIDS) != 0 && limits->pids != 0)
        r = cgroup_file_printf(h->group, "pids.max", "%" PRIu32, limits->pids);
    return r;
}

/*
 * Nobody is in it yet, so it goes without another descriptor: there may be none to be had. That may
 * be why `base` was made and could not be opened, so it is tried wherever we got to; where another
 * guest has a group it stays.
 */
static void remove_made(const struct cgroup *made)
{
    for (unsigned i = 0; i < made->count; i++) {
        const struct cgroup_hierarchy *h = &made->hierarchy[i];

        if (h->base >= 0)
            (void)unlinkat(h->base, made->name, AT_REMOVEDIR);
        (void)unlinkat(h->root, BASE, AT_REMOVEDIR);
    }
}

int cgroup_create(const char *name, const struct cgroup_limits *limits, struct cgroup **cgroup,
                  unsigned *missing)
{
    struct cgroup *made;
    unsigned have = 0;
    int r;

    if (!cgroup_name_ok(name))
        return -EINVAL;
    made = calloc(1, sizeof(*made));
    if (!made)
        return -ENOMEM;
    r = text_copy(made->name, sizeof(made->name), name);
    if (r == 0)
        r = cgroup_hierarchies_open(made->hierarchy, &made->count);
    if (r == 0 && made->count == 0)
        r = -ENOTSUP;
    for (unsigned i = 0; r == 0 && i < made->count; i++) {
        r = create_in(&made->hierarchy[i], name);
        if (r == 0)
            r = set_limits(&made->hierarchy[i], limits);
        have |= made->hierarchy[i].controllers;
    }
    if (r < 0) {
        remove_made(made);
        cgroup_free(made);
        return r;
    }
    *missing = (CGROUP_NO_MEMORY | CGROUP_NO_CPU | CGROUP_NO_PIDS | CGROUP_NO_IO) & ~have;
    *cgroup = made;
    return 0;
}

static int open_in(struct cgroup_hierarchy *h, const char *name)
{
    h->base = openat(h->root, BASE, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (h->base >= 0)
        h->group = openat(h->base, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return h->group >= 0 ? 1 : errno == ENOENT ? 0 : -errno;
}

int cgroup_open(const char *name, struct cgroup **cgroup)
{
    struct cgroup *found;
    unsigned present = 0;
    int r;

    if (!cgroup_name_ok(name))
        return -EINVAL;
    found = calloc(1, sizeof(*found));
    if (!found)
        return -ENOMEM;
    r = text_copy(found->name, sizeof(found->name), name);
    if (r == 0)
        r = cgroup_hierarchies_open(found->hierarchy, &found->count);
    for (unsigned i = 0; r >= 0 && i < found->count; i++) {
        r = open_in(&found->hierarchy[i], name);
        present += r == 1;
    }
    if (r >= 0 && present == 0)
        r = -ENOENT;
    if (r < 0) {
        cgroup_free(found);
        return r;
    }
    *cgroup = found;
    return 0;
}

/* One direction of io.max: a rate, or "max". */
static void rate_text(char text[24], uint64_t rate)
{
    if (rate == 0 || text_format(text, 24, "%" PRIu64, rate) < 0)
        (void)text_copy(text, 24, "max");
}

int cgroup_limit_io(struct cgroup *cgroup, dev_t device, uint64_t read_rate, uint64_t write_rate)
{
    const unsigned number[2] = {major(device), minor(device)};
    char rates[2][24];

    for (unsigned i = 0; i < cgroup->count; i++) {
        const struct cgroup_hierarchy *h = &cgroup->hierarchy[i];
        int r;

        if ((h->controllers & CGROUP_NO_IO) == 0)
            continue;
        if (h->v2) {
            rate_text(rates[0], read_rate);
            rate_text(rates[1], write_rate);
            return cgroup_file_printf(h->group, "io.max", "%u:%u rbps=%s wbps=%s", number[0],
                                      number[1], rates[0], rates[1]);
        }
        r = cgroup_file_printf(h->group, "blkio.throttle.read_bps_device", "%u:%u %" PRIu64,
                               number[0], number[1], read_rate);
        return r < 0 ? r
                     : cgroup_file_printf(h->group, "blkio.throttle.write_bps_device",
                                          "%u:%u %" PRIu64, number[0], number[1], write_rate);
    }
    return -ENOTSUP;
}

int cgroup_add(struct cgroup *cgroup, const char *process, pid_t pid)
{
    if (!cgroup_name_ok(process) || pid <= 0)
        return -EINVAL;
    for (unsigned i = 0; i < cgroup->count; i++) {
        cleanup_fd int child = -1;
        int r;

        if (cgroup->hierarchy[i].group < 0)
            return -ENOENT;
        child = make_directory(cgroup->hierarchy[i].group, process);
        if (child < 0)
            return child;
        r = cgroup_file_printf(child, "cgroup.procs", "%d", (int)pid);
        if (r < 0)
            return r;
    }
    return 0;
}

static int is_process(void *context, pid_t pid)
{
    return pid == *(const pid_t *)context ? 1 : 0;
}

int cgroup_contains(const struct cgroup *cgroup, const char *process, pid_t pid, bool *contains)
{
    bool everywhere = true;

    if (!cgroup_name_ok(process))
        return -EINVAL;
    for (unsigned i = 0; everywhere && i < cgroup->count; i++) {
        cleanup_fd int child = -1;
        int r;

        if (cgroup->hierarchy[i].group < 0)
            return -ENOENT;
        child = openat(cgroup->hierarchy[i].group, process,
                       O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (child < 0 && errno != ENOENT)
            return -errno;
        r = child < 0 ? 0 : cgroup_each_process(child, is_process, &pid);
        if (r < 0)
            return r;
        everywhere = r > 0;
    }
    *contains = everywhere;
    return 0;
}

void cgroup_free(struct cgroup *cgroup)
{
    if (!cgroup)
        return;
    cgroup_hierarchies_close(cgroup->hierarchy, cgroup->count);
    free(cgroup);
}
