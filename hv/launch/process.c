/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/launch/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "hv/launch/jail.h"
#include "mac/namespaces.h"

void process_hand(struct process *process, int number, int fd, bool released)
{
    process->fds[process->fd_count++] =
        (struct handed){.number = number, .fd = fd, .released = released};
}

static pid_t clone_jailed(int *pidfd)
{
    int fd = -1;
    struct clone_args args = {
        .flags = namespaces_clone_flags | CLONE_PIDFD,
        .pidfd = (uint64_t)(uintptr_t)&fd,
        .exit_signal = SIGCHLD,
    };
    long pid = syscall(SYS_clone3, &args, sizeof(args));

    if (pid > 0)
        *pidfd = fd;
    return (pid_t)(pid < 0 ? -errno : pid);
}

/* The child waits for its cgroup before it does anything, then reports a failed step, if any. */
static int follow_child(struct process *process, const struct jail *jail, int go, int report,
                        const char **step)
{
    struct jail_report failed = {0};
    int r = cgroup_add(jail->cgroup, process->name, process->pid);

    *step = "entering its cgroup";
    if (r < 0)
        return r;
    if (write(go, "", 1) != 1)
        return -errno;
    r = fd_read_full(report, &failed, sizeof(failed));
    if (r == -ENODATA) /* closed by the execveat: the program runs */
        return 0;
    if (r < 0)
        return r;
    *step = jail_step_name(failed.step);
    return failed.error > 0 ? -failed.error : -EPROTO;
}

int process_start(struct process *process, const struct jail *jail, const char **step)
{
    cleanup_fd int go_read = -1, go_write = -1, report_read = -1, report_write = -1;
    int go[2], report[2], r;
    pid_t pid;

    *step = "making pipes";
    if (pipe2(go, O_CLOEXEC) < 0)
        return -errno;
    go_read = go[0];
    go_write = go[1];
    if (pipe2(report, O_CLOEXEC) < 0)
        return -errno;
    report_read = report[0];
    report_write = report[1];

    *step = "making a process in new namespaces";
    pid = clone_jailed(&process->pidfd);
    if (pid < 0)
        return pid;
    if (pid == 0) {
        fd_close(&go_write);
        jail_enter(process, jail, go_read, report_write);
    }
    process->pid = pid;
    fd_close(&go_read);
    fd_close(&report_write);
    r = follow_child(process, jail, go_write, report_read, step);
    if (r < 0) {
        siginfo_t info;

        (void)syscall(SYS_pidfd_send_signal, process->pidfd, SIGKILL, NULL, 0);
        (void)waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED);
        fd_close(&process->pidfd);
        process->gone = true;
    }
    return r;
}

void process_release(struct process *process)
{
    fd_close(&process->pidfd);
    fd_close(&process->control);
    fd_close(&process->control_peer);
    fd_close(&process->config);
    fd_close(&process->filter);
}
