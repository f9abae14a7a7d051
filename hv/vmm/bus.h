/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_BUS_H
#define CASEMATE_HV_VMM_BUS_H

/*
 * Port I/O and memory-mapped I/O: which device answers at which address. Regions are added before
 * the vCPUs run; BARs move later (bus_move) under the bus lock. Accesses come from vCPU threads at
 * the same time: the bus calls every device with its one lock held (virtio's data path does not
 * pass here, so one lock is enough and cannot be forgotten).
 */
#include <stdbool.h>
#include <stdint.h>

struct bus;
struct bus_region;

enum bus_space { BUS_PORTS, BUS_MEMORY, BUS_SPACES };

/*
 * One access of `size` 1, 2, 4 or 8 bytes at `offset` within the region, never crossing its end.
 * `read` returns the value, little-endian in the low bytes; a device that has nothing there
 * returns all ones.
 */
struct bus_ops {
    uint64_t (*read)(void *device, uint64_t offset, unsigned size);
    void (*write)(void *device, uint64_t offset, unsigned size, uint64_t value);
};

/* An empty bus. 0 or -ENOMEM. */
int bus_new(struct bus **bus);

/* Forget all regions; nothing may use the bus any more. NULL is allowed. */
void bus_free(struct bus *bus);

/*
 * A region of `size` bytes, not yet at any address if `base` is BUS_UNMAPPED. `ops` and `device`
 * must outlive the bus. 0, -ENOMEM, -EEXIST when it overlaps another region.
 */
#define BUS_UNMAPPED UINT64_MAX
int bus_add(struct bus *bus, enum bus_space space, uint64_t base, uint64_t size,
            const struct bus_ops *ops, void *device, struct bus_region **region);

/*
 * Move a region (a guest wrote a BAR). Called with the bus lock held, from within an access. An
 * address where it would overlap another region or lie outside the PCI window is refused with
 * -EEXIST and the region becomes unmapped: a guest may lay BARs over RAM or over each other.
 */
int bus_move(struct bus *bus, struct bus_region *region, uint64_t base);

/* Take and release the bus lock outside an access (main thread: input, events). */
void bus_lock(struct bus *bus);
void bus_unlock(struct bus *bus);

/*
 * Serve one exit of a vCPU. What no region answers reads as all ones and swallows writes; an access
 * that crosses a region's end, or whose size is not 1, 2, 4 or 8, is treated as if nothing were
 * there.
 */
void bus_read(struct bus *bus, enum bus_space space, uint64_t address, void *data, unsigned size);
void bus_write(struct bus *bus, enum bus_space space, uint64_t address, const void *data,
               unsigned size);

#endif
