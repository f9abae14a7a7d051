/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_KERNEL_INTERNAL_H
#define CASEMATE_POLICY_KERNEL_INTERNAL_H

/* What a policy is in memory, and the parts of reading one, in the file's order. */
#include "policy/kernel/cursor.h"

#define KERNEL_VERSION_INFINIBAND 31u /* since then there are two more tables of labels */
#define KERNEL_CONSTRAINT_DEPTH   5u  /* of an expression: the most that the kernel evaluates */
#define KERNEL_VALUE_MAX                                                                           \
    65535u /* rules have 16 bits for types and classes; the other tables are smaller */

/* One kind of named values, found by name through a table of slots. */
struct kernel_names {
    uint32_t count;     /* highest value */
    const char **names; /* by value: count + 1 of them; NULL is a gap */
    struct kernel_name_slot {
        const char *name;
        uint32_t value;
    } * slots; /* open addressing; mask + 1 of them, at most half of them used */
    uint32_t mask;
};

struct kernel_permissions {
    const char *names[KERNEL_PERMISSIONS_MAX];
    uint32_t count;
};

enum kernel_type_flag {
    KERNEL_TYPE_ATTRIBUTE = 1,
    KERNEL_TYPE_PERMISSIVE = 2,
};

/* For each value a part of `items`: starts[value] to starts[value + 1]. */
struct kernel_lists {
    uint32_t *starts;
    uint16_t *items;
};

struct kernel_policy {
    struct kernel_arena arena;
    uint8_t digest[KERNEL_DIGEST_SIZE];
    size_t size;
    uint32_t version;
    enum kernel_unknown unknown;
    struct kernel_bits capabilities, permissive;
    uint64_t
        key[2]; /* of the hashes: from the digest, so that no file can be made for its own key */
    struct kernel_names symbols[KERNEL_SYMBOLS];

    struct kernel_permissions *commons; /* by value, as all that follow */
    struct kernel_class *classes;
    struct kernel_role *roles;
    struct kernel_user *users;
    uint8_t *types; /* enum kernel_type_flag */
    uint32_t *bounds;
    uint8_t *booleans;
    struct kernel_bits *sensitivities;
    struct kernel_lists attributes_of, types_of;

    struct kernel_rule *rules;
    uint32_t rule_count;
    uint32_t *rules_of; /* start of a source's rules: by value, count + 2 of them */
    uint32_t
        *rule_slots; /* open addressing: index + 1 of the first rule of (source, target, class) */
    uint32_t rule_mask;
    struct kernel_xperm *xperms;
    uint32_t xperm_count;
    struct kernel_condition *conditions;
    uint8_t *holds; /* by condition: with the file's booleans */
    uint32_t condition_count;

    struct kernel_role_allow *role_allows;
    struct kernel_role_transition *role_transitions;
    struct kernel_range_transition *range_transitions;
    struct kernel_name_transition *name_transitions;
    struct kernel_label *labels;
    uint32_t role_allow_count, role_transition_count, range_transition_count;
    uint32_t name_transition_count, label_count;

    uint32_t process_class, transition_permissions; /* transition and dyntransition */
};

/* The hash of a name or of a number under the policy's key. */
uint64_t kernel_hash_name(const struct kernel_policy *policy, const char *name);
uint64_t kernel_hash_number(const struct kernel_policy *policy, uint64_t number);

/* Room for a table's `count` values and `entries` names (values and aliases). */
bool kernel_names_make(struct kernel_cursor *cursor, struct kernel_names *names, uint32_t count,
                       uint32_t entries);
/* Define a value; an alias is only another name. Twice the same name, or value, is a failure. */
bool kernel_names_add(struct kernel_cursor *cursor, const struct kernel_policy *policy,
                      struct kernel_names *names, const char *name, uint32_t value, bool alias);
/* True if the value is defined. */
bool kernel_defined(const struct kernel_policy *policy, enum kernel_symbol kind, uint32_t value);
/* A value read from the file that must be defined. */
bool kernel_read_value(struct kernel_cursor *cursor, const struct kernel_policy *policy,
                       enum kernel_symbol kind, uint32_t *value);
/* True if no value of the set is above `highest`. */
bool kernel_bits_below(const struct kernel_bits *set, uint32_t highest);

/* `entries` permissions, of values 1..permissions->count that nothing has yet. */
bool kernel_read_permissions(struct kernel_cursor *cursor, struct kernel_permissions *permissions,
                             uint32_t entries);

/* The parts of a file. Each reads on from the cursor. */
bool kernel_read_symbols(struct kernel_cursor *cursor, struct kernel_policy *policy);
bool kernel_read_class(struct kernel_cursor *cursor, struct kernel_policy *policy);
bool kernel_read_rules(struct kernel_cursor *cursor, struct kernel_policy *policy);
bool kernel_read_transitions(struct kernel_cursor *cursor, struct kernel_policy *policy);
bool kernel_read_labels(struct kernel_cursor *cursor, struct kernel_policy *policy);
bool kernel_read_range_transitions(struct kernel_cursor *cursor, struct kernel_policy *policy);
bool kernel_read_attributes(struct kernel_cursor *cursor, struct kernel_policy *policy);

/* The condition's expression, whose nodes are in postfix order: kernel_read_rules. */
bool kernel_read_condition(struct kernel_cursor *cursor, const struct kernel_policy *policy,
                           struct kernel_condition *condition, bool *holds);

/* A range, whose levels are valid under the policy if `valid`; a level. */
bool kernel_read_range(struct kernel_cursor *cursor, const struct kernel_policy *policy, bool valid,
                       struct kernel_range *range);
bool kernel_read_level(struct kernel_cursor *cursor, struct kernel_level *level);
/* True if levels have categories that their sensitivities may have, and high dominates low. */
bool kernel_range_valid(const struct kernel_policy *policy, const struct kernel_range *range);

/* What can be checked only when all is read: sets of what was not known yet, bounds, users' ranges.
 */
bool kernel_check_symbols(struct kernel_cursor *cursor, const struct kernel_policy *policy);

/* Whether a condition holds under these states of booleans (by value). */
bool kernel_condition_holds(const struct kernel_condition *condition, const uint8_t *states);

#endif
