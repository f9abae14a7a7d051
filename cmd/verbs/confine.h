/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_CONFINE_H
#define CASEMATE_CMD_VERBS_CONFINE_H

/* What the children of verbs, in which hostile bytes are looked at, give up before they begin. */
#include <seccomp.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * In a child of `parent`: no privilege (nobody, if we are root), no core file, at most `seconds`
 * of CPU time, and an end no later than the parent's. 0; -ESRCH when the parent has ended; -errno:
 * the caller must exit.
 */
int confine_rights(pid_t parent, unsigned seconds);

/*
 * A soft limit (RLIMIT_*), if there is none that is lower. The hard one stays: SELinux lets few
 * users lower it, and without the system call nobody raises a soft one. 0 or -errno.
 */
int confine_limit(int resource, uint64_t most);

/* No more than `bytes` of address space (a sanitizer needs more, and gets it). 0 or -errno. */
int confine_memory(uint64_t bytes);

/*
 * From here on: memory, but none that can be executed; the process' own end; and what `more` adds.
 * Any other system call ends as `otherwise` says (SCMP_ACT_*). Not under a sanitizer, whose own
 * calls are not on the list. 0 or -errno.
 */
int confine_calls(uint32_t otherwise, int (*more)(scmp_filter_ctx context));

#endif
