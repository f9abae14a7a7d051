/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_DAEMON_HELPER_H
#define CASEMATE_HV_DAEMON_HELPER_H

/* Programs of which casemated has one, for the whole host: they confine themselves. */
#include "hv/daemon/state.h"

#define HELPER_FD_FIRST 3
#define HELPER_FDS_MAX  8u

/*
 * Start the program `name` of ours with `count` descriptors at HELPER_FD_FIRST and up, which stay
 * the caller's, /dev/null below, nothing else, no argument and no environment. 0 with *pid; -ENOENT
 * without the program; -EINVAL for too many; -errno.
 */
int helper_start(const struct host *host, const char *name, const int *fds, unsigned count,
                 pid_t *pid);

#endif
