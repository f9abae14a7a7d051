/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_FLOW_DIFF_INTERNAL_H
#define CASEMATE_POLICY_FLOW_DIFF_INTERNAL_H

/* What the parts of comparing share. */
#include "base/buf.h"
#include "policy/flow/diff.h"

#define DIFF_SLOTS     10000u /* a slot's number has four digits */
#define DIFF_SLOT_MANY 65535u /* an attribute: types of several slots */
#define DIFF_SLOT_NONE 65534u /* no tenant's */

struct diff {
    struct diff_change *changes;
    size_t count, room, between;
    int status; /* 0, or -ENOMEM */
};

/* Add a change; both texts are copied. */
void diff_add(struct diff *diff, enum diff_kind kind, bool between, const char *who,
              const char *format, ...) __attribute__((format(printf, 5, 6)));

/*
 * The end of comparing. If `r` is 0 and no change was lost, *diff is *made with its changes in
 * order, each once, and the caller's; else *made, which may be NULL then, is freed. 0, or what
 * failed first.
 */
int diff_finish(struct diff *made, int r, struct diff **diff);

/* ---------------------------------------------------------------- kernel policies */

/* One of the two policies, and how it looks from the other. */
struct diff_side {
    const struct kernel_policy *policy;
    uint32_t *type;      /* by type: the other's value of that name and nature, or 0 */
    uint32_t *class;     /* by class: likewise */
    uint8_t *bit;        /* by class * 32 + bit: the other's bit, or 32 */
    uint16_t *slot;      /* by type or attribute: whose its types are */
    uint16_t *part;      /* by type of a slot: where its name goes on behind the slot's */
    uint32_t *targets;   /* by type, count + 2: start in `by_target` */
    uint32_t *by_target; /* indexes of rules, by target */
    bool alike;          /* types have the same values in both */
    uint32_t slots;      /* how many there are */
    bool *has_slot;      /* by slot */
};

/* Prepare a side; -ENOMEM. Freed by the other in any case. */
int diff_side_make(const struct kernel_policy *policy, const struct kernel_policy *other,
                   struct diff_side *side);
void diff_side_free(struct diff_side *side);

/* The permissions of a class that the other knows, in the other's bits; the rest in *unknown. */
uint32_t diff_side_bits(const struct diff_side *side, uint32_t class, uint32_t permissions,
                        uint32_t *unknown);

/* "casemate_tenant_0003" of a slot. Returns `to`. */
char *diff_slot_name(uint32_t slot, char to[32]);

/* Append "read, write" of a class's permissions; "all" if it is every one. */
void diff_permissions(const struct kernel_policy *policy, uint32_t class, uint32_t permissions,
                      struct buf *out);

/*
 * What `side` allows and the other does not: as DIFF_MORE if `side` is the new one, as DIFF_LESS if
 * it is the old. -ENOMEM.
 */
int diff_access(struct diff *diff, const struct diff_side *side, const struct diff_side *other,
                enum diff_kind kind);

/* Types, booleans, constraints, transitions, ioctls, roles. -ENOMEM. */
int diff_names(struct diff *diff, const struct diff_side *old, const struct diff_side *new);
int diff_constraints(struct diff *diff, const struct diff_side *old, const struct diff_side *new);
int diff_transitions(struct diff *diff, const struct diff_side *old, const struct diff_side *new);

/* From whom to whom information gets in one and not in the other. -ENOMEM. */
int diff_flow(struct diff *diff, const struct diff_side *old, const struct diff_side *new,
              const struct flow_options *options);

#endif
