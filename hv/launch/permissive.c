/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/launch/permissive.h"

#include <errno.h>
#include <string.h>

#include "hv/launch/host_ledger.h"
#include "hv/launch/tpm.h"
#include "mac/enforcing.h"

int guard_permissive_prepare(struct guard *guard)
{
    struct enforcing_status now;
    int r;

    if (guard->jail.landlock_only)
        return 0;
    r = enforcing_open(&guard->enforcing);
    /* How it is now: the gate sees whether that is good enough, at each boot. */
    if (r == 0)
        r = enforcing_look(guard->enforcing, &now);
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_DENIED,
                           "cannot watch whether SELinux goes on enforcing: %s; a guest that "
                           "nobody would take care of then is not started",
                           strerror(-r));
    guard->policy_loads = now.loads;
    return 0;
}

void guard_permissive_release(struct guard *guard)
{
    enforcing_close(guard->enforcing);
    guard->enforcing = NULL;
}

bool guard_permissive_holds(const struct guard *guard)
{
    return guard->permissive && guard->options->on_permissive != LAUNCH_PERMISSIVE_ALARM;
}

/*
 * Into the guest's ledger, or, where its TPM stands still, as soon as it does not: nobody can have
 * it sign anything before.
 */
static int note(struct guard *guard, enum measure_happening what)
{
    if (!guard->paused && !guard->quarantined)
        return guard_tpm_note(guard, what);
    if (what == MEASURE_PERMISSIVE)
        guard->permissive_unsaid = true;
    else
        guard->reload_unsaid = true;
    return 0;
}

int guard_permissive_catch_up(struct guard *guard)
{
    int r = 0;

    if (guard->permissive_unsaid)
        r = guard_tpm_note(guard, MEASURE_PERMISSIVE);
    if (r == 0 && guard->pause_unsaid)
        r = guard_tpm_note(guard, MEASURE_PAUSE);
    if (r == 0 && guard->reload_unsaid)
        r = guard_tpm_note(guard, MEASURE_RELOAD);
    if (r == 0)
        guard->permissive_unsaid = guard->pause_unsaid = guard->reload_unsaid = false;
    return r;
}

static const char *what_happens(const struct guard *guard)
{
    if (guard->quarantined)
        return "SELinux does not hold this guest any more; it is frozen already";
    switch (guard->options->on_permissive) {
    case LAUNCH_PERMISSIVE_PAUSE:
        return "SELinux does not hold this guest any more: it is paused until it does and somebody "
               "has it resumed";
    case LAUNCH_PERMISSIVE_KILL:
        return "SELinux does not hold this guest any more: it is ended";
    case LAUNCH_PERMISSIVE_ALARM:
        break;
    }
    return "SELinux does not hold this guest any more: it goes on, as the policy says";
}

/* It stands still at once, and is recorded then: a guest could keep its TPM busy for seconds. */
static void hold(struct watch *watch)
{
    struct guard *guard = watch->guard;

    if (guard->running && !guard->paused && !guard->quarantined) {
        if (watch_freeze(watch) < 0) {
            (void)launch_fail(guard->error, LAUNCH_SYSTEM,
                              "SELinux stopped enforcing, and guest '%s' could not be paused: it "
                              "was ended",
                              guard->spec->name);
            watch_fail(watch);
            return;
        }
        guard->pause_unsaid = true;
    }
    (void)note(guard, MEASURE_PERMISSIVE);
}

static void stopped_enforcing(struct watch *watch)
{
    struct guard *guard = watch->guard;

    guard->permissive = true;
    guard_tell(guard, &(struct launch_event){.type = LAUNCH_EVENT_PERMISSIVE,
                                             .text = what_happens(guard)});
    if (!guard->running && !watch->resting) {
        /* The gate would refuse it, and nothing of the guest's has run. */
        (void)launch_fail(guard->error, LAUNCH_DENIED,
                          "SELinux stopped enforcing before the guest was started");
        watch_fail(watch);
    } else if (guard->options->on_permissive == LAUNCH_PERMISSIVE_PAUSE) {
        hold(watch);
    } else if (guard->options->on_permissive == LAUNCH_PERMISSIVE_KILL && !guard->quarantined) {
        (void)launch_fail(guard->error, LAUNCH_DENIED,
                          "SELinux stopped enforcing, and the host policy says 'on-permissive "
                          "kill': the guest was ended");
        watch_fail(watch);
    } else if (note(guard, MEASURE_PERMISSIVE) < 0) {
        watch_fail(watch);
    }
    (void)host_ledger(guard, HOSTTPM_PERMISSIVE);
}

void watch_permissive(struct watch *watch)
{
    struct guard *guard = watch->guard;
    struct enforcing_status now = {.enforcing = false};
    bool enforced, loaded;

    /* What nobody knows is not enforced. */
    enforced = enforcing_look(guard->enforcing, &now) == 0 && now.enforcing;
    loaded = enforced && now.loads != guard->policy_loads;
    /* Another policy: are this guest's domains in it, and enforced? */
    enforced = enforced && selinux_label_state(&guard->label) == SELINUX_READY;
    if (loaded) {
        guard->policy_loads = now.loads;
        if (guard->running && note(guard, MEASURE_RELOAD) < 0) {
            watch_fail(watch);
            return;
        }
    }
    if ((!enforced || now.lapsed) && !guard->permissive)
        stopped_enforcing(watch);
    if (enforced && guard->permissive && !watch->ended) {
        guard->permissive = false;
        guard_tell(guard, &(struct launch_event){.type = LAUNCH_EVENT_NOTE,
                                                 .text = "SELinux holds this guest again"});
    }
}
