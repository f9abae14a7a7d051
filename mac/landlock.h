/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_MAC_LANDLOCK_H
#define CASEMATE_MAC_LANDLOCK_H

/* Landlock: a process that may touch no path, port or foreign socket at all. */
#include "base/buf.h"

/* The kernel's ABI, 1.. , or 0 if it has none or it is off. */
int landlock_abi(void);

/*
 * Restrict this thread to nothing, for every right that the running kernel's ABI knows, with one
 * exception: `exec_fd` (an open regular file, or a memfd) may be read and executed, which the
 * execveat that follows needs. Descriptors that are open already keep what they could do. Comes
 * after namespaces_enter_root (a restricted process can mount nothing) and needs no_new_privs or
 * CAP_SYS_ADMIN (-EPERM). 0; -ENOSYS without Landlock; -EBADF; -errno.
 */
int landlock_restrict_to_exec(int exec_fd);

/*
 * Append what landlock_restrict_to_exec asks of a kernel of ABI `abi` (more than we know counts as
 * the newest we know), as text for people: the rights that are taken, by name and as the masks that
 * the kernel gets, and the one rule. Errors stick in `out`.
 */
void landlock_describe(int abi, struct buf *out);
/* The newest ABI whose rights are handled here. */
int landlock_newest(void);

/* What ABI `abi` leaves uncovered, for people ("TCP, device ioctls, ..."), "" if nothing known. */
const char *landlock_uncovered(int abi);

#endif
