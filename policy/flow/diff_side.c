/* SPDX-License-Identifier: Apache-2.0 */
/* How two policies' names correspond, and whose the types are. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/flow/context.h"
#include "policy/flow/diff_internal.h"

static void map_types(struct diff_side *side, const struct kernel_policy *other)
{
    side->alike = kernel_count(side->policy, KERNEL_TYPE) == kernel_count(other, KERNEL_TYPE);
    for (uint32_t v = 1; v <= kernel_count(side->policy, KERNEL_TYPE); v++) {
        const char *name = kernel_name(side->policy, KERNEL_TYPE, v);
        uint32_t same = name != NULL ? kernel_find(other, KERNEL_TYPE, name) : 0;

        /* By its own name, not as another's alias; a type that becomes an attribute is another. */
        if (same != 0 && strcmp(kernel_name(other, KERNEL_TYPE, same), name) == 0 &&
            kernel_is_attribute(side->policy, v) == kernel_is_attribute(other, same))
            side->type[v] = same;
        side->alike = side->alike && side->type[v] == v;
    }
}

static void map_class(struct diff_side *side, const struct kernel_policy *other, uint32_t v)
{
    const struct kernel_class *class = kernel_class(side->policy, v);

    for (uint32_t p = 0; p < KERNEL_PERMISSIONS_MAX; p++)
        side->bit[v * 32 + p] = KERNEL_PERMISSIONS_MAX;
    if (class == NULL)
        return;
    side->class[v] = kernel_find(other, KERNEL_CLASS, class->name);
    for (uint32_t p = 0; p < class->permission_count; p++) {
        uint32_t bit = 0;

        if (class->permissions[p] != NULL && side->class[v] != 0)
            bit = kernel_permission(other, side->class[v], class -> permissions[p]);
        if (bit != 0)
            side->bit[v * 32 + p] = (uint8_t)__builtin_ctz(bit);
    }
}

/* Of a type the slot; of an attribute that of its types, or that there are several. */
static void find_slots(struct diff_side *side)
{
    const struct kernel_policy *policy = side->policy;
    uint32_t types = kernel_count(policy, KERNEL_TYPE);

    for (uint32_t v = 1; v <= types; v++) {
        const char *name = kernel_name(policy, KERNEL_TYPE, v), *part;
        unsigned slot;

        side->slot[v] = DIFF_SLOT_NONE;
        if (name == NULL || kernel_is_attribute(policy, v) || !context_slot(name, &slot, &part) ||
            slot >= DIFF_SLOTS)
            continue;
        side->slot[v] = (uint16_t)slot;
        side->part[v] = (uint16_t)(part - name);
        side->slots += !side->has_slot[slot];
        side->has_slot[slot] = true;
    }
    for (uint32_t v = 1; v <= types; v++) {
        struct kernel_types of = kernel_types_of(policy, v);

        for (uint32_t i = 0; i < of.count; i++) {
            uint16_t slot = side->slot[of.items[i]];

            if (slot == DIFF_SLOT_NONE)
                continue;
            if (side->slot[v] == DIFF_SLOT_NONE)
                side->slot[v] = slot;
            else if (side->slot[v] != slot)
                side->slot[v] = DIFF_SLOT_MANY;
        }
    }
}

static void index_targets(struct diff_side *side)
{
    uint32_t types = kernel_count(side->policy, KERNEL_TYPE);
    size_t count;
    const struct kernel_rule *rules = kernel_rules(side->policy, &count);

    for (size_t i = 0; i < count; i++)
        side->targets[rules[i].target + 1]++;
    for (uint32_t v = 0; v <= types; v++)
        side->targets[v + 1] += side->targets[v];
    for (size_t i = count; i-- > 0;)
        side->by_target[--side->targets[rules[i].target + 1]] = (uint32_t)i;
    /* Each start has moved down by its own length: to where its list begins. */
    memmove(side->targets, side->targets + 1, ((size_t)types + 1) * sizeof(*side->targets));
    side->targets[types + 1] = (uint32_t)count;
}

int diff_side_make(const struct kernel_policy *policy, const struct kernel_policy *other,
                   struct diff_side *side)
{
    size_t types = (size_t)kernel_count(policy, KERNEL_TYPE) + 2, count;
    size_t classes = (size_t)kernel_count(policy, KERNEL_CLASS) + 1;

    kernel_rules(policy, &count);
    side->policy = policy;
    side->type = calloc(types, sizeof(*side->type));
    side->class = calloc(classes, sizeof(*side->class));
    side->bit = calloc(classes, 32);
    side->slot = calloc(types, sizeof(*side->slot));
    side->part = calloc(types, sizeof(*side->part));
    side->targets = calloc(types + 1, sizeof(*side->targets));
    side->by_target = calloc(count + 1, sizeof(*side->by_target));
    side->has_slot = calloc(DIFF_SLOTS, sizeof(*side->has_slot));
    if (side->type == NULL || side->class == NULL || side->bit == NULL || side->slot == NULL ||
        side->part == NULL || side->targets == NULL || side->by_target == NULL ||
        side->has_slot == NULL)
        return -ENOMEM;
    map_types(side, other);
    for (uint32_t v = 1; v < classes; v++)
        map_class(side, other, v);
    find_slots(side);
    index_targets(side);
    return 0;
}

void diff_side_free(struct diff_side *side)
{
    free(side->type);
    free(side->class);
    free(side->bit);
    free(side->slot);
    free(side->part);
    free(side->targets);
    free(side->by_target);
    free(side->has_slot);
}

uint32_t diff_side_bits(const struct diff_side *side, uint32_t class, uint32_t permissions,
                        uint32_t *unknown)
{
    uint32_t known = 0;

    *unknown = 0;
    for (uint32_t rest = permissions; rest != 0; rest &= rest - 1) {
        uint32_t p = (uint32_t)__builtin_ctz(rest);

        if (side->bit[class * 32 + p] < KERNEL_PERMISSIONS_MAX)
            known |= 1u << side->bit[class * 32 + p];
        else
            *unknown |= 1u << p;
    }
    return known;
}

char *diff_slot_name(uint32_t slot, char to[32])
{
    (void)snprintf(to, 32, "casemate_tenant_%04u", slot);
    return to;
}

void diff_permissions(const struct kernel_policy *policy, uint32_t class, uint32_t permissions,
                      struct buf *out)
{
    const struct kernel_class *of = kernel_class(policy, class);
    const char *before = "";

    for (uint32_t p = 0; of != NULL && p < of->permission_count; p++) {
        if ((permissions >> p & 1) != 0 && of->permissions[p] != NULL) {
            buf_printf(out, "%s%s", before, of->permissions[p]);
            before = ", ";
        }
    }
}
