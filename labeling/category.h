/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_LABELING_CATEGORY_H
#define CASEMATE_LABELING_CATEGORY_H

/*
 * Sets of MCS categories, and their numbering. SELinux lets a set act on every set that it contains
 * (dominance), so guests get sets of one size: of two different sets of equal size neither contains
 * the other. Pure: nothing here touches a file.
 *
 * A pool is the categories `first` .. `first + count - 1` taken `size` at a time. Its sets are
 * numbered 0 .. category_pool_sets() - 1 (the combinatorial number system, Knuth, TAOCP 4A,
 * 7.2.1.3), so that one number can be drawn at random and a set read off it, with no list of them.
 */
#include <stdbool.h>
#include <stdint.h>

#define CATEGORIES        1024 /* c0 .. c1023, as reference policies declare them */
#define CATEGORY_SET_MAX  8    /* categories in one set, at most */
#define CATEGORY_TEXT_MAX 48   /* "c1000,c1001,..." of CATEGORY_SET_MAX, with NUL */

/* Ascending, without repetition; what category_parse, category_unrank and category_make yield. */
struct category_set {
    unsigned size; /* 1 .. CATEGORY_SET_MAX */
    uint16_t category[CATEGORY_SET_MAX];
};

struct category_pool {
    unsigned first, count; /* first + count <= CATEGORIES */
    unsigned size;         /* 2 or 3 */
};

/*
 * A set of `size` categories in any order. 0; -EINVAL for none, too many, a repeated one (c1 == c2
 * would leave a smaller set, which others contain: CVE-2021-3631) or one over c1023.
 */
int category_make(const uint16_t *categories, unsigned size, struct category_set *set);

/*
 * Read "c5,c9", "c1.c3" (a range), in any order, and nothing else. 0; -EINVAL as above or for
 * anything that is not this grammar (signs, blanks, leading zeroes, empty parts, ranges backwards).
 */
int category_parse(const char *text, struct category_set *set);

/*
 * The text as the kernel writes it: ascending, three or more in a row as "c1.c3". A label that is
 * read back can so be compared as text.
 */
void category_text(const struct category_set *set, char text[CATEGORY_TEXT_MAX]);

/* True if every category of `inner` is in `outer`. */
bool category_contains(const struct category_set *outer, const struct category_set *inner);

/* True if one contains the other: then one guest could act on the other's objects. */
bool category_comparable(const struct category_set *a, const struct category_set *b);

/* 0; -EINVAL for a pool without at least one set, of another size than 2 or 3, or over c1023. */
int category_pool_check(const struct category_pool *pool);

/* How many sets the (valid) pool has: 523,776 pairs or 178,433,024 triples of all 1024. */
uint64_t category_pool_sets(const struct category_pool *pool);

/* Set number `rank`. 0; -ERANGE. */
int category_unrank(const struct category_pool *pool, uint64_t rank, struct category_set *set);

/* The number of a set. 0; -ERANGE when it is of another size or not of these categories. */
int category_rank(const struct category_pool *pool, const struct category_set *set, uint64_t *rank);

#endif
