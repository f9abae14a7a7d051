/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_PERMISSIVE_H
#define CASEMATE_HV_LAUNCH_PERMISSIVE_H

/*
 * Internal to hv/launch: a guest whose host stops enforcing SELinux. Each guard watches for its own
 * guest, since casemated may be down.
 */
#include "hv/launch/watch.h"

/* Begin to watch; nothing in landlock mode. 0 or -ECANCELED. */
int guard_permissive_prepare(struct guard *guard);
void guard_permissive_release(struct guard *guard);

/* Something may have changed: see, record it, and do what the policy says. */
void watch_permissive(struct watch *watch);

/* Whether a guest that is paused has to stay so: SELinux does not hold it. */
bool guard_permissive_holds(const struct guard *guard);

/* What its TPM could not be told while it was frozen, before anything else. As guard_tpm_note. */
int guard_permissive_catch_up(struct guard *guard);

#endif
