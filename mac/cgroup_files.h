/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_MAC_CGROUP_FILES_H
#define CASEMATE_MAC_CGROUP_FILES_H

/* cgroupfs, below mac/cgroup.c: its mounts, and its small files by directory descriptor. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "mac/cgroup.h"

/* One mounted hierarchy: v2, or v1 with at least one of the controllers that we use. */
struct cgroup_hierarchy {
    bool v2;
    unsigned
        controllers; /* CGROUP_NO_* bits of those that it offers (to us, on v2: once enabled) */
    int root;        /* owned: the mount's root */
    int base;        /* owned: casemate, or -1 */
    int group;       /* owned: casemate/NAME, or -1 */
};

/* Beside CGROUP_NO_*: a freezer of its own, on v1; v2 has one in each group. */
#define CGROUP_FREEZER 16u

/* v2 and memory, cpu, pids, blkio, freezer of v1. */
#define CGROUP_HIERARCHIES_MAX 6u

struct cgroup {
    char name[65];
    unsigned count;
    struct cgroup_hierarchy hierarchy[CGROUP_HIERARCHIES_MAX]; /* v2 first, if there is one */
};

/*
 * Find and open what is mounted, by /proc/self/mounts; each controller in one place only. Stores
 * how many in *count, 0 included. 0 or -errno with nothing open.
 */
int cgroup_hierarchies_open(struct cgroup_hierarchy hierarchy[CGROUP_HIERARCHIES_MAX],
                            unsigned *count);
void cgroup_hierarchies_close(struct cgroup_hierarchy *hierarchy, unsigned count);

/* A word of our alphabet: [a-z0-9_-][a-z0-9_.-]*, at most 64 bytes. */
bool cgroup_name_ok(const char *name);

/* Write `text` to the file in one write. 0 or -errno. */
int cgroup_file_write(int directory, const char *file, const char *text);
int cgroup_file_printf(int directory, const char *file, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Call `each` for every process in the directory's cgroup.procs until it returns non-zero. */
int cgroup_each_process(int directory, int (*each)(void *context, pid_t pid), void *context);

/* Call `each` for every child group, by an open descriptor, until it returns non-zero. */
int cgroup_each_child(int directory, int (*each)(void *context, const char *name, int child),
                      void *context);

/* 1 if the group or a child of it holds a process, 0 if not, or -errno. */
int cgroup_is_populated(int group);

/* Remove the empty children of `group`, then casemate/`name` itself. Gone already is success. */
int cgroup_remove(int base, int group, const char *name);

#endif
