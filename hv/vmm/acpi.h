/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_ACPI_H
#define CASEMATE_HV_VMM_ACPI_H

/*
 * The ACPI tables of a hardware-reduced machine (ACPI 6.5): RSDP, XSDT, FADT, MADT, MCFG, DSDT.
 * Pure; made from the configuration alone, before filter 0.
 */
#include <stdint.h>

#include "base/buf.h"

/*
 * Append the tables for `vcpus` (1..HANDOFF_VCPUS_MAX) to the empty `out`, to be put at the
 * guest-physical address `base` (16-aligned, below 4 GiB). The RSDP is at `base`. 0, -ENOMEM,
 * -EFBIG when the buf's limit is too small.
 */
int acpi_build(unsigned vcpus, uint64_t base, struct buf *out);

/* The body of the DSDT, appended to `aml`. */
void acpi_dsdt(struct buf *aml);

#endif
