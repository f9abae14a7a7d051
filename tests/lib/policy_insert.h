/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_LIB_POLICY_INSERT_H
#define CASEMATE_TESTS_LIB_POLICY_INSERT_H

/*
 * One more allow rule in the bytes of a binary policy, as a hand with a hex editor would put it
 * there: in the table of rules, or in the list of the first condition.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/kernel/policy.h"

#define INSERT_ALLOWED 0x0001u
#define INSERT_XPERMS  0x0700u
#define INSERT_KINDS   0x0777u
#define INSERT_ITEM    12u /* bytes: source, target, class, kind, permissions */

static inline uint32_t insert_u16(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

static inline uint32_t insert_u32(const uint8_t *at)
{
    return insert_u16(at) | insert_u16(at + 2) << 16;
}

static inline void insert_put(uint8_t *at, uint32_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

/* Bytes of `count` rules at `at`, or 0 if that is not what is there. */
static inline size_t insert_rules(const struct kernel_policy *policy, const uint8_t *bytes,
                                  size_t size, size_t at, uint32_t count)
{
    const size_t begin = at;
    const uint32_t types = kernel_count(policy, KERNEL_TYPE);

    for (uint32_t i = 0; i < count; i++) {
        uint32_t kind;

        if (at > size || size - at < INSERT_ITEM)
            return 0;
        kind = insert_u16(bytes + at + 6) & 0x7fff;
        if (insert_u16(bytes + at) - 1 >= types || insert_u16(bytes + at + 2) - 1 >= types ||
            insert_u16(bytes + at + 4) - 1 >= kernel_count(policy, KERNEL_CLASS) ||
            (kind & ~INSERT_KINDS) != 0 || (kind & (kind - 1)) != 0 || kind == 0)
            return 0;
        at += (kind & INSERT_XPERMS) != 0 ? 8 + 1 + 1 + 32 : INSERT_ITEM;
    }
    return at - begin;
}

/* Where the table of rules is, behind its count: the only place where so many rules stand. */
static inline size_t insert_table(const struct kernel_policy *policy, const uint8_t *bytes,
                                  size_t size, uint32_t *count)
{
    size_t rules, n = 0;
    const struct kernel_rule *rule = kernel_rules(policy, &rules);

    for (size_t i = 0; i < rules; i++)
        n += rule[i].condition == KERNEL_CONDITIONS_NONE;
    *count = (uint32_t)n;
    for (size_t at = 0; at + 4 < size; at++) {
        if (insert_u32(bytes + at) == n &&
            insert_rules(policy, bytes, size, at + 4, (uint32_t)n) > 0)
            return at + 4;
    }
    return 0;
}

/* The rule of the same types and class in the table, or 0. */
static inline size_t insert_same(const uint8_t *bytes, size_t at, uint32_t count,
                                 const struct kernel_rule *rule)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t kind = insert_u16(bytes + at + 6) & 0x7fff;

        if (kind == INSERT_ALLOWED && insert_u16(bytes + at) == rule->source &&
            insert_u16(bytes + at + 2) == rule->target && insert_u16(bytes + at + 4) == rule->class)
            return at;
        at += (kind & INSERT_XPERMS) != 0 ? 8 + 1 + 1 + 32 : INSERT_ITEM;
    }
    return 0;
}

/*
 * Copy the policy with the rule in it, or with its permissions in the rule that there is;
 * `conditional`: with the first condition's true list, which has to be there. NULL for want of
 * memory, or if this is no policy. The caller frees the result, of *made bytes.
 */
static inline uint8_t *policy_insert(const struct kernel_policy *policy, const uint8_t *bytes,
                                     size_t size, const struct kernel_rule *rule, bool conditional,
                                     size_t *made)
{
    uint32_t count;
    size_t at = insert_table(policy, bytes, size, &count), counter = at - 4, same = 0;
    uint8_t *copy = malloc(size + INSERT_ITEM);

    if (copy == NULL || at == 0) {
        free(copy);
        return NULL;
    }
    if (conditional) {
        /* How many conditions; of the first: its state, nodes, two words each; its true list. */
        counter = at + insert_rules(policy, bytes, size, at, count) + 4 + 4;
        counter += 4 + (size_t)insert_u32(bytes + counter) * 8;
        count = insert_u32(bytes + counter);
        at = counter + 4;
    } else {
        same = insert_same(bytes, at, count, rule);
    }
    if (same != 0) {
        memcpy(copy, bytes, size);
        insert_put(copy + same + 8, insert_u32(bytes + same + 8) | rule->data, 4);
        *made = size;
        return copy;
    }
    memcpy(copy, bytes, at);
    insert_put(copy + counter, count + 1, 4);
    insert_put(copy + at, rule->source, 2);
    insert_put(copy + at + 2, rule->target, 2);
    insert_put(copy + at + 4, rule->class, 2);
    insert_put(copy + at + 6, INSERT_ALLOWED, 2);
    insert_put(copy + at + 8, rule->data, 4);
    memcpy(copy + at + INSERT_ITEM, bytes + at, size - at);
    *made = size + INSERT_ITEM;
    return copy;
}

#endif
