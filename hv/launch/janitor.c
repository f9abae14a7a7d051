/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/launch/janitor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "hv/launch/retain.h"

static void clean_up(const struct janitor_duties *duties)
{
    (void)cgroup_destroy(duties->cgroup);
    for (unsigned i = 0; i < duties->labels->count; i++)
        (void)relabel_restore(&duties->labels->relabel[i]);
    if (duties->termios != NULL) {
        /* What a guest made the terminal answer is no command for the shell. */
        (void)tcflush(duties->terminal, TCIFLUSH);
        (void)tcsetattr(duties->terminal, TCSANOW, duties->termios);
    }
}

/*
 * The signals that end a guard must not end its janitor, which a terminal would send to both; its
 * own session keeps it out of the terminal's group.
 */
_Noreturn static void janitor_main(const struct janitor_duties *duties, int pipe)
{
    char byte;
    int r;

    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGTTOU, SIG_IGN);
    (void)setsid();
    (void)prctl(PR_SET_NAME, "casemate-janit");
    if (retain(RETAIN_JANITOR) < 0)
        _exit(1);
    r = fd_read_full(pipe, &byte, 1);
    if (r < 0)
        clean_up(duties);
    _exit(0);
}

int janitor_start(const struct janitor_duties *duties, struct janitor *janitor)
{
    cleanup_fd int ours = -1, theirs = -1;
    int ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    theirs = ends[0];
    ours = ends[1];
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        fd_close(&ours);
        janitor_main(duties, theirs);
    }
    *janitor = (struct janitor){.pid = pid, .pipe = steal_fd(&ours)};
    return 0;
}

void janitor_dismiss(struct janitor *janitor)
{
    int status;

    if (janitor->pid <= 0)
        return;
    (void)fd_write_full(janitor->pipe, "", 1);
    fd_close(&janitor->pipe);
    while (waitpid(janitor->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    janitor->pid = 0;
}
