/* SPDX-License-Identifier: Apache-2.0 */
/* What surrounds a process: its namespaces and its limits, as the kernel tells of them. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "hv/launch/gate.h"
#include "hv/launch/jail.h"

#define DIFFERS(error, process, format, ...)                                                       \
    launch_fail(error, LAUNCH_DENIED,                                                              \
                "the start gate stays shut: %s (pid %d) " format "; the guest was not started",    \
                (process)->subject, (process)->pid, __VA_ARGS__)

static bool share_one(const struct namespaces_ids *a, const struct namespaces_ids *b)
{
    return a->mnt == b->mnt || a->pid == b->pid || a->net == b->net || a->ipc == b->ipc ||
           a->uts == b->uts || a->cgroup == b->cgroup;
}

/*
 * Each process is alone. The user namespace is the host's on purpose: one of its own would give
 * capabilities there, and with them kernel code that nobody else may reach.
 */
int gate_namespaces(const struct gate *gate, const struct process *process,
                    struct confinement *seen, struct launch_error *error)
{
    struct namespaces_ids *ids = &seen->namespaces;
    int r = namespaces_read(process->pid, ids);

    if (r < 0)
        return DIFFERS(error, process, "hides its namespaces: %s", strerror(-r));
    if (share_one(ids, &gate->own))
        return DIFFERS(error, process, "%s", "shares a namespace with the host");
    if (ids->user != gate->own.user)
        return DIFFERS(error, process, "%s", "is in a user namespace of its own");
    for (unsigned i = 0; i < gate->siblings; i++) {
        if (share_one(ids, &gate->sibling[i]))
            return DIFFERS(error, process, "%s",
                           "shares a namespace with another process of its guest");
    }
    return 0;
}

#define UNLIMITED UINT64_MAX

struct limit {
    const char *name; /* as proc(5) has it */
    uint64_t value;
};

/* One column: a number or "unlimited". The rest of the line, or NULL. */
static const char *take_value(const char *at, uint64_t *value)
{
    char word[24];
    size_t length;

    at += strspn(at, " ");
    length = strcspn(at, " \n");
    if (text_format(word, sizeof(word), "%.*s", (int)length, at) < 0)
        return NULL;
    if (strcmp(word, "unlimited") == 0)
        *value = UNLIMITED;
    else if (text_number(word, 0, UINT64_MAX - 1, value) < 0)
        return NULL;
    return at + length;
}

static int examine_limit(const struct process *process, const char *text, const struct limit *limit,
                         struct launch_error *error)
{
    const char *at = strstr(text, limit->name);
    uint64_t soft = 0, hard = 0;

    if (at != NULL)
        at = take_value(at + strlen(limit->name), &soft);
    if (at != NULL)
        at = take_value(at, &hard);
    if (at == NULL)
        return DIFFERS(error, process, "hides its limit '%s'", limit->name);
    /*
     * The hard limit binds. An exec into another SELinux domain lowers the soft one to that of the
     * host's first process (rlimitinh is not granted), so it may be less, and never more.
     */
    if (soft > limit->value || hard != limit->value)
        return DIFFERS(error, process,
                       "has the limits %" PRIu64 " and %" PRIu64 " of '%s', not %" PRIu64, soft,
                       hard, limit->name, limit->value);
    return 0;
}

/* Read from /proc, which takes no further right; prlimit(2) would. */
int gate_limits(const struct process *process, struct launch_error *error)
{
    const struct limit limits[] = {
        {"Max core file size", 0},
        {"Max open files", jail_files(process->kind)},
        {"Max locked memory", 0},
        {"Max msgqueue size", 0},
        {"Max nice priority", 0},
        {"Max realtime priority", 0},
        {"Max file size", process->file_size},
    };
    /* What nobody limited is as the host has it, and only that one may be so. */
    const size_t count =
        sizeof(limits) / sizeof(limits[0]) - (process->file_size == UNLIMITED ? 1 : 0);
    char path[64], text[4096];
    cleanup_fd int fd = -1;
    ssize_t n;

    (void)text_format(path, sizeof(path), "/proc/%d/limits", process->pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (n < 0)
        return DIFFERS(error, process, "hides its limits: %s", strerror(errno));
    text[n] = '\0';
    for (size_t i = 0; i < count; i++) {
        int r = examine_limit(process, text, &limits[i], error);

        if (r < 0)
            return r;
    }
    return 0;
}
