/* SPDX-License-Identifier: Apache-2.0 */
#include "labeling/category.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

int category_make(const uint16_t *categories, unsigned size, struct category_set *set)
{
    struct category_set made = {.size = size};

    if (size == 0 || size > CATEGORY_SET_MAX)
        return -EINVAL;
    for (unsigned i = 0; i < size; i++) {
        uint16_t c = categories[i];
        unsigned at = i;

        if (c >= CATEGORIES)
            return -EINVAL;
        while (at > 0 && made.category[at - 1] > c) {
            made.category[at] = made.category[at - 1];
            at--;
        }
        if (at > 0 && made.category[at - 1] == c)
            return -EINVAL;
        made.category[at] = c;
    }
    *set = made;
    return 0;
}

/* "c" and a number below CATEGORIES without leading zeroes. NULL if it is not there. */
static const char *parse_one(const char *text, uint16_t *category)
{
    unsigned value = 0, digits = 0;

    if (*text++ != 'c')
        return NULL;
    for (; *text >= '0' && *text <= '9'; text++) {
        value = value * 10 + (unsigned)(*text - '0');
        if (++digits > 4 || (digits == 2 && value < 10))
            return NULL;
    }
    if (digits == 0 || value >= CATEGORIES)
        return NULL;
    *category = (uint16_t)value;
    return text;
}

int category_parse(const char *text, struct category_set *set)
{
    uint16_t found[CATEGORY_SET_MAX];
    unsigned size = 0;

    for (;;) {
        uint16_t low, high;

        text = parse_one(text, &low);
        high = low;
        if (text != NULL && *text == '.') {
            text = parse_one(text + 1, &high);
            if (text != NULL && high <= low)
                return -EINVAL;
        }
        if (text == NULL || (unsigned)(high - low) >= CATEGORY_SET_MAX - size)
            return -EINVAL;
        for (unsigned c = low; c <= high; c++)
            found[size++] = (uint16_t)c;
        if (*text == '\0')
            break;
        if (*text++ != ',' || size == CATEGORY_SET_MAX)
            return -EINVAL;
    }
    return category_make(found, size, set);
}

void category_text(const struct category_set *set, char text[CATEGORY_TEXT_MAX])
{
    size_t used = 0;
    unsigned i = 0;

    text[0] = '\0';
    while (i < set->size && i < CATEGORY_SET_MAX) {
        unsigned last = i;

        while (last + 1 < set->size && set->category[last + 1] == set->category[last] + 1)
            last++;
        /* The kernel writes two in a row as a list (mls_sid_to_context). */
        if (last < i + 2)
            last = i;
        used += (size_t)snprintf(text + used, CATEGORY_TEXT_MAX - used, "%sc%u", i > 0 ? "," : "",
                                 (unsigned)set->category[i]);
        if (last > i)
            used += (size_t)snprintf(text + used, CATEGORY_TEXT_MAX - used, ".c%u",
                                     (unsigned)set->category[last]);
        i = last + 1;
    }
}

bool category_contains(const struct category_set *outer, const struct category_set *inner)
{
    unsigned at = 0;

    for (unsigned i = 0; i < inner->size; i++) {
        while (at < outer->size && outer->category[at] < inner->category[i])
            at++;
        if (at == outer->size || outer->category[at] != inner->category[i])
            return false;
    }
    return true;
}

bool category_comparable(const struct category_set *a, const struct category_set *b)
{
    return category_contains(a, b) || category_contains(b, a);
}

/* n over k for k <= 3: below 2^28 for n <= CATEGORIES. */
static uint64_t choose(uint64_t n, unsigned k)
{
    uint64_t result = 1;

    for (unsigned i = 0; i < k; i++) {
        if (n <= i)
            return 0;
        result = result * (n - i) / (i + 1);
    }
    return result;
}

int category_pool_check(const struct category_pool *pool)
{
    if ((pool->size != 2 && pool->size != 3) || pool->count < pool->size ||
        pool->first >= CATEGORIES || pool->count > CATEGORIES - pool->first)
        return -EINVAL;
    return 0;
}

uint64_t category_pool_sets(const struct category_pool *pool)
{
    return choose(pool->count, pool->size);
}

/* rank = choose(c1, 1) + choose(c2, 2) + ... for c1 < c2 < ..., counted from the pool's first. */
int category_unrank(const struct category_pool *pool, uint64_t rank, struct category_set *set)
{
    struct category_set made = {.size = pool->size};

    if (rank >= category_pool_sets(pool))
        return -ERANGE;
    for (unsigned k = pool->size; k > 0; k--) {
        unsigned low = k - 1, high = pool->count - 1;

        while (low < high) { /* the largest c with choose(c, k) <= rank */
            unsigned middle = low + (high - low + 1) / 2;

            if (choose(middle, k) <= rank)
                low = middle;
            else
                high = middle - 1;
        }
        made.category[k - 1] = (uint16_t)(pool->first + low);
        rank -= choose(low, k);
    }
    *set = made;
    return 0;
}

int category_rank(const struct category_pool *pool, const struct category_set *set, uint64_t *rank)
{
    uint64_t sum = 0;

    if (set->size != pool->size)
        return -ERANGE;
    for (unsigned i = 0; i < set->size; i++) {
        unsigned c = set->category[i];

        if (c < pool->first || c - pool->first >= pool->count)
            return -ERANGE;
        sum += choose(c - pool->first, i + 1);
    }
    *rank = sum;
    return 0;
}
