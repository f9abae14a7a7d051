/* SPDX-License-Identifier: Apache-2.0 */
/* What casemated asks of a guard (hv/guard_wire.h), decided by the state that the guest is in. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/text.h"
#include "hv/launch/host_ledger.h"
#include "hv/launch/permissive.h"
#include "hv/launch/tpm.h"

/* Frozen, no process of the guest holds anything less: memory, descriptors, labels, locks. */
static int freeze(struct guard *guard, bool frozen)
{
    return cgroup_freeze(guard->jail.cgroup, frozen);
}

/*
 * Its TPM answers nobody while it is frozen, so what freezes a guest is noted before, and what
 * thaws it is the first that its TPM does afterwards. A guest whose TPM does not take it ends.
 */
static int note(struct watch *watch, enum measure_happening what)
{
    if (guard_tpm_note(watch->guard, what) == 0)
        return 0;
    watch_fail(watch);
    return -EIO;
}

int watch_freeze(struct watch *watch)
{
    struct guard *guard = watch->guard;
    int r = freeze(guard, true);

    if (r < 0)
        return r;
    guard->paused = true;
    guard_tell(guard, &(struct launch_event){.type = LAUNCH_EVENT_PAUSED});
    return 0;
}

static int pause_guest(struct watch *watch)
{
    struct guard *guard = watch->guard;
    int r;

    if (guard->paused || guard->quarantined)
        return -EALREADY;
    if (!guard->running)
        return -EBUSY;
    r = note(watch, MEASURE_PAUSE);
    return r == 0 ? watch_freeze(watch) : r;
}

static int resume_guest(struct watch *watch)
{
    struct guard *guard = watch->guard;
    int r;

    if (guard->quarantined)
        return -EPERM;
    if (!guard->paused)
        return -EALREADY;
    if (guard_permissive_holds(guard))
        return -EACCES;
    r = freeze(guard, false);
    if (r < 0)
        return r;
    guard->paused = false;
    if (guard_permissive_catch_up(guard) < 0) {
        watch_fail(watch);
        return -EIO;
    }
    r = note(watch, MEASURE_RESUME);
    if (r < 0)
        return r;
    guard_tell(guard, &(struct launch_event){.type = LAUNCH_EVENT_RESUMED});
    return 0;
}

/*
 * Of one that is paused its own ledger says no more: nobody will ask its TPM again. The host's
 * does, of either, once nothing of the guest runs any more.
 */
static int quarantine_guest(struct watch *watch, uint32_t denials)
{
    struct guard *guard = watch->guard;
    char why[48] = "";
    int r = 0;

    if (guard->quarantined)
        return -EALREADY;
    if (!guard->running)
        return -EBUSY;
    if (!guard->paused) {
        r = note(watch, MEASURE_QUARANTINE);
        if (r == 0)
            r = freeze(guard, true);
    }
    if (r < 0)
        return r;
    guard->quarantined = true;
    guard->record.quarantined_after = denials;
    if (denials > 0)
        (void)text_format(why, sizeof(why), "after %u denials by SELinux", denials);
    guard_tell(guard, &(struct launch_event){.type = LAUNCH_EVENT_QUARANTINED, .text = why});
    if (host_ledger(guard, HOSTTPM_QUARANTINED) < 0)
        guard_tell(guard, &(struct launch_event){
                              .type = LAUNCH_EVENT_NOTE,
                              .text = "the host's ledger has not taken that it is quarantined"});
    return 0;
}

/* What was frozen as evidence is not asked to power off, and no timeout destroys it. */
static int stop_guest(struct watch *watch, unsigned seconds)
{
    if (watch->guard->quarantined)
        return -EPERM;
    watch_stop(watch, seconds);
    return 0;
}

/* A TPM that does not answer, or no answer, is no TPM: nobody could tell how the guest is. */
static int attest(struct watch *watch, const struct guard_request *request, int *fd)
{
    int r = guard_tpm_attest(watch->guard, request, fd);

    if (r == -EPIPE || r == -ETIMEDOUT || r == -EPROTO || r == -EIO) {
        (void)launch_fail(watch->guard->error, LAUNCH_SYSTEM,
                          "the TPM of guest '%s' does not sign: %s; the guest was ended",
                          watch->guard->spec->name, strerror(-r));
        watch_fail(watch);
    }
    return r;
}

void watch_answer(void *context, const struct guard_request *request, struct guard_message *message,
                  int *fd)
{
    struct watch *watch = context;
    struct guard *guard = watch->guard;

    switch ((enum guard_request_type)request->type) {
    case GUARD_SHOW:
    case GUARD_WATCH:
        /* A casemated that comes later learns from it what the guest holds. */
        if (request->type == GUARD_WATCH && guard->options->start >= 0)
            *fd = fcntl(guard->options->start, F_DUPFD_CLOEXEC, 3);
        guard_record(guard);
        message->type = GUARD_MESSAGE_RECORD;
        message->record = guard->record;
        break;
    case GUARD_STOP:
        message->status = stop_guest(watch, request->seconds);
        break;
    case GUARD_KILL:
        /* The host's ledger says so. Its own would be asked of a TPM that is gone with it. */
        guard->killed = true;
        watch_force_off(watch);
        break;
    case GUARD_PAUSE:
        message->status = pause_guest(watch);
        break;
    case GUARD_RESUME:
        message->status = resume_guest(watch);
        break;
    case GUARD_QUARANTINE:
        message->status = quarantine_guest(watch, request->denials);
        break;
    case GUARD_METRICS:
        message->type = GUARD_MESSAGE_METRICS;
        guard_metrics(guard, &message->metrics);
        break;
    case GUARD_CONSOLE:
        message->status = guard_client_take(guard, fd);
        break;
    case GUARD_ATTEST:
        message->status = attest(watch, request, fd);
        break;
    case GUARD_REQUESTS:
        message->status = -ENOSYS;
        break;
    }
}
