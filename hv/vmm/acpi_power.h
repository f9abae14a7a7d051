/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_ACPI_POWER_H
#define CASEMATE_HV_VMM_ACPI_POWER_H

/*
 * Power of a hardware-reduced ACPI machine (ACPI 6.5): the sleep control register, with S5 only
 * (4.8.3.7), and the generic event device with the power button (5.6.9). hv/acpi/dsdt.c
 * describes both to the guest, with the numbers of hv/acpi/acpi.h.
 */
#include "hv/vmm/bus.h"
#include "hv/vmm/irq.h"

struct acpi_power;

/* `off` is called from an access, with the bus lock held. 0, -ENOMEM, -EEXIST. */
int acpi_power_new(struct bus *bus, struct irq_router *irq, void (*off)(void *context),
                   void *context, struct acpi_power **power);

/* The bus must not be used any more. NULL is allowed. */
void acpi_power_free(struct acpi_power *power);

/* Press the power button. The caller holds the bus lock. */
void acpi_power_button(struct acpi_power *power);

#endif
