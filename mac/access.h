/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_MAC_ACCESS_H
#define CASEMATE_MAC_ACCESS_H

/*
 * May this client do that? Asked of the loaded SELinux policy, by libselinux's userspace AVC, with
 * the classes of mac/selinux/casemate-access.cil. A denial leaves a USER_AVC record in the kernel's
 * audit trail. Everything but a clear yes is a no: an unknown class, permission or context, a host
 * or a domain that is permissive, no SELinux at all.
 *
 * libselinux keeps state of the process: the AVC, a table of the contexts that were asked about
 * (which only grows, by some 100 bytes a context), the numbers of classes (forgotten when a policy
 * is loaded), the mapping of its status page, and the callbacks that access_open sets. So: one user
 * of libselinux's AVC in a process, one thread. Nothing here is inherited by what is executed.
 */
#include <stddef.h>
#include <sys/types.h>

#include "mac/selinux.h"

/* Who is at the other end of a Unix socket, as the kernel noted it when it was connected. */
struct access_peer {
    pid_t pid; /* may be gone, or another's by now: for people, never to decide by */
    uid_t uid;
    gid_t gid;
    char context[SELINUX_CONTEXT_MAX]; /* raw; "" where SELinux is not enabled */
};

/*
 * Read it (SO_PEERCRED, SO_PEERSEC). 0; -ENOTCONN when nobody was; -ENODATA when SELinux is enabled
 * and gives no context; -ENAMETOOLONG; -errno. *peer untouched on failure.
 */
int access_peer_read(int socket, struct access_peer *peer);

/* Once in a process, before the first access_check. 0; -EOPNOTSUPP without SELinux; -errno, also
 * where the kernel has no status page. */
int access_open(void);
/* Give back what libselinux holds. Only after access_open. */
void access_close(void);

/* What the audit record of a denial says beside the contexts. Bytes outside [a-zA-Z0-9._/-] become
 * question marks there, so that no client can write a field of its own. */
struct access_subject {
    const char *operation; /* "stop"; NULL: nothing */
    const char *tenant, *guest;
};

/*
 * May `peer` do `permission` of `class` ("casemate_guest", "stop") to what has the raw context
 * `target`? 0: yes. -EACCES: the policy refuses; recorded. -EINVAL: it does not know the class, the
 * permission or a context; recorded as an error. -EOPNOTSUPP: SELinux is absent or permissive, or
 * the peer's domain is. -EAGAIN: one policy after another is being loaded. -errno. Whatever is not
 * 0 is a refusal.
 */
int access_check(const struct access_peer *peer, const char *target, const char *class,
                 const char *permission, const struct access_subject *subject);

/*
 * The same without a record: for what somebody may see of a list, where a refusal is no attempt of
 * theirs.
 */
int access_check_quietly(const struct access_peer *peer, const char *target, const char *class,
                         const char *permission);

/*
 * Leave a record of a refusal that was not SELinux's to make, as the policy's would look, with
 * "by=WHO" at its end. Contexts may be empty: a host without SELinux has records, too.
 */
void access_record(const struct access_peer *peer, const char *target, const char *class,
                   const char *permission, const struct access_subject *subject, const char *by);

#define ACCESS_CACHE_THRESHOLD 8192u

/*
 * Let the kernel's cache of decisions hold at least `threshold` entries: its 512 are too few where
 * many guests with their own categories run. 0, *now is what holds (more stays more); -EOPNOTSUPP
 * without SELinux; -EACCES where the policy does not let this process; -errno.
 */
int access_cache_raise(unsigned threshold, unsigned *now);

#endif
