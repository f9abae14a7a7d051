/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/flow/internal.h"

static void record(struct flow_result *result, const struct flow_failure *failure)
{
    if (result->kept < FLOW_FAILURES_MAX)
        result->failure[result->kept++] = *failure;
    result->failures++;
}

/* ---------------------------------------------------------------- who gets what */

/*
 * Colours are of tenants. A tenant's own types keep theirs; another node takes on what reaches it,
 * two at most: a node that two tenants reach leads from somebody else to whichever tenant it
 * reaches. So each node is expanded three times at most.
 */
static bool merge(struct flow_colour *to, struct flow_colour from)
{
    const struct flow_colour before = *to;

    if (to->a == 0)
        *to = from;
    else if (to->b == 0)
        to->b = from.a != to->a ? from.a : from.b;
    return to->a != before.a || to->b != before.b;
}

static int reach(struct flow_walk *walk, const struct flow_hop *hop, struct flow_colour colour)
{
    struct flow *flow = walk->flow;
    const uint32_t there = flow->tenant_of[hop->to];

    if (there != 0) {
        const uint32_t from = colour.a != there ? colour.a : colour.b;
        const struct flow_failure failure = {
            .kind = FLOW_LEAK,
            .from = walk->barrier == FLOW_CATEGORIES ? 0 : from,
            .to = walk->barrier == FLOW_CATEGORIES ? 0 : there,
            .node = hop->from,
            .other = hop->to,
            .permissions = hop->permissions,
            .rule = hop->rule,
        };

        /* Back to where it came from is no leak; under categories it is another guest. */
        if (walk->barrier == FLOW_CATEGORIES || from != 0)
            record(walk->context, &failure);
        return 0;
    }
    if (merge(&flow->colour[hop->to], colour))
        flow_walk_push(walk, hop->to);
    return 0;
}

static int close_tenants(struct flow *flow, enum flow_barrier barrier, struct flow_result *result)
{
    struct flow_walk walk;
    int r = flow_walk_init(&walk, flow, barrier);

    walk.edge = reach;
    walk.context = result;
    walk.note_uses = true;
    memset(flow->colour, 0, sizeof(*flow->colour) * ((size_t)flow->nodes + 1));
    for (uint32_t t = 1; t <= flow->types && r == 0; t++) {
        if (flow->tenant_of[t] == 0)
            continue;
        /* Under categories any guest is like any other. */
        flow->colour[t] = barrier == FLOW_CATEGORIES ? (struct flow_colour){1, UINT32_MAX}
                                                     : (struct flow_colour){flow->tenant_of[t], 0};
        flow_walk_push(&walk, t);
    }
    if (r == 0)
        r = flow_walk_run(&walk, flow->colour);
    flow_walk_release(&walk);
    return r;
}

/* ---------------------------------------------------------------- who makes what is a tenant's */

/*
 * That two guests' categories differ holds because only trusted subjects choose them. Somebody else
 * who can make, label or become a thing of a tenant's type could give it any. A tenant's own
 * processes may make things as long as a constraint keeps the level what it is.
 */
static void enters(struct flow *flow, size_t index, struct flow_result *result)
{
    const struct kernel_rule *rule = flow_rule(flow, index);
    const uint32_t entering = rule->data & flow->classes[rule->class].enters;
    const struct kernel_types sources = kernel_types_of(flow->policy, rule->source);
    const struct kernel_types targets = kernel_types_of(flow->policy, rule->target);

    for (uint32_t s = 0; s < sources.count; s++) {
        const uint32_t source = sources.items[s];
        const bool own = flow->tenant_of[source] != 0;

        for (uint32_t t = 0; t < targets.count && flow->cut[source] != FLOW_CUT_TRUSTED; t++) {
            const uint32_t target = targets.items[t];
            struct flow_failure failure = {
                .kind = FLOW_ENTERS, .node = source, .other = target, .rule = index};

            if (flow->tenant_of[target] == 0)
                continue;
            failure.permissions = entering & flow_mask(&flow->masks, flow->policy,
                                                       own ? FLOW_LEVELS_CHANGED : FLOW_LEVELS_ANY,
                                                       source, target, rule->class);
            if (failure.permissions == 0)
                continue;
            record(result, &failure);
            break; /* once for each source is enough */
        }
    }
}

static void check_entering(struct flow *flow, struct flow_result *result)
{
    for (size_t i = 0; i < flow->rule_count + flow->extra_count; i++) {
        const struct kernel_rule *rule = flow_rule(flow, i);

        if (rule->kind == KERNEL_RULE_ALLOW && flow->touches[rule->target] != 0 &&
            (rule->data & flow->classes[rule->class].enters) != 0)
            enters(flow, i, result);
    }
}

/* ---------------------------------------------------------------- what is beside the rules */

static void check_permissive(struct flow *flow, struct flow_result *result)
{
    for (uint32_t t = 1; t <= flow->types; t++) {
        const struct flow_failure failure = {.kind = FLOW_PERMISSIVE, .node = t, .rule = SIZE_MAX};

        if (kernel_is_permissive(flow->policy, t) && flow->cut[t] != FLOW_CUT_TRUSTED)
            record(result, &failure);
    }
}

static void check_labels(struct flow *flow, struct flow_result *result)
{
    size_t count;
    const struct kernel_label *labels = kernel_labels(flow->policy, &count);

    for (size_t i = 0; i < count; i++) {
        const bool pair = labels[i].kind == KERNEL_LABEL_FS || labels[i].kind == KERNEL_LABEL_NETIF;
        uint32_t type = labels[i].context.type;
        struct flow_failure failure = {.kind = FLOW_LABELS, .rule = SIZE_MAX};

        if (flow_tenant_of(flow, type) == 0 && pair)
            type = labels[i].second.type;
        failure.node = type;
        if (flow_tenant_of(flow, type) != 0)
            record(result, &failure);
    }
}

/* Nobody knows who listens there: that no other tenant has a way to it today is no separation. */
static void check_unlabelled(struct flow *flow, struct flow_result *result)
{
    for (uint32_t node = flow->types + 1; node <= flow->nodes; node++) {
        const struct flow_failure failure = {
            .kind = FLOW_UNLABELLED, .node = node, .rule = SIZE_MAX};

        if (flow->colour[node].a != 0)
            record(result, &failure);
    }
}

/* ---------------------------------------------------------------- uses of who is trusted */

/* What a trusted subject does to tenants, and what tenants take from it: the other half of its
 * uses. What leaves a tenant the walk has noted. */
static int note_entering(struct flow *flow, size_t index, bool by_subject)
{
    const struct kernel_rule *rule = flow_rule(flow, index);
    const uint32_t cuts = by_subject ? rule->source : rule->target;
    const uint32_t tenants = by_subject ? rule->target : rule->source;
    const struct kernel_types types = kernel_types_of(flow->policy, cuts);
    int r = 0;

    if (flow->touches[tenants] == 0)
        return 0;
    for (uint32_t i = 0; i < types.count && r == 0; i++) {
        if (flow->cut[types.items[i]] != FLOW_CUT_NONE)
            r = flow_note_use(flow, types.items[i], index, FLOW_IN, types.count == 1);
    }
    return r;
}

static int note_all_entering(struct flow *flow)
{
    int r = 0;

    for (size_t i = 0; i < flow->rule_count + flow->extra_count && r == 0; i++) {
        const struct kernel_rule *rule = flow_rule(flow, i);

        if (rule->kind != KERNEL_RULE_ALLOW)
            continue;
        if (flow_moves(flow, i, FLOW_OUT) != 0)
            r = note_entering(flow, i, true);
        if (r == 0 && flow_moves(flow, i, FLOW_IN) != 0)
            r = note_entering(flow, i, false);
    }
    return r;
}

static int by_cut(const void *a, const void *b)
{
    const struct flow_use *one = a, *other = b;

    if (one->cut != other->cut)
        return one->cut < other->cut ? -1 : 1;
    return one->rule < other->rule ? -1 : one->rule > other->rule;
}

/* One entry a rule and type, with both directions. */
static void settle_uses(struct flow *flow)
{
    size_t kept = 0;

    if (flow->use_count == 0)
        return;
    qsort(flow->uses, flow->use_count, sizeof(*flow->uses), by_cut);
    for (size_t i = 1; i < flow->use_count; i++) {
        if (by_cut(&flow->uses[kept], &flow->uses[i]) == 0)
            flow->uses[kept].moves |= flow->uses[i].moves;
        else
            flow->uses[++kept] = flow->uses[i];
    }
    flow->use_count = kept + 1;
}

const struct flow_use *flow_uses(const struct flow *flow, size_t *count)
{
    *count = flow->use_count;
    return flow->uses;
}

/* ---------------------------------------------------------------- the proof */

int flow_prove(struct flow *flow, enum flow_barrier barrier, struct flow_result *result)
{
    int r;

    memset(result, 0, sizeof(*result));
    flow->barrier = barrier;
    r = close_tenants(flow, barrier, result);
    if (r == 0)
        r = note_all_entering(flow);
    if (r < 0)
        return r;
    settle_uses(flow);
    if (barrier == FLOW_CATEGORIES)
        check_entering(flow, result);
    check_unlabelled(flow, result);
    check_permissive(flow, result);
    check_labels(flow, result);
    return 0;
}

uint32_t flow_reached(const struct flow *flow, uint32_t node)
{
    if (node > flow->nodes)
        return 0;
    return flow->colour[node].b != 0 ? UINT32_MAX : flow->colour[node].a;
}
