/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_MAC_CGROUP_H
#define CASEMATE_MAC_CGROUP_H

/*
 * The cgroup of a guest: v2 (casemate/<guest> with one child per process), v1 controllers where
 * only they are mounted, or both side by side (hybrid). Works with descriptors of the directories,
 * never with a path twice.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct cgroup; /* one guest's group */

struct cgroup_limits {
    uint64_t memory;      /* bytes for all processes, guest RAM included; 0: no limit */
    uint32_t cpu_percent; /* 100 is one core; 0: no limit */
    uint32_t pids;        /* threads of all processes; 0: no limit */
};

/*
 * Make the guest's group `name` ([a-z0-9_.-], not starting with a dot, at most 64 bytes) with its
 * limits. A stale one of the same name that holds no process is removed first; with processes it is
 * -EBUSY. A controller that this host does not have or does not let us use is skipped and its bit
 * set in *missing (CGROUP_NO_*). -EINVAL: name; -ENOTSUP: no cgroup at all; -ENOMEM; -errno.
 */
#define CGROUP_NO_MEMORY 1u
#define CGROUP_NO_CPU    2u
#define CGROUP_NO_PIDS   4u
#define CGROUP_NO_IO     8u
int cgroup_create(const char *name, const struct cgroup_limits *limits, struct cgroup **cgroup,
                  unsigned *missing);

/*
 * The group `name` that another process has made: for who is to destroy it. 0; -ENOENT when there
 * is none; as cgroup_create.
 */
int cgroup_open(const char *name, struct cgroup **cgroup);

/*
 * Limit what all processes of the guest read from and write to the block device `device` (of a
 * whole disk, not of a partition), in bytes per second; 0: no limit. 0; -ENOTSUP without an io
 * controller; -ENODEV for a partition; -errno.
 */
int cgroup_limit_io(struct cgroup *cgroup, dev_t device, uint64_t read_rate, uint64_t write_rate);

/* Move `pid` into the child group `process` (same alphabet, made if needed). 0 or -errno. */
int cgroup_add(struct cgroup *cgroup, const char *process, pid_t pid);

/*
 * True if `pid` is in the child `process` of this group, in every hierarchy that the group uses:
 * read from the groups themselves, by descriptor. 0 or -errno.
 */
int cgroup_contains(const struct cgroup *cgroup, const char *process, pid_t pid, bool *contains);

/*
 * Freeze every process of the group (v2's cgroup.freeze, or v1's freezer), or let them go on, and
 * wait until it is so. What is frozen keeps all that it has, and can still be killed
 * (cgroup_destroy). 0; -ETIMEDOUT when one of them is stuck in the kernel (then none stays frozen);
 * -ENOTSUP without a freezer; -errno.
 */
int cgroup_freeze(struct cgroup *cgroup, bool frozen);

/* What the group has used since it was made; UINT64_MAX: this host does not count it. */
struct cgroup_usage {
    uint64_t cpu_usec;
    uint64_t memory, memory_peak; /* bytes */
    uint64_t threads;
};
void cgroup_usage(const struct cgroup *cgroup, struct cgroup_usage *usage);

/*
 * Whether the kernel has killed, for want of memory, something of `process` (v1) or of the group
 * (v2, which counts what is below). False also where memory is not counted.
 */
bool cgroup_ran_out_of_memory(const struct cgroup *cgroup, const char *process);

/*
 * Kill every process of the group, frozen ones too (cgroup.kill, or SIGKILL one by one), wait until
 * it is empty and remove it, and `casemate` with it if that was the last one. Idempotent. 0;
 * -ETIMEDOUT when a process does not die (uninterruptible); -errno. By descriptor only: usable by
 * the janitor after the launcher died.
 */
int cgroup_destroy(struct cgroup *cgroup);

/* Forget the group without touching it. NULL is allowed. */
void cgroup_free(struct cgroup *cgroup);

#endif
