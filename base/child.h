/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_BASE_CHILD_H
#define CASEMATE_BASE_CHILD_H

/* Children: how one ended, and what another program does not inherit from us. */
#include <sys/types.h>

/*
 * Wait until the child `pid` has ended. 0 with *status as of waitpid(2); -ECHILD when nobody can
 * say how it ended: it is no child of ours, or SIGCHLD is ignored, and then the kernel keeps no
 * word of any child. EINTR is retried.
 */
int child_wait(pid_t pid, int *status);

/*
 * What a program may rely on that has children: SIGCHLD is not ignored, as whoever executed it may
 * have wanted. To be called before the first child. 0 or -errno.
 */
int child_expect(void);

/* In a child that is to become another program: each signal has its default action, and comes. */
void child_reset_signals(void);

#endif
