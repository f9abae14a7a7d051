/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/pci.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "hv/layout.h"
#include "hv/vmm/pci_config.h"

#define SLOTS 32u
#define BARS  6u

struct bar {
    uint64_t size; /* 0: there is none */
    uint64_t at;   /* where the bus has it, or BUS_UNMAPPED */
    struct bus_region *region;
    void (*moved)(void *context, uint64_t address);
    void *context;
};

struct pci_device {
    struct pci_host *host;
    struct pci_hooks hooks;
    void *hooks_context;
    struct bar bar[BARS];
    unsigned link; /* offset of the pointer that the next capability's offset goes into */
    unsigned end;  /* first byte behind the last capability */
    uint8_t config[PCI_CONFIG_USED];
    uint8_t writable[PCI_CONFIG_USED]; /* bits that the guest may change */
};

struct pci_host {
    struct bus *bus;
    uint64_t window;  /* first address of the window that no BAR was placed at */
    uint32_t address; /* the register at port CF8 */
    struct pci_device *slot[SLOTS];
};

/* ---------------------------------------------------------------- BARs */

/* Where the guest wants a BAR, or BUS_UNMAPPED: decoding is off, or it is outside the window. */
static uint64_t bar_wanted(const struct pci_device *device, unsigned index)
{
    uint64_t size = device->bar[index].size;
    uint64_t base;

    if ((pci_get16(device->config, PCI_COMMAND) & PCI_COMMAND_MEMORY) == 0)
        return BUS_UNMAPPED;
    base = pci_get32(device->config, PCI_BAR0 + 4 * index) & ~(size - 1);
    if (base < LAYOUT_PCI_MMIO ||
        !checked_range(base - LAYOUT_PCI_MMIO, size, LAYOUT_PCI_MMIO_END - LAYOUT_PCI_MMIO))
        return BUS_UNMAPPED;
    return base;
}

static void bar_place(struct pci_host *host, struct bar *bar, uint64_t address)
{
    if (bus_move(host->bus, bar->region, address) < 0)
        address = BUS_UNMAPPED;
    if (address == bar->at)
        return;
    bar->at = address;
    if (bar->moved != NULL)
        bar->moved(bar->context, address);
}

/*
 * Make the bus follow the registers. First everything leaves the place it no longer wants, then
 * what wants a place tries to get it: so two BARs may change places, and one that was laid over
 * another appears as soon as the other has gone.
 */
static void bars_follow(struct pci_host *host)
{
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < SLOTS; i++) {
            struct pci_device *device = host->slot[i];

            for (unsigned b = 0; device != NULL && b < BARS; b++) {
                struct bar *bar = &device->bar[b];
                uint64_t wanted;

                if (bar->size == 0)
                    continue;
                wanted = bar_wanted(device, b);
                if (pass == 0 && bar->at != BUS_UNMAPPED && bar->at != wanted)
                    bar_place(host, bar, BUS_UNMAPPED);
                if (pass == 1 && bar->at == BUS_UNMAPPED && wanted != BUS_UNMAPPED)
                    bar_place(host, bar, wanted);
            }
        }
    }
}

/* ---------------------------------------------------------------- configuration space */

static uint64_t config_read(struct pci_device *device, unsigned offset, unsigned size)
{
    uint64_t value = 0;

    if (device == NULL || !checked_range(offset, size, PCI_CONFIG_SIZE))
        return UINT64_MAX;
    if (device->hooks.read != NULL && offset < PCI_CONFIG_USED)
        device->hooks.read(device->hooks_context, offset,
                           size < PCI_CONFIG_USED - offset ? size : PCI_CONFIG_USED - offset);
    for (unsigned i = 0; i < size && offset + i < PCI_CONFIG_USED; i++)
        value |= (uint64_t)device->config[offset + i] << (8 * i);
    return value;
}

static void config_write(struct pci_device *device, unsigned offset, unsigned size, uint64_t value)
{
    unsigned end;

    if (device == NULL || !checked_range(offset, size, PCI_CONFIG_SIZE) ||
        offset >= PCI_CONFIG_USED)
        return;
    end = offset + size < PCI_CONFIG_USED ? offset + size : PCI_CONFIG_USED;
    for (unsigned i = offset; i < end; i++) {
        uint8_t byte = (uint8_t)(value >> (8 * (i - offset)));
        uint8_t mask = device->writable[i];

        device->config[i] = (uint8_t)((device->config[i] & ~mask) | (byte & mask));
    }
    if (offset < PCI_BAR0 + 4 * BARS && end > PCI_COMMAND)
        bars_follow(device->host);
    if (device->hooks.written != NULL)
        device->hooks.written(device->hooks_context, offset, end - offset);
}

/* Function 0 of each slot is all there is. */
static struct pci_device *function(const struct pci_host *host, unsigned bus, unsigned devfn)
{
    return bus == 0 && (devfn & 7) == 0 && devfn < SLOTS * 8 ? host->slot[devfn >> 3] : NULL;
}

/* PCI Express Base, 7.2.2: bus in bits 27:20, function in 19:12, register in 11:0. */
static uint64_t ecam_read(void *context, uint64_t offset, unsigned size)
{
    const struct pci_host *host = context;

    if (offset >= LAYOUT_ECAM_SIZE)
        return UINT64_MAX;
    return config_read(function(host, (unsigned)(offset >> 20), (unsigned)(offset >> 12) & 0xff),
                       (unsigned)offset & (PCI_CONFIG_SIZE - 1), size);
}

static void ecam_write(void *context, uint64_t offset, unsigned size, uint64_t value)
{
    const struct pci_host *host = context;

    if (offset >= LAYOUT_ECAM_SIZE)
        return;
    config_write(function(host, (unsigned)(offset >> 20), (unsigned)(offset >> 12) & 0xff),
                 (unsigned)offset & (PCI_CONFIG_SIZE - 1), size, value);
}

/*
 * PCI Local Bus 3.0, 3.2.2.3.2. The region is the eight ports CF8 to CFF: the address register is
 * there for 4-byte accesses only (other widths pass by, as to the reset control register at CF9),
 * the data for any that stays within its four bytes.
 */
#define PORTS_ADDRESS 0u
#define PORTS_DATA    4u
#define PORTS_SIZE    8u
#define ADDRESS_BITS  0x80fffffcu
#define ADDRESS_VALID 0x80000000u

static struct pci_device *port_target(const struct pci_host *host, uint64_t offset, unsigned size)
{
    if (offset < PORTS_DATA || !checked_range(offset, size, PORTS_SIZE) ||
        (host->address & ADDRESS_VALID) == 0)
        return NULL;
    return function(host, (host->address >> 16) & 0xff, (host->address >> 8) & 0xff);
}

static unsigned port_register(const struct pci_host *host, uint64_t offset)
{
    return (host->address & 0xfc) + (unsigned)(offset & 3);
}

static uint64_t ports_read(void *context, uint64_t offset, unsigned size)
{
    const struct pci_host *host = context;

    if (offset == PORTS_ADDRESS && size == 4)
        return host->address;
    return config_read(port_target(host, offset, size), port_register(host, offset), size);
}

static void ports_write(void *context, uint64_t offset, unsigned size, uint64_t value)
{
    struct pci_host *host = context;

    if (offset == PORTS_ADDRESS && size == 4)
        host->address = (uint32_t)value & ADDRESS_BITS;
    else
        config_write(port_target(host, offset, size), port_register(host, offset), size, value);
}

static const struct bus_ops ecam_ops = {ecam_read, ecam_write};
static const struct bus_ops ports_ops = {ports_read, ports_write};

/* ---------------------------------------------------------------- making */

static int device_make(struct pci_host *host, unsigned slot, const struct pci_identity *identity,
                       struct pci_device **result)
{
    struct pci_device *device = calloc(1, sizeof(*device));
    uint8_t *c;

    if (device == NULL)
        return -ENOMEM;
    device->host = host;
    for (unsigned i = 0; i < BARS; i++)
        device->bar[i].at = BUS_UNMAPPED;
    c = device->config;
    pci_put16(c, PCI_VENDOR, identity->vendor);
    pci_put16(c, PCI_DEVICE, identity->device);
    c[PCI_REVISION] = identity->revision;
    c[PCI_PROG_IF] = identity->prog_if;
    c[PCI_SUBCLASS] = identity->subclass;
    c[PCI_CLASS] = identity->class_code;
    pci_put16(c, PCI_SUBSYSTEM_VENDOR, identity->subsystem_vendor);
    pci_put16(c, PCI_SUBSYSTEM, identity->subsystem);
    device->link = PCI_CAPABILITIES;
    device->end = PCI_HEADER_END;
    /* There is no I/O space to enable. The interrupt bit is only remembered: no INTx pin exists. */
    pci_put16(device->writable, PCI_COMMAND,
              PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_NO_INTX);
    device->writable[PCI_CACHE_LINE] = 0xff;
    device->writable[PCI_INTERRUPT_LINE] = 0xff;
    host->slot[slot] = device;
    *result = device;
    return 0;
}

int pci_host_new(struct bus *bus, struct pci_host **result)
{
    /* The generic PCI Express host bridge of the Red Hat vendor number: no driver has a quirk. */
    static const struct pci_identity bridge = {
        .vendor = 0x1b36, .device = 0x0008, .class_code = 0x06};
    struct pci_host *host = calloc(1, sizeof(*host));
    struct pci_device *device;
    struct bus_region *region;
    int r;

    if (host == NULL)
        return -ENOMEM;
    host->bus = bus;
    host->window = LAYOUT_PCI_MMIO;
    r = device_make(host, 0, &bridge, &device);
    if (r == 0) {
        /* Nothing decodes at the bridge itself. */
        memset(device->writable, 0, sizeof(device->writable));
        r = bus_add(bus, BUS_MEMORY, LAYOUT_ECAM, LAYOUT_ECAM_SIZE, &ecam_ops, host, &region);
    }
    if (r == 0)
        r = bus_add(bus, BUS_PORTS, LAYOUT_PORT_PCI_ADDRESS, PORTS_SIZE, &ports_ops, host, &region);
    if (r < 0)
        pci_host_free(host);
    else
        *result = host;
    return r;
}

void pci_host_free(struct pci_host *host)
{
    if (host == NULL)
        return;
    for (unsigned i = 0; i < SLOTS; i++)
        free(host->slot[i]);
    free(host);
}

int pci_device_new(struct pci_host *host, const struct pci_identity *identity,
                   struct pci_device **device)
{
    for (unsigned i = 1; i < SLOTS; i++)
        if (host->slot[i] == NULL)
            return device_make(host, i, identity, device);
    return -ENOSPC;
}

int pci_device_bar(struct pci_device *device, unsigned index, uint64_t size,
                   const struct bus_ops *ops, void *context,
                   void (*moved)(void *context, uint64_t address))
{
    struct pci_host *host = device->host;
    struct bus_region *region;
    uint64_t base;
    int r;

    if (index >= BARS || !checked_power_of_two(size) || size < 4096 ||
        size > LAYOUT_PCI_MMIO_END - LAYOUT_PCI_MMIO)
        return -EINVAL;
    if (device->bar[index].size != 0)
        return -EEXIST;
    base = (host->window + size - 1) & ~(size - 1);
    if (!checked_range(base, size, LAYOUT_PCI_MMIO_END))
        return -ENOSPC;
    r = bus_add(host->bus, BUS_MEMORY, BUS_UNMAPPED, size, ops, context, &region);
    if (r < 0)
        return r;
    device->bar[index] = (struct bar){
        .size = size, .at = BUS_UNMAPPED, .region = region, .moved = moved, .context = context};
    /* Sizing (PCI Local Bus 3.0, 6.2.5.1): the bits below the size stay zero. */
    pci_put32(device->config, PCI_BAR0 + 4 * index, (uint32_t)base);
    pci_put32(device->writable, PCI_BAR0 + 4 * index, ~(uint32_t)(size - 1));
    host->window = base + size;
    return 0;
}

int pci_device_capability(struct pci_device *device, uint8_t id, const void *data,
                          const void *writable, unsigned size)
{
    unsigned offset = (device->end + 3) & ~3u;

    if (size < 2)
        return -EINVAL;
    if (!checked_range(offset, size, PCI_CONFIG_USED))
        return -ENOSPC;
    memcpy(device->config + offset, data, size);
    if (writable != NULL)
        memcpy(device->writable + offset, writable, size);
    device->config[offset] = id;
    device->config[offset + 1] = 0;
    device->writable[offset] = 0;
    device->writable[offset + 1] = 0;
    device->config[device->link] = (uint8_t)offset;
    device->link = offset + 1;
    device->end = offset + size;
    pci_put16(device->config, PCI_STATUS, PCI_STATUS_CAPABILITIES);
    return (int)offset;
}

void pci_device_hooks(struct pci_device *device, const struct pci_hooks *hooks, void *context)
{
    device->hooks = *hooks;
    device->hooks_context = context;
}

uint8_t *pci_device_config(struct pci_device *device)
{
    return device->config;
}
