/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_KERNEL_BITS_H
#define CASEMATE_POLICY_KERNEL_BITS_H

/*
 * A set of values (roles, types, categories, ...) as the kernel's policy writes it: a bit for each.
 * Values count from 1 as everywhere in this folder; 0 is in no set.
 */
#include <stdbool.h>
#include <stdint.h>

/* Bit i of `bits` stands for the value first + i. `bits` is never 0. */
struct kernel_word {
    uint64_t bits;
    uint32_t first; /* 64 k + 1 */
    uint32_t unused;
};

/* Words of increasing `first`; they belong to whoever made the set. */
struct kernel_bits {
    const struct kernel_word *words;
    uint32_t count;
};

/* True if `value` is in the set. */
bool kernel_bits_has(const struct kernel_bits *set, uint32_t value);

/*
 * The least value of the set above `after`, or 0 if there is none:
 *     for (v = kernel_bits_next(&set, 0); v != 0; v = kernel_bits_next(&set, v))
 */
uint32_t kernel_bits_next(const struct kernel_bits *set, uint32_t after);

/* How many values are in the set. */
uint32_t kernel_bits_size(const struct kernel_bits *set);

/* True if every value of `part` is in `whole`. */
bool kernel_bits_contains(const struct kernel_bits *whole, const struct kernel_bits *part);

/* True if both have the same values. */
bool kernel_bits_equal(const struct kernel_bits *a, const struct kernel_bits *b);

/* True if there is a value in both. */
bool kernel_bits_meet(const struct kernel_bits *a, const struct kernel_bits *b);

#endif
