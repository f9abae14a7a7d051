/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_MAC_NAMESPACES_H
#define CASEMATE_MAC_NAMESPACES_H

/* The empty world of a confined process. */
#include <stdint.h>
#include <sys/types.h>

/*
 * clone3 flags of a jail: new pid, net, ipc, uts and cgroup namespaces. The mount namespace is not
 * among them: CLONE_NEWNS would copy the host's whole mount tree for each process only to throw it
 * away, under a lock that all of the host shares. namespaces_enter_root makes it from an empty one.
 */
extern const uint64_t namespaces_clone_flags;

/*
 * A mount namespace that holds nothing but an empty tmpfs as its root, read-only, nosuid, nodev,
 * noexec. Made once by the launcher for all processes of a guest; this is the only copy of the
 * host's mount tree that a guest costs. A short-lived child does it, which raises no signal and is
 * not seen by the caller's own waits. Returns the namespace's descriptor, close-on-exec, which the
 * caller owns, or -errno (-EPERM without CAP_SYS_ADMIN).
 */
int namespaces_empty_root(void);

/*
 * Leave the host's mount namespace for a fresh copy of the empty one (`root_fd` from
 * namespaces_empty_root, which stays the caller's and serves any number of processes). Root and
 * working directory are its root. Afterwards no path leads anywhere: what needs one (setting the
 * SELinux exec context, opening the program) comes before. The caller must not share its file
 * system state with another thread (-EINVAL). 0 or -errno; on an error the caller must exit, since
 * some of it may be done.
 */
int namespaces_enter_root(int root_fd);

/* The namespaces of process or thread `pid`: inode numbers as in /proc/PID/ns. */
struct namespaces_ids {
    uint64_t mnt, pid, net, ipc, uts, cgroup, user;
};
/* 0; -ENOENT or -ESRCH when it is gone; -EACCES without the right to look; -errno. */
int namespaces_read(pid_t pid, struct namespaces_ids *ids);

#endif
