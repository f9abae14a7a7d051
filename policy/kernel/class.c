/* SPDX-License-Identifier: Apache-2.0 */
/* Classes: their permissions, their constraints, the defaults of their new objects. */
#include "policy/kernel/internal.h"

#include <string.h>

/* The file's numbers of operands: a bit each. */
#define ATTR_USER    1u
#define ATTR_ROLE    2u
#define ATTR_TYPE    4u
#define ATTR_TARGET  8u
#define ATTR_XTARGET 16u
#define ATTR_L1_L2   32u
#define ATTR_L2_H2   1024u

bool kernel_read_permissions(struct kernel_cursor *cursor, struct kernel_permissions *permissions,
                             uint32_t entries)
{
    if (permissions->count > KERNEL_PERMISSIONS_MAX)
        return kernel_fail(cursor, "%u permissions, more than 32", permissions->count);
    for (uint32_t i = 0; i < entries; i++) {
        uint32_t length, value;
        const char *name;

        if (!kernel_u32(cursor, &length) || !kernel_u32(cursor, &value) ||
            !kernel_read_name(cursor, length, &name))
            return false;
        if (value == 0 || value > permissions->count || permissions->names[value - 1] != NULL)
            return kernel_fail(cursor, "permission %s has value %u of %u, or another's", name,
                               value, permissions->count);
        for (uint32_t p = 0; p < permissions->count; p++) {
            if (permissions->names[p] != NULL && strcmp(permissions->names[p], name) == 0)
                return kernel_fail(cursor, "permission %s is defined twice", name);
        }
        permissions->names[value - 1] = name;
    }
    return true;
}

/* What is compared, and how it may be. */
static bool read_compare(struct kernel_cursor *cursor, uint32_t attr, uint32_t op,
                         struct kernel_node *node)
{
    uint8_t operand = 0;

    switch (attr) {
    case ATTR_USER:
        operand = KERNEL_USERS;
        break;
    case ATTR_ROLE:
        operand = KERNEL_ROLES;
        break;
    case ATTR_TYPE:
        operand = KERNEL_TYPES;
        break;
    default:
        if (attr >= ATTR_L1_L2 && attr <= ATTR_L2_H2 && (attr & (attr - 1)) == 0)
            operand = (uint8_t)(KERNEL_L1_L2 + __builtin_ctz(attr) - __builtin_ctz(ATTR_L1_L2));
        break;
    }
    if (operand == 0)
        return kernel_fail(cursor, "a constraint compares unknown fields (0x%x)", attr);
    if (op < KERNEL_OP_EQ || op > KERNEL_OP_INCOMP ||
        (op > KERNEL_OP_NEQ && (operand == KERNEL_USERS || operand == KERNEL_TYPES)))
        return kernel_fail(cursor, "a constraint compares fields in an unknown way (%u)", op);
    node->kind = KERNEL_NODE_COMPARE;
    node->operand = operand;
    node->op = (uint8_t)op;
    return true;
}

static bool read_names(struct kernel_cursor *cursor, uint32_t attr, uint32_t op, bool third,
                       struct kernel_node *node)
{
    uint32_t flags;
    struct kernel_bits unused;

    switch (attr & (ATTR_USER | ATTR_ROLE | ATTR_TYPE)) {
    case ATTR_USER:
        node->operand = KERNEL_USERS;
        break;
    case ATTR_ROLE:
        node->operand = KERNEL_ROLES;
        break;
    case ATTR_TYPE:
        node->operand = KERNEL_TYPES;
        break;
    default:
        return kernel_fail(cursor, "a constraint names what is no user, role or type (0x%x)", attr);
    }
    switch (attr & ~(ATTR_USER | ATTR_ROLE | ATTR_TYPE)) {
    case 0:
        node->side = KERNEL_SIDE_SOURCE;
        break;
    case ATTR_TARGET:
        node->side = KERNEL_SIDE_TARGET;
        break;
    case ATTR_XTARGET:
        if (third) {
            node->side = KERNEL_SIDE_THIRD;
            break;
        }
        return kernel_fail(cursor, "a constraint names the third context, which it has not");
    default:
        return kernel_fail(cursor, "a constraint names fields of nobody (0x%x)", attr);
    }
    if (op != KERNEL_OP_EQ && op != KERNEL_OP_NEQ)
        return kernel_fail(cursor, "a constraint compares names in an unknown way (%u)", op);
    node->kind = KERNEL_NODE_NAMES;
    node->op = (uint8_t)op;
    /* After what the kernel evaluates stands what was written in the source: attributes' names. */
    return kernel_read_bits(cursor, KERNEL_VALUE_MAX, &node->names) &&
           kernel_read_bits(cursor, KERNEL_VALUE_MAX, &unused) &&
           kernel_read_bits(cursor, KERNEL_VALUE_MAX, &unused) && kernel_u32(cursor, &flags);
}

/* One expression. The stack has the nodes that no other has taken yet. */
static bool read_expression(struct kernel_cursor *cursor, bool third, uint32_t count,
                            struct kernel_node *nodes)
{
    uint32_t stack[KERNEL_CONSTRAINT_DEPTH], depth = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct kernel_node *node = &nodes[i];
        uint32_t kind, attr, op;

        if (!kernel_u32(cursor, &kind) || !kernel_u32(cursor, &attr) || !kernel_u32(cursor, &op))
            return false;
        if (depth < (kind == KERNEL_NODE_NOT                             ? 1u
                     : kind == KERNEL_NODE_AND || kind == KERNEL_NODE_OR ? 2u
                                                                         : 0u))
            return kernel_fail(cursor, "a constraint's operator lacks an operand");
        switch (kind) {
        case KERNEL_NODE_NOT:
            node->left = stack[--depth];
            node->kind = KERNEL_NODE_NOT;
            break;
        case KERNEL_NODE_AND:
        case KERNEL_NODE_OR:
            node->right = stack[--depth];
            node->left = stack[--depth];
            node->kind = (uint8_t)kind;
            break;
        case KERNEL_NODE_COMPARE:
            if (!read_compare(cursor, attr, op, node))
                return false;
            break;
        case KERNEL_NODE_NAMES:
            if (!read_names(cursor, attr, op, third, node))
                return false;
            break;
        default:
            return kernel_fail(cursor, "a constraint has an unknown operator (%u)", kind);
        }
        if (depth == KERNEL_CONSTRAINT_DEPTH)
            return kernel_fail(cursor, "a constraint is nested deeper than the kernel accepts");
        stack[depth++] = i;
    }
    if (depth != 1)
        return kernel_fail(cursor, "a constraint is not one expression");
    return true;
}

static bool read_constraints(struct kernel_cursor *cursor, bool third, uint32_t count,
                             const struct kernel_constraint **constraints)
{
    struct kernel_constraint *made;

    if (count > (cursor->size - cursor->at) / 20)
        return kernel_fail(cursor, "%u constraints do not fit in what is left of the file", count);
    made = kernel_take(cursor, count, sizeof(*made));
    if (made == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct kernel_node *nodes;

        if (!kernel_u32(cursor, &made[i].permissions) ||
            !kernel_items(cursor, "parts of a constraint", 12, &made[i].count))
            return false;
        nodes = kernel_take(cursor, made[i].count, sizeof(*nodes));
        if (nodes == NULL || !read_expression(cursor, third, made[i].count, nodes))
            return false;
        made[i].nodes = nodes;
    }
    *constraints = made;
    return true;
}

/* The permissions of a class: those of its common first, with the same values. */
static bool class_permissions(struct kernel_cursor *cursor, const struct kernel_policy *policy,
                              uint32_t common, uint32_t count, uint32_t entries,
                              struct kernel_class *class)
{
    struct kernel_permissions *permissions = kernel_take(cursor, 1, sizeof(*permissions));

    if (permissions == NULL)
        return false;
    if (common != 0)
        *permissions = policy->commons[common];
    if (count < permissions->count)
        return kernel_fail(cursor, "class %s has fewer permissions than its common", class->name);
    permissions->count = count;
    if (!kernel_read_permissions(cursor, permissions, entries))
        return false;
    class->common = common;
    class->permission_count = count;
    class->permissions = permissions->names;
    return true;
}

static bool read_default(struct kernel_cursor *cursor, uint32_t highest, uint8_t *value)
{
    uint32_t read;

    if (!kernel_u32(cursor, &read))
        return false;
    if (read > highest)
        return kernel_fail(cursor, "an unknown default for new objects (%u)", read);
    *value = (uint8_t)read;
    return true;
}

bool kernel_read_class(struct kernel_cursor *cursor, struct kernel_policy *policy)
{
    uint32_t length, common_length, value, count, entries, constraints, common = 0;
    struct kernel_class class = {0};
    const char *common_name;

    if (!kernel_u32(cursor, &length) || !kernel_u32(cursor, &common_length) ||
        !kernel_u32(cursor, &value) || !kernel_u32(cursor, &count) ||
        !kernel_u32(cursor, &entries) || !kernel_u32(cursor, &constraints) ||
        !kernel_read_name(cursor, length, &class.name))
        return false;
    if (common_length != 0) {
        if (!kernel_read_name(cursor, common_length, &common_name))
            return false;
        common = kernel_find(policy, KERNEL_COMMON, common_name);
        if (common == 0)
            return kernel_fail(cursor, "class %s has permissions of %s, which is not there",
                               class.name, common_name);
    }
    if (!class_permissions(cursor, policy, common, count, entries, &class) ||
        !read_constraints(cursor, false, constraints, &class.constraints))
        return false;
    class.constraint_count = constraints;
    if (!kernel_u32(cursor, &constraints) ||
        !read_constraints(cursor, true, constraints, &class.validatetrans) ||
        !read_default(cursor, KERNEL_DEFAULT_TARGET, &class.default_user) ||
        !read_default(cursor, KERNEL_DEFAULT_TARGET, &class.default_role) ||
        !read_default(cursor, KERNEL_RANGE_GLBLUB, &class.default_range) ||
        !read_default(cursor, KERNEL_DEFAULT_TARGET, &class.default_type) ||
        !kernel_names_add(cursor, policy, &policy->symbols[KERNEL_CLASS], class.name, value, false))
        return false;
    class.validatetrans_count = constraints;
    policy->classes[value] = class;
    return true;
}

const struct kernel_class *kernel_class(const struct kernel_policy *policy, uint32_t value)
{
    return kernel_defined(policy, KERNEL_CLASS, value) ? &policy->classes[value] : NULL;
}

uint32_t kernel_permission(const struct kernel_policy *policy, uint32_t class, const char *name)
{
    const struct kernel_class *found = kernel_class(policy, class);

    for (uint32_t p = 0; found != NULL && p < found->permission_count; p++) {
        if (found->permissions[p] != NULL && strcmp(found->permissions[p], name) == 0)
            return 1u << p;
    }
    return 0;
}
