/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_MACHINE_H
#define CASEMATE_HV_VMM_MACHINE_H

/*
 * The whole machine of one guest, in the steps of hv/handoff.h: machine_prepare (before any
 * filter), machine_load (under filter 0, with tenant data), machine_serve (under the last filter).
 * There is one machine per process and nothing of it outlives the guest: a reset ends the process.
 */
#include "hv/failure.h"
#include "hv/handoff.h"

struct machine;

/*
 * Make the VM, its memory, devices, vCPUs and their threads, which wait. Takes everything at the
 * numbers of hv/handoff.h. 0, or -errno with *report filled.
 */
int machine_prepare(const struct vmm_config *config, struct machine **machine,
                    struct failure_report *report);

/* Load the kernel, set the boot CPU, agree with the back-ends. 0, or -errno with *report filled. */
int machine_load(struct machine *machine, struct failure_report *report);

/*
 * Serve the launcher, the console and the back-ends until the guest's end; the vCPUs start when the
 * launcher says so. Ends the process.
 */
_Noreturn void machine_serve(struct machine *machine);

#endif
