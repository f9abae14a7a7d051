/* SPDX-License-Identifier: Apache-2.0 */
/* Role transitions and role allows, names of new files, ranges of new processes and objects. */
#include "policy/kernel/internal.h"

#include <stdlib.h>

#define VERSION_NAMES_COMPACT 33u /* since then a name stands once for all its sources */

static bool read_role_transitions(struct kernel_cursor *cursor, struct kernel_policy *policy)
{
    uint32_t count;

    if (!kernel_items(cursor, "role transitions", 16, &count))
        return false;
    policy->role_transitions = kernel_take(cursor, count, sizeof(*policy->role_transitions));
    if (policy->role_transitions == NULL)
        return false;
    policy->role_transition_count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct kernel_role_transition *transition = &policy->role_transitions[i];

        if (!kernel_read_value(cursor, policy, KERNEL_ROLE, &transition->role) ||
            !kernel_read_value(cursor, policy, KERNEL_TYPE, &transition->type) ||
            !kernel_read_value(cursor, policy, KERNEL_ROLE, &transition->to) ||
            !kernel_read_value(cursor, policy, KERNEL_CLASS, &transition->class))
            return false;
    }
    return true;
}

static bool read_role_allows(struct kernel_cursor *cursor, struct kernel_policy *policy)
{
    uint32_t count;

    if (!kernel_items(cursor, "role allow rules", 8, &count))
        return false;
    policy->role_allows = kernel_take(cursor, count, sizeof(*policy->role_allows));
    if (policy->role_allows == NULL)
        return false;
    policy->role_allow_count = count;
    for (uint32_t i = 0; i < count; i++) {
        if (!kernel_read_value(cursor, policy, KERNEL_ROLE, &policy->role_allows[i].from) ||
            !kernel_read_value(cursor, policy, KERNEL_ROLE, &policy->role_allows[i].to))
            return false;
    }
    return true;
}

struct name_list {
    struct kernel_name_transition *items;
    size_t count, room;
};

static bool name_add(struct kernel_cursor *cursor, struct name_list *list,
                     const struct kernel_name_transition *transition)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 64 : list->room * 2;
        struct kernel_name_transition *grown = reallocarray(list->items, room, sizeof(*grown));

        if (grown == NULL) {
            kernel_take(cursor, SIZE_MAX, SIZE_MAX);
            return false;
        }
        list->items = grown;
        list->room = room;
    }
    list->items[list->count++] = *transition;
    return true;
}

/* The type that a rule gives an object: a type of its own, no attribute. */
static bool read_new_type(struct kernel_cursor *cursor, const struct kernel_policy *policy,
                          uint32_t *type)
{
    if (!kernel_read_value(cursor, policy, KERNEL_TYPE, type))
        return false;
    if (kernel_is_attribute(policy, *type))
        return kernel_fail(cursor, "attribute %s as the type of an object",
                           kernel_name(policy, KERNEL_TYPE, *type));
    return true;
}

/* Up to version 32: name, source, target, class, new type. */
static bool read_name_single(struct kernel_cursor *cursor, const struct kernel_policy *policy,
                             struct name_list *list)
{
    struct kernel_name_transition transition = {0};
    struct kernel_word *word;
    uint32_t length, source;

    if (!kernel_u32(cursor, &length) || !kernel_read_text(cursor, length, &transition.name) ||
        !kernel_read_value(cursor, policy, KERNEL_TYPE, &source) ||
        !kernel_read_value(cursor, policy, KERNEL_TYPE, &transition.target) ||
        !kernel_read_value(cursor, policy, KERNEL_CLASS, &transition.class) ||
        !read_new_type(cursor, policy, &transition.to))
        return false;
    word = kernel_take(cursor, 1, sizeof(*word));
    if (word == NULL)
        return false;
    word->first = (source - 1) / 64 * 64 + 1;
    word->bits = 1ULL << (source - word->first);
    transition.sources = (struct kernel_bits){.words = word, .count = 1};
    return name_add(cursor, list, &transition);
}

/* Since version 33: name, target, class; then for each new type its sources. */
static bool read_name_many(struct kernel_cursor *cursor, const struct kernel_policy *policy,
                           struct name_list *list)
{
    struct kernel_name_transition transition = {0};
    uint32_t length, count;

    if (!kernel_u32(cursor, &length) || !kernel_read_text(cursor, length, &transition.name) ||
        !kernel_read_value(cursor, policy, KERNEL_TYPE, &transition.target) ||
        !kernel_read_value(cursor, policy, KERNEL_CLASS, &transition.class) ||
        !kernel_items(cursor, "new types of a file's name", 16, &count))
        return false;
    if (count == 0)
        return kernel_fail(cursor, "a file's name without a new type");
    for (uint32_t i = 0; i < count; i++) {
        if (!kernel_read_bits(cursor, policy->symbols[KERNEL_TYPE].count, &transition.sources) ||
            !read_new_type(cursor, policy, &transition.to) || !name_add(cursor, list, &transition))
            return false;
    }
    return true;
}

static bool read_names(struct kernel_cursor *cursor, struct kernel_policy *policy,
                       struct name_list *list)
{
    bool many = policy->version >= VERSION_NAMES_COMPACT;
    uint32_t count;

    if (!kernel_items(cursor, "file name transitions", 21, &count))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (many ? !read_name_many(cursor, policy, list) : !read_name_single(cursor, policy, list))
            return false;
    }
    policy->name_transitions = kernel_take(cursor, list->count, sizeof(*policy->name_transitions));
    if (policy->name_transitions == NULL)
        return false;
    for (size_t i = 0; i < list->count; i++)
        policy->name_transitions[i] = list->items[i];
    policy->name_transition_count = (uint32_t)list->count;
    return true;
}

bool kernel_read_transitions(struct kernel_cursor *cursor, struct kernel_policy *policy)
{
    struct name_list list = {0};
    bool read = read_role_transitions(cursor, policy) && read_role_allows(cursor, policy) &&
                read_names(cursor, policy, &list);

    free(list.items);
    return read;
}

bool kernel_read_range_transitions(struct kernel_cursor *cursor, struct kernel_policy *policy)
{
    uint32_t count;

    if (!kernel_items(cursor, "range transitions", 32, &count))
        return false;
    policy->range_transitions = kernel_take(cursor, count, sizeof(*policy->range_transitions));
    if (policy->range_transitions == NULL)
        return false;
    policy->range_transition_count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct kernel_range_transition *transition = &policy->range_transitions[i];

        if (!kernel_read_value(cursor, policy, KERNEL_TYPE, &transition->source) ||
            !kernel_read_value(cursor, policy, KERNEL_TYPE, &transition->target) ||
            !kernel_read_value(cursor, policy, KERNEL_CLASS, &transition->class) ||
            !kernel_read_range(cursor, policy, true, &transition->range))
            return false;
    }
    return true;
}

const struct kernel_role_allow *kernel_role_allows(const struct kernel_policy *policy,
                                                   size_t *count)
{
    *count = policy->role_allow_count;
    return policy->role_allows;
}

const struct kernel_role_transition *kernel_role_transitions(const struct kernel_policy *policy,
                                                             size_t *count)
{
    *count = policy->role_transition_count;
    return policy->role_transitions;
}

const struct kernel_range_transition *kernel_range_transitions(const struct kernel_policy *policy,
                                                               size_t *count)
{
    *count = policy->range_transition_count;
    return policy->range_transitions;
}

const struct kernel_name_transition *kernel_name_transitions(const struct kernel_policy *policy,
                                                             size_t *count)
{
    *count = policy->name_transition_count;
    return policy->name_transitions;
}
