/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs/policy_confined.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "cmd/verbs/arguments.h"
#include "cmd/verbs/confine.h"
#include "mac/selinux.h"

#define STEP         (1u << 20)
#define MEMORY_MAX   (8ULL << 30) /* address space: a log of the largest size is there twice */
#define SECONDS_MAX  1800         /* of CPU */
#define NOT_CONFINED 100          /* exit status, none of a verb's */

/* All but memory fails, and what fails there was wanted by nobody of ours: but for two streams. */
static int allow_streams(scmp_filter_ctx context)
{
    int r = 0;

    for (unsigned fd = STDOUT_FILENO; r == 0 && fd <= STDERR_FILENO; fd++)
        r = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
                             SCMP_A0(SCMP_CMP_EQ, fd, 0));
    return r;
}

static int confine(pid_t parent)
{
    int r;

    if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0) < 0)
        return -errno;
    r = confine_memory(MEMORY_MAX);
    if (r == 0)
        r = confine_rights(parent, SECONDS_MAX);
    if (r < 0)
        return r;
    /*
     * The launcher's domain parses nothing, nor does its child. After the drop: the client's domain
     * has no capability to do it with.
     */
    r = selinux_become_client();
    return r < 0 ? r : confine_calls(SCMP_ACT_ERRNO(EPERM), allow_streams);
}

int policy_confined(int (*work)(void *context), void *context)
{
    const pid_t parent = getpid();
    int status, r;
    pid_t pid;

    (void)fflush(NULL);
    pid = fork();
    if (pid < 0) {
        complain("cannot start a process: %s", strerror(errno));
        return VERB_SYSTEM;
    }
    if (pid == 0) {
        r = confine(parent) < 0 ? NOT_CONFINED : work(context);
        if (r != NOT_CONFINED && fflush(NULL) != 0)
            r = VERB_SYSTEM;
        _exit(r);
    }
    r = child_wait(pid, &status);
    if (r < 0) {
        complain("cannot tell how a process ended: %s", strerror(-r));
        return VERB_SYSTEM;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) <= VERB_SYSTEM)
        return WEXITSTATUS(status);
    /* Whoever read our output has had enough. */
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE)
        return VERB_SYSTEM;
    if (WIFEXITED(status))
        complain("cannot confine the process that would look at it");
    else
        complain("the process that looked at it died (%s): treat the input as hostile",
                 strsignal(WTERMSIG(status)));
    return VERB_SYSTEM;
}

int policy_read_file(const char *path, size_t max, char **data, size_t *size)
{
    const bool input = strcmp(path, "-") == 0;
    cleanup_fd int opened = input ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    const int fd = input ? STDIN_FILENO : opened;
    cleanup_free char *text = NULL;
    size_t used = 0, room = 0;

    if (fd < 0)
        return -errno;
    while (used == room) {
        char *more;
        ssize_t n;

        room = room == 0 ? STEP : room * 2;
        more = realloc(text, room);
        if (more == NULL)
            return -ENOMEM;
        text = more;
        n = fd_read_most(fd, text + used, room - used);
        if (n < 0)
            return (int)n;
        used += (size_t)n;
        if (used > max)
            return -EFBIG;
    }
    *data = steal_pointer(&text);
    *size = used;
    return 0;
}
