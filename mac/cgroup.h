/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_MAC_CGROUP_H
#define CASEMATE_MAC_CGROUP_H

/*
 * The cgroup of a guest: v2 (casemate/<guest> with one child per process), or v1 controllers where
 * only they are mounted. Works with descriptors of the directories, never with a path twice.
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
 * Make the guest's group `name` ([a-z0-9_.-]) with its limits. A stale one of the same name that
 * holds no process is removed first; with processes it is -EBUSY. A controller that this host does
 * not have is skipped and its bit set in *missing (CGROUP_NO_*). -ENOTSUP: no cgroup at all.
 */
#define CGROUP_NO_MEMORY 1u
#define CGROUP_NO_CPU    2u
#define CGROUP_NO_PIDS   4u
#define CGROUP_NO_IO     8u
int cgroup_create(const char *name, const struct cgroup_limits *limits, struct cgroup **cgroup,
                  unsigned *missing);

/* Move `pid` into the child group `process` (made if needed) of the guest. 0 or -errno. */
int cgroup_add(struct cgroup *cgroup, const char *process, pid_t pid);

/* True if `pid` (read from /proc/PID/cgroup) is in the child `process` of this group. */
int cgroup_contains(const struct cgroup *cgroup, const char *process, pid_t pid, bool *contains);

/*
 * Kill every process of the group (cgroup.kill, or freeze and SIGKILL on v1), wait until it is
 * empty and remove it. Idempotent. 0 or -errno. By descriptor only: usable by the janitor after
 * the launcher died.
 */
int cgroup_destroy(struct cgroup *cgroup);

void cgroup_free(struct cgroup *cgroup);

#endif
