/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_KERNEL_WALK_H
#define CASEMATE_TESTS_KERNEL_WALK_H

/*
 * Touches all that a policy promises: what a hostile file got past the reader with is found here,
 * by a sanitizer or by a broken promise. Returns what is broken, or NULL.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/kernel/decide.h"

static const char *walk_set(const struct kernel_bits *set, uint32_t highest)
{
    uint32_t n = 0;

    for (uint32_t v = kernel_bits_next(set, 0); v != 0; v = kernel_bits_next(set, v)) {
        n++;
        if (v > highest || !kernel_bits_has(set, v))
            return "a set has a value that it has not";
    }
    return n == kernel_bits_size(set) ? NULL : "a set is larger than its values";
}

static const char *walk_names(const struct kernel_policy *policy)
{
    for (enum kernel_symbol kind = 0; kind < KERNEL_SYMBOLS; kind++) {
        for (uint32_t v = 0; v <= kernel_count(policy, kind) + 1; v++) {
            const char *name = kernel_name(policy, kind, v);

            if (name != NULL && kernel_find(policy, kind, name) != v)
                return "a name is not found";
        }
    }
    return NULL;
}

static const char *walk_constraint(const struct kernel_policy *policy,
                                   const struct kernel_constraint *constraint)
{
    static const enum kernel_symbol kinds[] = {KERNEL_SYMBOLS, KERNEL_USER, KERNEL_ROLE,
                                               KERNEL_TYPE};

    if (constraint->count == 0)
        return "an empty constraint";
    for (uint32_t n = 0; n < constraint->count; n++) {
        const struct kernel_node *node = &constraint->nodes[n];

        if (node->kind < KERNEL_NODE_COMPARE &&
            (node->left >= n || (node->kind != KERNEL_NODE_NOT && node->right >= n)))
            return "a constraint's operator stands in front of its operand";
        if (node->kind == KERNEL_NODE_NAMES &&
            walk_set(&node->names, kernel_count(policy, kinds[node->operand])) != NULL)
            return "a constraint names what there is not";
    }
    return NULL;
}

static const char *walk_classes(const struct kernel_policy *policy)
{
    const char *broken = NULL;

    for (uint32_t v = 1; v <= kernel_count(policy, KERNEL_CLASS); v++) {
        const struct kernel_class *class = kernel_class(policy, v);

        if (class == NULL)
            continue;
        for (uint32_t p = 0; p < class->permission_count; p++) {
            if (class->permissions[p] != NULL &&
                kernel_permission(policy, v, class->permissions[p]) != 1u << p)
                return "a permission is not found";
        }
        for (uint32_t i = 0; broken == NULL && i < class->constraint_count; i++)
            broken = walk_constraint(policy, &class->constraints[i]);
        for (uint32_t i = 0; broken == NULL && i < class->validatetrans_count; i++)
            broken = walk_constraint(policy, &class->validatetrans[i]);
    }
    return broken;
}

static bool has_type(struct kernel_types list, uint32_t type)
{
    for (uint32_t i = 0; i < list.count; i++) {
        if (list.items[i] == type)
            return true;
    }
    return false;
}

static const char *walk_types(const struct kernel_policy *policy)
{
    for (uint32_t v = 0; v <= kernel_count(policy, KERNEL_TYPE) + 1; v++) {
        struct kernel_types types = kernel_types_of(policy, v);
        struct kernel_types attributes = kernel_attributes_of(policy, v);

        for (uint32_t i = 0; i < types.count; i++) {
            if ((i > 0 && types.items[i] <= types.items[i - 1]) ||
                kernel_is_attribute(policy, types.items[i]) ||
                !has_type(kernel_attributes_of(policy, types.items[i]), v))
                return "an attribute's types";
        }
        for (uint32_t i = 0; i < attributes.count; i++) {
            if ((i > 0 && attributes.items[i] <= attributes.items[i - 1]) ||
                !has_type(kernel_types_of(policy, attributes.items[i]), v))
                return "a type's attributes";
        }
        if (kernel_name(policy, KERNEL_TYPE, v) != NULL && !kernel_is_attribute(policy, v) &&
            !has_type(attributes, v))
            return "a type lacks itself";
    }
    return NULL;
}

static const char *walk_rules(const struct kernel_policy *policy)
{
    size_t count, of, total = 0;
    const struct kernel_rule *rules = kernel_rules(policy, &count);

    for (uint32_t v = 0; v <= kernel_count(policy, KERNEL_TYPE) + 1; v++) {
        kernel_rules_of(policy, v, &of);
        total += of;
    }
    if (total != count)
        return "rules of the sources are not all rules";
    for (size_t i = 0; i < count; i++) {
        const struct kernel_rule *found =
            kernel_rules_find(policy, rules[i].source, rules[i].target, rules[i].class, &of);

        if (&rules[i] < found || &rules[i] >= found + of)
            return "a rule is not found";
        if (kernel_name(policy, KERNEL_TYPE, rules[i].source) == NULL ||
            kernel_name(policy, KERNEL_TYPE, rules[i].target) == NULL ||
            kernel_class(policy, rules[i].class) == NULL)
            return "a rule about nothing";
        if (rules[i].condition != KERNEL_CONDITIONS_NONE &&
            kernel_condition(policy, rules[i].condition) == NULL)
            return "a rule under no condition";
        if (rules[i].kind >= KERNEL_RULE_ALLOWX && kernel_xperms(policy, rules[i].data) == NULL)
            return "a rule without its extended permissions";
        (void)kernel_rule_in_force(policy, NULL, &rules[i]);
    }
    return NULL;
}

static const char *walk_context(const struct kernel_policy *policy,
                                const struct kernel_context *context)
{
    char text[KERNEL_CONTEXT_MAX], again[KERNEL_CONTEXT_MAX];
    struct kernel_context *parsed = NULL;
    const char *broken = NULL;

    if (!kernel_context_valid(policy, context))
        return "a context that is not valid";
    if (kernel_context_format(policy, context, text, sizeof(text)) != 0)
        return NULL; /* too long to be said */
    /* A level's name with a comma in it is no name that can be said again. */
    if (kernel_context_parse(policy, text, &parsed) != 0)
        return NULL;
    if (kernel_context_format(policy, parsed, again, sizeof(again)) != 0)
        broken = "a context cannot be said";
    free(parsed);
    return broken;
}

static const char *walk_labels(const struct kernel_policy *policy)
{
    size_t count;
    const struct kernel_label *labels = kernel_labels(policy, &count);
    const char *broken = NULL;

    for (size_t i = 0; broken == NULL && i < count; i++) {
        if (labels[i].name != NULL && strlen(labels[i].name) == 0)
            return "an empty name";
        broken = walk_context(policy, &labels[i].context);
    }
    return broken;
}

/* The decisions among the contexts of labels, and of some types, for every class. */
static const char *walk_decisions(const struct kernel_policy *policy)
{
    size_t count;
    const struct kernel_label *labels = kernel_labels(policy, &count);

    for (size_t s = 0; s < count && s < 6; s++) {
        for (size_t t = 0; t < count && t < 6; t++) {
            for (uint32_t class = 1; class <= kernel_count(policy, KERNEL_CLASS); class ++) {
                struct kernel_vector vector;
                struct kernel_reason reason;

                if (kernel_class(policy, class) == NULL)
                    continue;
                if (kernel_decide(policy, NULL, &labels[s].context, &labels[t].context, class,
                                  &vector) != 0 ||
                    kernel_explain(policy, NULL, &labels[s].context, &labels[t].context, class, ~0u,
                                   &reason) != 0)
                    return "no decision";
                if (reason.denied != ~vector.allowed)
                    return "the explanation is about something else";
                if (reason.denied !=
                    (reason.missing | reason.constrained | reason.bounded | reason.roles))
                    return "a denial without a reason";
            }
        }
    }
    return NULL;
}

static const char *walk_transitions(const struct kernel_policy *policy)
{
    size_t count;
    const struct kernel_name_transition *names = kernel_name_transitions(policy, &count);

    for (size_t i = 0; i < count; i++) {
        if (walk_set(&names[i].sources, kernel_count(policy, KERNEL_TYPE)) != NULL ||
            kernel_name(policy, KERNEL_TYPE, names[i].to) == NULL)
            return "a name transition about nothing";
    }
    kernel_range_transitions(policy, &count);
    kernel_role_transitions(policy, &count);
    kernel_role_allows(policy, &count);
    return NULL;
}

static const char *walk_policy(const struct kernel_policy *policy)
{
    static const char *(*const parts[])(const struct kernel_policy *) = {
        walk_names,  walk_classes,   walk_types,      walk_rules,
        walk_labels, walk_decisions, walk_transitions};
    const char *broken = NULL;

    for (size_t i = 0; broken == NULL && i < sizeof(parts) / sizeof(parts[0]); i++)
        broken = parts[i](policy);
    return broken;
}

#endif
