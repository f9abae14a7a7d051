/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_SERVICE_SHELTER_H
#define CASEMATE_ATTEST_SERVICE_SHELTER_H

/* What each process of casemate-attestd gives up before it hears from anybody. */
#include <linux/filter.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Keep the descriptors `fds` (1..8, each at least 3) at 3 and up in that order, and 0 to 2; close
 * all others. 0 or -errno.
 */
int shelter_descriptors(const int *fds, size_t count);

/* As root become `uid` and `gid` for good, without a capability; in any case no_new_privs and no
 * core file. 0 or -errno. */
int shelter_identity(uid_t uid, gid_t gid);

/*
 * Started in casemate_attestd_t (mac/selinux/casemate-attestd.cil): become casemate_attestd_PART_t
 * for good. Anywhere else, and without SELinux, nothing. Only while there is one thread. 0 or
 * -errno.
 */
int shelter_domain(const char *part);

/*
 * Allow only the system calls `names` (NULL-terminated) and, of memory, none that is executable.
 * One written "!name" fails with ENOENT: what a library tries and can do without. Any other call
 * kills the process. 0; -EINVAL: a name that is none; -errno.
 */
int shelter_calls(const char *const *names);

/* A filter for others that are forked later: making one takes longer than what some of them do. */
struct shelter_filter {
    struct sock_filter *code; /* owned; NULL under a sanitizer, whose calls are on no list */
    unsigned short count;
};

/* What shelter_calls would install. 0, with *filter the caller's (free its code); -EINVAL; -errno.
 */
int shelter_compile(const char *const *names, struct shelter_filter *filter);

/* Install it in this process, which has one thread and no_new_privs. 0 or -errno. */
int shelter_install(const struct shelter_filter *filter);

#endif
