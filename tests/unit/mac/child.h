/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_UNIT_MAC_CHILD_H
#define CASEMATE_TESTS_UNIT_MAC_CHILD_H

/* Confinement cannot be taken back, so each case runs in a child of its own. */
#include <errno.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_SIGNAL 1000 /* added to the signal's number */

/*
 * The system call itself: what a sanitizer puts in front of _exit makes calls that no filter
 * allows.
 */
static inline void child_exit(int code)
{
    for (;;)
        (void)syscall(SYS_exit_group, code);
}

/* Exit code of `run` in a child (0..255), or CHILD_SIGNAL + the signal that killed it. */
static inline int child_run(int (*run)(const void *argument), const void *argument)
{
    pid_t pid = fork();
    int status;

    if (pid == 0)
        child_exit(run(argument));
    if (pid < 0)
        return -errno;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return WIFSIGNALED(status) ? CHILD_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

/* In a child: stop with a code that tells where. */
#define CHILD_CHECK(condition, code)                                                               \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return (code);                                                                         \
    } while (0)

#endif
