/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_ARENA_H
#define CASEMATE_POLICY_ARENA_H

/*
 * Memory that is only ever taken, from a region that somebody prepared: for a process that can make
 * no system call, not even to get memory. What is not touched costs nothing.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena {
    uint8_t *base; /* the caller's, zero, aligned to 16 */
    size_t size, used;
    bool failed; /* sticks */
};

/* Use `size` bytes at `base`, which hold zeros. */
void arena_init(struct arena *arena, void *base, size_t size);

/* `count` entries of `size` bytes, zero, aligned to 16; NULL (and `failed`) when there is no room.
 */
void *arena_take(struct arena *arena, size_t count, size_t size);

/* A list in an arena that grows at its end; entries move when it does. Begin with zeros. */
struct arena_list {
    void *entries;
    size_t count, room;
};

/* Room for one more entry of `size` bytes (always the same), zero; NULL as arena_take. */
void *arena_add(struct arena *arena, struct arena_list *list, size_t size);

#endif
