/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constraints are compared as they are written, by names; types that only one policy has do not
 * count. One that is gone or another may let more through: whether it does between tenants is for
 * the flow to say.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/flow/diff_internal.h"

#define WINDOW    256u /* constraints of a class that are looked through for one that is alike */
#define NAMES_MAX 4u   /* written out */
#define DEPTH_MAX 12u  /* of what is written out */

static const enum kernel_symbol symbols[] = {
    [KERNEL_USERS] = KERNEL_USER, [KERNEL_ROLES] = KERNEL_ROLE, [KERNEL_TYPES] = KERNEL_TYPE};

/* The other policy's value of the same name, or 0. */
static uint32_t counterpart(const struct diff_side *side, const struct diff_side *other,
                            enum kernel_symbol kind, uint32_t value)
{
    const char *name;

    if (kind == KERNEL_TYPE)
        return side->type[value];
    name = kernel_name(side->policy, kind, value);
    return name != NULL ? kernel_find(other->policy, kind, name) : 0;
}

static bool names_within(const struct diff_side *side, const struct diff_side *other,
                         enum kernel_symbol kind, const struct kernel_bits *names,
                         const struct kernel_bits *theirs)
{
    for (uint32_t v = kernel_bits_next(names, 0); v != 0; v = kernel_bits_next(names, v)) {
        uint32_t same = counterpart(side, other, kind, v);

        if (same != 0 && !kernel_bits_has(theirs, same))
            return false;
    }
    return true;
}

static bool nodes_alike(const struct diff_side *side, const struct diff_side *other,
                        const struct kernel_node *a, const struct kernel_node *b)
{
    enum kernel_symbol kind;

    if (a->kind != b->kind || a->op != b->op || a->operand != b->operand || a->side != b->side ||
        a->left != b->left || a->right != b->right)
        return false;
    if (a->kind != KERNEL_NODE_NAMES)
        return true;
    kind = symbols[a->operand];
    /* Sets of all tenants' types are large, and mostly the same. */
    if (kind == KERNEL_TYPE && side->alike)
        return kernel_bits_equal(&a->names, &b->names);
    return names_within(side, other, kind, &a->names, &b->names) &&
           names_within(other, side, kind, &b->names, &a->names);
}

static bool alike(const struct diff_side *side, const struct diff_side *other, uint32_t class,
                  const struct kernel_constraint *a, const struct kernel_constraint *b)
{
    uint32_t unknown;

    if (a->count != b->count ||
        diff_side_bits(side, class, a->permissions, &unknown) != b->permissions || unknown != 0)
        return false;
    for (uint32_t n = 0; n < a->count; n++) {
        if (!nodes_alike(side, other, &a->nodes[n], &b->nodes[n]))
            return false;
    }
    return true;
}

/* ---------------------------------------------------------------- in words */

static void put_names(const struct kernel_policy *policy, const struct kernel_node *node,
                      struct buf *out)
{
    static const char letters[] = {
        [KERNEL_USERS] = 'u', [KERNEL_ROLES] = 'r', [KERNEL_TYPES] = 't'};
    uint32_t count = 0, size = kernel_bits_size(&node->names);

    buf_printf(out, "%s %c%u ", node->op == KERNEL_OP_EQ ? "eq" : "neq", letters[node->operand],
               node->side + 1u);
    if (size > NAMES_MAX) {
        buf_printf(out, "(%u of them)", size);
        return;
    }
    for (uint32_t v = kernel_bits_next(&node->names, 0); v != 0;
         v = kernel_bits_next(&node->names, v)) {
        const char *name = kernel_name(policy, symbols[node->operand], v);

        if (name != NULL)
            buf_printf(out, "%s%s", count++ == 0 ? "" : " ", name);
    }
}

/* As in CIL. An expression of a hostile file may be nested as deep as it is long. */
static void put_node(const struct kernel_policy *policy, const struct kernel_constraint *constraint,
                     uint32_t i, uint32_t depth, struct buf *out)
{
    static const char *const operands[] = {
        [KERNEL_USERS] = "u1 u2", [KERNEL_ROLES] = "r1 r2", [KERNEL_TYPES] = "t1 t2",
        [KERNEL_L1_L2] = "l1 l2", [KERNEL_L1_H2] = "l1 h2", [KERNEL_H1_L2] = "h1 l2",
        [KERNEL_H1_H2] = "h1 h2", [KERNEL_L1_H1] = "l1 h1", [KERNEL_L2_H2] = "l2 h2"};
    static const char *const operators[] = {[KERNEL_OP_EQ] = "eq",
                                            [KERNEL_OP_NEQ] = "neq",
                                            [KERNEL_OP_DOM] = "dom",
                                            [KERNEL_OP_DOMBY] = "domby",
                                            [KERNEL_OP_INCOMP] = "incomp"};
    const struct kernel_node *node = &constraint->nodes[i];

    if (depth == DEPTH_MAX) {
        buf_printf(out, "...");
        return;
    }
    buf_printf(out, "(");
    switch (node->kind) {
    case KERNEL_NODE_NOT:
        buf_printf(out, "not ");
        put_node(policy, constraint, node->left, depth + 1, out);
        break;
    case KERNEL_NODE_AND:
    case KERNEL_NODE_OR:
        buf_printf(out, node->kind == KERNEL_NODE_AND ? "and " : "or ");
        put_node(policy, constraint, node->left, depth + 1, out);
        buf_printf(out, " ");
        put_node(policy, constraint, node->right, depth + 1, out);
        break;
    case KERNEL_NODE_COMPARE:
        buf_printf(out, "%s %s", operators[node->op], operands[node->operand]);
        break;
    default:
        put_names(policy, node, out);
        break;
    }
    buf_printf(out, ")");
}

static void tell(struct diff *diff, const struct diff_side *side, uint32_t class,
                 const struct kernel_constraint *constraint, bool transition, enum diff_kind kind)
{
    struct buf permissions, expression;

    buf_init(&permissions, 4096);
    buf_init(&expression, 1u << 16);
    if (transition)
        buf_printf(&permissions, "relabelling");
    else
        diff_permissions(side->policy, class, constraint->permissions, &permissions);
    put_node(side->policy, constraint, constraint->count - 1, 0, &expression);
    if (buf_status(&permissions) == 0 && buf_status(&expression) == 0 && permissions.size != 0)
        diff_add(diff, kind, false, "the host", "%s (%s) is %s bound to %s",
                 (const char *)permissions.data, kernel_class(side->policy, class)->name,
                 kind == DIFF_MORE ? "no longer" : "now", (const char *)expression.data);
    buf_release(&permissions);
    buf_release(&expression);
}

/* Constraints that the other has not. Mostly they stand in the same order: one look for each. */
static void compare(struct diff *diff, const struct diff_side *side, const struct diff_side *other,
                    uint32_t class, bool transition, enum diff_kind kind)
{
    const struct kernel_class *here = kernel_class(side->policy, class);
    const struct kernel_class *there = kernel_class(other->policy, side->class[class]);
    const struct kernel_constraint *list = transition ? here->validatetrans : here->constraints;
    uint32_t count = transition ? here->validatetrans_count : here->constraint_count;
    const struct kernel_constraint *theirs = transition ? there->validatetrans : there->constraints;
    uint32_t their_count = transition ? there->validatetrans_count : there->constraint_count;
    uint32_t at = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t look, tries = their_count < WINDOW ? their_count : WINDOW;
        bool found = false;

        for (look = 0; look < tries && !found; look++) {
            found = alike(side, other, class, &list[i], &theirs[(at + look) % their_count]);
            if (found)
                at = (at + look + 1) % their_count;
        }
        if (!found)
            tell(diff, side, class, &list[i], transition, kind);
    }
}

int diff_constraints(struct diff *diff, const struct diff_side *old, const struct diff_side *new)
{
    for (int transition = 0; transition < 2; transition++) {
        for (uint32_t v = 1; v <= kernel_count(old->policy, KERNEL_CLASS); v++) {
            if (kernel_class(old->policy, v) != NULL && old->class[v] != 0)
                compare(diff, old, new, v, transition, DIFF_MORE);
        }
        for (uint32_t v = 1; v <= kernel_count(new->policy, KERNEL_CLASS); v++) {
            if (kernel_class(new->policy, v) != NULL && new->class[v] != 0)
                compare(diff, new, old, v, transition, DIFF_LESS);
        }
    }
    return diff->status;
}
