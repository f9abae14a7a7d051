/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration space, BARs and MSI-X as a hostile guest uses them: by ECAM and by ports, any
 * width, any order. Beside memory safety: a BAR answers within the PCI window only and never over
 * another, nothing that is read-only changes, and KVM is never asked for what it would refuse.
 * The input is a list of accesses of 10 bytes: kind, size, offset (2), value (4), value (2) again.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/vmm/msix.h"
#include "hv/vmm/pci_config.h"
#include "tests/unit/vmm/guest_pci.h"
#include "tests/unit/vmm/recording_irq.h"

#define DEVICES  2u
#define BAR_SIZE 0x8000u
#define STEP     10u
#define STEPS    512u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct machine {
    struct bus *bus;
    struct pci_host *host;
    struct irq_router irq;
    struct device {
        struct machine *machine;
        struct pci_device *pci;
        struct msix *msix;
        uint64_t at[2]; /* of BAR 0 and BAR 2 */
    } device[DEVICES];
};

static void require(bool condition)
{
    if (!condition)
        abort();
}

static uint64_t bar_read(void *context, uint64_t offset, unsigned size)
{
    struct device *d = context;

    return offset < 0x4000 ? msix_table_read(d->msix, offset, size)
                           : msix_pba_read(d->msix, offset - 0x4000, size);
}

static void bar_write(void *context, uint64_t offset, unsigned size, uint64_t value)
{
    struct device *d = context;

    msix_table_write(d->msix, offset, size, value);
}

static const struct bus_ops bar_ops = {bar_read, bar_write};

static void place(struct device *d, unsigned which, uint64_t address)
{
    d->at[which] = address;
    if (address == BUS_UNMAPPED)
        return;
    require(address % BAR_SIZE == 0 && address >= LAYOUT_PCI_MMIO &&
            address <= LAYOUT_PCI_MMIO_END - BAR_SIZE);
    for (unsigned i = 0; i < DEVICES; i++) {
        for (unsigned b = 0; b < 2; b++) {
            if (&d->machine->device[i] != d || b != which)
                require(d->machine->device[i].at[b] != address);
        }
    }
}

static void moved_first(void *context, uint64_t address)
{
    place(context, 0, address);
}

static void moved_second(void *context, uint64_t address)
{
    place(context, 1, address);
}

static void written(void *context, unsigned offset, unsigned size)
{
    struct device *d = context;

    require(offset + size <= PCI_CONFIG_USED);
    msix_config_written(d->msix, offset, size);
}

static void machine_init(struct machine *m)
{
    static const struct pci_identity identity = {.vendor = 0x1234, .device = 0x5678};
    static const struct pci_hooks hooks = {NULL, written};

    memset(m, 0, sizeof(*m));
    recording_irq_init(&m->irq);
    require(bus_new(&m->bus) == 0 && pci_host_new(m->bus, &m->host) == 0);
    for (unsigned i = 0; i < DEVICES; i++) {
        struct device *d = &m->device[i];

        d->machine = m;
        d->at[0] = d->at[1] = BUS_UNMAPPED;
        require(pci_device_new(m->host, &identity, &d->pci) == 0);
        require(msix_new(d->pci, &m->irq, 0, 0, 0x4000, 3, &d->msix) == 0);
        require(pci_device_bar(d->pci, 0, BAR_SIZE, &bar_ops, d, moved_first) == 0);
        require(pci_device_bar(d->pci, 2, BAR_SIZE, &bar_ops, d, moved_second) == 0);
        pci_device_hooks(d->pci, &hooks, d);
    }
}

static void machine_release(struct machine *m)
{
    for (unsigned i = 0; i < DEVICES; i++)
        msix_free(m->device[i].msix);
    require(m->irq.mistakes == 0);
    pci_host_free(m->host);
    bus_free(m->bus);
}

static void step(struct machine *m, const uint8_t *in)
{
    static const unsigned widths[] = {1, 2, 4, 8};
    unsigned size = widths[in[1] % 4], offset = pci_get16(in, 2), slot = 1 + in[0] / 8 % DEVICES;
    uint64_t value = pci_get32(in, 4) | (uint64_t)pci_get16(in, 8) << 32;
    uint64_t bar = m->device[slot - 1].at[in[0] / 16 % 2];

    switch (in[0] % 8) {
    case 0:
        guest_write(m->bus, LAYOUT_ECAM + ((uint64_t)offset << 4 | (in[8] & 15)), size, value);
        break;
    case 1:
    case 2: /* where it matters */
        guest_write(m->bus, guest_ecam(slot, offset % 0x60), size, value);
        break;
    case 3:
        guest_out(m->bus, 0xcf8 + offset % 8, size % 8, (uint32_t)value);
        break;
    case 4:
        (void)guest_in(m->bus, 0xcf8 + offset % 8, size % 8);
        (void)guest_read(m->bus, guest_ecam(slot, offset), size);
        break;
    case 5: /* a BAR over the other ones, or just within or beyond the window */
        guest_write(m->bus, guest_ecam(slot, 0x10 + 8 * (offset & 1)), 4,
                    (in[4] & 1) != 0 ? LAYOUT_PCI_MMIO + BAR_SIZE * (in[5] % 8u)
                                     : LAYOUT_PCI_MMIO_END - BAR_SIZE * (in[5] % 3u));
        break;
    case 6:
        if (bar != BUS_UNMAPPED)
            guest_write(m->bus, bar + offset % BAR_SIZE, size, value);
        break;
    default:
        if (bar != BUS_UNMAPPED)
            (void)guest_read(m->bus, bar + offset % BAR_SIZE, size);
        msix_raise(m->device[slot - 1].msix, offset % 4);
        m->irq.refuse_routes = (in[1] & 0x80) != 0;
        break;
    }
    require(m->irq.mistakes == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct machine m;

    machine_init(&m);
    for (size_t i = 0; i + STEP <= size && i < STEP * STEPS; i += STEP)
        step(&m, data + i);
    for (unsigned slot = 1; slot <= DEVICES; slot++) {
        require(guest_read(m.bus, guest_ecam(slot, 0), 4) == 0x56781234);
        require(guest_capability(m.bus, slot, PCI_CAP_MSIX, 0) == PCI_HEADER_END);
    }
    machine_release(&m);
    return 0;
}
