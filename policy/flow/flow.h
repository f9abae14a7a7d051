/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_FLOW_FLOW_H
#define CASEMATE_POLICY_FLOW_FLOW_H

/*
 * Where information can flow under a kernel policy, and whether from one tenant to another.
 *
 * Nodes are types; what is of a type may learn all that anything of the type knows. An edge is a
 * rule whose permissions move information (semantics.h). Two more nodes stand for what has no
 * label: the network and the kernel's own state. The graph has at least what can flow:
 *  - a conditional rule is an edge whatever its booleans are, unless the options say otherwise;
 *  - a constraint takes an edge away only if it is false for these types at every level, role and
 *    user; between two tenants' types under "categories" it is evaluated for two category sets of
 *    which neither contains the other, which is what the label store draws;
 *  - type bounds, role rules and the need for a second rule (search before open) take nothing away.
 *
 * A tenant is a slot: the types "casemate_tenant_NNNN.*". Trusted types are those of subjects that
 * are relied upon not to hand one tenant's information to another; stateless types are of objects
 * that keep nothing. Both end a path, and every rule by which a tenant reaches one is noted.
 *
 * A policy outlives what is made of it. Nothing here is thread-safe but reading.
 */
#include "policy/flow/semantics.h"
#include "policy/kernel/decide.h"

/* ---------------------------------------------------------------- what to look at */

struct flow_cut {
    const char *type;   /* a type of the policy, not an attribute; of no tenant */
    const char *reason; /* for people */
};
/* A rule that the policy does not have: to see what it would open. */
struct flow_extra {
    uint32_t source, target; /* types or attributes */
    uint32_t class;
    uint32_t permissions;
};
struct flow_options {
    const struct flow_cut *trusted;
    uint32_t trusted_count;
    const struct flow_cut *stateless;
    uint32_t stateless_count;
    const struct kernel_booleans *booleans; /* NULL: each boolean either way */
    const struct flow_extra *extra;
    uint32_t extra_count;
};

struct flow;

struct flow_error {
    char text[160]; /* one line for people */
};

/*
 * Prepare the graph; what the options point to must outlive *flow, which the caller frees with
 * flow_free. -ENOENT: a type of the options is not in the policy, is an attribute or a tenant's
 * (error->text says which); -ENODATA: the policy has no tenant; -ENOMEM. `error` may be NULL.
 */
int flow_new(const struct kernel_policy *policy, const struct flow_options *options,
             struct flow **flow, struct flow_error *error);

/* Frees it; NULL is nothing. */
void flow_free(struct flow *flow);

/* The policy that it was made of. */
const struct kernel_policy *flow_policy(const struct flow *flow);

/* ---------------------------------------------------------------- nodes */

/* A node is the value of a type, or one of these two, which follow the highest. */
uint32_t flow_node_network(const struct flow *flow);
uint32_t flow_node_kernel(const struct flow *flow);

/* The type's name, "the network", "the kernel". */
const char *flow_node_name(const struct flow *flow, uint32_t node);

/* How many tenants (slots) there are; they are 1..count, by the number in their name. */
uint32_t flow_tenants(const struct flow *flow);

/* "casemate_tenant_0003"; NULL out of range. */
const char *flow_tenant_name(const struct flow *flow, uint32_t tenant);

/* The tenant of that name, or 0. */
uint32_t flow_tenant_find(const struct flow *flow, const char *name);

/* The tenant whose type it is, or 0. */
uint32_t flow_tenant_of(const struct flow *flow, uint32_t node);

/* The types of a tenant, ascending. */
const uint16_t *flow_tenant_types(const struct flow *flow, uint32_t tenant, uint32_t *count);

/* What ends a path. */
enum flow_cut_kind { FLOW_CUT_NONE, FLOW_CUT_TRUSTED, FLOW_CUT_STATELESS };

/* Whether and how the node is cut. */
enum flow_cut_kind flow_cut_of(const struct flow *flow, uint32_t node);

/* ---------------------------------------------------------------- what holds */

enum flow_barrier {
    FLOW_TYPES,      /* as if all guests had the same categories */
    FLOW_CATEGORIES, /* as if all tenants had the same types */
    FLOW_TOGETHER,   /* both, as it is */
    FLOW_BARRIERS,
};

enum flow_failure_kind {
    FLOW_LEAK,       /* information gets from tenant `from` to tenant `to` */
    FLOW_ENTERS,     /* who is not trusted makes or labels what is a tenant's, at categories of his
                        choice: `rule`, by `node`; target in `other` */
    FLOW_PERMISSIVE, /* `node` is permissive and not trusted: nothing is denied to it */
    FLOW_LABELS,     /* the policy itself labels something with the tenant's type `node` */
    FLOW_UNLABELLED, /* a tenant's information gets to the network or the kernel's state (`node`) */
};
struct flow_failure {
    enum flow_failure_kind kind;
    uint32_t from, to; /* tenants of a leak; under FLOW_CATEGORIES 0: any guest to any other */
    uint32_t node,
        other; /* a leak: where it enters the other tenant (`other` is the tenant's type) */
    uint32_t permissions; /* of the rule */
    size_t rule;          /* index in flow_rule's count, or SIZE_MAX */
};

#define FLOW_FAILURES_MAX 256u /* more are only counted */

struct flow_result {
    uint64_t failures; /* none: it is proved */
    uint32_t kept;     /* how many of them are in `failure` */
    struct flow_failure failure[FLOW_FAILURES_MAX];
};

/*
 * Close each tenant's types under flow and look whether another's are reached: linear in the rules
 * that are reached. *result is written. -ENOMEM.
 */
int flow_prove(struct flow *flow, enum flow_barrier barrier, struct flow_result *result);

/*
 * After flow_prove, of the same barrier: who gets a node's information. 0: no tenant; a tenant: it
 * alone; UINT32_MAX: several. Under FLOW_CATEGORIES a tenant's node or one that tenants reach is
 * UINT32_MAX.
 */
uint32_t flow_reached(const struct flow *flow, uint32_t node);

/* Rules by which tenants reach trusted and stateless types, of all barriers proved so far. */
struct flow_use {
    uint32_t cut;              /* the trusted or stateless type */
    enum flow_direction moves; /* as the tenant's side sees it: FLOW_OUT leaves the tenant */
    size_t rule;               /* for flow_rule */
};
const struct flow_use *flow_uses(const struct flow *flow, size_t *count);

/* A rule of the graph by its index: of the policy, or an extra one. NULL out of range. */
const struct kernel_rule *flow_rule(const struct flow *flow, size_t rule);

/* ---------------------------------------------------------------- paths */

struct flow_hop {
    uint32_t from, to;    /* nodes */
    size_t rule;          /* for flow_rule */
    uint32_t permissions; /* of the rule: those that move it and that no constraint denies */
    bool by_subject;      /* true: `from` acts (out); false: `to` acts (in) */
};
struct flow_path {
    uint32_t count; /* at least 1 */
    struct flow_hop hop[];
};

/*
 * A shortest way from one tenant to another; tenant 0 as `from` is any, as `to` any other. Under
 * FLOW_CATEGORIES both are guests and the tenants do not matter. *path is freed with free().
 * -ENOENT: there is none; -ENOMEM.
 */
int flow_path_tenants(struct flow *flow, enum flow_barrier barrier, uint32_t from, uint32_t to,
                      struct flow_path **path);

/*
 * The same between two nodes (FLOW_TYPES), whoever's they are; a tenant's node stands for all of
 * the tenant. -ENOENT also where one is cut, or both are one tenant's.
 */
int flow_path_nodes(struct flow *flow, uint32_t from, uint32_t to, struct flow_path **path);

/* ---------------------------------------------------------------- edges */

/*
 * What moves between two types of different owners by one class, both ways, constraints applied as
 * under the barrier (of FLOW_TOGETHER and FLOW_CATEGORIES: two guests with different categories).
 * `source` is the subject. The vectors are 0 where nothing moves.
 */
void flow_between(struct flow *flow, enum flow_barrier barrier, uint32_t source, uint32_t target,
                  uint32_t class, uint32_t *out, uint32_t *in);

/* Each edge that leaves the tenant's own types (to whom or what ever, cut or not) or enters them.
 * Returns what `visit` does if it is not 0. -ENOMEM. */
int flow_edges_of_tenant(struct flow *flow, uint32_t tenant,
                         int (*visit)(void *context, const struct flow_hop *edge), void *context);

#endif
