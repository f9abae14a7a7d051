/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_DAEMON_DENIALS_H
#define CASEMATE_HV_DAEMON_DENIALS_H

/*
 * Quarantine after so many denials, where a tenant's policy says so: casemate-denials hears of
 * them, casemated knows whose processes they were of, counts, and quarantines as a client's request
 * does.
 *
 * While it does not hear, no guest with that statement is started: a protection that the policy
 * names is there or the guest is not. Guests that run go on: whoever could make the reader fail
 * would else end every tenant's guests with it. They are told that nobody counts, and the reader is
 * started again, each time later than before.
 */
#include "hv/daemon/state.h"

/* The policy in force has changed: hear what it wants heard. */
void denials_take_policy(struct host *host);

/* Whether a guest of the tenant may start: 0; -ENODATA: its denials would not be heard. */
int denials_may_start(const struct host *host, const char *tenant);

/* Its guard has told which processes it has: what was heard of them before counts now. */
void denials_known(struct host *host, struct guest *guest);

/*
 * `more` denials of the guest's processes at `now` (ms): it is quarantined when there are as many
 * as `limit`, within `within` seconds (0: since its start). denial_count.h says how they count.
 */
void denials_count(struct host *host, struct guest *guest, uint32_t more, uint64_t now,
                   uint32_t limit, uint32_t within);

/* There is room in its guard's line again: ask what could not be asked. */
void denials_ask(struct host *host, struct guest *guest);

/* Its guard's answer to what was asked because of its denials: 0 or -errno. */
void denials_answered(struct host *host, struct guest *guest, int status);

/* It has ended: the next life counts anew. */
void denials_ended(struct guest *guest);

/* A child has ended; true if it was that one. */
bool denials_child(struct host *host, pid_t pid, int status);

/* With casemated. */
void denials_release(struct host *host);

#endif
