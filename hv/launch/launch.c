/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/launch/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "hv/launch/guard.h"
#include "hv/launch/host_ledger.h"
#include "hv/launch/retain.h"
#include "hv/launch/tpm.h"

/* At least that long from one start to the next; longer for a guest that goes on resetting. */
#define RESET_INTERVAL_MS     1000
#define RESET_INTERVAL_MAX_MS 32000
#define RESET_CALM_MS         30000 /* a boot that lasted so long begins the count again */

/* Fewer rights from here on; a guard that cannot give one up does not go on with it. */
static int narrow(struct guard *guard, enum retain_phase phase)
{
    int r = retain(phase);

    return r < 0 ? launch_fail(guard->error, LAUNCH_SYSTEM, "cannot drop capabilities: %s",
                               strerror(-r))
                 : 0;
}

static uint64_t now_ms(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/*
 * Starting a guest costs the host work outside the guest's own limits: a guest that does nothing
 * but reset gets one start in RESET_INTERVAL_MS, then in twice that, and so on. Whoever ends
 * the guest ends the wait. True if the guest is to start again.
 */
static bool may_start_again(struct guard *guard, uint64_t started, uint64_t *interval)
{
    uint64_t passed = now_ms() - started, least = *interval;

    if (passed >= RESET_CALM_MS)
        *interval = RESET_INTERVAL_MS;
    else if (least < RESET_INTERVAL_MAX_MS)
        *interval = 2 * least;
    return passed >= least || guard_rest(guard, least - passed);
}

/* One boot: fresh memory and processes, the gate, and the guest until it ends or resets. */
static enum guard_outcome boot_once(struct guard *guard)
{
    enum guard_outcome outcome = GUARD_FAILED;
    int r = guard_boot(guard);

    if (r == 0)
        r = guard_await_ready(guard);
    if (r == 0)
        r = guard_open_gate(guard);
    if (r == 0 && guard->spec->no_reboot)
        r = narrow(guard, RETAIN_RUN);
    if (r == 0)
        outcome = guard_supervise(guard);
    if (outcome == GUARD_RESET && guard_tpm_reset(guard) < 0)
        outcome = GUARD_FAILED;
    if (r == -EINTR)
        outcome = GUARD_OFF;
    guard_end_boot(guard);
    return outcome;
}

/* Who may connect, from the first event on: casemated, in our own domain where SELinux rules. */
static int guard_meet(struct guard *guard)
{
    int inherited =
        guard->options->station >= 0 ? fcntl(guard->options->station, F_DUPFD_CLOEXEC, 0) : -1;
    int r = station_new(inherited, guard->spec->mac == GUEST_MAC_SELINUX, &guard->station);

    if (r < 0)
        fd_close(&inherited);
    return r < 0
               ? launch_fail(guard->error, LAUNCH_SYSTEM, "cannot make a station: %s", strerror(-r))
               : 0;
}

enum launch_result launch_guest(const struct guest_spec *spec, const struct launch_options *options,
                                struct launch_error *error)
{
    cleanup_free struct guard *guard = calloc(1, sizeof(*guard));
    enum guard_outcome outcome = GUARD_FAILED;

    *error = (struct launch_error){.result = LAUNCH_OFF};
    if (guard == NULL) {
        (void)launch_fail(error, LAUNCH_SYSTEM, "out of memory");
        return error->result;
    }
    guard_init(guard);
    guard->spec = spec;
    guard->options = options;
    guard->error = error;
    /* Whose guest it is, for what is told before the label store says more. */
    (void)text_copy(guard->record.tenant, sizeof(guard->record.tenant),
                    options->tenant != NULL ? options->tenant : LABEL_TENANT_HOST);
    (void)text_copy(guard->record.name, sizeof(guard->record.name), spec->name);
    if (guard_meet(guard) == 0 && narrow(guard, RETAIN_PREPARE) == 0 && guard_prepare(guard) == 0 &&
        narrow(guard, RETAIN_BOOT) == 0) {
        /* A reset is a new start: nothing of the guest survives in a process of ours. */
        uint64_t interval = RESET_INTERVAL_MS;

        for (;;) {
            uint64_t started = now_ms();

            outcome = boot_once(guard);
            if (outcome != GUARD_RESET || spec->no_reboot ||
                !may_start_again(guard, started, &interval))
                break;
            guard_tell(guard, &(struct launch_event){.type = LAUNCH_EVENT_RESET});
            (void)host_ledger(guard, HOSTTPM_RESET);
        }
    }
    (void)host_ledger(guard, !guard->has_run ? HOSTTPM_REFUSED
                             : guard->killed ? HOSTTPM_KILLED
                                             : HOSTTPM_STOP);
    guard_release(guard);
    if (outcome == GUARD_FAILED && error->message[0] == '\0')
        (void)launch_fail(error, LAUNCH_SYSTEM, "the guest ended for a reason that was not told");
    guard_tell(guard, &(struct launch_event){.type = LAUNCH_EVENT_OFF});
    station_close(guard->station);
    return error->result;
}
