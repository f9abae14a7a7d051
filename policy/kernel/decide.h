/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_KERNEL_DECIDE_H
#define CASEMATE_POLICY_KERNEL_DECIDE_H

/*
 * What the kernel decides under a policy: the access vector of two contexts and a class, as
 * security_compute_av computes it (type enforcement with attributes and conditional rules,
 * constraints, role allow rules, type bounds), and why something is denied.
 */
#include "policy/kernel/policy.h"

#define KERNEL_CONTEXT_MAX 4096u /* bytes of a context's text, with NUL */

/* ---------------------------------------------------------------- booleans */

struct kernel_booleans;

/*
 * The results of all conditions with the policy's own states of its booleans; the caller frees it
 * with kernel_booleans_free. It belongs to this policy, which must outlive it. -ENOMEM.
 */
int kernel_booleans_new(const struct kernel_policy *policy, struct kernel_booleans **booleans);
void kernel_booleans_free(struct kernel_booleans *booleans);

/* Set one to another state. -ENOENT: no such boolean. */
int kernel_booleans_set(struct kernel_booleans *booleans, uint32_t boolean, bool state);

/* True if the rule is in force under these states; NULL means the policy's own. */
bool kernel_rule_in_force(const struct kernel_policy *policy,
                          const struct kernel_booleans *booleans, const struct kernel_rule *rule);

/* ---------------------------------------------------------------- contexts */

/*
 * Parse "user:role:type:low[-high]" (a level is "s0" or "s0:c1,c3.c5") into *context, which is one
 * allocation to be freed with free(). -EINVAL: not of that form, a name the policy does not have,
 * or a context that is not valid under it (kernel_context_valid); -ENOMEM.
 */
int kernel_context_parse(const struct kernel_policy *policy, const char *text,
                         struct kernel_context **context);

/* The kernel's policydb_context_isvalid: the role may have the type, the user the role and the
 * range. */
bool kernel_context_valid(const struct kernel_policy *policy, const struct kernel_context *context);

/* The text as the kernel writes it. -ENOSPC: `size` bytes do not hold it. */
int kernel_context_format(const struct kernel_policy *policy, const struct kernel_context *context,
                          char *text, size_t size);

/* True if `a` dominates `b`: no lower sensitivity, no category missing. */
bool kernel_level_dominates(const struct kernel_level *a, const struct kernel_level *b);

/* ---------------------------------------------------------------- decisions */

struct kernel_vector {
    uint32_t allowed;
    uint32_t auditallow; /* audited when granted */
    uint32_t auditdeny;  /* audited when denied: the complement of dontaudit */
    bool permissive;     /* of the source's type: denials are only logged */
};

/*
 * The vector of `source` acting on `target`, an object of `class`. Both contexts are valid
 * (kernel_context_valid). `booleans` NULL: as the policy has them. -EINVAL: no such class.
 */
int kernel_decide(const struct kernel_policy *policy, const struct kernel_booleans *booleans,
                  const struct kernel_context *source, const struct kernel_context *target,
                  uint32_t class, struct kernel_vector *vector);

/*
 * What type enforcement alone allows between two types: the union over their attributes. For the
 * flow analysis, which brings its own view of the constraints. 0 for a gap.
 */
uint32_t kernel_decide_types(const struct kernel_policy *policy,
                             const struct kernel_booleans *booleans, uint32_t source,
                             uint32_t target, uint32_t class);

/* The same with every boolean either way: what some state of the booleans allows. */
uint32_t kernel_decide_possible(const struct kernel_policy *policy, uint32_t source,
                                uint32_t target, uint32_t class);

/* Whether the constraint's expression holds; `third` (of validatetrans) may be NULL otherwise. */
bool kernel_constraint_holds(const struct kernel_policy *policy,
                             const struct kernel_constraint *constraint,
                             const struct kernel_context *source,
                             const struct kernel_context *target,
                             const struct kernel_context *third);

/* Who denies it. Bits, as several may. */
enum kernel_denial {
    KERNEL_DENIED_TE = 1,         /* no allow rule is in force */
    KERNEL_DENIED_CONSTRAINT = 2, /* kernel_reason.constraint: the first that is false */
    KERNEL_DENIED_ROLE = 4,       /* a transition between roles without an allow rule for them */
    KERNEL_DENIED_BOUNDS = 8,     /* the type that bounds the source may not */
};
struct kernel_reason {
    uint32_t denied;      /* the asked permissions that are denied */
    uint32_t by;          /* enum kernel_denial: each barrier that alone would deny one of them */
    uint32_t missing;     /* permissions without an allow rule */
    uint32_t constrained; /* permissions that constraints would take away, whatever TE says */
    uint32_t constraint;  /* index in kernel_class(class)->constraints of the first that is false */
    uint32_t bounded;     /* permissions that the bounding type lacks */
    uint32_t roles;       /* permissions that a change of the role takes away */
    uint32_t conditions;  /* permissions that another state of booleans would allow */
};

/*
 * Why `permissions` of `class` are denied, every barrier on its own: where type enforcement and a
 * constraint both deny, both are named, since lifting one alone changes nothing. reason->denied is
 * 0 if all are allowed. -EINVAL: no such class.
 */
int kernel_explain(const struct kernel_policy *policy, const struct kernel_booleans *booleans,
                   const struct kernel_context *source, const struct kernel_context *target,
                   uint32_t class, uint32_t permissions, struct kernel_reason *reason);

/* ioctls: whether allowx rules exist for the pair, and if so whether they allow this command. */
bool kernel_decide_ioctl(const struct kernel_policy *policy, const struct kernel_booleans *booleans,
                         uint32_t source, uint32_t target, uint32_t class, uint16_t command);

#endif
