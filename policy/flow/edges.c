/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "policy/flow/internal.h"

void flow_between(struct flow *flow, enum flow_barrier barrier, uint32_t source, uint32_t target,
                  uint32_t class, uint32_t *out, uint32_t *in)
{
    const bool guests = flow_tenant_of(flow, source) != 0 && flow_tenant_of(flow, target) != 0;
    uint32_t may = 0;

    *out = *in = 0;
    if (source == 0 || source > flow->types || target == 0 || target > flow->types ||
        kernel_class(flow->policy, class) == NULL)
        return;
    may = kernel_decide_types(flow->policy, NULL, source, target, class);
    may &= flow_mask(&flow->masks, flow->policy,
                     guests && barrier != FLOW_TYPES ? FLOW_LEVELS_GUESTS : FLOW_LEVELS_ANY, source,
                     target, class);
    *out = may & flow->classes[class].out;
    *in = may & flow->classes[class].in;
}

/* ---------------------------------------------------------------- around a tenant */

struct visitor {
    uint32_t tenant;
    int (*visit)(void *context, const struct flow_hop *edge);
    void *context;
};

/* One rule: what moves between the tenant's types and others, as pairs of types. */
static int around_rule(struct flow *flow, const struct visitor *visitor, uint32_t own, size_t index,
                       bool own_acts)
{
    const struct kernel_rule *rule = flow_rule(flow, index);
    const struct kernel_types others =
        kernel_types_of(flow->policy, own_acts ? rule->target : rule->source);
    const uint32_t out = flow_moves(flow, index, FLOW_OUT);
    const uint32_t in = flow_moves(flow, index, FLOW_IN);
    int r = 0;

    for (uint32_t i = 0; i < others.count && r == 0; i++) {
        const uint32_t other = others.items[i];
        const uint32_t source = own_acts ? own : other, target = own_acts ? other : own;
        uint32_t mask;

        if (flow->tenant_of[other] == visitor->tenant)
            continue;
        mask = rule->data &
               flow_mask(&flow->masks, flow->policy, FLOW_LEVELS_ANY, source, target, rule->class);
        if ((mask & out) != 0)
            r = visitor->visit(visitor->context,
                               &(struct flow_hop){source, target, index, mask & out, true});
        if (r == 0 && (mask & in) != 0)
            r = visitor->visit(visitor->context,
                               &(struct flow_hop){target, source, index, mask & in, false});
    }
    return r;
}

static int around_list(struct flow *flow, const struct visitor *visitor, uint32_t own,
                       const struct flow_list *list, uint32_t value, bool own_acts)
{
    int r = 0;

    for (uint32_t i = list->first[value]; i < list->first[value + 1] && r == 0; i++)
        r = around_rule(flow, visitor, own, list->rule[i], own_acts);
    return r;
}

int flow_edges_of_tenant(struct flow *flow, uint32_t tenant,
                         int (*visit)(void *context, const struct flow_hop *edge), void *context)
{
    const struct visitor visitor = {tenant, visit, context};
    uint32_t count;
    const uint16_t *types = flow_tenant_types(flow, tenant, &count);
    int r = 0;

    for (uint32_t t = 0; t < count && r == 0; t++) {
        const struct kernel_types values = kernel_attributes_of(flow->policy, types[t]);

        for (uint32_t i = 0; i < values.count && r == 0; i++) {
            r = around_list(flow, &visitor, types[t], &flow->by_source, values.items[i], true);
            if (r == 0)
                r = around_list(flow, &visitor, types[t], &flow->by_target, values.items[i], false);
        }
    }
    return r;
}
