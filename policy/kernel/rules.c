/* SPDX-License-Identifier: Apache-2.0 */
/* The access vector table and the conditional rules: read, sorted, and indexed for the decisions.
 */
#include "policy/kernel/internal.h"

#include <stdlib.h>
#include <string.h>

/* The file's kinds of rules: a bit each. */
#define SPEC_ALLOWED    0x0001u
#define SPEC_AUDITALLOW 0x0002u
#define SPEC_AUDITDENY  0x0004u
#define SPEC_TRANSITION 0x0010u
#define SPEC_MEMBER     0x0020u
#define SPEC_CHANGE     0x0040u
#define SPEC_ALLOWX     0x0100u
#define SPEC_AUDITX     0x0200u
#define SPEC_DONTX      0x0400u
#define SPEC_ENABLED    0x8000u /* conditional and in force as the booleans were */

#define RULE_SIZE 12u /* bytes of the smallest */

/* What grows while rules are read. */
struct rule_list {
    struct kernel_rule *rules;
    size_t count, room;
    struct kernel_xperm *xperms;
    size_t xperm_count, xperm_room;
};

/* Room for `more` items in front of an array that doubles; NULL: no memory, and the array is as it
 * was. */
static void *list_grow(struct kernel_cursor *cursor, void *items, size_t size, size_t count,
                       size_t more, size_t *room)
{
    size_t wanted = *room;
    void *grown;

    if (more <= wanted - count)
        return items;
    while (wanted - count < more)
        wanted = wanted == 0 ? 64 : wanted * 2;
    grown = reallocarray(items, wanted, size);
    if (grown == NULL) {
        kernel_take(cursor, SIZE_MAX, SIZE_MAX); /* keeps the failure */
        return NULL;
    }
    *room = wanted;
    return grown;
}

static bool rule_kind(uint16_t specified, uint8_t *kind)
{
    static const uint16_t specs[KERNEL_RULE_KINDS] = {
        [KERNEL_RULE_ALLOW] = SPEC_ALLOWED,       [KERNEL_RULE_AUDITALLOW] = SPEC_AUDITALLOW,
        [KERNEL_RULE_AUDITDENY] = SPEC_AUDITDENY, [KERNEL_RULE_TRANSITION] = SPEC_TRANSITION,
        [KERNEL_RULE_MEMBER] = SPEC_MEMBER,       [KERNEL_RULE_CHANGE] = SPEC_CHANGE,
        [KERNEL_RULE_ALLOWX] = SPEC_ALLOWX,       [KERNEL_RULE_AUDITALLOWX] = SPEC_AUDITX,
        [KERNEL_RULE_DONTAUDITX] = SPEC_DONTX,
    };

    for (unsigned k = 0; k < KERNEL_RULE_KINDS; k++) {
        if (specs[k] == specified) {
            *kind = (uint8_t)k;
            return true;
        }
    }
    return false;
}

static bool read_xperm(struct kernel_cursor *cursor, struct rule_list *list, uint32_t *index)
{
    struct kernel_xperm *xperm, *grown;

    grown =
        list_grow(cursor, list->xperms, sizeof(*grown), list->xperm_count, 1, &list->xperm_room);
    if (grown == NULL)
        return false;
    list->xperms = grown;
    xperm = &grown[list->xperm_count];
    *xperm = (struct kernel_xperm){0};
    if (!kernel_u8(cursor, &xperm->kind) || !kernel_u8(cursor, &xperm->driver))
        return false;
    for (int i = 0; i < 8; i++) {
        if (!kernel_u32(cursor, &xperm->bits[i]))
            return false;
    }
    if (xperm->kind != KERNEL_XPERM_FUNCTION && xperm->kind != KERNEL_XPERM_DRIVER)
        return kernel_fail(cursor, "extended permissions of an unknown kind (%u)", xperm->kind);
    *index = (uint32_t)list->xperm_count++;
    return true;
}

/* One rule onto the list. `condition` and `holds` are its condition's, or NONE. */
static bool read_rule(struct kernel_cursor *cursor, const struct kernel_policy *policy,
                      struct rule_list *list, uint32_t condition, bool when, bool holds)
{
    struct kernel_rule *rule = &list->rules[list->count];
    uint16_t source, target, class, specified;
    bool conditional = condition != KERNEL_CONDITIONS_NONE;
    uint8_t kind;

    if (!kernel_u16(cursor, &source) || !kernel_u16(cursor, &target) ||
        !kernel_u16(cursor, &class) || !kernel_u16(cursor, &specified))
        return false;
    if (!kernel_defined(policy, KERNEL_TYPE, source) ||
        !kernel_defined(policy, KERNEL_TYPE, target) ||
        !kernel_defined(policy, KERNEL_CLASS, class))
        return kernel_fail(cursor, "a rule about types %u and %u and class %u, which are not there",
                           source, target, class);
    if (!rule_kind(specified & (uint16_t)~SPEC_ENABLED, &kind))
        return kernel_fail(cursor, "a rule of an unknown kind (0x%x)", specified);
    /* The kernel believes this bit until a boolean is set: it must say what the booleans say. */
    if (conditional && ((specified & SPEC_ENABLED) != 0) != (holds == when))
        return kernel_fail(cursor, "a conditional rule is in force against its booleans");
    *rule = (struct kernel_rule){.source = source,
                                 .target = target,
                                 .class = class,
                                 .kind = kind,
                                 .when = when,
                                 .condition = condition};
    if (kind >= KERNEL_RULE_ALLOWX ? !read_xperm(cursor, list, &rule->data)
                                   : !kernel_u32(cursor, &rule->data))
        return false;
    if (kind >= KERNEL_RULE_TRANSITION && kind <= KERNEL_RULE_CHANGE &&
        (!kernel_defined(policy, KERNEL_TYPE, rule->data) ||
         kernel_is_attribute(policy, rule->data)))
        return kernel_fail(cursor, "a rule gives type %u, which is not there", rule->data);
    list->count++;
    return true;
}

static bool read_rule_list(struct kernel_cursor *cursor, const struct kernel_policy *policy,
                           struct rule_list *list, uint32_t condition, bool when, bool holds)
{
    struct kernel_rule *grown;
    uint32_t count;

    if (!kernel_items(cursor, "rules", RULE_SIZE, &count))
        return false;
    grown = list_grow(cursor, list->rules, sizeof(*grown), list->count, count, &list->room);
    if (grown == NULL && count != 0)
        return false;
    if (grown != NULL)
        list->rules = grown;
    for (uint32_t i = 0; i < count; i++) {
        if (!read_rule(cursor, policy, list, condition, when, holds))
            return false;
    }
    return true;
}

static bool read_conditional(struct kernel_cursor *cursor, struct kernel_policy *policy,
                             struct rule_list *list)
{
    uint32_t count;

    if (!kernel_items(cursor, "conditions", 24, &count))
        return false;
    policy->conditions = kernel_take(cursor, count, sizeof(*policy->conditions));
    policy->holds = kernel_take(cursor, count, sizeof(*policy->holds));
    if (cursor->status != 0)
        return false;
    policy->condition_count = count;
    for (uint32_t i = 0; i < count; i++) {
        bool holds;

        if (!kernel_read_condition(cursor, policy, &policy->conditions[i], &holds))
            return false;
        policy->holds[i] = holds;
        if (!read_rule_list(cursor, policy, list, i, true, holds) ||
            !read_rule_list(cursor, policy, list, i, false, holds))
            return false;
    }
    return true;
}

/* ---------------------------------------------------------------- order */

/* The keys from the least significant to the most, and how many values each has. */
static uint32_t sort_key(const struct kernel_rule *rule, int pass)
{
    switch (pass) {
    case 0:
        return rule->kind;
    case 1:
        return rule->class;
    case 2:
        return rule->target;
    default:
        return rule->source;
    }
}

/* By counting, each pass stable: the file's order decides what is alike. */
static bool rules_sort(struct kernel_cursor *cursor, const struct kernel_policy *policy,
                       struct rule_list *list)
{
    const uint32_t values[4] = {KERNEL_RULE_KINDS, policy->symbols[KERNEL_CLASS].count,
                                policy->symbols[KERNEL_TYPE].count,
                                policy->symbols[KERNEL_TYPE].count};
    struct kernel_rule *from = list->rules, *to, *other;
    uint32_t *starts = calloc(KERNEL_VALUE_MAX + 2, sizeof(*starts));

    other = reallocarray(NULL, list->count + 1, sizeof(*other));
    if (starts == NULL || other == NULL) {
        free(starts);
        free(other);
        kernel_take(cursor, SIZE_MAX, SIZE_MAX);
        return false;
    }
    to = other;
    /* Four passes: the result is where the list was. */
    for (int pass = 0; pass < 4; pass++) {
        struct kernel_rule *swap = from;

        memset(starts, 0, ((size_t)values[pass] + 2) * sizeof(*starts));
        for (size_t i = 0; i < list->count; i++)
            starts[sort_key(&from[i], pass) + 1]++;
        for (uint32_t v = 0; v <= values[pass]; v++)
            starts[v + 1] += starts[v];
        for (size_t i = 0; i < list->count; i++)
            to[starts[sort_key(&from[i], pass)]++] = from[i];
        from = to;
        to = swap;
    }
    free(starts);
    free(other);
    return true;
}

static bool rules_same(const struct kernel_rule *a, const struct kernel_rule *b)
{
    return a->source == b->source && a->target == b->target && a->class == b->class;
}

static uint32_t *rules_slot(const struct kernel_policy *policy, uint32_t source, uint32_t target,
                            uint32_t class)
{
    uint64_t key = (uint64_t)source << 32 | target << 16 | class;
    uint32_t i = (uint32_t)kernel_hash_number(policy, key) & policy->rule_mask;

    while (policy->rule_slots[i] != 0) {
        const struct kernel_rule *rule = &policy->rules[policy->rule_slots[i] - 1];

        if (rule->source == source && rule->target == target && rule->class == class)
            break;
        i = (i + 1) & policy->rule_mask;
    }
    return &policy->rule_slots[i];
}

static bool rules_index(struct kernel_cursor *cursor, struct kernel_policy *policy)
{
    uint32_t types = policy->symbols[KERNEL_TYPE].count, slots = 4, distinct = 0, next = 0;
    const struct kernel_rule *rules = policy->rules;

    policy->rules_of = kernel_take(cursor, (size_t)types + 2, sizeof(*policy->rules_of));
    for (uint32_t i = 0; i < policy->rule_count; i++) {
        if (i == 0 || !rules_same(&rules[i], &rules[i - 1]))
            distinct++;
        else if (rules[i].kind == rules[i - 1].kind && rules[i].kind < KERNEL_RULE_ALLOWX &&
                 rules[i].condition == KERNEL_CONDITIONS_NONE &&
                 rules[i - 1].condition == KERNEL_CONDITIONS_NONE)
            return kernel_fail(cursor, "the same rule twice, for types %u and %u", rules[i].source,
                               rules[i].target);
    }
    while (slots / 2 < distinct)
        slots *= 2;
    policy->rule_slots = kernel_take(cursor, slots, sizeof(*policy->rule_slots));
    if (cursor->status != 0)
        return false;
    policy->rule_mask = slots - 1;
    for (uint32_t i = 0; i < policy->rule_count; i++) {
        while (next <= rules[i].source)
            policy->rules_of[next++] = i;
        if (i == 0 || !rules_same(&rules[i], &rules[i - 1]))
            *rules_slot(policy, rules[i].source, rules[i].target, rules[i].class) = i + 1;
    }
    while (next <= types + 1)
        policy->rules_of[next++] = policy->rule_count;
    return true;
}

static bool rules_keep(struct kernel_cursor *cursor, struct kernel_policy *policy,
                       const struct rule_list *list)
{
    policy->rules = kernel_take(cursor, list->count, sizeof(*policy->rules));
    policy->xperms = kernel_take(cursor, list->xperm_count, sizeof(*policy->xperms));
    if (cursor->status != 0)
        return false;
    if (list->count != 0)
        memcpy(policy->rules, list->rules, list->count * sizeof(*policy->rules));
    if (list->xperm_count != 0)
        memcpy(policy->xperms, list->xperms, list->xperm_count * sizeof(*policy->xperms));
    policy->rule_count = (uint32_t)list->count; /* a rule is at least 12 bytes of at most 64 MiB */
    policy->xperm_count = (uint32_t)list->xperm_count;
    return true;
}

bool kernel_read_rules(struct kernel_cursor *cursor, struct kernel_policy *policy)
{
    struct rule_list list = {0};
    bool read = read_rule_list(cursor, policy, &list, KERNEL_CONDITIONS_NONE, false, false) &&
                read_conditional(cursor, policy, &list) && rules_sort(cursor, policy, &list) &&
                rules_keep(cursor, policy, &list);

    free(list.rules);
    free(list.xperms);
    return read && rules_index(cursor, policy);
}

/* ---------------------------------------------------------------- accessors */

const struct kernel_rule *kernel_rules(const struct kernel_policy *policy, size_t *count)
{
    *count = policy->rule_count;
    return policy->rules;
}

const struct kernel_rule *kernel_rules_of(const struct kernel_policy *policy, uint32_t source,
                                          size_t *count)
{
    if (source == 0 || source > policy->symbols[KERNEL_TYPE].count) {
        *count = 0;
        return policy->rules;
    }
    *count = policy->rules_of[source + 1] - policy->rules_of[source];
    return policy->rules + policy->rules_of[source];
}

const struct kernel_rule *kernel_rules_find(const struct kernel_policy *policy, uint32_t source,
                                            uint32_t target, uint32_t class, size_t *count)
{
    uint32_t first = *rules_slot(policy, source, target, class), end;

    *count = 0;
    if (first == 0)
        return policy->rules;
    for (end = first; end < policy->rule_count; end++) {
        if (!rules_same(&policy->rules[end], &policy->rules[first - 1]))
            break;
    }
    *count = end - (first - 1);
    return &policy->rules[first - 1];
}

const struct kernel_xperm *kernel_xperms(const struct kernel_policy *policy, uint32_t index)
{
    return index < policy->xperm_count ? &policy->xperms[index] : NULL;
}
