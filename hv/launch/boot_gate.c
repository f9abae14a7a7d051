/* SPDX-License-Identifier: Apache-2.0 */
/* From processes that are ready through the start gate, and the end of one boot. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "hv/launch/guard.h"
#include "hv/launch/host_ledger.h"
#include "hv/launch/tpm.h"
#include "mac/landlock.h"

#define DRAIN_MS 2000

/* What only the processes may hold from now on: an end of file must reach them. */
static void release_handed(struct guard *guard)
{
    fd_close(&guard->ram);
    guard_tpm_release_handed(guard);
    fd_close(&guard->console[0]);
    fd_close(&guard->console[1]);
    for (unsigned i = 0; i < HANDOFF_DEVICES_MAX; i++) {
        fd_close(&guard->vhost[i][0]);
        fd_close(&guard->vhost[i][1]);
        fd_close(&guard->inflight[i]);
    }
    for (unsigned i = 0; i < guard->count; i++) {
        fd_close(&guard->processes[i].config);
        fd_close(&guard->processes[i].filter);
        fd_close(&guard->processes[i].control_peer);
    }
}

/* What is found of a process that has just died differs for that reason and no worse one. */
static int died_meanwhile(struct guard *guard, const struct process *process, int r)
{
    struct pollfd death = {.fd = process->pidfd, .events = POLLIN};

    if (poll(&death, 1, 0) <= 0)
        return r;
    guard->error->message[0] = '\0';
    return launch_fail(guard->error, LAUNCH_SYSTEM,
                       "%s (pid %d) of guest '%s' died at the start gate", process->subject,
                       process->pid, guard->spec->name);
}

/* The VMM comes last: a guest may have ended before the next process is told. */
static int send_go(struct guard *guard)
{
    static const struct control_message go = {.type = CONTROL_GO};

    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < guard->count; i++) {
            const struct process *process = &guard->processes[i];

            if ((process->kind == PROCESS_VMM) == (pass == 1) &&
                fdpass_send_now(process->control, &go, sizeof(go), NULL, 0) < 0)
                return launch_fail(guard->error, LAUNCH_SYSTEM, "%s died at the start gate",
                                   process->subject);
        }
    }
    return 0;
}

/* Anew for each boot: a guest that resets may find another host than the one it was started on. */
static int still_enforced(struct guard *guard)
{
    if (guard->jail.landlock_only || selinux_label_state(&guard->label) == SELINUX_READY)
        return 0;
    return launch_fail(
        guard->error, LAUNCH_DENIED,
        "the start gate stays shut: SELinux does not enforce Casemate's policy any "
        "more; look at getenforce and semodule -l before the guest is started again");
}

int guard_open_gate(struct guard *guard)
{
    struct gate gate = {
        .processes = guard->processes,
        .count = guard->count,
        .jail = &guard->jail,
        .own = guard->own,
        .vcpus = guard->spec->cpus,
        .eventfds = HANDOFF_DEVICES_MAX * (2 * HANDOFF_QUEUES_MAX + 4),
        .landlock = landlock_abi(),
    };

    guard_step(guard, "examining every thread at the start gate");
    for (unsigned kind = 0; kind < PROCESS_KINDS; kind++) {
        for (unsigned stage = 0; stage < SECCOMP_STAGES_MAX; stage++)
            gate.filters[kind][stage] = guard->filters[kind][stage];
    }
    for (unsigned i = 0; i < guard->count; i++) {
        struct confinement seen;
        int r = gate_examine(&gate, &guard->processes[i], &seen, guard->error);

        if (r < 0)
            return died_meanwhile(guard, &guard->processes[i], r);
        gate.sibling[gate.siblings++] = seen.namespaces;
        if (guard->tpm != NULL && tpm_measure_saw(guard, &seen) < 0)
            return -ECANCELED;
        guard_tell(guard, &(struct launch_event){.type = LAUNCH_EVENT_CONFINEMENT,
                                                 .kind = seen.kind,
                                                 .index = seen.index,
                                                 .pid = seen.pid,
                                                 .confinement = &seen});
    }
    if (still_enforced(guard) < 0)
        return -ECANCELED;
    release_handed(guard);
    if (guard->tpm != NULL && tpm_measure_extend(guard) < 0)
        return -ECANCELED;
    if (host_ledger(guard, HOSTTPM_START) < 0)
        return -ECANCELED;
    guard->running = guard->has_run = true;
    guard_tell(guard, &(struct launch_event){.type = LAUNCH_EVENT_RUNNING});
    return send_go(guard);
}

static void end_process(struct process *process)
{
    siginfo_t info;

    if (process->gone || process->pidfd < 0)
        return;
    (void)syscall(SYS_pidfd_send_signal, process->pidfd, SIGKILL, NULL, 0);
    while (waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED) < 0 && errno == EINTR)
        continue;
    process->gone = true;
}

/*
 * Killed before they are thawed, so that what was frozen as evidence does not run once more. The
 * last words are not waited for.
 */
static void kill_frozen(struct guard *guard)
{
    for (unsigned i = 0; i < guard->count; i++) {
        const struct process *process = &guard->processes[i];

        if (!process->gone && process->pidfd >= 0)
            (void)syscall(SYS_pidfd_send_signal, process->pidfd, SIGKILL, NULL, 0);
    }
    (void)cgroup_freeze(guard->jail.cgroup, false);
    guard->paused = guard->quarantined = false;
}

/*
 * With the VMM gone the relay reads the end of the console and leaves once the terminal has taken
 * what is left; one that has stopped reading does not keep the guest's end waiting.
 */
static void let_console_drain(struct process *console)
{
    struct pollfd gone = {.fd = console->pidfd, .events = POLLIN};

    if (!console->gone && console->pidfd >= 0 && console->ready)
        (void)poll(&gone, 1, DRAIN_MS);
}

void guard_end_boot(struct guard *guard)
{
    release_handed(guard);
    guard_tpm_end_boot(guard);
    guard->running = false;
    if (guard->paused || guard->quarantined)
        kill_frozen(guard);
    for (unsigned i = 0; i < guard->count; i++) {
        if (guard->processes[i].kind != PROCESS_CONSOLE)
            end_process(&guard->processes[i]);
    }
    for (unsigned i = 0; i < guard->count; i++) {
        struct process *process = &guard->processes[i];

        if (process->kind == PROCESS_CONSOLE)
            let_console_drain(process);
        end_process(process);
        process_release(process);
    }
    guard->count = 0;
}
