/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "base/text.h"
#include "hv/launch/guard.h"

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

/* Signals, timer, janitor; then two of each process. */
#define FIXED_POLLS 3

struct watch {
    struct guard *guard;
    enum guard_outcome outcome;
    bool ended;
    unsigned notes;
    int timer; /* owned */
    bool button_pressed;
};

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

static void fail(struct watch *watch)
{
    watch->ended = true;
    watch->outcome = GUARD_FAILED;
}

static void reap(struct watch *watch, struct process *process);

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

    guard_tell(watch->guard, &(struct launch_event){.type = LAUNCH_EVENT_CRASH, .crash = crash});
    (void)launch_fail(watch->guard->error, LAUNCH_CRASHED,
                      "the guest crashed: %s (vCPU %u, rip %#llx, detail %llu)", reason,
                      crash->vcpu, (unsigned long long)crash->rip,
                      (unsigned long long)crash->detail);
    fail(watch);
}

/*
 * The VMM reports that a back-end hung up. Why it did is its guard's to find out: a process that is
 * being killed closes its sockets a moment before its death can be seen.
 */
static void find_the_dead(struct watch *watch, uint64_t device)
{
    struct guard *guard = watch->guard;

    for (unsigned i = 0; i < guard->count; i++) {
        struct process *process = &guard->processes[i];
        struct pollfd death = {.fd = process->pidfd, .events = POLLIN};

        if (process->kind == PROCESS_VMM || process->kind == PROCESS_CONSOLE ||
            process->index != device || process->pidfd < 0)
            continue;
        if (poll(&death, 1, DEATH_MS) > 0)
            reap(watch, process);
    }
}

static void failed(struct watch *watch, const struct process *process,
                   const struct control_message *message)
{
    char text[sizeof(watch->guard->error->message)];
    enum launch_result result = failure_text(message, process->subject, text, sizeof(text));

    if (process->kind == PROCESS_VMM && message->failure == FAILURE_VHOST_PEER)
        find_the_dead(watch, message->detail[0]);
    if (process->kind != PROCESS_VMM && message->failure == FAILURE_VHOST_PROTOCOL) {
        (void)launch_fail(watch->guard->error, LAUNCH_SYSTEM,
                          "%s: the VMM broke the vhost-user protocol at request %llu (error %llu)",
                          process->subject, (unsigned long long)message->detail[1],
                          (unsigned long long)message->detail[2]);
    }
    (void)launch_fail(watch->guard->error, result, "%s", text);
    fail(watch);
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

static void press_button(struct watch *watch);

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
            press_button(watch);
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
static void hear(struct watch *watch, struct process *process)
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
        fail(watch);
        return;
    }
    act(watch, process, &message);
}

static void how_it_died(const siginfo_t *info, char *text, size_t size)
{
    if (info->si_code == CLD_EXITED)
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
static void reap(struct watch *watch, struct process *process)
{
    char how[160];
    siginfo_t info = {0};

    while (process->control >= 0 && !watch->ended) {
        struct pollfd ready = {.fd = process->control, .events = POLLIN};

        if (poll(&ready, 1, 0) <= 0)
            break;
        hear(watch, process);
    }
    if (waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED) < 0)
        return;
    process->gone = true;
    fd_close(&process->pidfd);
    if (watch->ended)
        return;
    how_it_died(&info, how, sizeof(how));
    guard_tell(watch->guard, &(struct launch_event){.type = LAUNCH_EVENT_DIED,
                                                    .kind = process->kind,
                                                    .index = process->index,
                                                    .pid = process->pid,
                                                    .text = how});
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
    fail(watch);
}

static void arm(struct watch *watch, time_t seconds, bool repeat)
{
    struct itimerspec when = {.it_value.tv_sec = seconds,
                              .it_interval.tv_sec = repeat ? seconds : 0};

    (void)timerfd_settime(watch->timer, 0, &when, NULL);
}

static void force_off(struct watch *watch)
{
    if (watch->guard->running)
        guard_tell(watch->guard, &(struct launch_event){.type = LAUNCH_EVENT_FORCED});
    watch->ended = true;
    watch->outcome = GUARD_OFF;
}

/* The first request asks the guest; a second one, or the timeout, does not. */
static void press_button(struct watch *watch)
{
    static const struct control_message button = {.type = CONTROL_POWER_BUTTON};
    struct guard *guard = watch->guard;

    if (watch->button_pressed || !guard->running) {
        force_off(watch);
        return;
    }
    watch->button_pressed = true;
    for (unsigned i = 0; i < guard->count; i++) {
        if (guard->processes[i].kind == PROCESS_VMM && guard->processes[i].control >= 0)
            (void)fdpass_send(guard->processes[i].control, &button, sizeof(button), NULL, 0);
    }
    guard_tell(guard, &(struct launch_event){.type = LAUNCH_EVENT_BUTTON});
    if (guard->options->off_timeout == 0) {
        force_off(watch);
        return;
    }
    arm(watch, (time_t)guard->options->off_timeout, false);
}

static void tick(struct watch *watch)
{
    uint64_t expirations;

    if (read(watch->timer, &expirations, sizeof(expirations)) != (ssize_t)sizeof(expirations))
        return;
    if (watch->button_pressed) {
        force_off(watch);
    } else {
        guard_tell(watch->guard, &(struct launch_event){.type = LAUNCH_EVENT_WAITING});
    }
}

static void take_signal(struct watch *watch)
{
    struct signalfd_siginfo info;

    if (read(watch->guard->options->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        press_button(watch);
}

/*
 * Without a janitor the guard's own death would leave labels, cgroup and terminal as they are, so
 * the guest goes no further than its janitor does.
 */
static void lost_janitor(struct watch *watch)
{
    (void)launch_fail(
        watch->guard->error, LAUNCH_SYSTEM,
        "the janitor (pid %d) of guest '%s' died; the guest was ended, as nobody would "
        "clean up after its launcher",
        watch->guard->janitor.pid, watch->guard->spec->name);
    fail(watch);
}

/* One round: wait, then serve what is ready. 0 or -errno of poll. */
static int serve(struct watch *watch)
{
    struct guard *guard = watch->guard;
    struct pollfd polls[FIXED_POLLS + 2 * PROCESSES_MAX];
    nfds_t n = FIXED_POLLS;

    polls[0] = (struct pollfd){.fd = guard->options->signal_fd, .events = POLLIN};
    polls[1] = (struct pollfd){.fd = watch->timer, .events = POLLIN};
    polls[2] = (struct pollfd){.fd = guard->janitor.socket}; /* POLLHUP: it has died */
    for (unsigned i = 0; i < guard->count; i++) {
        polls[n++] = (struct pollfd){.fd = guard->processes[i].control, .events = POLLIN};
        polls[n++] = (struct pollfd){.fd = guard->processes[i].pidfd, .events = POLLIN};
    }
    if (poll(polls, n, -1) < 0)
        return errno == EINTR ? 0 : -errno;
    for (unsigned i = 0; i < guard->count && !watch->ended; i++) {
        if (polls[FIXED_POLLS + 2 * i].revents != 0)
            hear(watch, &guard->processes[i]);
        if (!watch->ended && polls[FIXED_POLLS + 1 + 2 * i].revents != 0)
            reap(watch, &guard->processes[i]);
    }
    if (!watch->ended && polls[0].revents != 0)
        take_signal(watch);
    if (!watch->ended && polls[1].revents != 0)
        tick(watch);
    if (!watch->ended && polls[2].revents != 0)
        lost_janitor(watch);
    return 0;
}

static int watch_begin(struct watch *watch, struct guard *guard)
{
    *watch = (struct watch){.guard = guard, .outcome = GUARD_FAILED};
    watch->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (watch->timer < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot make a timer: %s", strerror(errno));
    return 0;
}

static bool all_ready(const struct guard *guard)
{
    for (unsigned i = 0; i < guard->count; i++) {
        if (!guard->processes[i].ready)
            return false;
    }
    return true;
}

int guard_await_ready(struct guard *guard)
{
    struct watch watch;
    int r = watch_begin(&watch, guard);

    if (r < 0)
        return r;
    guard_step(guard, "loading the kernel");
    arm(&watch, 2, true);
    while (!watch.ended && !all_ready(guard) && r == 0)
        r = serve(&watch);
    fd_close(&watch.timer);
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot wait for the guest's processes: %s",
                           strerror(-r));
    if (watch.ended && watch.outcome == GUARD_OFF)
        return guard->has_run ? -EINTR
                              : launch_fail(guard->error, LAUNCH_SYSTEM,
                                            "ended by a signal before the guest was started");
    return watch.ended ? -ECANCELED : 0;
}

enum guard_outcome guard_supervise(struct guard *guard)
{
    struct watch watch;
    int r = watch_begin(&watch, guard);

    if (r < 0)
        return GUARD_FAILED;
    while (!watch.ended && r == 0)
        r = serve(&watch);
    fd_close(&watch.timer);
    if (r < 0)
        (void)launch_fail(guard->error, LAUNCH_SYSTEM, "cannot watch the guest's processes: %s",
                          strerror(-r));
    return watch.outcome;
}
