/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_JAIL_H
#define CASEMATE_HV_LAUNCH_JAIL_H

/* The child's side of process_start: from a copy of the launcher to the confined program. */
#include <stdint.h>

#include "hv/launch/process.h"

/* Written by the child when a step fails: which, and why. */
struct jail_report {
    uint32_t step;
    int32_t error; /* errno */
};

/* What the child was doing, for people. Never NULL. */
const char *jail_step_name(uint32_t step);

/*
 * Wait for a byte on `go` (the parent has set the cgroup), confine this process as `process` and
 * `jail` say and execute its program. Never returns: a failed step is reported on `report` and the
 * process exits.
 */
_Noreturn void jail_enter(const struct process *process, const struct jail *jail, int go,
                          int report);

/* How many descriptors such a process may have: its RLIMIT_NOFILE. */
unsigned jail_files(enum process_kind kind);

#endif
