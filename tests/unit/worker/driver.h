/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_WORKER_DRIVER_H
#define CASEMATE_TESTS_WORKER_DRIVER_H

/*
 * A guest's driver, as far as a worker can tell: RAM in a memory file and split virtqueues in it,
 * honest unless the test writes something else over it.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "hv/worker/guestmem.h"

#define RAM_SIZE  (4u << 20)
#define RAM_GUEST 0x10000ull        /* guest physical address of its first byte */
#define RAM_USER  0x7f1200000000ull /* front-end's address of it */

#define D_NEXT     1u
#define D_WRITE    2u
#define D_INDIRECT 4u

struct driver_ram {
    int fd;
    uint8_t *bytes;
};

struct driver_desc {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};

/* One ring: parts at offsets in RAM, indices as the driver counts them. */
struct driver_ring {
    struct driver_ram *ram;
    uint16_t entries;
    uint32_t desc, avail, used; /* offsets in RAM */
    uint16_t avail_idx, used_idx;
};

static inline int driver_ram_make(struct driver_ram *ram)
{
    ram->fd = fd_fixed_memfd("test-ram", RAM_SIZE, 0);
    if (ram->fd < 0)
        return ram->fd;
    ram->bytes = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, ram->fd, 0);
    return ram->bytes == MAP_FAILED ? -errno : 0;
}

static inline void driver_ram_drop(struct driver_ram *ram)
{
    (void)munmap(ram->bytes, RAM_SIZE);
    fd_close(&ram->fd);
}

static inline struct guestmem_region driver_region(void)
{
    return (struct guestmem_region){.guest = RAM_GUEST, .size = RAM_SIZE, .user = RAM_USER};
}

/* A ring whose three parts start at `offset` (a multiple of 4096), 64 KiB apart at most. */
static inline struct driver_ring driver_ring_make(struct driver_ram *ram, uint32_t offset,
                                                  uint16_t entries)
{
    struct driver_ring r = {.ram = ram, .entries = entries, .desc = offset};

    r.avail = r.desc + 16u * entries;
    r.used = (r.avail + 6u + 2u * entries + 3u) & ~3u;
    memset(ram->bytes + offset, 0, r.used + 6u + 8u * entries - offset);
    return r;
}

static inline void driver_desc_set(struct driver_ring *r, uint16_t i, uint64_t address,
                                   uint32_t length, unsigned flags, uint16_t next)
{
    struct driver_desc d = {address, length, (uint16_t)flags, next};

    memcpy(r->ram->bytes + r->desc + 16u * i, &d, sizeof(d));
}

/* A descriptor over RAM at an offset. */
static inline void driver_buffer(struct driver_ring *r, uint16_t i, uint32_t offset,
                                 uint32_t length, unsigned flags, uint16_t next)
{
    driver_desc_set(r, i, RAM_GUEST + offset, length, flags, next);
}

static inline void driver_set16(struct driver_ring *r, uint32_t at, uint16_t value)
{
    __atomic_store_n((uint16_t *)(void *)(r->ram->bytes + at), value, __ATOMIC_SEQ_CST);
}

static inline uint16_t driver_get16(const struct driver_ring *r, uint32_t at)
{
    return __atomic_load_n((uint16_t *)(void *)(r->ram->bytes + at), __ATOMIC_SEQ_CST);
}

/* Make the chain at `head` available. */
static inline void driver_offer(struct driver_ring *r, uint16_t head)
{
    driver_set16(r, r->avail + 4u + 2u * (r->avail_idx % r->entries), head);
    r->avail_idx++;
    driver_set16(r, r->avail + 2u, r->avail_idx);
}

static inline uint16_t driver_used_index(const struct driver_ring *r)
{
    return driver_get16(r, r->used + 2u);
}

/* Take the next used entry; false if there is none. */
static inline bool driver_take(struct driver_ring *r, uint32_t *head, uint32_t *written)
{
    const uint8_t *entry = r->ram->bytes + r->used + 4u + 8u * (r->used_idx % r->entries);

    if (driver_used_index(r) == r->used_idx)
        return false;
    memcpy(head, entry, 4);
    memcpy(written, entry + 4, 4);
    r->used_idx++;
    return true;
}

#endif
