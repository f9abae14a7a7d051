/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_SORT_H
#define CASEMATE_POLICY_SORT_H

/*
 * Sorting, inside policy/: stable, in memory of the caller's, in time that whoever chose the values
 * cannot worsen. (libc's qsort takes memory, which a confined process cannot.)
 */
#include <stddef.h>
#include <stdint.h>

#include "policy/arena.h"

struct sort_pair {
    uint64_t key, value;
};

/* Sort by key, ascending; `spare` has room for as many. */
void sort_pairs(struct sort_pair *pairs, struct sort_pair *spare, size_t count);

/* The first pair whose key is not less than `key`, of sorted ones: an index up to `count`. */
size_t sort_find(const struct sort_pair *pairs, size_t count, uint64_t key);

struct sort_text {
    const char *text; /* not terminated */
    uint32_t size, value;
};

/* The order of bytes; what another begins with comes before it. Negative, 0, positive. */
int sort_compare(const struct sort_text *a, const struct sort_text *b);

/* Sort by sort_compare; `spare` has room for as many. */
void sort_texts(struct sort_text *texts, struct sort_text *spare, size_t count);

#endif
