/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs/confined_child.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "mac/privilege.h"

#define NOBODY        65534
#define CPU_SECONDS   60
#define QUIET_SECONDS 120 /* longer than the CPU time: silence is a hang */

_Noreturn static void become(confined_work *work, void *context, int socket)
{
    const struct rlimit cpu = {CPU_SECONDS, CPU_SECONDS}, none = {0, 0};

    if (dup2(socket, 0) < 0 || syscall(SYS_close_range, 1, ~0U, 0) < 0 ||
        setrlimit(RLIMIT_CPU, &cpu) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 ||
        (geteuid() == 0 && privilege_drop(NOBODY, NOBODY) < 0) ||
        prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) < 0)
        _exit(1);
    work(context, 0);
    (void)syscall(SYS_exit, 0); /* _exit is exit_group, which strict mode does not have */
    for (;;)
        continue;
}

int confined_child(confined_work *work, void *work_context, confined_serve *serve,
                   void *serve_context)
{
    const struct timeval quiet = {.tv_sec = QUIET_SECONDS};
    cleanup_fd int ours = -1, theirs = -1;
    int ends[2], status = 0, r = 0;
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
        become(work, work_context, theirs);
    fd_close(&theirs);
    if (serve != NULL)
        r = serve(serve_context, ours);
    /* It has nothing more to say: what comes is its end. */
    if (r == 0 && read(ours, &byte, 1) != 0)
        r = -EPROTO;
    if (r < 0)
        (void)kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (r < 0)
        return r;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPROTO;
}
