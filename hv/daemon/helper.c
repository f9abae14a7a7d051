/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/daemon/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "hv/launch/error.h"
#include "hv/launch/input.h"

#define PARKED         20 /* above the numbers that it gets */
#define NAME_MAX_BYTES 64

/* In the child: what it works with, at its numbers, and nothing else. */
_Noreturn static void become(const struct host *host, int program, char *name, const int *fds,
                             unsigned count)
{
    char *argv[] = {name, NULL}, *environment[] = {NULL};
    int parked[HELPER_FDS_MAX], run = fcntl(program, F_DUPFD_CLOEXEC, PARKED);

    child_reset_signals();
    for (unsigned i = 0; i < count; i++)
        parked[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, PARKED);
    for (unsigned i = 0; i < count; i++) {
        if (dup2(parked[i], HELPER_FD_FIRST + (int)i) < 0)
            _exit(127);
    }
    if (run < 0 || setsid() < 0 || dup2(host->null, 0) < 0 || dup2(host->null, 1) < 0 ||
        dup2(host->null, 2) < 0 ||
        syscall(SYS_close_range, HELPER_FD_FIRST + count, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        _exit(127);
    (void)syscall(SYS_execveat, run, "", argv, environment, AT_EMPTY_PATH);
    _exit(127);
}

int helper_start(const struct host *host, const char *name, const int *fds, unsigned count,
                 pid_t *pid)
{
    struct launch_error error = {0};
    cleanup_fd int program = -1;
    char word[NAME_MAX_BYTES];
    pid_t child;

    if (count > HELPER_FDS_MAX || text_copy(word, sizeof(word), name) < 0)
        return -EINVAL;
    program = input_program(name, &error);
    if (program < 0)
        return -ENOENT;
    child = fork();
    if (child == 0)
        become(host, program, word, fds, count);
    if (child < 0)
        return -errno;
    *pid = child;
    return 0;
}
