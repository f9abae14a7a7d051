/* SPDX-License-Identifier: Apache-2.0 */
/* Both policies are put to the proof: what fails in the one and not in the other. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/flow/diff_internal.h"
#include "policy/flow/text.h"

static const char *const barriers[FLOW_BARRIERS] = {
    [FLOW_TYPES] = "past the types, were they the only barrier",
    [FLOW_CATEGORIES] = "past the categories, were they the only barrier",
    [FLOW_TOGETHER] = "past both barriers",
};

/* The options for one policy: without the types that it lacks, and each boolean either way. */
struct own_options {
    struct flow_options options;
    struct flow_cut *cuts;
};

static uint32_t take_cuts(const struct kernel_policy *policy, const struct flow_cut *from,
                          uint32_t count, struct flow_cut *to)
{
    uint32_t taken = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t type = kernel_find(policy, KERNEL_TYPE, from[i].type);

        if (type != 0 && !kernel_is_attribute(policy, type))
            to[taken++] = from[i];
    }
    return taken;
}

static int own(const struct kernel_policy *policy, const struct flow_options *options,
               struct own_options *made)
{
    *made = (struct own_options){0};
    if (options == NULL)
        return 0;
    made->cuts =
        calloc((size_t)options->trusted_count + options->stateless_count + 1, sizeof(*made->cuts));
    if (made->cuts == NULL)
        return -ENOMEM;
    made->options.trusted = made->cuts;
    made->options.trusted_count =
        take_cuts(policy, options->trusted, options->trusted_count, made->cuts);
    made->options.stateless = made->cuts + options->trusted_count;
    made->options.stateless_count = take_cuts(policy, options->stateless, options->stateless_count,
                                              made->cuts + options->trusted_count);
    return 0;
}

/* A policy without a tenant proves nothing: *flow stays NULL. */
static int prepare(const struct diff_side *side, const struct own_options *options,
                   struct flow **flow)
{
    int r = flow_new(side->policy, &options->options, flow, NULL);

    return r == -ENODATA ? 0 : r;
}

/* ---------------------------------------------------------------- failures of both */

/* The other's node of the same name; the two nodes beyond the types correspond. */
static uint32_t node_of(const struct diff_side *side, const struct flow *flow,
                        const struct flow *other, uint32_t node)
{
    if (node == flow_node_network(flow))
        return flow_node_network(other);
    if (node == flow_node_kernel(flow))
        return flow_node_kernel(other);
    return node == 0 ? 0 : side->type[node];
}

/* The other's tenant of the same slot; 0 where there is none, and for 0. */
static uint32_t tenant_of(const struct flow *flow, const struct flow *other, uint32_t tenant)
{
    const char *name = flow_tenant_name(flow, tenant);

    return name != NULL ? flow_tenant_find(other, name) : 0;
}

/*
 * Whether the other policy fails at the same place. Of a leak that several tenants have, who it
 * comes from is one of them by chance; where it enters whose types is not.
 */
static bool fails_too(const struct diff_side *side, const struct flow *flow,
                      const struct flow *other, const struct flow_failure *failure,
                      const struct flow_result *theirs)
{
    uint32_t to = tenant_of(flow, other, failure->to);
    uint32_t node = node_of(side, flow, other, failure->node);
    uint32_t at = node_of(side, flow, other, failure->other);

    for (uint32_t i = 0; i < theirs->kept; i++) {
        const struct flow_failure *f = &theirs->failure[i];

        if (f->kind == failure->kind && f->to == to && f->node == node && f->other == at)
            return true;
    }
    return false;
}

static int tell(struct diff *diff, const struct flow *flow, enum flow_barrier barrier,
                const struct flow_failure *failure, enum diff_kind kind)
{
    const char *who = flow_tenant_name(
        flow, failure->kind == FLOW_LEAK ? failure->to : flow_tenant_of(flow, failure->node));
    struct buf text;
    int r;

    buf_init(&text, 1u << 16);
    flow_write_failure(flow, NULL, failure, &text);
    r = buf_status(&text);
    if (r == 0)
        diff_add(diff, kind, kind == DIFF_MORE, who != NULL ? who : "every tenant",
                 "information %s %s: %s", kind == DIFF_MORE ? "may now get" : "no longer gets",
                 barriers[barrier], (const char *)text.data);
    buf_release(&text);
    return r;
}

/* `theirs` is of `other`, NULL where that has no tenants: then all is new. */
static int compare(struct diff *diff, const struct diff_side *side, struct flow *flow,
                   struct flow *other, enum flow_barrier barrier, const struct flow_result *ours,
                   const struct flow_result *theirs, enum diff_kind kind)
{
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < ours->kept; i++) {
        if (other != NULL && fails_too(side, flow, other, &ours->failure[i], theirs))
            continue;
        /* Of too many only some are kept: then it is their number that tells. */
        if (theirs->failures > theirs->kept)
            break;
        r = tell(diff, flow, barrier, &ours->failure[i], kind);
    }
    if (r == 0 && (ours->failures > ours->kept || theirs->failures > theirs->kept) &&
        ours->failures > theirs->failures)
        diff_add(diff, kind, kind == DIFF_MORE, "every tenant",
                 "information may get %s on %llu ways between tenants, in place of %llu",
                 barriers[barrier],
                 (unsigned long long)(kind == DIFF_MORE ? ours : theirs)->failures,
                 (unsigned long long)(kind == DIFF_MORE ? theirs : ours)->failures);
    else if (r == 0 && kind == DIFF_MORE && ours->failures > ours->kept)
        diff_add(diff, DIFF_OTHER, false, "every tenant",
                 "%s: nothing is proved of either, so only the number of ways between tenants "
                 "is compared, %llu now: name the types that are trusted",
                 barriers[barrier], (unsigned long long)ours->failures);
    return r;
}

int diff_flow(struct diff *diff, const struct diff_side *old, const struct diff_side *new,
              const struct flow_options *options)
{
    struct flow_result *results = calloc(2, sizeof(*results));
    struct flow *before = NULL, *after = NULL;
    struct own_options from, to = {0};
    int r = results == NULL ? -ENOMEM : own(old->policy, options, &from);

    if (r != 0) {
        free(results);
        return r;
    }
    r = own(new->policy, options, &to);
    if (r == 0)
        r = prepare(old, &from, &before);
    if (r == 0)
        r = prepare(new, &to, &after);
    for (enum flow_barrier barrier = 0; r == 0 && barrier < FLOW_BARRIERS; barrier++) {
        memset(results, 0, 2 * sizeof(*results));
        if (before != NULL)
            r = flow_prove(before, barrier, &results[0]);
        if (r == 0 && after != NULL)
            r = flow_prove(after, barrier, &results[1]);
        if (r == 0 && after != NULL)
            r = compare(diff, new, after, before, barrier, &results[1], &results[0], DIFF_MORE);
        if (r == 0 && before != NULL)
            r = compare(diff, old, before, after, barrier, &results[0], &results[1], DIFF_LESS);
    }
    flow_free(before);
    flow_free(after);
    free(from.cuts);
    free(to.cuts);
    free(results);
    return r;
}
