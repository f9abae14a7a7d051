/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/kernel/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/checked.h"

#define ARENA_CHUNK (64u << 10)

struct kernel_arena_chunk {
    struct kernel_arena_chunk *next;
    alignas(max_align_t) unsigned char bytes[];
};

/* calloc, as the kernel's fresh pages are zero already. */
static struct kernel_arena_chunk *arena_chunk(size_t bytes)
{
    return calloc(1, sizeof(struct kernel_arena_chunk) + bytes);
}

void *kernel_arena_take(struct kernel_arena *arena, size_t count, size_t size)
{
    struct kernel_arena_chunk *chunk;
    uint64_t bytes;
    void *taken;

    if (!checked_mul(count, size, &bytes) || bytes > SIZE_MAX / 2)
        return NULL;
    bytes = (bytes + alignof(max_align_t) - 1) & ~(uint64_t)(alignof(max_align_t) - 1);
    if (arena->chunks != NULL && bytes <= arena->size - arena->used) {
        taken = arena->chunks->bytes + arena->used;
        arena->used += bytes;
        return taken;
    }
    if (bytes >= ARENA_CHUNK / 4) {
        /* A chunk of its own, behind the first, which may still have room. */
        chunk = arena_chunk(bytes);
        if (chunk == NULL)
            return NULL;
        if (arena->chunks == NULL) {
            arena->chunks = chunk;
            arena->used = arena->size = bytes;
        } else {
            chunk->next = arena->chunks->next;
            arena->chunks->next = chunk;
        }
        return chunk->bytes;
    }
    chunk = arena_chunk(ARENA_CHUNK);
    if (chunk == NULL)
        return NULL;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    arena->size = ARENA_CHUNK;
    arena->used = bytes;
    return chunk->bytes;
}

void kernel_arena_free(struct kernel_arena *arena)
{
    struct kernel_arena_chunk *chunk = arena->chunks;

    while (chunk != NULL) {
        struct kernel_arena_chunk *next = chunk->next;

        free(chunk);
        chunk = next;
    }
    *arena = (struct kernel_arena){0};
}
