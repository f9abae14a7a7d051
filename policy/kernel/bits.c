/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/kernel/bits.h"

#include <stddef.h>

/* The first word that may hold values above or equal to `value`; set->count if there is none. */
static uint32_t bits_word_at(const struct kernel_bits *set, uint32_t value)
{
    uint32_t low = 0, high = set->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (set->words[middle].first + 63 < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool kernel_bits_has(const struct kernel_bits *set, uint32_t value)
{
    uint32_t i = bits_word_at(set, value);
    const struct kernel_word *word;

    if (value == 0 || i == set->count)
        return false;
    word = &set->words[i];
    return value >= word->first && (word->bits >> (value - word->first) & 1) != 0;
}

uint32_t kernel_bits_next(const struct kernel_bits *set, uint32_t after)
{
    uint32_t from = after + 1;

    if (from == 0)
        return 0;
    for (uint32_t i = bits_word_at(set, from); i < set->count; i++) {
        const struct kernel_word *word = &set->words[i];
        uint64_t bits = word->bits;

        if (from > word->first)
            bits &= ~0ULL << (from - word->first);
        if (bits != 0)
            return word->first + (uint32_t)__builtin_ctzll(bits);
    }
    return 0;
}

uint32_t kernel_bits_size(const struct kernel_bits *set)
{
    uint32_t size = 0;

    for (uint32_t i = 0; i < set->count; i++)
        size += (uint32_t)__builtin_popcountll(set->words[i].bits);
    return size;
}

bool kernel_bits_contains(const struct kernel_bits *whole, const struct kernel_bits *part)
{
    uint32_t w = 0;

    for (uint32_t i = 0; i < part->count; i++) {
        while (w < whole->count && whole->words[w].first < part->words[i].first)
            w++;
        if (w == whole->count || whole->words[w].first != part->words[i].first ||
            (part->words[i].bits & ~whole->words[w].bits) != 0)
            return false;
    }
    return true;
}

bool kernel_bits_equal(const struct kernel_bits *a, const struct kernel_bits *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (a->words[i].first != b->words[i].first || a->words[i].bits != b->words[i].bits)
            return false;
    }
    return true;
}

bool kernel_bits_meet(const struct kernel_bits *a, const struct kernel_bits *b)
{
    uint32_t i = 0, k = 0;

    while (i < a->count && k < b->count) {
        if (a->words[i].first < b->words[k].first)
            i++;
        else if (a->words[i].first > b->words[k].first)
            k++;
        else if ((a->words[i++].bits & b->words[k++].bits) != 0)
            return true;
    }
    return false;
}
