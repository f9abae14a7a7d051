/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_MAC_NAMESPACES_H
#define CASEMATE_MAC_NAMESPACES_H

/* The empty world of a confined process. */
#include <stdint.h>
#include <sys/types.h>

/* clone3 flags of a jail: new mount, pid, net, ipc, uts (and cgroup) namespaces. */
extern const uint64_t namespaces_clone_flags;

/*
 * A detached, empty, read-only, nosuid, nodev, noexec tmpfs, made once by the launcher for all
 * processes of a guest (fsopen/fsmount). Returns the mount's descriptor, which the caller owns, or
 * -errno.
 */
int namespaces_empty_root(void);

/*
 * In the new mount namespace: make everything private, put `root_fd` (from namespaces_empty_root)
 * in place of the root, detach the old one. Afterwards no path leads anywhere. 0 or -errno.
 */
int namespaces_enter_root(int root_fd);

/* The namespaces of process `pid`: inode numbers as in /proc/PID/ns. 0 or -errno. */
struct namespaces_ids {
    uint64_t mnt, pid, net, ipc, uts, cgroup, user;
};
int namespaces_read(pid_t pid, struct namespaces_ids *ids);

#endif
