/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_WORKER_GUESTMEM_H
#define CASEMATE_HV_WORKER_GUESTMEM_H

/*
 * The guest's memory as a back-end sees it: up to eight mapped regions, each known by the guest's
 * physical address (what descriptors hold) and by the front-end's user address (what vring
 * addresses hold).
 */
#include <stddef.h>
#include <stdint.h>

#define GUESTMEM_REGIONS_MAX 8u

struct guestmem; /* the table with its mappings */

/* One region as the front-end describes it; every number is the sender's claim. */
struct guestmem_region {
    uint64_t guest;  /* guest physical address */
    uint64_t size;   /* bytes */
    uint64_t user;   /* front-end's virtual address */
    uint64_t offset; /* in the descriptor's file */
};

/*
 * An empty table that will never map more than `limit` bytes in all. Allocates: before the filter.
 * 0 or -ENOMEM.
 */
int guestmem_new(uint64_t limit, struct guestmem **memory);

/* Unmap and free. NULL is allowed. Calls free(3): not in a process with its filter on. */
void guestmem_free(struct guestmem *memory);

/*
 * Replace the table by `count` regions, region i backed by fds[i] (which stay the caller's).
 * Everything is checked before anything is mapped: 1..8 regions; page-aligned, non-empty, no
 * wrapping in any of the three address spaces; no two regions overlap in guest or in user
 * addresses; total within the limit. -EINVAL, -EFBIG (over the limit), or mmap's -errno; the old
 * table stays then.
 *
 * A descriptor whose file is shorter than it claims makes a later access raise SIGBUS: that kills
 * this worker and so hurts only the guest whose VMM lied.
 */
int guestmem_set(struct guestmem *memory, const struct guestmem_region *regions, const int *fds,
                 size_t count);

/*
 * Host address of the guest physical range that starts at `guest`. *size is the number of bytes
 * wanted, and becomes the number that is contiguous here (1..wanted); NULL, with *size untouched,
 * if `guest` is in no region or *size is 0.
 */
void *guestmem_at(const struct guestmem *memory, uint64_t guest, size_t *size);

/* The same for a user address, all `size` bytes in one region; NULL otherwise. */
void *guestmem_at_user(const struct guestmem *memory, uint64_t user, size_t size);

#endif
