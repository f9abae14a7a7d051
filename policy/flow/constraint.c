/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What constraints take away for certain. An expression is evaluated with what is known (types, and
 * of two guests that neither dominates the other); a comparison of what is not known may come out
 * either way. What may hold is allowed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/flow/internal.h"

enum { MAY_FAIL = 1, MAY_HOLD = 2, MAY_BOTH = 3 };

static uint8_t certain(bool holds)
{
    return holds ? MAY_HOLD : MAY_FAIL;
}

static uint8_t from_order(uint8_t op, bool equal_possible, bool equal_certain, uint8_t above,
                          uint8_t below)
{
    switch (op) {
    case KERNEL_OP_EQ:
        return equal_certain ? MAY_HOLD : equal_possible ? MAY_BOTH : MAY_FAIL;
    case KERNEL_OP_NEQ:
        return equal_certain ? MAY_FAIL : equal_possible ? MAY_BOTH : MAY_HOLD;
    case KERNEL_OP_DOM:
        return above;
    case KERNEL_OP_DOMBY:
        return below;
    case KERNEL_OP_INCOMP:
        if (above == MAY_HOLD || below == MAY_HOLD)
            return MAY_FAIL;
        return above == MAY_FAIL && below == MAY_FAIL ? MAY_HOLD : MAY_BOTH;
    default:
        return MAY_BOTH;
    }
}

/*
 * High levels of two guests: X and Y, neither of which contains the other. Low levels: anything
 * below, so that a context with a range cannot slip through. Hence a low level of the one neither
 * equals nor dominates the high of the other.
 */
static uint8_t compare_levels(const struct kernel_node *node, enum flow_levels levels)
{
    if (node->operand == KERNEL_L1_H1 || node->operand == KERNEL_L2_H2)
        return from_order(node->op, true, false, MAY_BOTH, MAY_HOLD);
    if (levels == FLOW_LEVELS_CHANGED && node->operand == KERNEL_H1_H2)
        return from_order(node->op, false, false, MAY_BOTH, MAY_BOTH);
    if (levels != FLOW_LEVELS_GUESTS)
        return MAY_BOTH;
    switch (node->operand) {
    case KERNEL_H1_H2:
        return from_order(node->op, false, false, MAY_FAIL, MAY_FAIL);
    case KERNEL_L1_H2:
        return from_order(node->op, false, false, MAY_FAIL, MAY_BOTH);
    case KERNEL_H1_L2:
        return from_order(node->op, false, false, MAY_BOTH, MAY_FAIL);
    default:
        return MAY_BOTH;
    }
}

static uint8_t leaf(const struct kernel_node *node, enum flow_levels levels, uint32_t source,
                    uint32_t target)
{
    bool has;

    if (node->kind == KERNEL_NODE_COMPARE && node->operand == KERNEL_TYPES &&
        (node->op == KERNEL_OP_EQ || node->op == KERNEL_OP_NEQ))
        return certain((source == target) == (node->op == KERNEL_OP_EQ));
    if (node->kind == KERNEL_NODE_COMPARE)
        return node->operand >= KERNEL_L1_L2 ? compare_levels(node, levels) : MAY_BOTH;
    if (node->operand != KERNEL_TYPES || node->side == KERNEL_SIDE_THIRD)
        return MAY_BOTH;
    has = kernel_bits_has(&node->names, node->side == KERNEL_SIDE_SOURCE ? source : target);
    return certain(has == (node->op == KERNEL_OP_EQ));
}

static bool may_hold(struct flow_masks *masks, const struct kernel_constraint *constraint,
                     enum flow_levels levels, uint32_t source, uint32_t target)
{
    uint8_t *value = masks->scratch;

    for (uint32_t i = 0; i < constraint->count; i++) {
        const struct kernel_node *node = &constraint->nodes[i];

        if (node->kind == KERNEL_NODE_NOT) {
            const uint8_t of = value[node->left];

            value[i] = (uint8_t)(((of & MAY_FAIL) != 0 ? MAY_HOLD : 0) |
                                 ((of & MAY_HOLD) != 0 ? MAY_FAIL : 0));
        } else if (node->kind == KERNEL_NODE_AND) {
            value[i] = (uint8_t)((value[node->left] & value[node->right] & MAY_HOLD) |
                                 ((value[node->left] | value[node->right]) & MAY_FAIL));
        } else if (node->kind == KERNEL_NODE_OR) {
            value[i] = (uint8_t)(((value[node->left] | value[node->right]) & MAY_HOLD) |
                                 (value[node->left] & value[node->right] & MAY_FAIL));
        } else {
            value[i] = leaf(node, levels, source, target);
        }
    }
    return (value[constraint->count - 1] & MAY_HOLD) != 0;
}

/* ---------------------------------------------------------------- classes of types */

/* Divide: what is in the set gets numbers of its own. */
static int divide(struct flow_masks *masks, const struct kernel_bits *set, uint32_t types,
                  uint32_t **fresh, uint32_t *capacity)
{
    const uint32_t before = masks->equal_count;

    for (uint32_t t = kernel_bits_next(set, 0); t != 0 && t <= types;
         t = kernel_bits_next(set, t)) {
        const uint32_t old = masks->equal[t];

        if (old >= before)
            continue;
        if (before > *capacity) {
            uint32_t *larger = realloc(*fresh, sizeof(**fresh) * before * 2);

            if (larger == NULL)
                return -ENOMEM;
            memset(larger + *capacity, 0, sizeof(**fresh) * (before * 2 - *capacity));
            *fresh = larger;
            *capacity = before * 2;
        }
        if ((*fresh)[old] == 0)
            (*fresh)[old] = masks->equal_count++;
        masks->equal[t] = (*fresh)[old];
    }
    if (before <= *capacity)
        memset(*fresh, 0, sizeof(**fresh) * before);
    return 0;
}

/* Numbers that nobody has any more are given back, so that they do not grow with the sets. */
static int renumber(struct flow_masks *masks, uint32_t types)
{
    uint32_t *name = calloc(masks->equal_count, sizeof(*name));
    uint32_t next = 1;

    if (name == NULL)
        return -ENOMEM;
    for (uint32_t t = 0; t <= types; t++) {
        uint32_t *to = &name[masks->equal[t]];

        if (*to == 0)
            *to = next++;
        masks->equal[t] = *to - 1;
    }
    masks->equal_count = next - 1;
    free(name);
    return 0;
}

static int divide_all(struct flow_masks *masks, const struct kernel_policy *policy, uint32_t types)
{
    const uint32_t classes = kernel_count(policy, KERNEL_CLASS);
    uint32_t *fresh = NULL, capacity = 0, longest = 1;
    int r = 0;

    masks->equal_count = 1;
    for (uint32_t c = 1; c <= classes && r == 0; c++) {
        const struct kernel_class *class = kernel_class(policy, c);

        for (uint32_t i = 0; class != NULL && i < class->constraint_count && r == 0; i++) {
            const struct kernel_constraint *constraint = &class->constraints[i];

            longest = constraint->count > longest ? constraint->count : longest;
            for (uint32_t n = 0; n < constraint->count && r == 0; n++) {
                const struct kernel_node *node = &constraint->nodes[n];

                if (node->kind == KERNEL_NODE_NAMES && node->operand == KERNEL_TYPES)
                    r = divide(masks, &node->names, types, &fresh, &capacity);
            }
        }
        if (r == 0)
            r = renumber(masks, types);
    }
    free(fresh);
    if (r == 0 && (masks->scratch = calloc(longest, 1)) == NULL)
        r = -ENOMEM;
    return r;
}

int flow_masks_init(struct flow_masks *masks, const struct kernel_policy *policy)
{
    const uint32_t types = kernel_count(policy, KERNEL_TYPE);

    memset(masks, 0, sizeof(*masks));
    masks->size = 1024;
    masks->slot = calloc(masks->size, sizeof(*masks->slot));
    masks->equal = calloc((size_t)types + 1, sizeof(*masks->equal));
    if (masks->slot == NULL || masks->equal == NULL)
        return -ENOMEM;
    return divide_all(masks, policy, types);
}

void flow_masks_release(struct flow_masks *masks)
{
    free(masks->slot);
    free(masks->scratch);
    free(masks->equal);
    memset(masks, 0, sizeof(*masks));
}

/* ---------------------------------------------------------------- remembering */

static uint32_t evaluate(struct flow_masks *masks, const struct kernel_policy *policy,
                         enum flow_levels levels, uint32_t source, uint32_t target, uint32_t class)
{
    const struct kernel_class *of = kernel_class(policy, class);
    uint32_t mask = UINT32_MAX;

    for (uint32_t i = 0; of != NULL && i < of->constraint_count; i++) {
        if ((mask & of->constraints[i].permissions) != 0 &&
            !may_hold(masks, &of->constraints[i], levels, source, target))
            mask &= ~of->constraints[i].permissions;
    }
    return mask;
}

static struct flow_mask *place(struct flow_mask *slot, uint32_t size, uint64_t key)
{
    uint32_t at = (uint32_t)((key * 0x9E3779B97F4A7C15u) >> 32) & (size - 1);

    while (slot[at].key != 0 && slot[at].key != key)
        at = (at + 1) & (size - 1);
    return &slot[at];
}

/* Without memory for more it goes on without remembering: only slower. */
static void grow(struct flow_masks *masks)
{
    struct flow_mask *larger = calloc((size_t)masks->size * 2, sizeof(*larger));

    if (larger == NULL)
        return;
    for (uint32_t i = 0; i < masks->size; i++) {
        if (masks->slot[i].key != 0)
            *place(larger, masks->size * 2, masks->slot[i].key) = masks->slot[i];
    }
    free(masks->slot);
    masks->slot = larger;
    masks->size *= 2;
}

uint32_t flow_mask(struct flow_masks *masks, const struct kernel_policy *policy,
                   enum flow_levels levels, uint32_t source, uint32_t target, uint32_t class)
{
    /* Numbers of types are below 2^16, of classes too; 1 + keeps the key from being 0. */
    const uint64_t key =
        1 + (((((uint64_t)masks->equal[source] << 17 | masks->equal[target]) << 17 | class) *
                  FLOW_LEVELS_KINDS +
              levels)
                 << 1 |
             (source == target));
    struct flow_mask *at = place(masks->slot, masks->size, key);

    if (at->key == key)
        return at->mask;
    if (masks->used >= masks->size / 2)
        grow(masks);
    if (masks->used >= masks->size / 4 * 3)
        return evaluate(masks, policy, levels, source, target, class);
    at = place(masks->slot, masks->size, key);
    at->key = key;
    at->mask = evaluate(masks, policy, levels, source, target, class);
    masks->used++;
    return at->mask;
}
