/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of names: commons, classes, roles, types, users, booleans, sensitivities, categories.
 */
#include "policy/kernel/internal.h"

#include <string.h>

#define TYPE_PRIMARY     1u
#define TYPE_IS_ATTR     2u
#define BOUNDS_DEPTH_MAX 3

static bool read_common(struct kernel_cursor *cursor, struct kernel_policy *policy)
{
    uint32_t length, value, count, entries;
    struct kernel_permissions *common;
    const char *name;

    if (!kernel_u32(cursor, &length) || !kernel_u32(cursor, &value) ||
        !kernel_u32(cursor, &count) || !kernel_u32(cursor, &entries) ||
        !kernel_read_name(cursor, length, &name) ||
        !kernel_names_add(cursor, policy, &policy->symbols[KERNEL_COMMON], name, value, false))
        return false;
    common = &policy->commons[value];
    common->count = count;
    return kernel_read_permissions(cursor, common, entries);
}

static bool read_role(struct kernel_cursor *cursor, struct kernel_policy *policy)
{
    struct kernel_role role = {0};
    uint32_t length, value;

    if (!kernel_u32(cursor, &length) || !kernel_u32(cursor, &value) ||
        !kernel_u32(cursor, &role.bounds) || !kernel_read_name(cursor, length, &role.name) ||
        !kernel_read_bits(cursor, policy->symbols[KERNEL_ROLE].count, &role.dominates) ||
        !kernel_read_bits(cursor, KERNEL_VALUE_MAX, &role.types) ||
        !kernel_names_add(cursor, policy, &policy->symbols[KERNEL_ROLE], role.name, value, false))
        return false;
    /* The kernel has this one built in: objects have it whatever the policy says. */
    if ((strcmp(role.name, "object_r") == 0) != (value == KERNEL_ROLE_OBJECT))
        return kernel_fail(cursor, "role %s has value %u", role.name, value);
    policy->roles[value] = role;
    return true;
}

static bool read_type(struct kernel_cursor *cursor, struct kernel_policy *policy)
{
    uint32_t length, value, properties, bounds;
    const char *name;
    bool alias;

    if (!kernel_u32(cursor, &length) || !kernel_u32(cursor, &value) ||
        !kernel_u32(cursor, &properties) || !kernel_u32(cursor, &bounds) ||
        !kernel_read_name(cursor, length, &name))
        return false;
    if ((properties & ~(TYPE_PRIMARY | TYPE_IS_ATTR)) != 0)
        return kernel_fail(cursor, "type %s has unknown properties", name);
    alias = (properties & TYPE_PRIMARY) == 0;
    if (alias && (properties & TYPE_IS_ATTR) != 0)
        return kernel_fail(cursor, "alias %s is an attribute", name);
    if (!kernel_names_add(cursor, policy, &policy->symbols[KERNEL_TYPE], name, value, alias))
        return false;
    if (!alias) {
        policy->bounds[value] = bounds;
        if ((properties & TYPE_IS_ATTR) != 0)
            policy->types[value] |= KERNEL_TYPE_ATTRIBUTE;
        else if (kernel_bits_has(&policy->permissive, value + 1))
            /* The kernel's map of permissive types counts from 0 and has the value's own bit. */
            policy->types[value] |= KERNEL_TYPE_PERMISSIVE;
    }
    return true;
}

static bool read_user(struct kernel_cursor *cursor, struct kernel_policy *policy)
{
    struct kernel_user user = {0};
    uint32_t length, value;

    if (!kernel_u32(cursor, &length) || !kernel_u32(cursor, &value) ||
        !kernel_u32(cursor, &user.bounds) || !kernel_read_name(cursor, length, &user.name) ||
        !kernel_read_bits(cursor, policy->symbols[KERNEL_ROLE].count, &user.roles) ||
        !kernel_read_range(cursor, policy, false, &user.range) ||
        !kernel_read_level(cursor, &user.login) ||
        !kernel_names_add(cursor, policy, &policy->symbols[KERNEL_USER], user.name, value, false))
        return false;
    policy->users[value] = user;
    return true;
}

static bool read_boolean(struct kernel_cursor *cursor, struct kernel_policy *policy)
{
    uint32_t value, state, length;
    const char *name;

    if (!kernel_u32(cursor, &value) || !kernel_u32(cursor, &state) ||
        !kernel_u32(cursor, &length) || !kernel_read_name(cursor, length, &name) ||
        !kernel_names_add(cursor, policy, &policy->symbols[KERNEL_BOOLEAN], name, value, false))
        return false;
    if (state > 1)
        return kernel_fail(cursor, "boolean %s has state %u", name, state);
    policy->booleans[value] = (uint8_t)state;
    return true;
}

static bool read_sensitivity(struct kernel_cursor *cursor, struct kernel_policy *policy)
{
    uint32_t length, alias;
    struct kernel_level level;
    const char *name;

    if (!kernel_u32(cursor, &length) || !kernel_u32(cursor, &alias) ||
        !kernel_read_name(cursor, length, &name) || !kernel_read_level(cursor, &level))
        return false;
    if (alias > 1)
        return kernel_fail(cursor, "sensitivity %s is neither an alias nor none", name);
    if (!kernel_names_add(cursor, policy, &policy->symbols[KERNEL_SENSITIVITY], name,
                          level.sensitivity, alias != 0))
        return false;
    if (alias == 0)
        policy->sensitivities[level.sensitivity] = level.categories;
    return true;
}

static bool read_category(struct kernel_cursor *cursor, struct kernel_policy *policy)
{
    uint32_t length, value, alias;
    const char *name;

    if (!kernel_u32(cursor, &length) || !kernel_u32(cursor, &value) ||
        !kernel_u32(cursor, &alias) || !kernel_read_name(cursor, length, &name))
        return false;
    if (alias > 1)
        return kernel_fail(cursor, "category %s is neither an alias nor none", name);
    return kernel_names_add(cursor, policy, &policy->symbols[KERNEL_CATEGORY], name, value,
                            alias != 0);
}

/* Room for what a value of the kind has beside its name. */
static bool symbols_make(struct kernel_cursor *cursor, struct kernel_policy *policy,
                         enum kernel_symbol kind)
{
    size_t n = (size_t)policy->symbols[kind].count + 1;

    switch (kind) {
    case KERNEL_COMMON:
        policy->commons = kernel_take(cursor, n, sizeof(*policy->commons));
        break;
    case KERNEL_CLASS:
        policy->classes = kernel_take(cursor, n, sizeof(*policy->classes));
        break;
    case KERNEL_ROLE:
        policy->roles = kernel_take(cursor, n, sizeof(*policy->roles));
        break;
    case KERNEL_TYPE:
        policy->types = kernel_take(cursor, n, sizeof(*policy->types));
        policy->bounds = kernel_take(cursor, n, sizeof(*policy->bounds));
        break;
    case KERNEL_USER:
        policy->users = kernel_take(cursor, n, sizeof(*policy->users));
        break;
    case KERNEL_BOOLEAN:
        policy->booleans = kernel_take(cursor, n, sizeof(*policy->booleans));
        break;
    case KERNEL_SENSITIVITY:
        policy->sensitivities = kernel_take(cursor, n, sizeof(*policy->sensitivities));
        break;
    case KERNEL_CATEGORY:
    case KERNEL_SYMBOLS:
        break;
    }
    return cursor->status == 0;
}

bool kernel_read_symbols(struct kernel_cursor *cursor, struct kernel_policy *policy)
{
    static const struct {
        const char *what;
        size_t least; /* bytes of one entry */
        bool (*read)(struct kernel_cursor *, struct kernel_policy *);
    } kinds[KERNEL_SYMBOLS] = {
        [KERNEL_COMMON] = {"sets of permissions", 17, read_common},
        [KERNEL_CLASS] = {"classes", 45, kernel_read_class},
        [KERNEL_ROLE] = {"roles", 37, read_role},
        [KERNEL_TYPE] = {"types", 17, read_type},
        [KERNEL_USER] = {"users", 61, read_user},
        [KERNEL_BOOLEAN] = {"booleans", 13, read_boolean},
        [KERNEL_SENSITIVITY] = {"sensitivities", 25, read_sensitivity},
        [KERNEL_CATEGORY] = {"categories", 13, read_category},
    };

    for (enum kernel_symbol kind = 0; kind < KERNEL_SYMBOLS; kind++) {
        uint32_t count, entries;

        if (!kernel_u32(cursor, &count) ||
            !kernel_items(cursor, kinds[kind].what, kinds[kind].least, &entries) ||
            !kernel_names_make(cursor, &policy->symbols[kind], count, entries) ||
            !symbols_make(cursor, policy, kind))
            return false;
        for (uint32_t i = 0; i < entries; i++) {
            if (!kinds[kind].read(cursor, policy))
                return false;
        }
    }
    return kernel_check_symbols(cursor, policy);
}

bool kernel_bits_below(const struct kernel_bits *set, uint32_t highest)
{
    const struct kernel_word *last;

    if (set->count == 0)
        return true;
    last = &set->words[set->count - 1];
    return last->first + 63 - (uint32_t)__builtin_clzll(last->bits) <= highest;
}

static bool check_constraints(struct kernel_cursor *cursor, const struct kernel_policy *policy,
                              const struct kernel_constraint *constraints, uint32_t count)
{
    static const enum kernel_symbol kinds[] = {
        [KERNEL_USERS] = KERNEL_USER, [KERNEL_ROLES] = KERNEL_ROLE, [KERNEL_TYPES] = KERNEL_TYPE};

    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t n = 0; n < constraints[i].count; n++) {
            const struct kernel_node *node = &constraints[i].nodes[n];

            if (node->kind == KERNEL_NODE_NAMES &&
                !kernel_bits_below(&node->names, policy->symbols[kinds[node->operand]].count))
                return kernel_fail(cursor, "a constraint names what there is not");
        }
    }
    return true;
}

static uint32_t bounds_of(const struct kernel_policy *policy, enum kernel_symbol kind,
                          uint32_t value)
{
    if (kind == KERNEL_TYPE)
        return policy->bounds[value];
    return kind == KERNEL_ROLE ? policy->roles[value].bounds : policy->users[value].bounds;
}

/* Bounds lead to a defined value and not in circles: three of them at most, as in the kernel. */
static bool check_bounds(struct kernel_cursor *cursor, const struct kernel_policy *policy,
                         enum kernel_symbol kind, uint32_t value)
{
    int depth = 0;

    for (uint32_t upper = bounds_of(policy, kind, value); upper != 0;
         upper = bounds_of(policy, kind, upper)) {
        if (++depth > BOUNDS_DEPTH_MAX || !kernel_defined(policy, kind, upper) ||
            (kind == KERNEL_TYPE && kernel_is_attribute(policy, upper)))
            return kernel_fail(cursor, "%s is bounded by what is not there, or in circles",
                               kernel_name(policy, kind, value));
    }
    return true;
}

static bool check_user(struct kernel_cursor *cursor, const struct kernel_policy *policy,
                       const struct kernel_user *user)
{
    struct kernel_range login = {.low = user->login, .high = user->login};

    if (!kernel_range_valid(policy, &user->range) || !kernel_range_valid(policy, &login))
        return kernel_fail(cursor, "the range or the level of user %s is not valid", user->name);
    return true;
}

/* Aliases may stand in front of what they name. */
static bool check_aliases(struct kernel_cursor *cursor, const struct kernel_policy *policy)
{
    for (enum kernel_symbol kind = 0; kind < KERNEL_SYMBOLS; kind++) {
        const struct kernel_names *names = &policy->symbols[kind];

        for (uint32_t i = 0; i <= names->mask; i++) {
            if (names->slots[i].name != NULL && names->names[names->slots[i].value] == NULL)
                return kernel_fail(cursor, "%s is another name of nothing", names->slots[i].name);
        }
    }
    return true;
}

bool kernel_check_symbols(struct kernel_cursor *cursor, const struct kernel_policy *policy)
{
    uint32_t types = policy->symbols[KERNEL_TYPE].count;

    if (!check_aliases(cursor, policy))
        return false;
    for (uint32_t value = 1; value <= policy->symbols[KERNEL_CLASS].count; value++) {
        const struct kernel_class *class = &policy->classes[value];

        if (!check_constraints(cursor, policy, class->constraints, class->constraint_count) ||
            !check_constraints(cursor, policy, class->validatetrans, class->validatetrans_count))
            return false;
    }
    for (uint32_t value = 1; value <= policy->symbols[KERNEL_ROLE].count; value++) {
        if (!kernel_bits_below(&policy->roles[value].types, types))
            return kernel_fail(cursor, "role %s has types that there are not",
                               policy->roles[value].name);
        if (!check_bounds(cursor, policy, KERNEL_ROLE, value))
            return false;
    }
    for (uint32_t value = 1; value <= types; value++) {
        if (!check_bounds(cursor, policy, KERNEL_TYPE, value))
            return false;
    }
    for (uint32_t value = 1; value <= policy->symbols[KERNEL_SENSITIVITY].count; value++) {
        if (!kernel_bits_below(&policy->sensitivities[value],
                               policy->symbols[KERNEL_CATEGORY].count))
            return kernel_fail(cursor, "a sensitivity has categories that there are not");
    }
    for (uint32_t value = 1; value <= policy->symbols[KERNEL_USER].count; value++) {
        if (policy->users[value].name != NULL &&
            (!check_user(cursor, policy, &policy->users[value]) ||
             !check_bounds(cursor, policy, KERNEL_USER, value)))
            return false;
    }
    return true;
}
