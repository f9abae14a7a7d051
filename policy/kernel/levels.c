/* SPDX-License-Identifier: Apache-2.0 */
/* Levels and ranges: how they are read, and when the kernel calls them valid. */
#include "policy/kernel/decide.h"
#include "policy/kernel/internal.h"

bool kernel_read_level(struct kernel_cursor *cursor, struct kernel_level *level)
{
    return kernel_u32(cursor, &level->sensitivity) &&
           kernel_read_bits(cursor, KERNEL_VALUE_MAX, &level->categories);
}

/* The number of levels, their sensitivities, their categories. One level is both ends. */
bool kernel_read_range(struct kernel_cursor *cursor, const struct kernel_policy *policy, bool valid,
                       struct kernel_range *range)
{
    uint32_t levels;

    if (!kernel_u32(cursor, &levels))
        return false;
    if (levels != 1 && levels != 2)
        return kernel_fail(cursor, "a range of %u levels", levels);
    if (!kernel_u32(cursor, &range->low.sensitivity))
        return false;
    range->high.sensitivity = range->low.sensitivity;
    if ((levels == 2 && !kernel_u32(cursor, &range->high.sensitivity)) ||
        !kernel_read_bits(cursor, KERNEL_VALUE_MAX, &range->low.categories))
        return false;
    range->high.categories = range->low.categories;
    if (levels == 2 && !kernel_read_bits(cursor, KERNEL_VALUE_MAX, &range->high.categories))
        return false;
    if (valid && !kernel_range_valid(policy, range))
        return kernel_fail(cursor, "a range that is not valid");
    return true;
}

static bool level_valid(const struct kernel_policy *policy, const struct kernel_level *level)
{
    return kernel_defined(policy, KERNEL_SENSITIVITY, level->sensitivity) &&
           kernel_bits_contains(&policy->sensitivities[level->sensitivity], &level->categories);
}

bool kernel_range_valid(const struct kernel_policy *policy, const struct kernel_range *range)
{
    return level_valid(policy, &range->low) && level_valid(policy, &range->high) &&
           kernel_level_dominates(&range->high, &range->low);
}

struct kernel_bits kernel_sensitivity_categories(const struct kernel_policy *policy, uint32_t value)
{
    return kernel_defined(policy, KERNEL_SENSITIVITY, value) ? policy->sensitivities[value]
                                                             : (struct kernel_bits){0};
}

bool kernel_level_dominates(const struct kernel_level *a, const struct kernel_level *b)
{
    return a->sensitivity >= b->sensitivity && kernel_bits_contains(&a->categories, &b->categories);
}
