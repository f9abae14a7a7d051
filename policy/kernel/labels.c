/* SPDX-License-Identifier: Apache-2.0 */
/* Objects that the policy labels itself: initial SIDs, ports, networks, file systems without
 * labels. */
#include "policy/kernel/decide.h"
#include "policy/kernel/internal.h"

#include <stdlib.h>
#include <string.h>

#define FS_USE_MAX   7u /* the kernel's behaviours, of which 6 is not the policy's to choose */
#define FS_USE_MOUNT 6u
#define IB_PORT_MAX  255u
#define PORT_MAX     65535u

struct label_list {
    struct kernel_label *items;
    size_t count, room;
};

static bool label_add(struct kernel_cursor *cursor, struct label_list *list,
                      const struct kernel_label *label)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 64 : list->room * 2;
        struct kernel_label *grown = reallocarray(list->items, room, sizeof(*grown));

        if (grown == NULL) {
            kernel_take(cursor, SIZE_MAX, SIZE_MAX);
            return false;
        }
        list->items = grown;
        list->room = room;
    }
    list->items[list->count++] = *label;
    return true;
}

static bool read_context(struct kernel_cursor *cursor, const struct kernel_policy *policy,
                         struct kernel_context *context)
{
    if (!kernel_read_value(cursor, policy, KERNEL_USER, &context->user) ||
        !kernel_read_value(cursor, policy, KERNEL_ROLE, &context->role) ||
        !kernel_read_value(cursor, policy, KERNEL_TYPE, &context->type) ||
        !kernel_read_range(cursor, policy, true, &context->range))
        return false;
    if (!kernel_context_valid(policy, context))
        return kernel_fail(cursor, "a context that is not valid");
    return true;
}

static bool read_string(struct kernel_cursor *cursor, const char **text)
{
    uint32_t length;

    return kernel_u32(cursor, &length) && kernel_read_text(cursor, length, text);
}

/* Words as they stand in the file: network order is kept. */
static bool read_words(struct kernel_cursor *cursor, struct kernel_label *label, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!kernel_u32(cursor, &label->words[i]))
            return false;
    }
    return true;
}

static bool read_interval(struct kernel_cursor *cursor, struct kernel_label *label)
{
    if (!kernel_u32(cursor, &label->low) || !kernel_u32(cursor, &label->high))
        return false;
    if (label->low > label->high || label->high > PORT_MAX)
        return kernel_fail(cursor, "ports from %u to %u", label->low, label->high);
    return true;
}

/* What tells the object, without its context. */
static bool read_object(struct kernel_cursor *cursor, struct kernel_label *label)
{
    uint32_t length;

    switch (label->kind) {
    case KERNEL_LABEL_INITIAL_SID:
        if (!kernel_u32(cursor, &label->number))
            return false;
        return label->number != 0 || kernel_fail(cursor, "a context for the SID 0");
    case KERNEL_LABEL_FS:
    case KERNEL_LABEL_NETIF:
        return read_string(cursor, &label->name);
    case KERNEL_LABEL_PORT:
        return kernel_u32(cursor, &label->number) && read_interval(cursor, label);
    case KERNEL_LABEL_NODE:
        return read_words(cursor, label, 2);
    case KERNEL_LABEL_NODE6:
        return read_words(cursor, label, 8);
    case KERNEL_LABEL_FS_USE:
        if (!kernel_u32(cursor, &label->number) || !read_string(cursor, &label->name))
            return false;
        if (label->number == 0 || label->number > FS_USE_MAX || label->number == FS_USE_MOUNT)
            return kernel_fail(cursor, "file system %s has behaviour %u", label->name,
                               label->number);
        return true;
    case KERNEL_LABEL_IBPKEY:
        return read_words(cursor, label, 2) && read_interval(cursor, label);
    case KERNEL_LABEL_IBENDPORT:
        if (!kernel_u32(cursor, &length) || !kernel_u32(cursor, &label->number) ||
            !kernel_read_text(cursor, length, &label->name))
            return false;
        if (label->number == 0 || label->number > IB_PORT_MAX)
            return kernel_fail(cursor, "port %u of %s", label->number, label->name);
        return true;
    default:
        return false;
    }
}

static bool read_kind(struct kernel_cursor *cursor, const struct kernel_policy *policy,
                      enum kernel_label_kind kind, struct label_list *list)
{
    uint32_t count;

    if (!kernel_items(cursor, "objects with labels", 40, &count))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct kernel_label label = {.kind = (uint8_t)kind};

        if (!read_object(cursor, &label) || !read_context(cursor, policy, &label.context) ||
            ((kind == KERNEL_LABEL_FS || kind == KERNEL_LABEL_NETIF) &&
             !read_context(cursor, policy, &label.second)) ||
            !label_add(cursor, list, &label))
            return false;
    }
    return true;
}

static bool read_genfs(struct kernel_cursor *cursor, const struct kernel_policy *policy,
                       struct label_list *list)
{
    uint32_t systems, paths;

    if (!kernel_items(cursor, "file systems without labels", 9, &systems))
        return false;
    for (uint32_t i = 0; i < systems; i++) {
        struct kernel_label label = {.kind = KERNEL_LABEL_GENFS};

        if (!read_string(cursor, &label.name) ||
            !kernel_items(cursor, "paths of a file system", 41, &paths))
            return false;
        for (uint32_t p = 0; p < paths; p++) {
            if (!read_string(cursor, &label.path) || !kernel_u32(cursor, &label.class))
                return false;
            if (label.class != 0 && !kernel_defined(policy, KERNEL_CLASS, label.class))
                return kernel_fail(cursor, "a path of a class that is not there (%u)", label.class);
            if (!read_context(cursor, policy, &label.context) || !label_add(cursor, list, &label))
                return false;
        }
    }
    return true;
}

bool kernel_read_labels(struct kernel_cursor *cursor, struct kernel_policy *policy)
{
    struct label_list list = {0};
    bool read = true;

    for (enum kernel_label_kind kind = 0; read && kind < KERNEL_LABEL_GENFS; kind++) {
        if (kind < KERNEL_LABEL_IBPKEY || policy->version >= KERNEL_VERSION_INFINIBAND)
            read = read_kind(cursor, policy, kind, &list);
    }
    read = read && read_genfs(cursor, policy, &list);
    if (read) {
        policy->labels = kernel_take(cursor, list.count, sizeof(*policy->labels));
        read = policy->labels != NULL;
    }
    if (read && list.count != 0)
        memcpy(policy->labels, list.items, list.count * sizeof(*policy->labels));
    if (read)
        policy->label_count = (uint32_t)list.count;
    free(list.items);
    return read;
}

const struct kernel_label *kernel_labels(const struct kernel_policy *policy, size_t *count)
{
    *count = policy->label_count;
    return policy->labels;
}
