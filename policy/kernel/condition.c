/* SPDX-License-Identifier: Apache-2.0 */
/* The boolean expressions of conditional rules. */
#include "policy/kernel/internal.h"

#define CONDITION_DEPTH_MAX 10u /* the kernel's */

bool kernel_read_condition(struct kernel_cursor *cursor, const struct kernel_policy *policy,
                           struct kernel_condition *condition, bool *holds)
{
    uint32_t stack[CONDITION_DEPTH_MAX], depth = 0, state, count;
    struct kernel_condition_node *nodes;

    if (!kernel_u32(cursor, &state) || !kernel_items(cursor, "parts of a condition", 8, &count))
        return false;
    nodes = kernel_take(cursor, count, sizeof(*nodes));
    if (nodes == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t kind, boolean;

        if (!kernel_u32(cursor, &kind) || !kernel_u32(cursor, &boolean))
            return false;
        if (kind < KERNEL_COND_BOOLEAN || kind > KERNEL_COND_NEQ)
            return kernel_fail(cursor, "a condition has an unknown operator (%u)", kind);
        if (depth < (kind == KERNEL_COND_BOOLEAN ? 0u : kind == KERNEL_COND_NOT ? 1u : 2u))
            return kernel_fail(cursor, "a condition's operator lacks an operand");
        nodes[i].kind = (uint8_t)kind;
        if (kind == KERNEL_COND_BOOLEAN) {
            if (!kernel_defined(policy, KERNEL_BOOLEAN, boolean))
                return kernel_fail(cursor, "a condition names boolean %u, which is not there",
                                   boolean);
            nodes[i].boolean = boolean;
        } else if (kind == KERNEL_COND_NOT) {
            nodes[i].left = stack[--depth];
        } else {
            nodes[i].right = stack[--depth];
            nodes[i].left = stack[--depth];
        }
        if (depth == CONDITION_DEPTH_MAX)
            return kernel_fail(cursor, "a condition is nested deeper than the kernel accepts");
        stack[depth++] = i;
    }
    if (depth != 1)
        return kernel_fail(cursor, "a condition is not one expression");
    *condition = (struct kernel_condition){.nodes = nodes, .count = count};
    *holds = kernel_condition_holds(condition, policy->booleans);
    if (state != *holds)
        return kernel_fail(cursor, "a condition has a state (%u) against its booleans", state);
    return true;
}

bool kernel_condition_holds(const struct kernel_condition *condition, const uint8_t *states)
{
    bool stack[CONDITION_DEPTH_MAX + 1] = {false};
    uint32_t depth = 0;

    for (uint32_t i = 0; i < condition->count; i++) {
        const struct kernel_condition_node *node = &condition->nodes[i];
        bool left, right;

        if (node->kind == KERNEL_COND_BOOLEAN) {
            stack[depth++] = states[node->boolean] != 0;
            continue;
        }
        if (node->kind == KERNEL_COND_NOT) {
            stack[depth - 1] = !stack[depth - 1];
            continue;
        }
        right = stack[--depth];
        left = stack[depth - 1];
        switch (node->kind) {
        case KERNEL_COND_OR:
            stack[depth - 1] = left || right;
            break;
        case KERNEL_COND_AND:
            stack[depth - 1] = left && right;
            break;
        case KERNEL_COND_EQ:
            stack[depth - 1] = left == right;
            break;
        default: /* XOR and NEQ */
            stack[depth - 1] = left != right;
            break;
        }
    }
    return stack[0];
}

uint32_t kernel_condition_count(const struct kernel_policy *policy)
{
    return policy->condition_count;
}

const struct kernel_condition *kernel_condition(const struct kernel_policy *policy, uint32_t index)
{
    return index < policy->condition_count ? &policy->conditions[index] : NULL;
}

bool kernel_boolean_state(const struct kernel_policy *policy, uint32_t value)
{
    return kernel_defined(policy, KERNEL_BOOLEAN, value) && policy->booleans[value] != 0;
}
