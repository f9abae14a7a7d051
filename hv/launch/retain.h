/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_RETAIN_H
#define CASEMATE_HV_LAUNCH_RETAIN_H

/*
 * Which capabilities the guard keeps, phase by phase: each phase is a subset of the one before, and
 * none comes back. The reasons stand in retain.c, one a line.
 */
enum retain_phase {
    RETAIN_PREPARE, /* opening what the operator named */
    RETAIN_BOOT,    /* starting processes and looking at them */
    RETAIN_RUN,     /* a guest that will not be started again */
    RETAIN_JANITOR, /* killing and restoring */
    RETAIN_PHASES,
};

/*
 * Keep those of the phase in the permitted and effective sets and drop every other one for good.
 * 0 or -errno.
 */
int retain(enum retain_phase phase);

#endif
