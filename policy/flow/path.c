/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/flow/internal.h"

/* How a node was reached first. A tenant is entered by one type and left by any of its own: those
 * others come "from" the first, without a rule. */
struct origin {
    struct flow_hop hop;
    bool reached;
};
struct search {
    struct origin *origin; /* by node */
    uint32_t from, to;     /* tenants; 0: any other */
    uint32_t goal;         /* a node, or 0 */
    struct flow_hop last;
};

enum { FOUND = 1 };

static bool is_goal(const struct search *search, uint32_t node, uint32_t tenant)
{
    if (search->goal != 0)
        return node == search->goal;
    if (tenant == 0)
        return false;
    return search->to != 0 ? tenant == search->to : tenant != search->from;
}

static void enter(struct flow_walk *walk, struct search *search, const struct flow_hop *hop)
{
    struct flow *flow = walk->flow;
    const uint32_t tenant = flow->tenant_of[hop->to];
    const struct flow_tenant *of = &flow->tenants[tenant];

    search->origin[hop->to] = (struct origin){*hop, true};
    flow_walk_push(walk, hop->to);
    for (uint32_t i = 0; tenant != 0 && i < of->count; i++) {
        const uint32_t type = flow->tenant_type[of->first + i];

        if (search->origin[type].reached)
            continue;
        search->origin[type] =
            (struct origin){{.from = hop->to, .to = type, .rule = SIZE_MAX}, true};
        flow_walk_push(walk, type);
    }
}

static int seek(struct flow_walk *walk, const struct flow_hop *hop, struct flow_colour colour)
{
    struct search *search = walk->context;
    const uint32_t tenant = walk->flow->tenant_of[hop->to];

    (void)colour;
    /* Under categories every tenant's type begins; to reach one is to reach another guest. */
    if (walk->barrier == FLOW_CATEGORIES ? tenant != 0 : is_goal(search, hop->to, tenant)) {
        search->last = *hop;
        return FOUND;
    }
    if (!search->origin[hop->to].reached)
        enter(walk, search, hop);
    return 0;
}

/* From the last hop back to where it began. */
static int unwind(const struct search *search, struct flow_path **path)
{
    struct flow_path *made;
    uint32_t count = 1, at;

    for (at = search->last.from; search->origin[at].hop.from != 0; at = search->origin[at].hop.from)
        count += search->origin[at].hop.rule != SIZE_MAX;
    made = malloc(sizeof(*made) + count * sizeof(made->hop[0]));
    if (made == NULL)
        return -ENOMEM;
    made->count = count;
    made->hop[--count] = search->last;
    for (at = search->last.from; count > 0; at = search->origin[at].hop.from) {
        if (search->origin[at].hop.rule != SIZE_MAX)
            made->hop[--count] = search->origin[at].hop;
    }
    *path = made;
    return 0;
}

static int run(struct flow_walk *walk, struct search *search, struct flow_path **path)
{
    struct flow *flow = walk->flow;
    struct flow_colour *colours = calloc((size_t)flow->nodes + 1, sizeof(*colours));
    int r = -ENOMEM;

    /* One colour for all: each rule is taken once. */
    for (uint32_t n = 0; colours != NULL && n <= flow->nodes; n++)
        colours[n].a = 1;
    if (colours != NULL)
        r = flow_walk_run(walk, colours);
    free(colours);
    if (r == FOUND)
        return unwind(search, path);
    return r == 0 ? -ENOENT : r;
}

static int from_tenants(struct flow *flow, enum flow_barrier barrier, struct search *search,
                        struct flow_path **path)
{
    struct flow_walk walk;
    int r = flow_walk_init(&walk, flow, barrier);

    walk.edge = seek;
    walk.context = search;
    for (uint32_t t = 1; t <= flow->types && r == 0; t++) {
        if (flow->tenant_of[t] == 0 ||
            (barrier != FLOW_CATEGORIES && flow->tenant_of[t] != search->from))
            continue;
        search->origin[t].reached = true;
        flow_walk_push(&walk, t);
    }
    if (r == 0)
        r = run(&walk, search, path);
    flow_walk_release(&walk);
    return r;
}

/* Some leak between two tenants, to begin with. */
static int any_pair(struct flow *flow, enum flow_barrier barrier, uint32_t *from, uint32_t *to)
{
    struct flow_result *result = malloc(sizeof(*result));
    int r = result == NULL ? -ENOMEM : flow_prove(flow, barrier, result);

    if (r == 0)
        r = -ENOENT;
    for (uint32_t i = 0; r == -ENOENT && i < result->kept; i++) {
        const struct flow_failure *f = &result->failure[i];

        if (f->kind != FLOW_LEAK || (*from != 0 && f->from != *from) || (*to != 0 && f->to != *to))
            continue;
        *from = f->from;
        *to = f->to;
        r = 0;
    }
    free(result);
    return r;
}

int flow_path_tenants(struct flow *flow, enum flow_barrier barrier, uint32_t from, uint32_t to,
                      struct flow_path **path)
{
    struct search search = {.from = from, .to = to};
    int r = 0;

    if (barrier != FLOW_CATEGORIES && from == 0)
        r = any_pair(flow, barrier, &search.from, &search.to);
    if (r < 0)
        return r;
    search.origin = calloc((size_t)flow->nodes + 1, sizeof(*search.origin));
    if (search.origin == NULL)
        return -ENOMEM;
    r = from_tenants(flow, barrier, &search, path);
    free(search.origin);
    return r;
}

int flow_path_nodes(struct flow *flow, uint32_t from, uint32_t to, struct flow_path **path)
{
    struct search search = {.goal = to};
    struct flow_walk walk;
    int r;

    if (from == 0 || from > flow->nodes || to == 0 || to > flow->nodes || from == to ||
        flow->cut[from] != FLOW_CUT_NONE || flow->cut[to] != FLOW_CUT_NONE)
        return -ENOENT;
    if (flow->tenant_of[to] != 0) {
        search.goal = 0;
        search.to = flow->tenant_of[to];
        if (flow->tenant_of[from] == search.to)
            return -ENOENT;
    }
    search.origin = calloc((size_t)flow->nodes + 1, sizeof(*search.origin));
    if (search.origin == NULL)
        return -ENOMEM;
    r = flow_walk_init(&walk, flow, FLOW_TYPES);
    walk.edge = seek;
    walk.context = &search;
    if (r == 0) {
        const struct flow_tenant *of = &flow->tenants[flow->tenant_of[from]];

        search.origin[from].reached = true;
        flow_walk_push(&walk, from);
        for (uint32_t i = 0; flow->tenant_of[from] != 0 && i < of->count; i++) {
            search.origin[flow->tenant_type[of->first + i]].reached = true;
            flow_walk_push(&walk, flow->tenant_type[of->first + i]);
        }
        r = run(&walk, &search, path);
    }
    flow_walk_release(&walk);
    free(search.origin);
    return r;
}
