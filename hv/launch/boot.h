/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_BOOT_H
#define CASEMATE_HV_LAUNCH_BOOT_H

/* Internal to hv/launch: how a process of a boot is planned. */
#include "hv/launch/guard.h"

/*
 * Identity, context and subject of one process; no descriptor yet. `what` is whose it is, for
 * people ("disk /srv/a.img"); "" for a kind that there is one of. 0 or -ECANCELED.
 */
int boot_name(struct guard *guard, struct process *process, enum process_kind kind, unsigned index,
              const char *what);

/* Control socket, configuration and filters. 0 or -ECANCELED. */
int boot_hand(struct guard *guard, struct process *process, const void *config, size_t size);

#endif
