/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_ACPI_ACPI_H
#define CASEMATE_HV_ACPI_ACPI_H

/*
 * The ACPI tables of a hardware-reduced machine (ACPI 6.5): RSDP, XSDT, FADT, MADT, MCFG, DSDT and,
 * with a TPM, TPM2 (TCG ACPI Specification 1.3, 7). Pure: the same machine has the same bytes, so
 * whoever measures or predicts a guest can make the very tables that its VMM makes.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "hv/layout.h"

#define ACPI_S5_TYPE      5u   /* SLP_TYP that \_S5 names */
#define ACPI_EVENT_BUTTON 0x1u /* bit of the event selector */

/* The most bytes that the tables may have: what is behind them is the BIOS' reset vector. */
#define ACPI_SIZE_MAX (LAYOUT_BIOS_RESET - LAYOUT_ACPI)

/*
 * The event log's place in the guest (LAYOUT_TPM_LOG) has a fixed size, which the TPM2 table names
 * whatever the log in it is: the tables are themselves measured into that log. The rest is zeroes,
 * of which there must be some: Linux takes the first event that is none for the log's end, and
 * drops one that reaches up to the end of the place.
 */
#define ACPI_TPM_LOG_MAX (LAYOUT_TPM_LOG_END - LAYOUT_TPM_LOG - 64) /* bytes of a log */

/* What of a machine the tables tell. */
struct acpi_machine {
    unsigned vcpus; /* 1..HANDOFF_VCPUS_MAX */
    bool tpm;
};

/*
 * Append the tables of `machine` to the empty `out`, to be put at the guest-physical address `base`
 * (16-aligned, below 4 GiB). The RSDP is at `base`. 0, -ENOMEM, -EFBIG when the buf's limit is too
 * small.
 */
int acpi_build(const struct acpi_machine *machine, uint64_t base, struct buf *out);

/* The body of the DSDT, appended to `aml`. */
void acpi_dsdt(const struct acpi_machine *machine, struct buf *aml);

#endif
