/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_KERNEL_POLICY_H
#define CASEMATE_POLICY_KERNEL_POLICY_H

/*
 * Reads the binary SELinux policy that the kernel loads, and gives what /sys/fs/selinux/policy
 * gives back: versions 30 to 33, the target Linux, with MLS. Code of our own, without libsepol:
 * whoever wrote the file may want to take us over. Every count, length and value is checked against
 * the bytes that are there and against the table that it points to before it is used, so that
 * accessors need not check: what a struct of this header names exists (values within 1..COUNT may
 * be gaps, see below).
 *
 * Values (of classes, types, ...) are the file's own and count from 1; 0 means none. A value may be
 * a gap that the file does not define: its name is NULL, and nothing else refers to it.
 *
 * A policy is immutable once it is read: threads may share it. All pointers that accessors return
 * live as long as the policy.
 */
#include <stddef.h>

#include "policy/kernel/bits.h"

#define KERNEL_POLICY_SIZE_MAX    (64u << 20) /* bytes of a file: what the kernel accepts */
#define KERNEL_POLICY_VERSION_MIN 30u
#define KERNEL_POLICY_VERSION_MAX 33u
#define KERNEL_DIGEST_SIZE        32u /* SHA-256 */
#define KERNEL_CONDITIONS_NONE    UINT32_MAX

struct kernel_policy;

/* Why a file was refused. */
struct kernel_error {
    size_t offset;  /* byte at which reading stopped */
    char text[128]; /* one line for people, without the offset */
};

/*
 * Read `size` bytes into *policy, which the caller frees with kernel_policy_free. `bytes` are only
 * read here, once, and not kept; memory is at most about 40 times `size`, and less than ten times
 * for what compilers write. -EFBIG: more than KERNEL_POLICY_SIZE_MAX; -EPROTO: not a policy of a
 * known version, or malformed: *error says where and why; -ENOMEM. `error` may be NULL; it is
 * written for every failure, *policy for none.
 */
int kernel_policy_read(const void *bytes, size_t size, struct kernel_policy **policy,
                       struct kernel_error *error);

/* Frees all of it; NULL is nothing. */
void kernel_policy_free(struct kernel_policy *policy);

/* ---------------------------------------------------------------- the file as a whole */

/* SHA-256 of the bytes: KERNEL_DIGEST_SIZE of them. */
const uint8_t *kernel_policy_digest(const struct kernel_policy *policy);
size_t kernel_policy_size(const struct kernel_policy *policy);      /* bytes */
uint32_t kernel_policy_version(const struct kernel_policy *policy); /* 30..33 */

/* What the kernel does about its own classes and permissions that the policy does not know. */
enum kernel_unknown {
    KERNEL_UNKNOWN_DENY,
    KERNEL_UNKNOWN_REJECT, /* refuse to load the policy */
    KERNEL_UNKNOWN_ALLOW,
};
enum kernel_unknown kernel_policy_handle_unknown(const struct kernel_policy *policy);

/* Policy capabilities, as their number in the kernel + 1 (value 1 is network_peer_controls). */
struct kernel_bits kernel_policy_capabilities(const struct kernel_policy *policy);

/* The name of a capability by its value, or NULL for one that is not known here. */
const char *kernel_capability_name(uint32_t value);

/* ---------------------------------------------------------------- names */

enum kernel_symbol {
    KERNEL_COMMON, /* permissions that classes share */
    KERNEL_CLASS,
    KERNEL_ROLE,
    KERNEL_TYPE, /* types and attributes */
    KERNEL_USER,
    KERNEL_BOOLEAN,
    KERNEL_SENSITIVITY,
    KERNEL_CATEGORY,
    KERNEL_SYMBOLS,
};

/* The highest value of the kind: values are 1..count. */
uint32_t kernel_count(const struct kernel_policy *policy, enum kernel_symbol kind);

/* The name (not empty, no control characters, no blanks) of a value, or NULL: 0, a gap, out of
 * range. */
const char *kernel_name(const struct kernel_policy *policy, enum kernel_symbol kind,
                        uint32_t value);

/* The value of a name or of an alias (of types, sensitivities, categories), or 0. */
uint32_t kernel_find(const struct kernel_policy *policy, enum kernel_symbol kind, const char *name);

/* ---------------------------------------------------------------- classes */

#define KERNEL_PERMISSIONS_MAX 32u /* permission p is bit p - 1 of a vector */

/* What a new object takes its user, role, type or range from, when no transition says more. */
enum kernel_default {
    KERNEL_DEFAULT_NONE, /* the kernel's own rule */
    KERNEL_DEFAULT_SOURCE,
    KERNEL_DEFAULT_TARGET,
};
enum kernel_default_range {
    KERNEL_RANGE_NONE,
    KERNEL_RANGE_SOURCE_LOW,
    KERNEL_RANGE_SOURCE_HIGH,
    KERNEL_RANGE_SOURCE_LOW_HIGH,
    KERNEL_RANGE_TARGET_LOW,
    KERNEL_RANGE_TARGET_HIGH,
    KERNEL_RANGE_TARGET_LOW_HIGH,
    KERNEL_RANGE_GLBLUB, /* greatest lower, least upper bound of both */
};

/* A node of a constraint's expression. They stand in postfix order, the root last. */
enum kernel_node_kind {
    KERNEL_NODE_NOT = 1,
    KERNEL_NODE_AND,
    KERNEL_NODE_OR,
    KERNEL_NODE_COMPARE, /* two fields of the contexts with each other */
    KERNEL_NODE_NAMES,   /* one field with a set of users, roles or types */
};
enum kernel_operator {
    KERNEL_OP_EQ = 1,
    KERNEL_OP_NEQ,
    KERNEL_OP_DOM,    /* dominates */
    KERNEL_OP_DOMBY,  /* is dominated by */
    KERNEL_OP_INCOMP, /* neither dominates the other */
};
/* What is compared. 1 is the source, 2 the target; of a validatetrans rule 1 the old, 2 the new
 * context. */
enum kernel_operand {
    KERNEL_USERS = 1, /* u1 op u2; with NAMES: the user of one context */
    KERNEL_ROLES,
    KERNEL_TYPES,
    KERNEL_L1_L2, /* low of 1 with low of 2; h is the high level */
    KERNEL_L1_H2,
    KERNEL_H1_L2,
    KERNEL_H1_H2,
    KERNEL_L1_H1,
    KERNEL_L2_H2,
};
/* Whose field NAMES looks at. */
enum kernel_side {
    KERNEL_SIDE_SOURCE,
    KERNEL_SIDE_TARGET,
    KERNEL_SIDE_THIRD, /* of validatetrans alone: the process that relabels */
};
struct kernel_node {
    uint8_t kind;             /* enum kernel_node_kind */
    uint8_t op;               /* enum kernel_operator: of COMPARE any, of NAMES EQ or NEQ */
    uint8_t operand;          /* enum kernel_operand: of NAMES users, roles or types */
    uint8_t side;             /* enum kernel_side: of NAMES */
    uint32_t left;            /* index in `nodes`: of NOT, AND, OR */
    uint32_t right;           /* of AND, OR; both stand before this node */
    struct kernel_bits names; /* of NAMES; of types: with attributes resolved by the compiler */
};
struct kernel_constraint {
    uint32_t permissions; /* taken away where the expression is false; unused by validatetrans */
    uint32_t count;       /* at least 1; the root is nodes[count - 1] */
    const struct kernel_node *nodes;
};

struct kernel_class {
    const char *name;
    uint32_t common;                             /* value, or 0 */
    uint32_t permission_count;                   /* at most KERNEL_PERMISSIONS_MAX */
    const char *const *permissions;              /* by bit; NULL where the class defines none */
    const struct kernel_constraint *constraints; /* (ml)sconstrain, in the file's order */
    uint32_t constraint_count;
    const struct kernel_constraint *validatetrans;
    uint32_t validatetrans_count;
    uint8_t default_user, default_role, default_type; /* enum kernel_default */
    uint8_t default_range;                            /* enum kernel_default_range */
};
/* NULL for a gap or a value out of range. */
const struct kernel_class *kernel_class(const struct kernel_policy *policy, uint32_t value);

/* The bit of a permission of the class, its common's included, or 0 if there is none of this name.
 */
uint32_t kernel_permission(const struct kernel_policy *policy, uint32_t class, const char *name);

/* ---------------------------------------------------------------- types and attributes */

struct kernel_types {
    const uint16_t *items; /* increasing values */
    uint32_t count;
};

/* True for an attribute; false for a type, a gap, out of range. */
bool kernel_is_attribute(const struct kernel_policy *policy, uint32_t type);

/* The type that bounds it, or 0. No cycles, at most 3 levels. */
uint32_t kernel_type_bounds(const struct kernel_policy *policy, uint32_t type);

/* True if denials of this source type are only logged. */
bool kernel_is_permissive(const struct kernel_policy *policy, uint32_t type);

/*
 * What a rule about `type` applies to: of a type the type itself, of an attribute the types that
 * have it. Never attributes. Empty for a gap. Use this to expand rules; the kernel's own map,
 * turned round.
 */
struct kernel_types kernel_types_of(const struct kernel_policy *policy, uint32_t type);

/* In which sources and targets of rules a type is meant: itself and its attributes. */
struct kernel_types kernel_attributes_of(const struct kernel_policy *policy, uint32_t type);

/* ---------------------------------------------------------------- rules */

enum kernel_rule_kind {
    KERNEL_RULE_ALLOW,       /* data: permissions */
    KERNEL_RULE_AUDITALLOW,  /* data: permissions */
    KERNEL_RULE_AUDITDENY,   /* data: permissions whose denial is audited: ~dontaudit */
    KERNEL_RULE_TRANSITION,  /* data: type of a new object or process */
    KERNEL_RULE_MEMBER,      /* data: type of a member of a polyinstantiated object */
    KERNEL_RULE_CHANGE,      /* data: type that relabelling programs should use */
    KERNEL_RULE_ALLOWX,      /* data: index for kernel_xperms */
    KERNEL_RULE_AUDITALLOWX, /* likewise */
    KERNEL_RULE_DONTAUDITX,  /* likewise */
    KERNEL_RULE_KINDS,
};
/*
 * A rule as the file has it. For ALLOW, AUDIT and the xperm kinds `source` and `target` are types
 * or attributes, to be expanded with kernel_types_of (two loops; a policy of 4,000 tenants has far
 * too many pairs to be kept expanded). TRANSITION, MEMBER and CHANGE are looked up by the very
 * types: the kernel does not expand an attribute there, and compilers write none. "self" is
 * expanded by compilers.
 */
struct kernel_rule {
    uint16_t source, target;
    uint16_t class;
    uint8_t kind;       /* enum kernel_rule_kind */
    uint8_t when;       /* the result (0, 1) of the condition with which it is in force */
    uint32_t data;      /* by kind */
    uint32_t condition; /* index for kernel_condition, or KERNEL_CONDITIONS_NONE: always in force */
};

/*
 * All rules, conditional ones included, sorted by source, target, class, kind; of those that are
 * alike first the unconditional one (of the first six kinds there is at most one), then by
 * condition.
 */
const struct kernel_rule *kernel_rules(const struct kernel_policy *policy, size_t *count);

/* Those of one source value (not expanded): a part of the same array. */
const struct kernel_rule *kernel_rules_of(const struct kernel_policy *policy, uint32_t source,
                                          size_t *count);

/* The rules with these three values: a part of the same array; *count is 0 if there is none.
 * Constant time. */
const struct kernel_rule *kernel_rules_find(const struct kernel_policy *policy, uint32_t source,
                                            uint32_t target, uint32_t class, size_t *count);

enum kernel_xperm_kind {
    KERNEL_XPERM_FUNCTION = 1, /* ioctls driver << 8 | n for each bit n of `bits` */
    KERNEL_XPERM_DRIVER,       /* ioctls n << 8 ... n << 8 | 255 for each bit n of `bits` */
};
struct kernel_xperm {
    uint8_t kind;   /* enum kernel_xperm_kind */
    uint8_t driver; /* of FUNCTION */
    uint32_t bits[8];
};
/* By the `data` of an xperm rule; NULL out of range. */
const struct kernel_xperm *kernel_xperms(const struct kernel_policy *policy, uint32_t index);

/* ---------------------------------------------------------------- booleans and conditions */

enum kernel_condition_kind {
    KERNEL_COND_BOOLEAN = 1,
    KERNEL_COND_NOT,
    KERNEL_COND_OR,
    KERNEL_COND_AND,
    KERNEL_COND_XOR,
    KERNEL_COND_EQ,
    KERNEL_COND_NEQ,
};
struct kernel_condition_node {
    uint8_t kind;         /* enum kernel_condition_kind */
    uint32_t boolean;     /* value */
    uint32_t left, right; /* indexes of nodes before this one: NOT has only left */
};
struct kernel_condition {
    const struct kernel_condition_node *nodes; /* postfix, the root last */
    uint32_t count;                            /* at least 1 */
};
/* How many there are; each belongs to at least the rules that name its index. */
uint32_t kernel_condition_count(const struct kernel_policy *policy);
/* By index from 0; NULL out of range. */
const struct kernel_condition *kernel_condition(const struct kernel_policy *policy, uint32_t index);

/* The state of a boolean in the file; false for a gap. */
bool kernel_boolean_state(const struct kernel_policy *policy, uint32_t value);

/* ---------------------------------------------------------------- roles, users, levels */

/* No sensitivity below another one's: value a dominates value b if a >= b. */
struct kernel_level {
    uint32_t sensitivity;
    struct kernel_bits categories;
};
struct kernel_range {
    struct kernel_level low, high; /* high dominates low */
};
struct kernel_context {
    uint32_t user, role, type;
    struct kernel_range range;
};
struct kernel_role {
    const char *name;
    uint32_t bounds; /* or 0 */
    struct kernel_bits types;
    struct kernel_bits dominates; /* unused by the kernel's decisions but in role comparisons */
};
struct kernel_user {
    const char *name;
    uint32_t bounds; /* or 0 */
    struct kernel_bits roles;
    struct kernel_range range;
    struct kernel_level login; /* default level */
};
#define KERNEL_ROLE_OBJECT 1u /* object_r: of objects; valid with every user and type */

/* NULL for a gap or a value out of range. */
const struct kernel_role *kernel_role(const struct kernel_policy *policy, uint32_t value);
const struct kernel_user *kernel_user(const struct kernel_policy *policy, uint32_t value);

/* The categories that may go with a sensitivity; empty for a gap. */
struct kernel_bits kernel_sensitivity_categories(const struct kernel_policy *policy,
                                                 uint32_t value);

/* ---------------------------------------------------------------- transitions and role allows */

struct kernel_role_allow {
    uint32_t from, to;
};
struct kernel_role_transition {
    uint32_t role, type, class,
        to; /* role of the creator, type of the target (of a process: its program) */
};
struct kernel_range_transition {
    uint32_t source, target, class; /* the very types: attributes are not expanded */
    struct kernel_range range;
};
/* A new object of this name in a directory of type `target`, made by one of `sources`, has type
 * `to`. */
struct kernel_name_transition {
    const char *name;
    uint32_t target, class, to;
    struct kernel_bits sources; /* the very types: attributes are not expanded */
};
const struct kernel_role_allow *kernel_role_allows(const struct kernel_policy *policy,
                                                   size_t *count);
const struct kernel_role_transition *kernel_role_transitions(const struct kernel_policy *policy,
                                                             size_t *count);
const struct kernel_range_transition *kernel_range_transitions(const struct kernel_policy *policy,
                                                               size_t *count);
const struct kernel_name_transition *kernel_name_transitions(const struct kernel_policy *policy,
                                                             size_t *count);

/* ---------------------------------------------------------------- objects labelled by the policy
 */

enum kernel_label_kind {
    KERNEL_LABEL_INITIAL_SID, /* number: the SID */
    KERNEL_LABEL_FS,          /* name: file system type; second: its files */
    KERNEL_LABEL_PORT,        /* number: protocol; low, high */
    KERNEL_LABEL_NETIF,       /* name; second: its packets */
    KERNEL_LABEL_NODE,        /* address and mask in words[0], words[1], network order */
    KERNEL_LABEL_FS_USE, /* name: file system type; number: behaviour (1 xattr, 2 trans, 3 task) */
    KERNEL_LABEL_NODE6,  /* address in words[0..3], mask in words[4..7], network order */
    KERNEL_LABEL_IBPKEY, /* subnet prefix in words[0..1]; low, high */
    KERNEL_LABEL_IBENDPORT, /* name: device; number: port */
    KERNEL_LABEL_GENFS,     /* name: file system type; path; class or 0 */
    KERNEL_LABEL_KINDS,
};
struct kernel_label {
    uint8_t kind;     /* enum kernel_label_kind */
    const char *name; /* or NULL */
    const char *path; /* or NULL */
    uint32_t number, low, high, class;
    uint32_t words[8];
    struct kernel_context context;
    struct kernel_context second; /* of FS and NETIF */
};
/* All of them, sorted by kind, within a kind in the file's order. */
const struct kernel_label *kernel_labels(const struct kernel_policy *policy, size_t *count);

#endif
