/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/acpi_power.h"

#include <errno.h>
#include <stdlib.h>

#include "hv/acpi/acpi.h"
#include "hv/layout.h"

#define SLEEP_ENABLE     0x20u /* SLP_EN */
#define SLEEP_TYPE_SHIFT 2
#define SLEEP_TYPE_MASK  0x1cu
#define SLEEP_PORTS      2 /* SLEEP_CONTROL_REG and SLEEP_STATUS_REG */

struct acpi_power {
    struct irq_router *irq;
    void (*off)(void *context);
    void *context;
    uint8_t events; /* pending, cleared by reading */
};

static uint64_t sleep_read(void *device, uint64_t offset, unsigned size)
{
    (void)device, (void)offset, (void)size;
    return 0; /* WAK_STS is never set: there is no sleep to wake from */
}

static void sleep_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    const struct acpi_power *power = device;

    (void)size;
    if (offset == 0 && (value & SLEEP_ENABLE) != 0 &&
        (value & SLEEP_TYPE_MASK) >> SLEEP_TYPE_SHIFT == ACPI_S5_TYPE)
        power->off(power->context);
}

static uint64_t event_read(void *device, uint64_t offset, unsigned size)
{
    struct acpi_power *power = device;
    uint8_t events = power->events;

    (void)offset, (void)size;
    power->events = 0;
    if (events != 0)
        (void)irq_set_level(power->irq, LAYOUT_GSI_GED, false);
    return events;
}

static const struct bus_ops sleep_ops = {.read = sleep_read, .write = sleep_write};
static const struct bus_ops event_ops = {.read = event_read};

int acpi_power_new(struct bus *bus, struct irq_router *irq, void (*off)(void *context),
                   void *context, struct acpi_power **power)
{
    struct acpi_power *p = calloc(1, sizeof(*p));
    int r;

    if (p == NULL)
        return -ENOMEM;
    p->irq = irq;
    p->off = off;
    p->context = context;
    r = bus_add(bus, BUS_PORTS, LAYOUT_PORT_ACPI_SLEEP, SLEEP_PORTS, &sleep_ops, p, NULL);
    if (r < 0) {
        free(p);
        return r;
    }
    r = bus_add(bus, BUS_PORTS, LAYOUT_PORT_GED, 1, &event_ops, p, NULL);
    if (r < 0)
        return r; /* the bus refers to it already */
    *power = p;
    return 0;
}

void acpi_power_free(struct acpi_power *power)
{
    free(power);
}

void acpi_power_button(struct acpi_power *power)
{
    power->events |= ACPI_EVENT_BUTTON;
    (void)irq_set_level(power->irq, LAYOUT_GSI_GED, true);
}
