/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/kernel/decide.h"

#include <errno.h>

#include "policy/kernel/internal.h"

/* ---------------------------------------------------------------- constraints */

/* Whether two are to each other as `op` wants it. */
static bool ordered(uint8_t op, bool equal, bool above, bool below)
{
    switch (op) {
    case KERNEL_OP_EQ:
        return equal;
    case KERNEL_OP_NEQ:
        return !equal;
    case KERNEL_OP_DOM:
        return above;
    case KERNEL_OP_DOMBY:
        return below;
    default:
        return !above && !below;
    }
}

static bool compare_levels(uint8_t op, const struct kernel_level *a, const struct kernel_level *b)
{
    bool above = kernel_level_dominates(a, b), below = kernel_level_dominates(b, a);

    return ordered(op, above && below, above, below);
}

static bool compare_roles(const struct kernel_policy *policy, uint8_t op, uint32_t a, uint32_t b)
{
    bool above = kernel_bits_has(&policy->roles[a].dominates, b);
    bool below = kernel_bits_has(&policy->roles[b].dominates, a);

    return ordered(op, a == b, above, below);
}

static bool compare(const struct kernel_policy *policy, const struct kernel_node *node,
                    const struct kernel_context *source, const struct kernel_context *target)
{
    const struct kernel_range *one = &source->range, *two = &target->range;

    switch (node->operand) {
    case KERNEL_USERS:
        return (source->user == target->user) == (node->op == KERNEL_OP_EQ);
    case KERNEL_TYPES:
        return (source->type == target->type) == (node->op == KERNEL_OP_EQ);
    case KERNEL_ROLES:
        return compare_roles(policy, node->op, source->role, target->role);
    case KERNEL_L1_L2:
        return compare_levels(node->op, &one->low, &two->low);
    case KERNEL_L1_H2:
        return compare_levels(node->op, &one->low, &two->high);
    case KERNEL_H1_L2:
        return compare_levels(node->op, &one->high, &two->low);
    case KERNEL_H1_H2:
        return compare_levels(node->op, &one->high, &two->high);
    case KERNEL_L1_H1:
        return compare_levels(node->op, &one->low, &one->high);
    default:
        return compare_levels(node->op, &two->low, &two->high);
    }
}

static bool in_names(const struct kernel_node *node, const struct kernel_context *source,
                     const struct kernel_context *target, const struct kernel_context *third)
{
    const struct kernel_context *context = node->side == KERNEL_SIDE_SOURCE   ? source
                                           : node->side == KERNEL_SIDE_TARGET ? target
                                                                              : third;
    uint32_t value;

    /* Reading refused what names the third outside validatetrans. */
    if (context == NULL)
        return false;
    value = node->operand == KERNEL_USERS   ? context->user
            : node->operand == KERNEL_ROLES ? context->role
                                            : context->type;
    return kernel_bits_has(&node->names, value) == (node->op == KERNEL_OP_EQ);
}

bool kernel_constraint_holds(const struct kernel_policy *policy,
                             const struct kernel_constraint *constraint,
                             const struct kernel_context *source,
                             const struct kernel_context *target,
                             const struct kernel_context *third)
{
    bool stack[KERNEL_CONSTRAINT_DEPTH] = {false};
    uint32_t depth = 0;

    for (uint32_t i = 0; i < constraint->count; i++) {
        const struct kernel_node *node = &constraint->nodes[i];

        switch (node->kind) {
        case KERNEL_NODE_NOT:
            stack[depth - 1] = !stack[depth - 1];
            break;
        case KERNEL_NODE_AND:
            depth--;
            stack[depth - 1] = stack[depth - 1] && stack[depth];
            break;
        case KERNEL_NODE_OR:
            depth--;
            stack[depth - 1] = stack[depth - 1] || stack[depth];
            break;
        case KERNEL_NODE_COMPARE:
            stack[depth++] = compare(policy, node, source, target);
            break;
        default:
            stack[depth++] = in_names(node, source, target, third);
            break;
        }
    }
    return stack[0];
}

/* ---------------------------------------------------------------- type enforcement */

/* All rules about the two types and the class that are in force. */
struct te {
    uint32_t allowed, auditallow, auditdeny;
    uint32_t possible; /* allowed by rules that are not in force */
    bool extended;     /* there are xperm rules */
    bool command;      /* ... and one of them allows the command asked for */
};

static bool xperm_has(const struct kernel_xperm *xperm, uint16_t command)
{
    uint32_t driver = command >> 8, bit = command & 0xffu;

    if (xperm->kind == KERNEL_XPERM_DRIVER)
        bit = driver;
    else if (xperm->driver != driver)
        return false;
    return (xperm->bits[bit / 32] >> bit % 32 & 1) != 0;
}

static void te_rule(const struct kernel_policy *policy, const struct kernel_rule *rule,
                    uint16_t command, struct te *te)
{
    switch (rule->kind) {
    case KERNEL_RULE_ALLOW:
        te->allowed |= rule->data;
        break;
    case KERNEL_RULE_AUDITALLOW:
        te->auditallow |= rule->data;
        break;
    case KERNEL_RULE_AUDITDENY:
        te->auditdeny &= rule->data;
        break;
    case KERNEL_RULE_ALLOWX:
        te->extended = true;
        te->command = te->command || xperm_has(&policy->xperms[rule->data], command);
        break;
    case KERNEL_RULE_AUDITALLOWX:
    case KERNEL_RULE_DONTAUDITX:
        te->extended = true;
        break;
    default:
        break;
    }
}

static void te_compute(const struct kernel_policy *policy, const struct kernel_booleans *booleans,
                       uint32_t source, uint32_t target, uint32_t class, uint16_t command,
                       struct te *te)
{
    struct kernel_types sources = kernel_attributes_of(policy, source);
    struct kernel_types targets = kernel_attributes_of(policy, target);

    *te = (struct te){.auditdeny = UINT32_MAX};
    for (uint32_t s = 0; s < sources.count; s++) {
        for (uint32_t t = 0; t < targets.count; t++) {
            size_t count;
            const struct kernel_rule *rules =
                kernel_rules_find(policy, sources.items[s], targets.items[t], class, &count);

            for (size_t i = 0; i < count; i++) {
                if (kernel_rule_in_force(policy, booleans, &rules[i]))
                    te_rule(policy, &rules[i], command, te);
                else if (rules[i].kind == KERNEL_RULE_ALLOW)
                    te->possible |= rules[i].data;
            }
        }
    }
}

uint32_t kernel_decide_types(const struct kernel_policy *policy,
                             const struct kernel_booleans *booleans, uint32_t source,
                             uint32_t target, uint32_t class)
{
    struct te te;

    te_compute(policy, booleans, source, target, class, 0, &te);
    return te.allowed;
}

uint32_t kernel_decide_possible(const struct kernel_policy *policy, uint32_t source,
                                uint32_t target, uint32_t class)
{
    struct te te;

    te_compute(policy, NULL, source, target, class, 0, &te);
    return te.allowed | te.possible;
}

bool kernel_decide_ioctl(const struct kernel_policy *policy, const struct kernel_booleans *booleans,
                         uint32_t source, uint32_t target, uint32_t class, uint16_t command)
{
    struct te te;

    te_compute(policy, booleans, source, target, class, command, &te);
    return !te.extended || te.command;
}

/* ---------------------------------------------------------------- all barriers */

/* The permissions that the roles take away: to change into one needs an allow rule of roles. */
static uint32_t roles_forbid(const struct kernel_policy *policy,
                             const struct kernel_context *source,
                             const struct kernel_context *target, uint32_t class)
{
    if (class != policy->process_class || source->role == target->role)
        return 0;
    for (uint32_t i = 0; i < policy->role_allow_count; i++) {
        if (policy->role_allows[i].from == source->role &&
            policy->role_allows[i].to == target->role)
            return 0;
    }
    return policy->transition_permissions;
}

/* The contexts of the bounding types; false if nothing bounds the source. */
static bool bounding(const struct kernel_policy *policy, const struct kernel_context *source,
                     const struct kernel_context *target, struct kernel_context *upper_source,
                     struct kernel_context *upper_target)
{
    *upper_source = *source;
    *upper_target = *target;
    upper_source->type = policy->bounds[source->type];
    if (policy->bounds[target->type] != 0)
        upper_target->type = policy->bounds[target->type];
    return upper_source->type != 0;
}

int kernel_decide(const struct kernel_policy *policy, const struct kernel_booleans *booleans,
                  const struct kernel_context *source, const struct kernel_context *target,
                  uint32_t class, struct kernel_vector *vector)
{
    const struct kernel_class *of = kernel_class(policy, class);
    struct kernel_context upper_source, upper_target;
    struct kernel_vector upper;
    struct te te;

    if (of == NULL)
        return -EINVAL;
    te_compute(policy, booleans, source->type, target->type, class, 0, &te);
    for (uint32_t i = 0; i < of->constraint_count; i++) {
        if ((of->constraints[i].permissions & te.allowed) != 0 &&
            !kernel_constraint_holds(policy, &of->constraints[i], source, target, NULL))
            te.allowed &= ~of->constraints[i].permissions;
    }
    te.allowed &= ~roles_forbid(policy, source, target, class);
    /* Three levels of bounds at most: checked when the policy was read. */
    if (bounding(policy, source, target, &upper_source, &upper_target) &&
        kernel_decide(policy, booleans, &upper_source, &upper_target, class, &upper) == 0)
        te.allowed &= upper.allowed;
    *vector = (struct kernel_vector){.allowed = te.allowed,
                                     .auditallow = te.auditallow,
                                     .auditdeny = te.auditdeny,
                                     .permissive = kernel_is_permissive(policy, source->type)};
    return 0;
}

int kernel_explain(const struct kernel_policy *policy, const struct kernel_booleans *booleans,
                   const struct kernel_context *source, const struct kernel_context *target,
                   uint32_t class, uint32_t permissions, struct kernel_reason *reason)
{
    const struct kernel_class *of = kernel_class(policy, class);
    struct kernel_context upper_source, upper_target;
    struct kernel_reason found = {0};
    struct kernel_vector vector;
    struct te te;
    int r;

    r = kernel_decide(policy, booleans, source, target, class, &vector);
    if (r != 0)
        return r;
    found.denied = permissions & ~vector.allowed;
    te_compute(policy, booleans, source->type, target->type, class, 0, &te);
    found.missing = permissions & ~te.allowed;
    found.conditions = found.missing & te.possible;
    for (uint32_t i = of->constraint_count; i-- > 0;) {
        if ((of->constraints[i].permissions & permissions) != 0 &&
            !kernel_constraint_holds(policy, &of->constraints[i], source, target, NULL)) {
            found.constrained |= of->constraints[i].permissions & permissions;
            found.constraint = i;
        }
    }
    if (bounding(policy, source, target, &upper_source, &upper_target)) {
        r = kernel_decide(policy, booleans, &upper_source, &upper_target, class, &vector);
        if (r != 0)
            return r;
        found.bounded = permissions & ~vector.allowed;
    }
    found.roles = permissions & roles_forbid(policy, source, target, class);
    found.by = (found.missing != 0 ? KERNEL_DENIED_TE : 0u) |
               (found.constrained != 0 ? KERNEL_DENIED_CONSTRAINT : 0u) |
               (found.bounded != 0 ? KERNEL_DENIED_BOUNDS : 0u) |
               (found.roles != 0 ? KERNEL_DENIED_ROLE : 0u);
    *reason = found;
    return 0;
}
