/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_MEASURE_PART_H
#define CASEMATE_HV_LAUNCH_MEASURE_PART_H

/* Parts of a guest's measurement: by its guard at the start, and by whoever predicts it. */
#include "attest/log/measure.h"
#include "mac/seccomp.h"
#include "policy/guest.h"

/*
 * A kind's program, whose file has the digests `file`, and its filters, one for each stage. 0, or
 * -errno with *program untouched.
 */
int measure_part_program(enum process_kind kind, const struct digests *file,
                         const struct seccomp_program *const filters[SECCOMP_STAGES_MAX],
                         struct measure_program *program);

/* The digests of the ACPI tables that the VMM makes for a guest with a TPM. 0 or -errno. */
int measure_part_tables(const struct guest_spec *spec, struct digests *digests);

#endif
