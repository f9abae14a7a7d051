/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "hv/launch/permissive.h"
#include "hv/launch/tpm.h"
#include "mac/enforcing.h"

/* Signals, timer, janitor, SELinux, the station; then two of each process. */
#define FIXED_POLLS (4 + STATION_POLLS)

static void arm(struct watch *watch, uint64_t milliseconds, bool repeat)
{
    struct itimerspec when = {.it_value.tv_sec = (time_t)(milliseconds / 1000),
                              .it_value.tv_nsec = (long)(milliseconds % 1000) * 1000000};

    if (repeat)
        when.it_interval = when.it_value;
    (void)timerfd_settime(watch->timer, 0, &when, NULL);
}

void watch_fail(struct watch *watch)
{
    watch->ended = true;
    watch->outcome = GUARD_FAILED;
}

void watch_force_off(struct watch *watch)
{
    if (watch->guard->running)
        guard_tell(watch->guard, &(struct launch_event){.type = LAUNCH_EVENT_FORCED});
    watch->ended = true;
    watch->outcome = GUARD_OFF;
}

static void send_button(struct watch *watch)
{
    static const struct control_message button = {.type = CONTROL_POWER_BUTTON};
    struct guard *guard = watch->guard;

    watch->button_pressed = true;
    for (unsigned i = 0; i < guard->count; i++) {
        if (guard->processes[i].kind == PROCESS_VMM && guard->processes[i].control >= 0)
            (void)fdpass_send_now(guard->processes[i].control, &button, sizeof(button), NULL, 0);
    }
    guard_tell(guard, &(struct launch_event){.type = LAUNCH_EVENT_BUTTON});
}

void watch_stop(struct watch *watch, unsigned seconds)
{
    if (watch->guard->running && !watch->button_pressed) {
        if (!watch->guard->paused && guard_tpm_note(watch->guard, MEASURE_BUTTON) < 0) {
            watch_fail(watch);
            return;
        }
        send_button(watch);
    }
    if (!watch->guard->running || seconds == 0)
        watch_force_off(watch);
    else
        arm(watch, seconds * 1000ULL, false);
}

void watch_press_button(struct watch *watch)
{
    if (watch->button_pressed)
        watch_force_off(watch);
    else
        watch_stop(watch, watch->guard->options->off_timeout);
}

static void tick(struct watch *watch)
{
    uint64_t expirations;

    if (read(watch->timer, &expirations, sizeof(expirations)) != (ssize_t)sizeof(expirations))
        return;
    if (watch->resting) {
        watch->ended = true;
        watch->outcome = GUARD_RESET;
    } else if (watch->button_pressed) {
        if (!watch->guard->quarantined) /* since then: evidence, which no timeout destroys */
            watch_force_off(watch);
    } else {
        guard_tell(watch->guard, &(struct launch_event){.type = LAUNCH_EVENT_WAITING});
    }
}

static void take_signal(struct watch *watch)
{
    struct signalfd_siginfo info;

    if (read(watch->guard->options->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info) &&
        !watch->guard->quarantined)
        watch_press_button(watch);
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
    watch_fail(watch);
}

/* One round: wait, then serve what is ready. 0 or -errno of poll. */
static int serve(struct watch *watch)
{
    struct guard *guard = watch->guard;
    struct pollfd polls[FIXED_POLLS + 2 * PROCESSES_MAX];
    nfds_t n = FIXED_POLLS;
    /* What it said in the moment before it stood still must not end or reset it now. */
    bool frozen = guard->paused || guard->quarantined;

    polls[0] = (struct pollfd){.fd = guard->options->signal_fd, .events = POLLIN};
    polls[1] = (struct pollfd){.fd = watch->timer, .events = POLLIN};
    polls[2] = (struct pollfd){.fd = guard->janitor.socket}; /* POLLHUP: it has died */
    polls[3] = (struct pollfd){.fd = enforcing_fd(guard->enforcing), .events = POLLIN};
    station_prepare(guard->station, &polls[4]);
    for (unsigned i = 0; i < guard->count; i++) {
        polls[n++] =
            (struct pollfd){.fd = frozen ? -1 : guard->processes[i].control, .events = POLLIN};
        polls[n++] = (struct pollfd){.fd = guard->processes[i].pidfd, .events = POLLIN};
    }
    if (poll(polls, n, -1) < 0)
        return errno == EINTR ? 0 : -errno;
    for (unsigned i = 0; i < guard->count && !watch->ended; i++) {
        if (polls[FIXED_POLLS + 2 * i].revents != 0)
            watch_hear(watch, &guard->processes[i]);
        if (!watch->ended && polls[FIXED_POLLS + 1 + 2 * i].revents != 0)
            watch_reap(watch, &guard->processes[i]);
    }
    if (!watch->ended && polls[0].revents != 0)
        take_signal(watch);
    if (!watch->ended && polls[1].revents != 0)
        tick(watch);
    if (!watch->ended && polls[2].revents != 0)
        lost_janitor(watch);
    /* Before any request is served: who asks for a resume hears how it is now. */
    if (!watch->ended && polls[3].revents != 0)
        watch_permissive(watch);
    if (!watch->ended)
        station_serve(guard->station, &polls[4], watch_answer, watch);
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
    arm(&watch, 2000, true);
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

bool guard_rest(struct guard *guard, uint64_t milliseconds)
{
    struct watch watch;
    int r = watch_begin(&watch, guard);

    if (r < 0)
        return false;
    watch.resting = true;
    arm(&watch, milliseconds > 0 ? milliseconds : 1, false);
    while (!watch.ended && r == 0)
        r = serve(&watch);
    fd_close(&watch.timer);
    return r == 0 && watch.outcome == GUARD_RESET;
}
