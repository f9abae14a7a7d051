/* SPDX-License-Identifier: Apache-2.0 */
/* Which attributes a type has, and which types an attribute: the file's map, and the same turned
 * round. */
#include "policy/kernel/internal.h"

#include <stdlib.h>
#include <string.h>

static struct kernel_types list_of(const struct kernel_policy *policy,
                                   const struct kernel_lists *lists, uint32_t value)
{
    if (!kernel_defined(policy, KERNEL_TYPE, value))
        return (struct kernel_types){0};
    return (struct kernel_types){.items = lists->items + lists->starts[value],
                                 .count = lists->starts[value + 1] - lists->starts[value]};
}

struct kernel_types kernel_types_of(const struct kernel_policy *policy, uint32_t type)
{
    return list_of(policy, &policy->types_of, type);
}

struct kernel_types kernel_attributes_of(const struct kernel_policy *policy, uint32_t type)
{
    return list_of(policy, &policy->attributes_of, type);
}

bool kernel_is_attribute(const struct kernel_policy *policy, uint32_t type)
{
    return kernel_defined(policy, KERNEL_TYPE, type) &&
           (policy->types[type] & KERNEL_TYPE_ATTRIBUTE) != 0;
}

bool kernel_is_permissive(const struct kernel_policy *policy, uint32_t type)
{
    return kernel_defined(policy, KERNEL_TYPE, type) &&
           (policy->types[type] & KERNEL_TYPE_PERMISSIVE) != 0;
}

uint32_t kernel_type_bounds(const struct kernel_policy *policy, uint32_t type)
{
    return kernel_defined(policy, KERNEL_TYPE, type) ? policy->bounds[type] : 0;
}

/* Lists of `total` items for all types; starts[value + 1] has the length of value's list so far. */
static bool lists_make(struct kernel_cursor *cursor, uint32_t types, size_t total,
                       struct kernel_lists *lists)
{
    lists->items = kernel_take(cursor, total, sizeof(*lists->items));
    for (uint32_t value = 0; value <= types; value++)
        lists->starts[value + 1] += lists->starts[value];
    return lists->items != NULL;
}

/*
 * One set for each value, gaps included. Only types have attributes here: what the map says about
 * an attribute means nothing to the kernel, since no process and no object has one for a type.
 */
static bool read_sets(struct kernel_cursor *cursor, struct kernel_policy *policy, uint32_t types,
                      struct kernel_bits *sets, size_t *total)
{
    struct kernel_lists *of = &policy->attributes_of, *back = &policy->types_of;

    for (uint32_t value = 1; value <= types; value++) {
        struct kernel_bits *set = &sets[value];

        if (!kernel_read_bits(cursor, types, set))
            return false;
        if (!kernel_defined(policy, KERNEL_TYPE, value) || kernel_is_attribute(policy, value)) {
            set->count = 0;
            continue;
        }
        /* Itself, which the map need not say. */
        if (!kernel_bits_has(set, value)) {
            of->starts[value + 1]++;
            back->starts[value + 1]++;
            ++*total;
        }
        for (uint32_t a = kernel_bits_next(set, 0); a != 0; a = kernel_bits_next(set, a)) {
            if (!kernel_defined(policy, KERNEL_TYPE, a))
                return kernel_fail(cursor, "type %u has attribute %u, which is not there", value,
                                   a);
            of->starts[value + 1]++;
            back->starts[a + 1]++;
            ++*total;
        }
    }
    return true;
}

static void fill(struct kernel_policy *policy, uint32_t types, const struct kernel_bits *sets,
                 uint32_t *next)
{
    uint16_t *of = policy->attributes_of.items;

    memcpy(next, policy->types_of.starts, ((size_t)types + 1) * sizeof(*next));
    for (uint32_t value = 1; value <= types; value++) {
        bool itself =
            !kernel_defined(policy, KERNEL_TYPE, value) || kernel_is_attribute(policy, value);

        for (uint32_t a = kernel_bits_next(&sets[value], 0); a != 0 || !itself;
             a = a == 0 ? 0 : kernel_bits_next(&sets[value], a)) {
            uint32_t attribute = a;

            /* In its place among the others, so that both lists are in order. */
            if (!itself && (a == 0 || a >= value)) {
                itself = true;
                if (a != value) {
                    *of++ = (uint16_t)value;
                    policy->types_of.items[next[value]++] = (uint16_t)value;
                }
                if (a == 0)
                    break;
            }
            *of++ = (uint16_t)attribute;
            policy->types_of.items[next[attribute]++] = (uint16_t)value;
        }
    }
}

bool kernel_read_attributes(struct kernel_cursor *cursor, struct kernel_policy *policy)
{
    uint32_t types = policy->symbols[KERNEL_TYPE].count;
    size_t total = 0, n = (size_t)types + 2;
    struct kernel_bits *sets = kernel_take(cursor, n, sizeof(*sets));
    uint32_t *next = kernel_take(cursor, n, sizeof(*next));

    policy->attributes_of.starts = kernel_take(cursor, n, sizeof(*next));
    policy->types_of.starts = kernel_take(cursor, n, sizeof(*next));
    if (cursor->status != 0 || !read_sets(cursor, policy, types, sets, &total) ||
        !lists_make(cursor, types, total, &policy->attributes_of) ||
        !lists_make(cursor, types, total, &policy->types_of))
        return false;
    fill(policy, types, sets, next);
    return true;
}
