/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_FLOW_INTERNAL_H
#define CASEMATE_POLICY_FLOW_INTERNAL_H

/* What the files of the prover share. */
#include "policy/flow/flow.h"

/* ---------------------------------------------------------------- levels */

/* What is assumed of the levels of source and target when a constraint is evaluated. */
enum flow_levels {
    FLOW_LEVELS_ANY,     /* nothing */
    FLOW_LEVELS_GUESTS,  /* two guests': neither high level dominates the other */
    FLOW_LEVELS_CHANGED, /* the target's high level is not the source's */
    FLOW_LEVELS_KINDS,
};

/* Remembered: what constraints leave of a class for two classes of types. */
struct flow_mask {
    uint64_t key; /* 0: empty */
    uint32_t mask;
};
struct flow_masks {
    struct flow_mask *slot; /* owned; a power of two of them */
    uint32_t size, used;
    uint8_t *scratch; /* owned; a value for each node of the longest constraint */
    uint32_t *equal;  /* owned; by type: types of one number are the same to every constraint */
    uint32_t equal_count;
};

/* -ENOMEM. flow_masks_release undoes it, also after a failure. */
int flow_masks_init(struct flow_masks *masks, const struct kernel_policy *policy);
void flow_masks_release(struct flow_masks *masks);

/* The permissions that some users, roles and levels as assumed leave. */
uint32_t flow_mask(struct flow_masks *masks, const struct kernel_policy *policy,
                   enum flow_levels levels, uint32_t source, uint32_t target, uint32_t class);

/* ---------------------------------------------------------------- the graph */

struct flow_list {
    uint32_t *first; /* owned; by value: where its rules begin in `rule`; one more than values */
    uint32_t *rule;  /* owned */
};
struct flow_tenant {
    char name[32];
    uint32_t first, count; /* in flow.tenant_type */
};
/* Tenants whose information there is: none, one (`a`), several (`a` and `b` are two of them). */
struct flow_colour {
    uint32_t a, b;
};
struct flow_hub {
    uint64_t key; /* 0: empty */
    struct flow_colour colour;
};
struct flow {
    const struct kernel_policy *policy;
    struct flow_class *classes;  /* owned */
    uint32_t types, nodes;       /* nodes 1..types are types, then network and kernel */
    uint32_t *tenant_of;         /* owned, by node */
    uint8_t *cut;                /* owned, by node: enum flow_cut_kind */
    uint8_t *touches;            /* owned, by type or attribute: has a tenant's type */
    struct flow_tenant *tenants; /* owned, from 1 */
    uint32_t tenant_count;
    uint16_t *tenant_type; /* owned */
    const struct kernel_rule *rules;
    size_t rule_count;
    struct kernel_rule *extra; /* owned: the options', and allowx rules; behind the policy's */
    uint32_t extra_count;
    uint8_t *narrowed; /* owned, by rule: its `ioctl` is what allowx rules say */
    struct flow_list by_source, by_target; /* rules that move something */
    uint32_t *network, *kernel;            /* owned: rules by which a subject reaches these */
    uint32_t network_count, kernel_count;
    struct flow_masks masks;
    struct flow_colour *colour; /* owned, by node: of the last flow_prove */
    enum flow_barrier barrier;  /* of that */
    struct flow_use *uses;      /* owned */
    size_t use_count, use_capacity;
    uint8_t *used; /* owned, by rule: directions noted, of rules with one cut type */
};

/* The rule's permissions that move information out or in. */
uint32_t flow_moves(const struct flow *flow, size_t index, enum flow_direction direction);

/* ---------------------------------------------------------------- a walk */

/*
 * Edges go from what has information to what gets it. A rule over an attribute is one edge for all
 * that are the same to constraints: it is taken once for each colour, so that a walk is linear in
 * the size of the rules instead of their pairs.
 */
struct flow_walk {
    struct flow *flow;
    enum flow_barrier barrier;
    bool note_uses;
    struct flow_hub *hub; /* owned */
    uint32_t hub_size, hub_used;
    uint32_t *queue; /* owned: nodes to expand; a ring of nodes + 1 */
    uint8_t *queued; /* owned */
    uint32_t head, tail;
    /* Called for each edge that is not cut; a colour is passed on. 0, or the walk's result. */
    int (*edge)(struct flow_walk *walk, const struct flow_hop *hop, struct flow_colour colour);
    void *context;
};

/* -ENOMEM. flow_walk_release undoes it, also after a failure. */
int flow_walk_init(struct flow_walk *walk, struct flow *flow, enum flow_barrier barrier);
void flow_walk_release(struct flow_walk *walk);

/* Expand this node later, if it does not wait already. */
void flow_walk_push(struct flow_walk *walk, uint32_t node);

/* Expand what was pushed until nothing is left or `edge` or memory says otherwise; `colours` is by
 * node what each has when its turn comes. */
int flow_walk_run(struct flow_walk *walk, const struct flow_colour *colours);

/* All edges that begin at this node. */
int flow_walk_expand(struct flow_walk *walk, uint32_t node, struct flow_colour colour);

/* Remember that a tenant's information met a trusted or stateless type. -ENOMEM. */
int flow_note_use(struct flow *flow, uint32_t cut, size_t rule, enum flow_direction moves,
                  bool single);

#endif
