/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to a guest after its start: each event into PCR 22, which no guest can extend or
 * reset, and into a log of the guard's. Before whoever asked for it is answered: nobody hears that
 * a guest was resumed whose evidence does not say so.
 */
#include <errno.h>
#include <string.h>

#include "hv/launch/tpm.h"

int guard_tpm_note(struct guard *guard, enum measure_happening what)
{
    struct guest_tpm *tpm = guard->tpm;
    struct measure_event event = {.what = what};
    struct measure_extend happened;
    int r;

    if (tpm == NULL || !guard->running)
        return 0;
    event.sequence = tpm->events + 1;
    event.time = guard_now();
    if (event.time < tpm->last) /* the host's clock was set back; the ledger's never is */
        event.time = tpm->last;
    r = measure_event(&event, &tpm->ledger, &happened);
    /* After a reset the TPM is another start's: the log alone goes on, into the next boot's. */
    if (r == 0 && what != MEASURE_RESET)
        r = tpm_extend(tpm, &happened);
    if (r < 0)
        return launch_fail(
            guard->error, LAUNCH_SYSTEM,
            "the TPM of guest '%s' does not take '%s' into its ledger: %s; the guest "
            "was ended, as nobody could tell what happened to it",
            guard->spec->name, measure_happening_word(what), strerror(-r));
    tpm->events = event.sequence;
    tpm->last = event.time;
    return 0;
}

int guard_tpm_reset(struct guard *guard)
{
    struct guest_tpm *tpm = guard->tpm;
    int r;

    if (tpm == NULL)
        return 0;
    r = guard_tpm_note(guard, MEASURE_RESET);
    if (r < 0)
        return r;
    r = measure_previous(tpm->measured.log.data, tpm->measured.log.size, tpm->ledger.data,
                         tpm->ledger.size, &tpm->guest.start.previous);
    if (r < 0)
        return launch_fail(guard->error, LAUNCH_SYSTEM, "cannot measure the boot that ends: %s",
                           strerror(-r));
    tpm->resets++;
    return 0;
}
