/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/launch/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "mac/landlock.h"
#include "mac/namespaces.h"
#include "mac/privilege.h"
#include "policy/guest.h"

/*
 * In the order of execution. The order is the point: what needs a path comes before the root goes,
 * what needs a capability before they go, and no_new_privs stands before Landlock and the exec.
 */
enum step {
    STEP_WAIT,
    STEP_SIGNALS,
    STEP_CONTEXT,
    STEP_DESCRIPTORS,
    STEP_SESSION,
    STEP_MEMORY,
    STEP_ROOT,
    STEP_LIMITS,
    STEP_PRIVILEGE,
    STEP_LANDLOCK,
    STEP_EXEC,
    STEPS,
};

const char *jail_step_name(uint32_t step)
{
    static const char *const names[STEPS] = {
        [STEP_WAIT] = "waiting for its cgroup",
        [STEP_SIGNALS] = "resetting signals",
        [STEP_CONTEXT] = "setting its SELinux context for exec",
        [STEP_DESCRIPTORS] = "arranging its descriptors",
        [STEP_SESSION] = "leaving the session",
        [STEP_MEMORY] = "giving up what spares it when memory runs out",
        [STEP_ROOT] = "entering the empty root",
        [STEP_LIMITS] = "setting its resource limits",
        [STEP_PRIVILEGE] = "dropping uid and capabilities",
        [STEP_LANDLOCK] = "applying Landlock",
        [STEP_EXEC] = "executing its program",
    };

    return step < STEPS ? names[step] : "an unknown step";
}

/* Above every number of the handoff, so that arranging never overwrites what is still to move. */
#define PARKED 128

/* The VMM makes a descriptor a vCPU and two eventfds a queue; a worker receives its own queues'. */
#define VMM_FILES    2048
#define WORKER_FILES 128

unsigned jail_files(enum process_kind kind)
{
    return kind == PROCESS_VMM ? VMM_FILES : WORKER_FILES;
}

static int reset_signals(void)
{
    sigset_t none;

    for (int s = 1; s < _NSIG; s++) {
        struct sigaction action = {.sa_handler = SIG_DFL};

        if (s != SIGKILL && s != SIGSTOP && sigaction(s, &action, NULL) < 0 && errno != EINVAL)
            return -errno;
    }
    if (sigemptyset(&none) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
        return -errno;
    return 0;
}

static int park(int fd)
{
    int parked = fcntl(fd, F_DUPFD_CLOEXEC, PARKED);

    return parked < 0 ? -errno : parked;
}

/*
 * 0-2 become /dev/null, the handed descriptors get their numbers, and everything else is closed by
 * the exec. *report, *program and *root are moved out of the way.
 */
static int arrange(const struct process *process, const struct jail *jail, int *report,
                   int *program, int *root)
{
    int parked[PROCESS_FDS_MAX], moved[3];

    for (unsigned i = 0; i < process->fd_count; i++) {
        parked[i] = park(process->fds[i].fd);
        if (parked[i] < 0)
            return parked[i];
    }
    moved[0] = park(*report);
    moved[1] = park(process->program->fd);
    moved[2] = park(jail->root);
    if (moved[0] < 0 || moved[1] < 0 || moved[2] < 0)
        return -EMFILE;
    *report = moved[0];
    *program = moved[1];
    *root = moved[2];
    for (int fd = 0; fd <= 2; fd++) {
        if (dup2(jail->null, fd) < 0)
            return -errno;
    }
    for (unsigned i = 0; i < process->fd_count; i++) {
        if (dup2(parked[i], process->fds[i].number) < 0)
            return -errno;
    }
    return 0;
}

static int close_the_rest(const struct process *process)
{
    unsigned used[PARKED] = {1, 1, 1}, from = 0;

    for (unsigned i = 0; i < process->fd_count; i++)
        used[process->fds[i].number] = 1;
    for (unsigned fd = 0; fd < PARKED; fd++) {
        if (!used[fd])
            continue;
        if (fd > from && syscall(SYS_close_range, from, fd - 1, CLOSE_RANGE_CLOEXEC) < 0)
            return -errno;
        from = fd + 1;
    }
    return syscall(SYS_close_range, from, ~0U, CLOSE_RANGE_CLOEXEC) < 0 ? -errno : 0;
}

_Noreturn static void stop(int report, enum step step, int r)
{
    struct jail_report failed = {.step = (uint32_t)step, .error = r < 0 ? -r : EPROTO};

    (void)fd_write_full(report, &failed, sizeof(failed));
    _exit(127);
}

_Noreturn static void execute(const struct process *process, const struct jail *jail, int program,
                              int report)
{
    char name[32], guest[GUEST_NAME_MAX];
    char *argv[] = {name, guest, NULL}, *environment[] = {NULL};

    (void)text_format(name, sizeof(name), "casemate-%s", process_kind_name(process->kind));
    (void)text_format(guest, sizeof(guest), "%s", jail->guest);
    (void)syscall(SYS_execveat, program, "", argv, environment, AT_EMPTY_PATH);
    stop(report, STEP_EXEC, -errno);
}

_Noreturn void jail_enter(const struct process *process, const struct jail *jail, int go,
                          int report)
{
    int program = -1, root = -1, r;
    char byte;

    r = fd_read_full(go, &byte, 1);
    if (r < 0)
        stop(report, STEP_WAIT, r);
    r = reset_signals();
    if (r < 0)
        stop(report, STEP_SIGNALS, r);
    if (!jail->landlock_only) {
        r = selinux_set_exec(process->context);
        if (r < 0)
            stop(report, STEP_CONTEXT, r);
    }
    r = arrange(process, jail, &report, &program, &root);
    if (r == 0)
        r = close_the_rest(process);
    if (r < 0)
        stop(report, STEP_DESCRIPTORS, r);
    (void)umask(077);
    if (setsid() < 0) /* no controlling terminal: TIOCSTI and job control reach nobody */
        stop(report, STEP_SESSION, -errno);
    r = privilege_drop_oom_favour();
    if (r < 0)
        stop(report, STEP_MEMORY, r);
    r = namespaces_enter_root(root);
    if (r < 0)
        stop(report, STEP_ROOT, r);
    r = privilege_limits(jail_files(process->kind));
    if (r == 0 && process->file_size != UINT64_MAX)
        r = privilege_limit_writes(process->file_size);
    if (r < 0)
        stop(report, STEP_LIMITS, r);
    r = privilege_drop(process->uid, process->uid);
    if (r < 0)
        stop(report, STEP_PRIVILEGE, r);
    r = landlock_restrict_to_exec(program);
    if (r < 0)
        stop(report, STEP_LANDLOCK, r);
    execute(process, jail, program, report);
}
