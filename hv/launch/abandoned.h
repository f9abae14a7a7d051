/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_ABANDONED_H
#define CASEMATE_HV_LAUNCH_ABANDONED_H

/*
 * Guests whose guard was killed together with its janitor: nobody is left who would end their
 * processes, remove their cgroup and station, and give back what they held.
 */
#include "labeling/journal.h"

/* Told of each such guest: 0 when nothing of it runs any more, else -errno of ending it. */
struct abandoned_observer {
    void (*ended)(void *context, const struct label_guest *guest, int status);
    void *context;
};

/*
 * Do all that for each guest that is noted as running and whose place nobody holds, then
 * label_journal_recover. The place is held meanwhile, so no guard starts such a guest in between,
 * and what a process that does not die may still use is not given back. Guests are the store's:
 * another cgroup named alike, of another store, is never touched. `observer` and `reporter` may be
 * NULL. 0; -ECHILD as every call of the store; the first -errno of what stays to be done.
 */
int abandoned_recover(struct label_store *store, const struct abandoned_observer *observer,
                      const struct label_reporter *reporter);

#endif
