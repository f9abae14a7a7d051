/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_KERNEL_QUERIES_H
#define CASEMATE_TESTS_KERNEL_QUERIES_H

/*
 * Random questions to put to several deciders about one policy. Half of them are about a rule of
 * the policy, as two types and a class by chance have hardly ever a rule.
 */
#include <stdlib.h>

#include "policy/kernel/decide.h"

struct query {
    char source[KERNEL_CONTEXT_MAX], target[KERNEL_CONTEXT_MAX];
    uint32_t class;
};

/* xorshift64*: the same questions on every machine. */
static inline uint32_t query_random(uint64_t *state, uint32_t below)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return below == 0 ? 0 : (uint32_t)((*state * 0x2545f4914f6cdd1dULL >> 32) % below);
}

static inline uint32_t query_value(const struct kernel_policy *policy, enum kernel_symbol kind,
                                   uint64_t *state)
{
    uint32_t value;

    do {
        value = 1 + query_random(state, kernel_count(policy, kind));
    } while (kernel_name(policy, kind, value) == NULL ||
             (kind == KERNEL_TYPE && kernel_is_attribute(policy, value)));
    return value;
}

/* A level of the policy's lowest sensitivity, with none, all or some of the categories. */
static inline struct kernel_level query_level(const struct kernel_policy *policy, uint64_t *state,
                                              struct kernel_word words[64])
{
    struct kernel_bits all = kernel_sensitivity_categories(policy, 1);
    struct kernel_level level = {.sensitivity = 1};
    uint32_t n = 0;

    switch (query_random(state, 4)) {
    case 0:
        break;
    case 1:
        level.categories = all;
        break;
    default:
        /* Few categories, so that two contexts may have the same. */
        for (uint32_t i = 0; i < all.count && i < 64; i += 1 + query_random(state, 8)) {
            uint64_t bits = all.words[i].bits & (5ULL << query_random(state, 3));

            if (bits != 0)
                words[n++] = (struct kernel_word){.bits = bits, .first = all.words[i].first};
        }
        level.categories = (struct kernel_bits){.words = words, .count = n};
        break;
    }
    return level;
}

/* A valid context of the type, in text; false if chance found none. */
static inline bool query_context(const struct kernel_policy *policy, uint32_t type, uint64_t *state,
                                 char text[KERNEL_CONTEXT_MAX])
{
    for (int attempt = 0; attempt < 64; attempt++) {
        struct kernel_word low[64], high[64];
        struct kernel_context context = {.type = type};

        context.user = query_value(policy, KERNEL_USER, state);
        context.role =
            attempt % 4 == 3 ? KERNEL_ROLE_OBJECT : query_value(policy, KERNEL_ROLE, state);
        context.range.low = query_level(policy, state, low);
        context.range.high =
            query_random(state, 2) == 0 ? context.range.low : query_level(policy, state, high);
        if (kernel_context_valid(policy, &context))
            return kernel_context_format(policy, &context, text, KERNEL_CONTEXT_MAX) == 0;
    }
    return false;
}

/* One of the types that a rule's source or target means. */
static inline uint32_t query_one_of(const struct kernel_policy *policy, uint32_t type,
                                    uint64_t *state)
{
    struct kernel_types types = kernel_types_of(policy, type);

    return types.count == 0 ? query_value(policy, KERNEL_TYPE, state)
                            : types.items[query_random(state, types.count)];
}

/* The next question. */
static inline void query_next(const struct kernel_policy *policy, uint64_t *state,
                              struct query *query)
{
    uint32_t source, target;

    do {
        size_t count;
        const struct kernel_rule *rules = kernel_rules(policy, &count);

        if (query_random(state, 2) == 0 && count != 0) {
            const struct kernel_rule *rule = &rules[query_random(state, (uint32_t)count)];

            source = query_one_of(policy, rule->source, state);
            target = query_one_of(policy, rule->target, state);
            query->class = rule->class;
        } else {
            source = query_value(policy, KERNEL_TYPE, state);
            target = query_value(policy, KERNEL_TYPE, state);
            query->class = query_value(policy, KERNEL_CLASS, state);
        }
    } while (!query_context(policy, source, state, query->source) ||
             !query_context(policy, target, state, query->target));
}

/* What we decide. false: a context that was made for this policy is not understood. */
static inline bool query_decide(const struct kernel_policy *policy,
                                const struct kernel_booleans *booleans, const struct query *query,
                                struct kernel_vector *vector)
{
    struct kernel_context *source = NULL, *target = NULL;
    bool decided = kernel_context_parse(policy, query->source, &source) == 0 &&
                   kernel_context_parse(policy, query->target, &target) == 0 &&
                   kernel_decide(policy, booleans, source, target, query->class, vector) == 0;

    free(source);
    free(target);
    return decided;
}

#endif
