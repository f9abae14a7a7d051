/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_GATE_H
#define CASEMATE_HV_LAUNCH_GATE_H

/*
 * The start gate: before the first vCPU runs, look at every thread of every process of the guest
 * from outside and compare with what was asked for. Nothing here relies on what a process says of
 * itself; what the kernel returns is the evidence.
 */
#include "hv/launch/confinement.h"
#include "hv/launch/error.h"
#include "hv/launch/process.h"
#include "mac/seccomp.h"

/* What all processes of the guest are compared with. */
struct gate {
    const struct process *processes;
    unsigned count;
    const struct jail *jail;
    /* expected filters, in the order of installation */
    const struct seccomp_program *filters[PROCESS_KINDS][SECCOMP_STAGES_MAX];
    struct namespaces_ids own; /* the launcher's: none of these may be shared, but for the user's */
    struct namespaces_ids sibling[PROCESSES_MAX]; /* of those that have been examined */
    unsigned siblings;
    unsigned vcpus;
    unsigned eventfds; /* at most, in the VMM */
    int landlock;
};

/*
 * Examine one process (it must be CONTROL_READY) and fill *seen. 0; -ECANCELED with *error
 * (LAUNCH_DENIED) naming the first difference. The process's threads are stopped for the time of
 * the look and go on afterwards.
 */
int gate_examine(const struct gate *gate, const struct process *process, struct confinement *seen,
                 struct launch_error *error);

/* The parts in gate_world.c: namespaces of its own, shared with nobody; limits as asked for. */
int gate_namespaces(const struct gate *gate, const struct process *process,
                    struct confinement *seen, struct launch_error *error);
int gate_limits(const struct process *process, struct launch_error *error);

/* The descriptors' part, in gate_fds.c: every open descriptor is one that was handed over. */
int gate_descriptors(const struct gate *gate, const struct process *process,
                     struct confinement *seen, struct launch_error *error);

#endif
