/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_MAC_PRIVILEGE_H
#define CASEMATE_MAC_PRIVILEGE_H

/* Identity and capabilities: giving them up, and looking at another's. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Become uid/gid with no supplementary group, no capability in any set (the bounding set too), the
 * securebits locked so that none returns, the plain personality, and no_new_privs. For good. 0;
 * -EINVAL for root; -EPERM without CAP_SETUID, CAP_SETGID and CAP_SETPCAP; -errno. On an error the
 * caller must exit, since some of it may be done. Affects the calling thread only: call it with one
 * thread.
 */
int privilege_drop(uid_t uid, gid_t gid);

/*
 * Give up the favour of a service that the kernel is to spare when memory runs out
 * (OOMScoreAdjust=, oom_score_adj below 0): what a tenant can make large must not outlive what the
 * host needs. One that is to go earlier than others stays so. Needs /proc. 0 or -errno.
 */
int privilege_drop_oom_favour(void);

/*
 * Resource limits of a confined process, soft and hard: no core, `files` descriptor numbers, no
 * locked memory, message queue or realtime priority. Before privilege_drop. 0 or -errno.
 */
int privilege_limits(unsigned files);

/*
 * No write beyond byte `size` of any regular file: a disk image's own size for blk, else 0. Block
 * devices, sockets and mappings are not concerned. 0 or -errno.
 */
int privilege_limit_writes(uint64_t size);

/* What /proc/PID/task/TID/status says about one thread, read from outside. */
struct privilege_state {
    uid_t uid[4]; /* real, effective, saved, file system */
    gid_t gid[4];
    unsigned groups; /* supplementary */
    uint64_t cap_inheritable, cap_permitted, cap_effective, cap_bounding, cap_ambient;
    bool no_new_privs;
    unsigned seccomp_mode;    /* 2: filter */
    unsigned seccomp_filters; /* how many (kernel 5.9 and later) */
};

/* 0; -ENOENT or -ESRCH when the thread is gone; -EPROTO when the text is not as expected. */
int privilege_read(pid_t pid, pid_t tid, struct privilege_state *state);

/*
 * The parser of the above: `size` bytes of a status file, NUL allowed anywhere. Each line that is
 * read must be there exactly once and complete. 0 or -EPROTO with *state untouched.
 */
int privilege_parse(const char *text, size_t size, struct privilege_state *state);

#endif
