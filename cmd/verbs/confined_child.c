/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs/confined_child.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "cmd/verbs/confine.h"

#define CPU_SECONDS   60
#define QUIET_SECONDS 120 /* longer than the CPU time: silence is a hang */

_Noreturn static void become(pid_t parent, confined_work *work, void *context, int socket)
{
    if (dup2(socket, 0) < 0 || syscall(SYS_close_range, 1, ~0U, 0) < 0 ||
        confine_rights(parent, CPU_SECONDS) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) < 0)
        _exit(1);
    work(context, 0);
    (void)syscall(SYS_exit, 0); /* _exit is exit_group, which strict mode does not have */
    for (;;)
        continue;
}

/* One that dies after it has asked must not take us along: its end is an error as any other. */
static int serve_quietly(confined_serve *serve, void *context, int socket)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;
    int r;

    if (sigaction(SIGPIPE, &ignore, &before) < 0)
        return -errno;
    r = serve(context, socket);
    (void)sigaction(SIGPIPE, &before, NULL);
    return r;
}

int confined_child(confined_work *work, void *work_context, confined_serve *serve,
                   void *serve_context)
{
    const struct timeval quiet = {.tv_sec = QUIET_SECONDS};
    cleanup_fd int ours = -1, theirs = -1;
    const pid_t parent = getpid();
    int ends[2], status, ended, r = 0;
    char byte;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    ours = ends[0];
    theirs = ends[1];
    if (setsockopt(ours, SOL_SOCKET, SO_RCVTIMEO, &quiet, sizeof(quiet)) < 0 ||
        setsockopt(ours, SOL_SOCKET, SO_SNDTIMEO, &quiet, sizeof(quiet)) < 0)
        return -errno;
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        become(parent, work, work_context, theirs);
    fd_close(&theirs);
    if (serve != NULL)
        r = serve_quietly(serve, serve_context, ours);
    /* It has nothing more to say: what comes is its end. */
    if (r == 0 && read(ours, &byte, 1) != 0)
        r = -EPROTO;
    if (r < 0)
        (void)kill(pid, SIGKILL);
    ended = child_wait(pid, &status);
    if (r == 0)
        r = ended;
    if (r < 0)
        return r;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPROTO;
}
