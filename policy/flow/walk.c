/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/flow/internal.h"

int flow_walk_init(struct flow_walk *walk, struct flow *flow, enum flow_barrier barrier)
{
    memset(walk, 0, sizeof(*walk));
    walk->flow = flow;
    walk->barrier = barrier;
    walk->hub_size = 1024;
    walk->hub = calloc(walk->hub_size, sizeof(*walk->hub));
    walk->queue = calloc((size_t)flow->nodes + 1, sizeof(*walk->queue));
    walk->queued = calloc((size_t)flow->nodes + 1, sizeof(*walk->queued));
    return walk->hub != NULL && walk->queue != NULL && walk->queued != NULL ? 0 : -ENOMEM;
}

void flow_walk_release(struct flow_walk *walk)
{
    free(walk->hub);
    free(walk->queue);
    free(walk->queued);
}

/* Each node waits at most once, so the ring never fills up. */
void flow_walk_push(struct flow_walk *walk, uint32_t node)
{
    if (walk->queued[node])
        return;
    walk->queued[node] = 1;
    walk->queue[walk->tail] = node;
    walk->tail = walk->tail == walk->flow->nodes ? 0 : walk->tail + 1;
}

/* ---------------------------------------------------------------- hubs */

static struct flow_hub *place(struct flow_hub *hub, uint32_t size, uint64_t key)
{
    uint32_t at = (uint32_t)((key * 0x9E3779B97F4A7C15u) >> 32) & (size - 1);

    while (hub[at].key != 0 && hub[at].key != key)
        at = (at + 1) & (size - 1);
    return &hub[at];
}

static int find_hub(struct flow_walk *walk, uint64_t key, struct flow_hub **found)
{
    struct flow_hub *at = place(walk->hub, walk->hub_size, key);

    if (at->key != key && walk->hub_used >= walk->hub_size / 2) {
        struct flow_hub *larger = calloc((size_t)walk->hub_size * 2, sizeof(*larger));

        if (larger == NULL)
            return -ENOMEM;
        for (uint32_t i = 0; i < walk->hub_size; i++) {
            if (walk->hub[i].key != 0)
                *place(larger, walk->hub_size * 2, walk->hub[i].key) = walk->hub[i];
        }
        free(walk->hub);
        walk->hub = larger;
        walk->hub_size *= 2;
        at = place(walk->hub, walk->hub_size, key);
    }
    if (at->key != key) {
        at->key = key;
        walk->hub_used++;
    }
    *found = at;
    return 0;
}

/* Add colours; true if that changed it. Two are enough: whoever is reached by two tenants is
 * reached by one that is not it. */
static bool add(struct flow_colour *to, uint32_t colour)
{
    if (colour == 0 || to->b != 0 || to->a == colour)
        return false;
    if (to->a == 0)
        to->a = colour;
    else
        to->b = colour;
    return true;
}

/* True if the rule must be taken for this node: nobody alike took it with these colours. */
static int fresh(struct flow_walk *walk, size_t rule, bool by_subject, uint32_t node,
                 struct flow_colour colour, bool *is)
{
    const uint64_t alike =
        (uint64_t)walk->flow->masks.equal[node] * 2 + (walk->flow->tenant_of[node] != 0 ? 1 : 0);
    struct flow_hub *hub;
    int r = find_hub(walk, 1 + (((uint64_t)rule << 18 | alike) << 1 | by_subject), &hub);
    bool changed;

    if (r < 0)
        return r;
    changed = add(&hub->colour, colour.a);
    changed = add(&hub->colour, colour.b) || changed;
    *is = changed;
    return 0;
}

/* ---------------------------------------------------------------- uses */

int flow_note_use(struct flow *flow, uint32_t cut, size_t rule, enum flow_direction moves,
                  bool single)
{
    if (single && (flow->used[rule] & moves) != 0)
        return 0;
    if (flow->use_count == flow->use_capacity) {
        const size_t capacity = flow->use_capacity * 2 + 64;
        struct flow_use *larger = realloc(flow->uses, capacity * sizeof(*larger));

        if (larger == NULL)
            return -ENOMEM;
        flow->uses = larger;
        flow->use_capacity = capacity;
    }
    if (single)
        flow->used[rule] |= (uint8_t)moves;
    flow->uses[flow->use_count++] = (struct flow_use){.cut = cut, .moves = moves, .rule = rule};
    return 0;
}

/* ---------------------------------------------------------------- edges */

struct step {
    uint32_t from;
    struct flow_colour colour;
    const struct kernel_rule *rule;
    size_t index;
    uint32_t moved; /* permissions */
    bool by_subject;
};

/* True if the edge exists under the barrier; *permissions are those that make it. */
static bool passes(struct flow_walk *walk, const struct step *step, uint32_t to,
                   uint32_t *permissions)
{
    struct flow *flow = walk->flow;
    const uint32_t here = flow->tenant_of[step->from], there = flow->tenant_of[to];
    enum flow_levels levels = FLOW_LEVELS_ANY;

    *permissions = step->moved;
    if (here == 0 && there == 0)
        return step->from != to;
    if (here != 0 && there != 0) {
        if (walk->barrier != FLOW_CATEGORIES && here == there)
            return false;
        if (walk->barrier != FLOW_TYPES)
            levels = FLOW_LEVELS_GUESTS;
    }
    *permissions &=
        flow_mask(&flow->masks, flow->policy, levels, step->by_subject ? step->from : to,
                  step->by_subject ? to : step->from, step->rule->class);
    return *permissions != 0;
}

static int take(struct flow_walk *walk, const struct step *step, uint32_t other)
{
    struct flow *flow = walk->flow;
    const struct kernel_types ends = kernel_types_of(flow->policy, other);
    bool is = true;
    int r = 0;

    if (ends.count > 1)
        r = fresh(walk, step->index, step->by_subject, step->from, step->colour, &is);
    for (uint32_t i = 0; i < ends.count && is && r == 0; i++) {
        const uint32_t to = ends.items[i];
        struct flow_hop hop = {step->from, to, step->index, 0, step->by_subject};

        if (!passes(walk, step, to, &hop.permissions))
            continue;
        if (flow->cut[to] == FLOW_CUT_NONE)
            r = walk->edge(walk, &hop, step->colour);
        else if (walk->note_uses)
            r = flow_note_use(flow, to, step->index, FLOW_OUT, ends.count == 1);
    }
    return r;
}

/* What leaves by the rules of one type or attribute. */
static int take_rules(struct flow_walk *walk, struct step *step, const struct flow_list *list,
                      uint32_t value)
{
    struct flow *flow = walk->flow;
    int r = 0;

    for (uint32_t i = list->first[value]; i < list->first[value + 1] && r == 0; i++) {
        const struct flow_class *class;

        step->index = list->rule[i];
        step->rule = flow_rule(flow, step->index);
        class = &flow->classes[step->rule->class];
        step->moved = flow_moves(flow, step->index, step->by_subject ? FLOW_OUT : FLOW_IN);
        if (step->moved != 0)
            r = take(walk, step, step->by_subject ? step->rule->target : step->rule->source);
        /* A subject that has such a socket or right reaches what has no label, too. */
        for (uint32_t k = 1; k <= 2 && step->by_subject && r == 0; k++) {
            const struct flow_hop hop = {
                step->from, flow->types + k, step->index,
                step->rule->data & (k == 1 ? class->network : class->kernel), true};

            if (hop.permissions != 0)
                r = walk->edge(walk, &hop, step->colour);
        }
    }
    return r;
}

/* What comes out of the network, or of the kernel's state: to all who have what reaches it. */
static int take_common(struct flow_walk *walk, uint32_t node, struct flow_colour colour)
{
    struct flow *flow = walk->flow;
    const bool network = node == flow_node_network(flow);
    const uint32_t *list = network ? flow->network : flow->kernel;
    const uint32_t count = network ? flow->network_count : flow->kernel_count;
    int r = 0;

    for (uint32_t i = 0; i < count && r == 0; i++) {
        const struct kernel_rule *rule = flow_rule(flow, list[i]);
        const struct flow_class *class = &flow->classes[rule->class];
        const struct kernel_types subjects = kernel_types_of(flow->policy, rule->source);

        for (uint32_t s = 0; s < subjects.count && r == 0; s++) {
            const struct flow_hop hop = {node, subjects.items[s], list[i],
                                         rule->data & (network ? class->network : class->kernel),
                                         false};

            if (flow->cut[hop.to] == FLOW_CUT_NONE)
                r = walk->edge(walk, &hop, colour);
        }
    }
    return r;
}

int flow_walk_expand(struct flow_walk *walk, uint32_t node, struct flow_colour colour)
{
    struct flow *flow = walk->flow;
    struct step step = {.from = node, .colour = colour};
    struct kernel_types values;
    int r = 0;

    if (node > flow->types)
        return take_common(walk, node, colour);
    values = kernel_attributes_of(flow->policy, node);
    for (uint32_t i = 0; i < values.count && r == 0; i++) {
        step.by_subject = true;
        r = take_rules(walk, &step, &flow->by_source, values.items[i]);
        step.by_subject = false;
        if (r == 0)
            r = take_rules(walk, &step, &flow->by_target, values.items[i]);
    }
    return r;
}

int flow_walk_run(struct flow_walk *walk, const struct flow_colour *colours)
{
    int r = 0;

    while (walk->head != walk->tail && r == 0) {
        const uint32_t node = walk->queue[walk->head];

        walk->head = walk->head == walk->flow->nodes ? 0 : walk->head + 1;
        walk->queued[node] = 0;
        r = flow_walk_expand(walk, node, colours[node]);
    }
    return r;
}
