/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest's processes say to their guard, and how they end. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "hv/launch/watch.h"

/*
 * What a process may say, by type: who, in which phase, and whether more than once. Anything else
 * ends the guest: a process that speaks out of turn is not ours any more.
 */
enum {
    FROM_VMM = 1,
    FROM_WORKER = 2,
    FROM_CONSOLE = 4,
    BEFORE_GO = 8,
    AFTER_GO = 16,
};

static const unsigned control_rules[CONTROL_TYPES] = {
    [CONTROL_READY] = FROM_VMM | FROM_WORKER | FROM_CONSOLE | BEFORE_GO,
    [CONTROL_FAILED] = FROM_VMM | FROM_WORKER | FROM_CONSOLE | BEFORE_GO | AFTER_GO,
    [CONTROL_NOTE] = FROM_VMM | BEFORE_GO,
    [CONTROL_OFF] = FROM_VMM | FROM_CONSOLE | AFTER_GO,
    [CONTROL_RESET] = FROM_VMM | AFTER_GO,
    [CONTROL_CRASH] = FROM_VMM | AFTER_GO,
};

/* A VMM may note each MSR that KVM refuses, and no flood of them. */
#define NOTES_MAX 32

/* How long the death of a process whose sockets are closed may take to show. */
#define DEATH_MS 1000

static bool permitted(const struct guard *guard, const struct process *process, uint32_t type)
{
    unsigned rule = type < CONTROL_TYPES ? control_rules[type] : 0;
    unsigned who = process->kind == PROCESS_VMM       ? FROM_VMM
                   : process->kind == PROCESS_CONSOLE ? FROM_CONSOLE
                                                      : FROM_WORKER;

    if (type == CONTROL_READY && process->ready)
        return false; /* once */
    return (rule & who) != 0 && (rule & (guard->running ? AFTER_GO : BEFORE_GO)) != 0;
}

static void crashed(struct watch *watch, const struct control_crash *crash)
{
    static const char *const reasons[] = {
        [CRASH_TRIPLE_FAULT] = "it took a triple fault",
        [CRASH_INTERNAL_ERROR] = "KVM cannot go on with it (internal error)",
        [CRASH_ENTRY_FAILED] = "the processor refused to enter it",
        [CRASH_UNKNOWN_EXIT] = "it left in a way that KVM does not define",
        [CRASH_MEMORY] = "its memory failed",
    };
    const char *reason =
        crash->reason < sizeof(reasons) / sizeof(reasons[0]) && reasons[crash->reason] != NULL
            ? reasons[crash->reason]
            : "it reports an unknown reason";

    (void)launch_fail(watch->guard->error, LAUNCH_CRASHED,
                      "the guest crashed: %s (vCPU %u, rip %#llx, detail %llu)", reason,
                      crash->vcpu, (unsigned long long)crash->rip,
                      (unsigned long long)crash->detail);
    guard_tell(watch->guard, &(struct launch_event){.type = LAUNCH_EVENT_CRASH, .crash = crash});
    watch_fail(watch);
}

/* The back-end of device `which`, or the TPM, which is no device of the PCI bus. */
static bool is_meant(const struct process *process, enum hv_failure failure, uint64_t which)
{
    if (process->kind == PROCESS_VMM || process->kind == PROCESS_CONSOLE)
        return false;
    if (process->kind == PROCESS_TPM || failure == FAILURE_TPM_PEER)
        return process->kind == PROCESS_TPM && failure == FAILURE_TPM_PEER;
    return process->index == which;
}

/*
 * The VMM reports that a back-end hung up. Why it did is its guard's to find out: a process that is
 * being killed closes its sockets a moment before its death can be seen.
 */
static void find_the_dead(struct watch *watch, enum hv_failure failure, uint64_t which)
{
    struct guard *guard = watch->guard;

    for (unsigned i = 0; i < guard->count; i++) {
        struct process *process = &guard->processes[i];
        struct pollfd death = {.fd = process->pidfd, .events = POLLIN};

        if (!is_meant(process, failure, which) || process->pidfd < 0)
            continue;
        if (poll(&death, 1, DEATH_MS) > 0)
            watch_reap(watch, process);
    }
}

static void failed(struct watch *watch, const struct process *process,
                   const struct control_message *message)
{
    char text[sizeof(watch->guard->error->message)];
    enum launch_result result = failure_text(message, process->subject, text, sizeof(text));

    if (process->kind == PROCESS_VMM &&
        (message->failure == FAILURE_VHOST_PEER || message->failure == FAILURE_TPM_PEER))
        find_the_dead(watch, (enum hv_failure)message->failure, message->detail[0]);
    if (process->kind != PROCESS_VMM && message->failure == FAILURE_VHOST_PROTOCOL) {
        (void)launch_fail(watch->guard->error, LAUNCH_SYSTEM,
                          "%s: the VMM broke the vhost-user protocol at request %llu (error %llu)",
                          process->subject, (unsigned long long)message->detail[1],
                          (unsigned long long)message->detail[2]);
    }
    (void)launch_fail(watch->guard->error, result, "%s", text);
    watch_fail(watch);
}

static void noted(struct watch *watch, const struct process *process,
                  const struct control_message *message)
{
    char text[sizeof(watch->guard->error->message)];

    if (watch->notes++ >= NOTES_MAX)
        return;
    (void)failure_text(message, process->subject, text, sizeof(text));
    guard_tell(watch->guard, &(struct launch_event){.type = LAUNCH_EVENT_NOTE, .text = text});
}

static void act(struct watch *watch, struct process *process, const struct control_message *message)
{
    switch (message->type) {
    case CONTROL_READY:
        process->ready = true;
        break;
    case CONTROL_FAILED:
        failed(watch, process, message);
        break;
    case CONTROL_NOTE:
        noted(watch, process, message);
        break;
    case CONTROL_OFF:
        if (process->kind == PROCESS_CONSOLE) { /* the operator asks with the escape key */
            watch_press_button(watch);
            break;
        }
        watch->ended = true;
        watch->outcome = GUARD_OFF;
        break;
    case CONTROL_RESET:
        watch->ended = true;
        /* Asked to power off it resets instead: whoever asked wants it ended, not started again. */
        watch->outcome = watch->button_pressed ? GUARD_OFF : GUARD_RESET;
        break;
    case CONTROL_CRASH:
        crashed(watch, &message->crash);
        break;
    default:
        break;
    }
}

/* One message, read once into a local of fixed size; a wrong size is as fatal as a wrong type. */
void watch_hear(struct watch *watch, struct process *process)
{
    struct control_message message;
    int n = fdpass_receive(process->control, &message, sizeof(message), NULL, NULL, MSG_DONTWAIT);

    if (n == -EAGAIN)
        return;
    if (n == 0 || n == -ECONNRESET) {
        fd_close(&process->control); /* its pidfd tells how it ended */
        return;
    }
    if (n != (int)sizeof(message) || !permitted(watch->guard, process, message.type)) {
        (void)launch_fail(watch->guard->error, LAUNCH_DENIED,
                          "%s (pid %d) sent its guard something that it may not say; the guest "
                          "was ended. Treat that process as broken into",
                          process->subject, process->pid);
        watch_fail(watch);
        return;
    }
    act(watch, process, &message);
}

static void how_it_died(const struct watch *watch, const struct process *process,
                        const siginfo_t *info, char *text, size_t size)
{
    if (info->si_code != CLD_EXITED && info->si_status == SIGKILL &&
        cgroup_ran_out_of_memory(watch->guard->jail.cgroup, process->name))
        (void)snprintf(text, size,
                       "was killed by the kernel: the guest's cgroup, or this host, ran out of "
                       "memory");
    else if (info->si_code == CLD_EXITED)
        (void)snprintf(text, size, "exited with status %d", info->si_status);
    else if (info->si_status == SIGSYS)
        (void)snprintf(text, size,
                       "was killed for a system call that its filter forbids; the "
                       "kernel's audit record (type SECCOMP) names it");
    else
        (void)snprintf(text, size, "was killed by signal %d (%s)", info->si_status,
                       strsignal(info->si_status));
}

/* Its last words come before its death is judged. */
void watch_reap(struct watch *watch, struct process *process)
{
    char how[160];
    siginfo_t info = {0};

    while (process->control >= 0 && !watch->ended && !watch->guard->quarantined) {
        struct pollfd ready = {.fd = process->control, .events = POLLIN};

        if (poll(&ready, 1, 0) <= 0)
            break;
        watch_hear(watch, process);
    }
    if (waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED) < 0)
        return;
    process->gone = true;
    fd_close(&process->pidfd);
    if (watch->ended)
        return;
    how_it_died(watch, process, &info, how, sizeof(how));
    guard_tell(watch->guard, &(struct launch_event){.type = LAUNCH_EVENT_DIED,
                                                    .kind = process->kind,
                                                    .index = process->index,
                                                    .pid = process->pid,
                                                    .text = how});
    /* Of what was frozen as evidence the rest stays, until somebody has it ended. */
    if (watch->guard->quarantined)
        return;
    /*
     * The relay may leave while the guest goes on. A worker that leaves by itself has seen the VMM
     * go, whose own last words or death are the reason and follow.
     */
    if (process->kind != PROCESS_VMM && info.si_code == CLD_EXITED && info.si_status == 0 &&
        watch->guard->running)
        return;
    (void)launch_fail(watch->guard->error, LAUNCH_SYSTEM,
                      "%s (pid %d) of guest '%s' %s; the guest was ended", process->subject,
                      process->pid, watch->guard->spec->name, how);
    watch_fail(watch);
}
