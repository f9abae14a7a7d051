/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_MAC_PRIVILEGE_H
#define CASEMATE_MAC_PRIVILEGE_H

/* Identity and capabilities: giving them up, and looking at another's. */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Become uid/gid with no supplementary group, no capability in any set (the bounding set too), the
 * securebits locked so that none returns, and no_new_privs. For good. 0 or -errno; on an error the
 * caller must exit, since some of it may be done.
 */
int privilege_drop(uid_t uid, gid_t gid);

/* Resource limits of a confined process: no core, no file growth, `files` descriptors, ... */
int privilege_limits(unsigned files);

/* What /proc/PID/task/TID/status says about one thread, read from outside. */
struct privilege_state {
    uid_t uid[4]; /* real, effective, saved, file system */
    gid_t gid[4];
    unsigned groups; /* supplementary */
    uint64_t cap_inheritable, cap_permitted, cap_effective, cap_bounding, cap_ambient;
    bool no_new_privs;
    unsigned seccomp_mode;    /* 2: filter */
    unsigned seccomp_filters; /* how many */
};
int privilege_read(pid_t pid, pid_t tid, struct privilege_state *state);

#endif
