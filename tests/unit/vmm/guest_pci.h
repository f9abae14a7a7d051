/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_GUEST_PCI_H
#define CASEMATE_TESTS_GUEST_PCI_H

/* What a guest does to PCI: accesses through the bus, as a vCPU's exits bring them. */
#include "hv/layout.h"
#include "hv/vmm/bus.h"

static inline uint64_t guest_read(struct bus *bus, uint64_t address, unsigned size)
{
    uint64_t value = 0;

    bus_read(bus, BUS_MEMORY, address, &value, size);
    return value;
}

static inline void guest_write(struct bus *bus, uint64_t address, unsigned size, uint64_t value)
{
    bus_write(bus, BUS_MEMORY, address, &value, size);
}

static inline uint32_t guest_in(struct bus *bus, uint64_t port, unsigned size)
{
    uint32_t value = 0;

    bus_read(bus, BUS_PORTS, port, &value, size);
    return value;
}

static inline void guest_out(struct bus *bus, uint64_t port, unsigned size, uint32_t value)
{
    bus_write(bus, BUS_PORTS, port, &value, size);
}

/* Address of a register of function 00:slot.0 in ECAM. */
static inline uint64_t guest_ecam(unsigned slot, unsigned offset)
{
    return LAYOUT_ECAM + slot * 0x8000u + offset;
}

/* Offset of the capability with this id behind `after` (0: from the start), or 0. */
static inline unsigned guest_capability(struct bus *bus, unsigned slot, unsigned id, unsigned after)
{
    unsigned at = (unsigned)guest_read(bus, guest_ecam(slot, after == 0 ? 0x34 : after + 1), 1);

    for (unsigned i = 0; at != 0 && i < 64; i++) {
        if (guest_read(bus, guest_ecam(slot, at), 1) == id)
            return at;
        at = (unsigned)guest_read(bus, guest_ecam(slot, at + 1), 1);
    }
    return 0;
}

#endif
