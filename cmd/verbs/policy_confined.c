/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs/policy_confined.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cmd/verbs/arguments.h"
#include "mac/privilege.h"
#include "mac/selinux.h"

#define NOBODY       65534
#define STEP         (1u << 20)
#define NOT_CONFINED 100 /* exit status, none of a verb's */

#ifndef SANITIZED
/* Memory and two streams. All else fails, and what fails there was wanted by nobody of ours. */
static int install_filter(void)
{
    static const int calls[] = {
        SCMP_SYS(brk),       SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
        SCMP_SYS(getrandom), SCMP_SYS(futex),  SCMP_SYS(exit),   SCMP_SYS(exit_group),
    };
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int r = context ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < sizeof(calls) / sizeof(calls[0]); i++)
        r = seccomp_rule_add(context, SCMP_ACT_ALLOW, calls[i], 0);
    /* Never executable. */
    if (r == 0)
        r = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (r == 0)
        r = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    for (unsigned fd = STDOUT_FILENO; r == 0 && fd <= STDERR_FILENO; fd++)
        r = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
                             SCMP_A0(SCMP_CMP_EQ, fd, 0));
    if (r == 0)
        r = seccomp_load(context);
    seccomp_release(context);
    return r;
}
#else
/* A sanitizer's own system calls are not on the list. */
static int install_filter(void)
{
    return 0;
}
#endif

static int confine(void)
{
    int r;

    if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0) < 0)
        return -errno;
    if (geteuid() == 0 && (r = privilege_drop(NOBODY, NOBODY)) < 0)
        return r;
    /*
     * The launcher's domain parses nothing, nor does its child. After the drop: the client's domain
     * has no capability to do it with.
     */
    r = selinux_become_client();
    return r < 0 ? r : install_filter();
}

int policy_confined(int (*work)(void *context), void *context)
{
    int status = 0;
    pid_t pid;

    (void)fflush(NULL);
    pid = fork();
    if (pid < 0) {
        complain("cannot start a process: %s", strerror(errno));
        return VERB_SYSTEM;
    }
    if (pid == 0) {
        int r = confine() < 0 ? NOT_CONFINED : work(context);

        if (r != NOT_CONFINED && fflush(NULL) != 0)
            r = VERB_SYSTEM;
        _exit(r);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
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
    for (;;) {
        ssize_t n;

        if (used == room) {
            char *more;

            if (room > max)
                return -EFBIG;
            room = room == 0 ? STEP : room * 2;
            more = realloc(text, room);
            if (more == NULL)
                return -ENOMEM;
            text = more;
        }
        n = read(fd, text + used, room - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        used += (size_t)n;
        if (used > max)
            return -EFBIG;
    }
    *data = steal_pointer(&text);
    *size = used;
    return 0;
}
