/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"
#include "hv/launch/gate.h"

/*
 * A descriptor is known by its open file description (kcmp), not by its number or path: SELinux
 * replaces one that the new domain may not use by its null device, silently, and a process could
 * otherwise show another file under the right number.
 */

#define DIFFERS(error, process, format, ...)                                                       \
    launch_fail(error, LAUNCH_DENIED,                                                              \
                "the start gate stays shut: %s (pid %d) " format "; the guest was not started",    \
                (process)->subject, (process)->pid, __VA_ARGS__)

/* What the VMM makes by itself, by what /proc calls it. */
enum own_kind { OWN_VM, OWN_VCPU, OWN_EVENTFD, OWN_OTHER };

struct own_counts {
    unsigned vm, vcpus, eventfds;
};

static bool same_file(pid_t pid, int theirs, int ours)
{
    return syscall(SYS_kcmp, getpid(), pid, KCMP_FILE, (unsigned long)ours,
                   (unsigned long)theirs) == 0;
}

static const struct handed *handed_as(const struct process *process, int number)
{
    for (unsigned i = 0; i < process->fd_count; i++) {
        if (process->fds[i].number == number)
            return &process->fds[i];
    }
    return NULL;
}

/* Something that a process of the same guest was given and passed on by vhost-user. */
static bool from_a_sibling(const struct gate *gate, const struct process *process, int number)
{
    for (unsigned p = 0; p < gate->count; p++) {
        const struct process *other = &gate->processes[p];
        const struct handed *inflight = handed_as(other, HANDOFF_FD_INFLIGHT);
        const struct handed *ram = handed_as(other, HANDOFF_FD_RAM);

        if (other->kind == PROCESS_VMM && ram != NULL && process->kind != PROCESS_CONSOLE &&
            process->kind != PROCESS_TPM && same_file(process->pid, number, ram->fd))
            return true;
        /* The front-end sends it on to the worker that it came from (VHOST_USER_SET_INFLIGHT_FD).
         */
        if (other->kind == PROCESS_BLK && inflight != NULL &&
            (process->kind == PROCESS_VMM || process == other) &&
            same_file(process->pid, number, inflight->fd))
            return true;
    }
    return false;
}

static enum own_kind own_kind(const char *target)
{
    if (strcmp(target, "anon_inode:kvm-vm") == 0)
        return OWN_VM;
    if (strncmp(target, "anon_inode:kvm-vcpu:", 20) == 0)
        return OWN_VCPU;
    if (strcmp(target, "anon_inode:[eventfd]") == 0)
        return OWN_EVENTFD;
    return OWN_OTHER;
}

static bool is_own(const struct process *process, const char *target, struct own_counts *own)
{
    enum own_kind kind = own_kind(target);

    if (process->kind != PROCESS_VMM)
        return false;
    own->vm += kind == OWN_VM;
    own->vcpus += kind == OWN_VCPU;
    own->eventfds += kind == OWN_EVENTFD;
    return kind != OWN_OTHER;
}

static int examine_one(const struct gate *gate, const struct process *process, int dirfd,
                       const char *name, int number, struct own_counts *own,
                       struct launch_error *error)
{
    const struct handed *handed = handed_as(process, number);
    char target[128], shown[256];
    ssize_t n;

    if (number <= 2 && same_file(process->pid, number, gate->jail->null))
        return 0;
    if (handed != NULL && same_file(process->pid, number, handed->fd))
        return handed->released
                   ? DIFFERS(error, process,
                             "still holds descriptor %d, which it should have closed", number)
                   : 0;
    n = readlinkat(dirfd, name, target, sizeof(target) - 1);
    if (n < 0)
        return DIFFERS(error, process, "hides its descriptor %d: %s", number, strerror(errno));
    target[n] = '\0';
    text_escape(shown, sizeof(shown), target);
    if (handed != NULL && !handed->released)
        return DIFFERS(error, process, "lost its descriptor %d, which became %s: %s", number, shown,
                       "did a security module refuse it?");
    if (is_own(process, target, own) || from_a_sibling(gate, process, number))
        return 0;
    return DIFFERS(error, process, "holds descriptor %d, %s, which nobody gave it", number, shown);
}

static int examine_counts(const struct gate *gate, const struct process *process,
                          const struct own_counts *own, struct launch_error *error)
{
    if (process->kind != PROCESS_VMM)
        return 0;
    if (own->vm != 1 || own->vcpus != gate->vcpus || own->eventfds > gate->eventfds)
        return DIFFERS(error, process, "holds %u VMs, %u vCPUs and %u eventfds", own->vm,
                       own->vcpus, own->eventfds);
    return 0;
}

static int examine_missing(const struct process *process, int dirfd, struct launch_error *error)
{
    for (unsigned i = 0; i < process->fd_count; i++) {
        const struct handed *handed = &process->fds[i];
        char name[16];
        struct stat st;

        (void)text_format(name, sizeof(name), "%d", handed->number);
        if (!handed->released && fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return DIFFERS(error, process, "lost its descriptor %d", handed->number);
    }
    return 0;
}

int gate_descriptors(const struct gate *gate, const struct process *process,
                     struct confinement *seen, struct launch_error *error)
{
    struct own_counts own = {0};
    const struct dirent *entry;
    char path[64];
    int r = 0;
    DIR *dir;

    (void)text_format(path, sizeof(path), "/proc/%d/fd", process->pid);
    dir = opendir(path);
    if (dir == NULL)
        return DIFFERS(error, process, "hides its descriptors: %s", strerror(errno));
    seen->descriptors = 0;
    while (r == 0 && (entry = readdir(dir)) != NULL) {
        uint64_t number;

        if (text_number(entry->d_name, 0, INT32_MAX, &number) < 0)
            continue;
        seen->descriptors++;
        r = examine_one(gate, process, dirfd(dir), entry->d_name, (int)number, &own, error);
    }
    if (r == 0)
        r = examine_counts(gate, process, &own, error);
    if (r == 0)
        r = examine_missing(process, dirfd(dir), error);
    (void)closedir(dir);
    return r;
}
