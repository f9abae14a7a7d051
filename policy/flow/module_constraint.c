/* SPDX-License-Identifier: Apache-2.0 */
/* Constraints: an expression over two contexts. */
#include <string.h>

#include "policy/flow/module_internal.h"

static const struct context_level *level_at(const struct module *m, uint32_t node,
                                            const struct module_query *query)
{
    if (node_is(m, node, "l1"))
        return &query->scontext->low;
    if (node_is(m, node, "h1"))
        return &query->scontext->high;
    if (node_is(m, node, "l2"))
        return &query->tcontext->low;
    if (node_is(m, node, "h2"))
        return &query->tcontext->high;
    return NULL;
}

/* A user, role or type of one of the contexts. */
static const char *symbol_at(const struct module *m, uint32_t node,
                             const struct module_query *query)
{
    if (node_is(m, node, "u1"))
        return query->scontext->user;
    if (node_is(m, node, "r1"))
        return query->scontext->role;
    if (node_is(m, node, "t1"))
        return query->scontext->type;
    if (node_is(m, node, "u2"))
        return query->tcontext->user;
    if (node_is(m, node, "r2"))
        return query->tcontext->role;
    return node_is(m, node, "t2") ? query->tcontext->type : NULL;
}

/* (eq t1 NAME): the name may be an attribute. */
static bool symbols_equal(const struct module *m, uint32_t left, uint32_t right,
                          const struct module_query *query)
{
    const struct scope top = {.container = NONE, .instance = "", .call = NONE};
    const char *a = symbol_at(m, left, query), *b = symbol_at(m, right, query);
    struct name name;

    if (a == NULL)
        return false;
    if (b != NULL)
        return strcmp(a, b) == 0;
    if (node_is(m, left, "t1") || node_is(m, left, "t2")) {
        name = name_of(a);
        return set_has_type(m, &top, right, &name, NULL, 0);
    }
    return node_is(m, right, a);
}

static bool compare(const struct module *m, uint32_t expression, const struct module_query *query)
{
    const uint32_t word = node_member(m, expression, 0), left = node_member(m, expression, 1),
                   right = node_member(m, expression, 2);
    const struct context_level *a = level_at(m, left, query), *b = level_at(m, right, query);

    if (a == NULL || b == NULL)
        return symbols_equal(m, left, right, query) == node_is(m, word, "eq");
    if (node_is(m, word, "eq") || node_is(m, word, "neq"))
        return context_level_equal(a, b) == node_is(m, word, "eq");
    if (node_is(m, word, "dom"))
        return context_level_dominates(a, b);
    if (node_is(m, word, "domby"))
        return context_level_dominates(b, a);
    /* incomp */
    return !context_level_dominates(a, b) && !context_level_dominates(b, a);
}

bool constraint_holds(const struct module *m, uint32_t expression, const struct module_query *query,
                      unsigned depth)
{
    const uint32_t word = node_member(m, expression, 0);
    bool left, right;

    /* What is not understood is not blamed. */
    if (word == NONE || depth > MODULE_DEPTH_MAX)
        return true;
    if (node_is(m, word, "not"))
        return !constraint_holds(m, node_member(m, expression, 1), query, depth + 1);
    if (!node_is(m, word, "and") && !node_is(m, word, "or"))
        return compare(m, expression, query);
    left = constraint_holds(m, node_member(m, expression, 1), query, depth + 1);
    right = constraint_holds(m, node_member(m, expression, 2), query, depth + 1);
    return node_is(m, word, "and") ? left && right : left || right;
}
