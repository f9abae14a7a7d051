/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/sort.h"

#include <string.h>

#define DIGITS 256

/* By one byte of the key, stable. False when all have the same one, and nothing was moved. */
static bool by_digit(const struct sort_pair *from, struct sort_pair *to, size_t count,
                     unsigned shift)
{
    size_t start[DIGITS] = {0}, sum = 0;

    for (size_t i = 0; i < count; i++)
        start[from[i].key >> shift & 0xff]++;
    for (size_t digit = 0; digit < DIGITS; digit++) {
        size_t here = start[digit];

        if (here == count)
            return false;
        start[digit] = sum;
        sum += here;
    }
    for (size_t i = 0; i < count; i++)
        to[start[from[i].key >> shift & 0xff]++] = from[i];
    return true;
}

void sort_pairs(struct sort_pair *pairs, struct sort_pair *spare, size_t count)
{
    struct sort_pair *from = pairs, *to = spare;

    if (count < 2)
        return;
    for (unsigned shift = 0; shift < 64; shift += 8) {
        if (by_digit(from, to, count, shift)) {
            struct sort_pair *other = from;

            from = to;
            to = other;
        }
    }
    if (from != pairs)
        memcpy(pairs, from, count * sizeof(*pairs));
}

size_t sort_find(const struct sort_pair *pairs, size_t count, uint64_t key)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (pairs[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int sort_compare(const struct sort_text *a, const struct sort_text *b)
{
    uint32_t common = a->size < b->size ? a->size : b->size;
    int order = common > 0 && a->text != b->text ? memcmp(a->text, b->text, common) : 0;

    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

/* Two sorted halves of `from` to one run of `to`. */
static void merge(const struct sort_text *from, size_t start, size_t middle, size_t end,
                  struct sort_text *to)
{
    size_t a = start, b = middle;

    for (size_t i = start; i < end; i++) {
        if (b >= end || (a < middle && sort_compare(&from[a], &from[b]) <= 0))
            to[i] = from[a++];
        else
            to[i] = from[b++];
    }
}

void sort_texts(struct sort_text *texts, struct sort_text *spare, size_t count)
{
    struct sort_text *from = texts, *to = spare;

    for (size_t run = 1; run < count; run *= 2) {
        struct sort_text *other = from;

        for (size_t start = 0; start < count; start += 2 * run) {
            size_t middle = start + run < count ? start + run : count;
            size_t end = middle + run < count ? middle + run : count;

            merge(from, start, middle, end, to);
        }
        from = to;
        to = other;
    }
    if (from != texts)
        memcpy(texts, from, count * sizeof(*texts));
}
