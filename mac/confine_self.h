/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_MAC_CONFINE_SELF_H
#define CASEMATE_MAC_CONFINE_SELF_H

/*
 * The part of confinement that a process does to itself: libc only, because it is linked into the
 * VMM and every worker. The launcher has done the rest before exec and checks all of it afterwards.
 */
#include <linux/filter.h>
#include <stddef.h>

/*
 * First thing in main: die with the parent, no core dump, not dumpable by others' eyes. Needs
 * prctl, so it comes before the first filter. The parent may have died already: the caller sees
 * that as end of file on its control socket. 0 or -errno.
 */
int confine_self_begin(void);

/*
 * Install one filter on all threads of the process (seccomp(2), SECCOMP_FILTER_FLAG_TSYNC): one
 * system call and nothing else, so that an earlier filter needs to allow no more than that. The
 * instructions stay the caller's. 0; -EACCES when no_new_privs is not set; -EINVAL for a program
 * the kernel refuses; -EBUSY when a thread has a filter of its own and could not be synchronised;
 * -errno.
 */
int confine_self_filter(const struct sock_filter *insns, size_t count);

#endif
