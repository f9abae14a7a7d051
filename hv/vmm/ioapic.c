/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/ioapic.h"

#include <errno.h>
#include <stdlib.h>

enum {
    REG_SELECT = 0x00,
    REG_WINDOW = 0x10,
    REG_EOI = 0x40, /* version 0x20: directed end of interrupt */
    INDEX_ID = 0,
    INDEX_VERSION = 1,
    INDEX_ARBITRATION = 2,
    INDEX_REDIRECTION = 0x10,
};

#define VERSION (0x20u | ((IOAPIC_PINS - 1u) << 16))

#define ENTRY_VECTOR    0xffull
#define ENTRY_MODE      (7ull << 8)
#define ENTRY_LOGICAL   (1ull << 11)
#define ENTRY_STATUS    (1ull << 12) /* read only: never pending here */
#define ENTRY_REMOTE    (1ull << 14) /* read only: accepted by a CPU, not yet ended */
#define ENTRY_LEVEL     (1ull << 15)
#define ENTRY_MASKED    (1ull << 16)
#define ENTRY_READ_ONLY (ENTRY_STATUS | ENTRY_REMOTE)
#define ENTRY_WRITABLE  (0xff0000000001ffffull & ~ENTRY_READ_ONLY)

struct ioapic {
    const struct ioapic_sink *sink;
    void *context;
    uint32_t select, id;
    uint32_t levels; /* a bit per pin */
    uint64_t entry[IOAPIC_PINS];
};

int ioapic_new(const struct ioapic_sink *sink, void *context, struct ioapic **ioapic)
{
    struct ioapic *a = calloc(1, sizeof(*a));

    if (a == NULL)
        return -ENOMEM;
    a->sink = sink;
    a->context = context;
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
        a->entry[pin] = ENTRY_MASKED;
    *ioapic = a;
    return 0;
}

void ioapic_free(struct ioapic *ioapic)
{
    free(ioapic);
}

/* SDM 3, 11.11.1 and 11.11.2: the message has the entry's fields in another order. */
static uint64_t message_address(uint64_t entry)
{
    return 0xfee00000u | ((entry >> 56) << 12) | ((entry & ENTRY_LOGICAL) != 0 ? 1u << 2 : 0);
}

static uint32_t message_data(uint64_t entry)
{
    return (uint32_t)((entry & (ENTRY_VECTOR | ENTRY_MODE)) |
                      ((entry & ENTRY_LEVEL) != 0 ? ENTRY_LEVEL | 1u << 14 : 0));
}

static void deliver(struct ioapic *a, unsigned pin)
{
    uint64_t entry = a->entry[pin];

    if ((entry & ENTRY_MASKED) != 0)
        return;
    if ((entry & ENTRY_LEVEL) != 0) {
        if ((entry & ENTRY_REMOTE) != 0)
            return; /* asked for again when this one ends */
        a->entry[pin] |= ENTRY_REMOTE;
    }
    a->sink->inject(a->context, message_address(entry), message_data(entry));
}

void ioapic_set_level(struct ioapic *ioapic, unsigned pin, bool high)
{
    uint32_t bit;
    bool was;

    if (pin >= IOAPIC_PINS)
        return;
    bit = 1u << pin;
    was = (ioapic->levels & bit) != 0;
    if (high)
        ioapic->levels |= bit;
    else
        ioapic->levels &= ~bit;
    if (high && (!was || (ioapic->entry[pin] & ENTRY_LEVEL) != 0))
        deliver(ioapic, pin);
}

void ioapic_end_of_interrupt(struct ioapic *ioapic, uint8_t vector)
{
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        uint64_t entry = ioapic->entry[pin];

        if ((entry & ENTRY_VECTOR) != vector || (entry & ENTRY_REMOTE) == 0)
            continue;
        ioapic->entry[pin] &= ~ENTRY_REMOTE;
        if ((ioapic->levels & (1u << pin)) != 0)
            deliver(ioapic, pin);
    }
}

static uint32_t read_index(const struct ioapic *a, uint32_t index)
{
    switch (index) {
    case INDEX_ID:
    case INDEX_ARBITRATION:
        return a->id;
    case INDEX_VERSION:
        return VERSION;
    default:
        break;
    }
    if (index >= INDEX_REDIRECTION && index < INDEX_REDIRECTION + 2 * IOAPIC_PINS) {
        uint64_t entry = a->entry[(index - INDEX_REDIRECTION) / 2];

        return (uint32_t)(index % 2 == 0 ? entry : entry >> 32);
    }
    return UINT32_MAX;
}

static void write_entry(struct ioapic *a, unsigned pin, bool upper, uint32_t value)
{
    uint64_t old = a->entry[pin], entry;

    if (upper)
        entry = (old & UINT32_MAX) | ((uint64_t)value << 32);
    else
        entry = (old & ~(uint64_t)UINT32_MAX) | value;
    entry = (entry & ENTRY_WRITABLE) | (old & ENTRY_READ_ONLY);
    /* Linux ends a stuck interrupt by switching the pin to edge and back. */
    if ((entry & ENTRY_LEVEL) == 0)
        entry &= ~ENTRY_REMOTE;
    a->entry[pin] = entry;
    /* One in service keeps its route: it is how KVM knows that its end is to be told to us. */
    a->sink->route(a->context, pin, (entry & ENTRY_MASKED) != 0 && (entry & ENTRY_REMOTE) == 0,
                   message_address(entry), message_data(entry));
    if ((entry & ENTRY_LEVEL) != 0 && (a->levels & (1u << pin)) != 0)
        deliver(a, pin);
}

static uint64_t ioapic_read(void *device, uint64_t offset, unsigned size)
{
    const struct ioapic *a = device;

    (void)size;
    if (offset == REG_SELECT)
        return a->select;
    if (offset == REG_WINDOW)
        return read_index(a, a->select);
    return UINT64_MAX;
}

static void ioapic_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct ioapic *a = device;

    (void)size;
    switch (offset) {
    case REG_SELECT:
        a->select = value & 0xff;
        break;
    case REG_WINDOW:
        if (a->select == INDEX_ID)
            a->id = (uint32_t)value & 0x0f000000u;
        else if (a->select >= INDEX_REDIRECTION && a->select < INDEX_REDIRECTION + 2 * IOAPIC_PINS)
            write_entry(a, (a->select - INDEX_REDIRECTION) / 2, a->select % 2 != 0,
                        (uint32_t)value);
        break;
    case REG_EOI:
        ioapic_end_of_interrupt(a, value & 0xff);
        break;
    default:
        break;
    }
}

const struct bus_ops ioapic_ops = {.read = ioapic_read, .write = ioapic_write};
