/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/kernel/decide.h"
#include "policy/kernel/internal.h"

struct kernel_booleans {
    const struct kernel_policy *policy;
    uint8_t *holds;   /* by condition */
    uint8_t states[]; /* by boolean */
};

int kernel_booleans_new(const struct kernel_policy *policy, struct kernel_booleans **booleans)
{
    size_t states = (size_t)policy->symbols[KERNEL_BOOLEAN].count + 1;
    struct kernel_booleans *made = calloc(1, sizeof(*made) + states + policy->condition_count);

    if (made == NULL)
        return -ENOMEM;
    made->policy = policy;
    made->holds = made->states + states;
    memcpy(made->states, policy->booleans, states);
    memcpy(made->holds, policy->holds, policy->condition_count);
    *booleans = made;
    return 0;
}

void kernel_booleans_free(struct kernel_booleans *booleans)
{
    free(booleans);
}

int kernel_booleans_set(struct kernel_booleans *booleans, uint32_t boolean, bool state)
{
    const struct kernel_policy *policy = booleans->policy;

    if (!kernel_defined(policy, KERNEL_BOOLEAN, boolean))
        return -ENOENT;
    booleans->states[boolean] = state;
    for (uint32_t i = 0; i < policy->condition_count; i++)
        booleans->holds[i] = kernel_condition_holds(&policy->conditions[i], booleans->states);
    return 0;
}

bool kernel_rule_in_force(const struct kernel_policy *policy,
                          const struct kernel_booleans *booleans, const struct kernel_rule *rule)
{
    const uint8_t *holds = booleans != NULL ? booleans->holds : policy->holds;

    return rule->condition == KERNEL_CONDITIONS_NONE || holds[rule->condition] == rule->when;
}
