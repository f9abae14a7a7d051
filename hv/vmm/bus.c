/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/bus.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "hv/layout.h"

struct bus_region {
    struct bus_region *next;
    enum bus_space space;
    uint64_t base, size; /* base BUS_UNMAPPED: answers nowhere */
    const struct bus_ops *ops;
    void *device;
};

struct bus {
    pthread_mutex_t lock;
    struct bus_region *regions[BUS_SPACES];
};

int bus_new(struct bus **bus)
{
    struct bus *b = calloc(1, sizeof(*b));

    if (b == NULL)
        return -ENOMEM;
    if (pthread_mutex_init(&b->lock, NULL) != 0) {
        free(b);
        return -ENOMEM;
    }
    *bus = b;
    return 0;
}

void bus_free(struct bus *bus)
{
    if (bus == NULL)
        return;
    for (unsigned space = 0; space < BUS_SPACES; space++) {
        while (bus->regions[space] != NULL) {
            struct bus_region *gone = bus->regions[space];

            bus->regions[space] = gone->next;
            free(gone);
        }
    }
    (void)pthread_mutex_destroy(&bus->lock);
    free(bus);
}

static bool overlaps(const struct bus *bus, enum bus_space space, uint64_t base, uint64_t size,
                     const struct bus_region *except)
{
    for (const struct bus_region *r = bus->regions[space]; r != NULL; r = r->next) {
        if (r == except || r->base == BUS_UNMAPPED)
            continue;
        /* Neither sum can wrap: both were checked when the region got its address. */
        if (base < r->base + r->size && r->base < base + size)
            return true;
    }
    return false;
}

int bus_add(struct bus *bus, enum bus_space space, uint64_t base, uint64_t size,
            const struct bus_ops *ops, void *device, struct bus_region **region)
{
    struct bus_region *r;
    uint64_t end;

    if (size == 0 || (unsigned)space >= BUS_SPACES)
        return -EINVAL;
    if (base != BUS_UNMAPPED) {
        if (!checked_add(base, size, &end))
            return -EINVAL;
        if (overlaps(bus, space, base, size, NULL))
            return -EEXIST;
    }
    r = calloc(1, sizeof(*r));
    if (r == NULL)
        return -ENOMEM;
    r->space = space;
    r->base = base;
    r->size = size;
    r->ops = ops;
    r->device = device;
    r->next = bus->regions[space];
    bus->regions[space] = r;
    if (region != NULL)
        *region = r;
    return 0;
}

int bus_move(struct bus *bus, struct bus_region *region, uint64_t base)
{
    region->base = BUS_UNMAPPED;
    if (base == BUS_UNMAPPED)
        return 0;
    if (region->space != BUS_MEMORY || base < LAYOUT_PCI_MMIO ||
        !checked_range(base - LAYOUT_PCI_MMIO, region->size, LAYOUT_PCI_MMIO_END - LAYOUT_PCI_MMIO))
        return -EEXIST;
    if (overlaps(bus, region->space, base, region->size, region))
        return -EEXIST;
    region->base = base;
    return 0;
}

void bus_lock(struct bus *bus)
{
    (void)pthread_mutex_lock(&bus->lock);
}

void bus_unlock(struct bus *bus)
{
    (void)pthread_mutex_unlock(&bus->lock);
}

static const struct bus_region *find(const struct bus *bus, enum bus_space space, uint64_t address,
                                     unsigned size)
{
    if (size != 1 && size != 2 && size != 4 && size != 8)
        return NULL;
    for (const struct bus_region *r = bus->regions[space]; r != NULL; r = r->next) {
        if (r->base != BUS_UNMAPPED && address >= r->base &&
            checked_range(address - r->base, size, r->size))
            return r;
    }
    return NULL;
}

void bus_read(struct bus *bus, enum bus_space space, uint64_t address, void *data, unsigned size)
{
    const struct bus_region *r;

    memset(data, 0xff, size);
    bus_lock(bus);
    r = find(bus, space, address, size);
    if (r != NULL && r->ops->read != NULL) {
        uint64_t value = r->ops->read(r->device, address - r->base, size);

        memcpy(data, &value, size);
    }
    bus_unlock(bus);
}

void bus_write(struct bus *bus, enum bus_space space, uint64_t address, const void *data,
               unsigned size)
{
    const struct bus_region *r;

    bus_lock(bus);
    r = find(bus, space, address, size);
    if (r != NULL && r->ops->write != NULL) {
        uint64_t value = 0;

        memcpy(&value, data, size);
        r->ops->write(r->device, address - r->base, size, value);
    }
    bus_unlock(bus);
}
