/* SPDX-License-Identifier: Apache-2.0 */
#include "base/child.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

int child_wait(pid_t pid, int *status)
{
    int seen;

    while (waitpid(pid, &seen, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    *status = seen;
    return 0;
}

int child_expect(void)
{
    return signal(SIGCHLD, SIG_DFL) == SIG_ERR ? -errno : 0;
}

void child_reset_signals(void)
{
    sigset_t none;

    for (int s = 1; s < NSIG; s++) {
        if (s != SIGKILL && s != SIGSTOP)
            (void)signal(s, SIG_DFL);
    }
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}
