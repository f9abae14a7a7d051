/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_KERNEL_ARENA_H
#define CASEMATE_POLICY_KERNEL_ARENA_H

/* Memory that is freed all at once: a policy has hundreds of thousands of small pieces. */
#include <stddef.h>

struct kernel_arena {
    struct kernel_arena_chunk *chunks;
    size_t used, size; /* of the first chunk */
};

/* `count` zeroed items of `size` bytes each, aligned for all types, or NULL: no memory, or too
 * much. */
void *kernel_arena_take(struct kernel_arena *arena, size_t count, size_t size);

/* Frees all; the arena is empty then. */
void kernel_arena_free(struct kernel_arena *arena);

#endif
