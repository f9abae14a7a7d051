/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_BASE_CHECKED_H
#define CASEMATE_BASE_CHECKED_H

/* Arithmetic on numbers that an attacker chose. */
#include <stdbool.h>
#include <stdint.h>

/* True if [start, start + length) lies within [0, size); never overflows. Empty ranges count. */
static inline bool checked_range(uint64_t start, uint64_t length, uint64_t size)
{
    return start <= size && length <= size - start;
}

/* *sum = a + b; false, with *sum untouched, on overflow. */
static inline bool checked_add(uint64_t a, uint64_t b, uint64_t *sum)
{
    uint64_t s;

    if (__builtin_add_overflow(a, b, &s))
        return false;
    *sum = s;
    return true;
}

/* *product = a * b; false, with *product untouched, on overflow. */
static inline bool checked_mul(uint64_t a, uint64_t b, uint64_t *product)
{
    uint64_t p;

    if (__builtin_mul_overflow(a, b, &p))
        return false;
    *product = p;
    return true;
}

/* True if `value` is a power of two (0 is not). */
static inline bool checked_power_of_two(uint64_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

#endif
