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
 * First thing in main: die with the parent, no core dump, not dumpable by others' eyes. The parent
 * may have died already: the caller polls its control socket for that. 0 or -errno.
 */
int confine_self_begin(void);

/*
 * Install one filter on all threads of the process. no_new_privs must be set already (-EPERM).
 * 0 or -errno; -EBUSY when a thread could not be synchronised.
 */
int confine_self_filter(const struct sock_filter *insns, size_t count);

#endif
