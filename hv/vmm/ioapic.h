/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_IOAPIC_H
#define CASEMATE_HV_VMM_IOAPIC_H

/*
 * The 82093AA I/O APIC, for the split irqchip: 24 pins whose redirection entries become MSI
 * messages (Intel SDM 3, 11.11). It makes no system call itself; who owns it delivers. Not
 * thread-safe: the bus lock serialises.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hv/vmm/bus.h"

#define IOAPIC_PINS 24
#define IOAPIC_SIZE 0x100 /* bytes of its register window */

struct ioapic;

struct ioapic_sink {
    /* Interrupt a CPU now. */
    void (*inject)(void *context, uint64_t address, uint32_t data);
    /*
     * The entry of a pin changed: KVM must know the vectors of level-triggered pins to report
     * their end of interrupt. `masked` pins deliver nothing.
     */
    void (*route)(void *context, unsigned pin, bool masked, uint64_t address, uint32_t data);
};

/* All pins masked and low. 0 or -ENOMEM. */
int ioapic_new(const struct ioapic_sink *sink, void *context, struct ioapic **ioapic);
void ioapic_free(struct ioapic *ioapic);

/* Set the level of a pin (< IOAPIC_PINS, else nothing happens). */
void ioapic_set_level(struct ioapic *ioapic, unsigned pin, bool high);

/* A CPU has ended the level-triggered interrupt `vector`. */
void ioapic_end_of_interrupt(struct ioapic *ioapic, uint8_t vector);

/* Its registers, for bus_add with the ioapic as the device. */
extern const struct bus_ops ioapic_ops;

#endif
