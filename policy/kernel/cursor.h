/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_KERNEL_CURSOR_H
#define CASEMATE_POLICY_KERNEL_CURSOR_H

/*
 * Reading the bytes of a policy from front to back. The first failure is kept and all further
 * reading fails; nothing is read past the end. Integers are little-endian, as the kernel's on disk.
 */
#include "policy/kernel/arena.h"
#include "policy/kernel/policy.h"

struct kernel_cursor {
    const uint8_t *bytes;
    size_t size, at;
    struct kernel_arena *arena;
    struct kernel_error *error;
    int status; /* 0, or the -errno of the first failure */
};

/* Keep the failure -EPROTO with its text, if it is the first. Always false. */
bool kernel_fail(struct kernel_cursor *cursor, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Memory of the policy's arena for `count` items, or NULL: the failure -ENOMEM is kept. */
void *kernel_take(struct kernel_cursor *cursor, size_t count, size_t size);

/* The next number into *value; false, and *value untouched, at the end. */
bool kernel_u8(struct kernel_cursor *cursor, uint8_t *value);
bool kernel_u16(struct kernel_cursor *cursor, uint16_t *value);
bool kernel_u32(struct kernel_cursor *cursor, uint32_t *value);
bool kernel_u64(struct kernel_cursor *cursor, uint64_t *value);

/*
 * The number of items that follow, of at least `least` bytes each: more than what is left of the
 * file can hold is a failure, before anybody allocates for them.
 */
bool kernel_items(struct kernel_cursor *cursor, const char *what, size_t least, uint32_t *count);

/*
 * `length` bytes as a string in the arena: a name (of what policies name: printable ASCII without
 * blank, colon) or any text without NUL.
 */
bool kernel_read_name(struct kernel_cursor *cursor, uint32_t length, const char **name);
bool kernel_read_text(struct kernel_cursor *cursor, uint32_t length, const char **text);

/* A set of values (the kernel's extensible bitmap) of which none is above `highest`. */
bool kernel_read_bits(struct kernel_cursor *cursor, uint32_t highest, struct kernel_bits *set);

#endif
