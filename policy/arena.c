/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/arena.h"

#include <string.h>

#define ALIGNMENT 16u
#define FIRST     64u

void arena_init(struct arena *arena, void *base, size_t size)
{
    *arena = (struct arena){.base = base, .size = size};
}

void *arena_take(struct arena *arena, size_t count, size_t size)
{
    size_t bytes, start = arena->used;

    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - ALIGNMENT)
        arena->failed = true;
    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (arena->failed || bytes > arena->size - start) {
        arena->failed = true;
        return NULL;
    }
    arena->used += bytes;
    return arena->base + start;
}

void *arena_add(struct arena *arena, struct arena_list *list, size_t size)
{
    if (list->count == list->room) {
        size_t room = list->room != 0 ? list->room * 2 : FIRST;
        void *entries = arena_take(arena, room, size);

        if (entries == NULL)
            return NULL;
        if (list->count > 0)
            memcpy(entries, list->entries, list->count * size);
        list->entries = entries;
        list->room = room;
    }
    return (uint8_t *)list->entries + list->count++ * size;
}
