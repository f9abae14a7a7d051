/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/flow/text.h"

#include <string.h>

#define CONDITION_DEPTH_MAX 16u /* deeper ones are cut: they are for people */

/* ---------------------------------------------------------------- rules */

static void write_expression(const struct kernel_policy *policy,
                             const struct kernel_condition *condition, uint32_t at, bool negated,
                             uint32_t depth, struct buf *out)
{
    static const char *const words[] = {
        [KERNEL_COND_OR] = "or", [KERNEL_COND_AND] = "and", [KERNEL_COND_XOR] = "xor",
        [KERNEL_COND_EQ] = "==", [KERNEL_COND_NEQ] = "!=",
    };
    const struct kernel_condition_node *node = &condition->nodes[at];

    if (node->kind == KERNEL_COND_BOOLEAN) {
        const char *name = kernel_name(policy, KERNEL_BOOLEAN, node->boolean);

        buf_printf(out, "%s%s", negated ? "not " : "", name != NULL ? name : "?");
    } else if (depth == 0) {
        buf_printf(out, "...");
    } else if (node->kind == KERNEL_COND_NOT) {
        write_expression(policy, condition, node->left, !negated, depth - 1, out);
    } else {
        buf_printf(out, "%s(", negated ? "not " : "");
        write_expression(policy, condition, node->left, false, depth - 1, out);
        buf_printf(out, " %s ", words[node->kind]);
        write_expression(policy, condition, node->right, false, depth - 1, out);
        buf_printf(out, ")");
    }
}

void flow_write_condition(const struct flow *flow, size_t rule, struct buf *out)
{
    const struct kernel_rule *of = flow_rule(flow, rule);
    const struct kernel_condition *condition = NULL;

    if (of != NULL && of->condition != KERNEL_CONDITIONS_NONE)
        condition = kernel_condition(flow_policy(flow), of->condition);
    if (condition != NULL)
        write_expression(flow_policy(flow), condition, condition->count - 1, of->when == 0,
                         CONDITION_DEPTH_MAX, out);
}

void flow_write_rule(const struct flow *flow, size_t rule, uint32_t permissions, struct buf *out)
{
    const struct kernel_policy *policy = flow_policy(flow);
    const struct kernel_rule *of = flow_rule(flow, rule);
    const struct kernel_class *class;

    if (of == NULL)
        return;
    class = kernel_class(policy, of->class);
    buf_printf(out, "allow %s %s:%s {", kernel_name(policy, KERNEL_TYPE, of->source),
               kernel_name(policy, KERNEL_TYPE, of->target), class->name);
    for (uint32_t p = 0; p < class->permission_count; p++) {
        if ((permissions >> p & 1) != 0 && class->permissions[p] != NULL)
            buf_printf(out, " %s", class->permissions[p]);
    }
    buf_printf(out, " }");
    if (of->condition != KERNEL_CONDITIONS_NONE) {
        buf_printf(out, " if ");
        flow_write_condition(flow, rule, out);
    }
}

/* ---------------------------------------------------------------- nodes */

/* casemate-tenant.cil's types, in the words of the language and its manual. */
static const char *kind_of(const char *type)
{
    static const char *const kinds[][2] = {
        {"vmm_t", "the VMM"},
        {"blk_t", "a disk's process"},
        {"net_t", "a net's process"},
        {"rng_t", "the rng's process"},
        {"console_t", "the console's relay"},
        {"tpm_t", "the TPM's process"},
        {"image_t", "a disk"},
        {"image_ro_t", "a read-only disk"},
        {"ram_t", "the memory"},
        {"boot_t", "kernel or initrd"},
        {"config_t", "the configuration"},
        {"tpm_state_t", "the TPM's state"},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i][0], type) == 0)
            return kinds[i][1];
    }
    return "a part";
}

static const char *called(const struct flow_names *names, uint32_t tenant)
{
    return names != NULL && names->tenant != NULL ? names->tenant[tenant] : NULL;
}

void flow_write_tenant(const struct flow *flow, const struct flow_names *names, uint32_t tenant,
                       struct buf *out)
{
    const char *slot = flow_tenant_name(flow, tenant);

    if (slot == NULL)
        buf_printf(out, "any guest");
    else if (called(names, tenant) != NULL)
        buf_printf(out, "%s (%s)", called(names, tenant), slot);
    else
        buf_printf(out, "%s", slot);
}

void flow_write_node(const struct flow *flow, const struct flow_names *names, uint32_t node,
                     struct buf *out)
{
    const uint32_t tenant = flow_tenant_of(flow, node);
    const char *name = flow_node_name(flow, node), *slot = flow_tenant_name(flow, tenant);

    if (slot == NULL) {
        buf_printf(out, "%s", name);
        return;
    }
    buf_printf(out, "%s of %s (%s)", kind_of(name + strlen(slot) + 1),
               called(names, tenant) != NULL ? called(names, tenant) : slot, name);
}

/* ---------------------------------------------------------------- paths */

void flow_write_path(const struct flow *flow, const struct flow_names *names,
                     const struct flow_path *path, struct buf *out)
{
    for (uint32_t i = 0; i < path->count; i++) {
        const struct flow_hop *hop = &path->hop[i];

        buf_printf(out, "  %u. ", i + 1);
        flow_write_node(flow, names, hop->by_subject ? hop->from : hop->to, out);
        buf_printf(out, hop->by_subject ? " passes it to " : " learns it from ");
        flow_write_node(flow, names, hop->by_subject ? hop->to : hop->from, out);
        buf_printf(out, "\n       ");
        flow_write_rule(flow, hop->rule, hop->permissions, out);
        buf_printf(out, "\n");
    }
}

void flow_write_failure(const struct flow *flow, const struct flow_names *names,
                        const struct flow_failure *failure, struct buf *out)
{
    flow_write_node(flow, names, failure->node, out);
    switch (failure->kind) {
    case FLOW_ENTERS:
        buf_printf(out, " may make or label ");
        flow_write_node(flow, names, failure->other, out);
        buf_printf(out, " with categories of its choice: ");
        flow_write_rule(flow, failure->rule, failure->permissions, out);
        break;
    case FLOW_PERMISSIVE:
        buf_printf(out, " is permissive: nothing is denied to it");
        break;
    case FLOW_LABELS:
        buf_printf(out, " is the label that the policy itself gives to something of the host");
        break;
    case FLOW_UNLABELLED:
        buf_printf(out, " is reached: what is there has no label that would keep others from it");
        break;
    case FLOW_LEAK:
    default:
        buf_printf(out, " and ");
        flow_write_node(flow, names, failure->other, out);
        buf_printf(out, " meet: ");
        flow_write_rule(flow, failure->rule, failure->permissions, out);
        break;
    }
}
