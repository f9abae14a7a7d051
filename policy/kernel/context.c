/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts: from text, to text, and whether the policy has them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/kernel/decide.h"
#include "policy/kernel/internal.h"

#define WORDS_MAX (KERNEL_VALUE_MAX / 64 + 1)

bool kernel_context_valid(const struct kernel_policy *policy, const struct kernel_context *context)
{
    const struct kernel_user *user = kernel_user(policy, context->user);

    if (user == NULL || !kernel_defined(policy, KERNEL_ROLE, context->role) ||
        !kernel_defined(policy, KERNEL_TYPE, context->type) ||
        kernel_is_attribute(policy, context->type) || !kernel_range_valid(policy, &context->range))
        return false;
    if (context->role == KERNEL_ROLE_OBJECT)
        return true;
    return kernel_bits_has(&policy->roles[context->role].types, context->type) &&
           kernel_bits_has(&user->roles, context->role) &&
           kernel_level_dominates(&context->range.low, &user->range.low) &&
           kernel_level_dominates(&user->range.high, &context->range.high);
}

/* ---------------------------------------------------------------- from text */

/* The next part of *text, which ends at `end` or at the end of all; *text is NULL behind the last.
 */
static char *next_part(char **text, char end)
{
    char *part = *text, *stop = strchr(part, end);

    if (stop != NULL)
        *stop++ = 0;
    *text = stop;
    return part;
}

/* "c1" or "c1.c5" */
static bool parse_categories(const struct kernel_policy *policy, char *text, uint64_t *words)
{
    const char *name = next_part(&text, '.');
    uint32_t first = kernel_find(policy, KERNEL_CATEGORY, name), last = first;

    if (text != NULL)
        last = kernel_find(policy, KERNEL_CATEGORY, text);
    if (first == 0 || last < first || (text != NULL && last == first))
        return false;
    for (uint32_t value = first; value <= last; value++)
        words[(value - 1) / 64] |= 1ULL << (value - 1) % 64;
    return true;
}

/* "s0" or "s0:c1,c3.c5" */
static bool parse_level(const struct kernel_policy *policy, char *text, uint32_t *sensitivity,
                        uint64_t *words)
{
    const char *name = next_part(&text, ':');

    *sensitivity = kernel_find(policy, KERNEL_SENSITIVITY, name);
    if (*sensitivity == 0)
        return false;
    while (text != NULL) {
        if (!parse_categories(policy, next_part(&text, ','), words))
            return false;
    }
    return true;
}

/* A set out of plain bits, its words in front of *room. */
static struct kernel_bits pack(const uint64_t *bits, uint32_t words, struct kernel_word **room)
{
    struct kernel_bits set = {.words = *room};

    for (uint32_t i = 0; i < words; i++) {
        if (bits[i] != 0) {
            *(*room)++ = (struct kernel_word){.bits = bits[i], .first = i * 64 + 1};
            set.count++;
        }
    }
    return set;
}

static uint32_t words_used(const uint64_t *bits, uint32_t words)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < words; i++)
        used += bits[i] != 0;
    return used;
}

int kernel_context_parse(const struct kernel_policy *policy, const char *text,
                         struct kernel_context **context)
{
    uint32_t words = policy->symbols[KERNEL_CATEGORY].count / 64 + 1;
    uint64_t low[WORDS_MAX], high[WORDS_MAX];
    char copy[KERNEL_CONTEXT_MAX], *rest = copy, *part[3], *low_text;
    struct kernel_context made = {0}, *result;
    struct kernel_word *room;
    size_t length = strnlen(text, sizeof(copy));

    if (length == sizeof(copy))
        return -EINVAL;
    memcpy(copy, text, length + 1);
    memset(low, 0, words * sizeof(*low));
    memset(high, 0, words * sizeof(*high));
    for (int i = 0; i < 3; i++) {
        part[i] = next_part(&rest, ':');
        if (rest == NULL)
            return -EINVAL;
    }
    made.user = kernel_find(policy, KERNEL_USER, part[0]);
    made.role = kernel_find(policy, KERNEL_ROLE, part[1]);
    made.type = kernel_find(policy, KERNEL_TYPE, part[2]);
    low_text = next_part(&rest, '-');
    if (!parse_level(policy, low_text, &made.range.low.sensitivity, low))
        return -EINVAL;
    if (rest == NULL) {
        made.range.high.sensitivity = made.range.low.sensitivity;
        memcpy(high, low, words * sizeof(*high));
    } else if (!parse_level(policy, rest, &made.range.high.sensitivity, high)) {
        return -EINVAL;
    }
    result = malloc(sizeof(*result) + ((size_t)words_used(low, words) + words_used(high, words)) *
                                          sizeof(struct kernel_word));
    if (result == NULL)
        return -ENOMEM;
    room = (struct kernel_word *)(result + 1);
    made.range.low.categories = pack(low, words, &room);
    made.range.high.categories = pack(high, words, &room);
    *result = made;
    if (!kernel_context_valid(policy, result)) {
        free(result);
        return -EINVAL;
    }
    *context = result;
    return 0;
}

/* ---------------------------------------------------------------- to text */

struct writer {
    char *text;
    size_t size, used;
};

static void put(struct writer *writer, const char *text)
{
    size_t length = strlen(text);

    if (writer->used < writer->size && length < writer->size - writer->used)
        memcpy(writer->text + writer->used, text, length + 1);
    writer->used += length;
}

static void put_level(struct writer *writer, const struct kernel_policy *policy,
                      const struct kernel_level *level)
{
    const struct kernel_bits *set = &level->categories;
    const char *before = ":";

    put(writer, kernel_name(policy, KERNEL_SENSITIVITY, level->sensitivity));
    for (uint32_t first = kernel_bits_next(set, 0), last; first != 0;
         first = kernel_bits_next(set, last)) {
        last = first;
        while (kernel_bits_has(set, last + 1))
            last++;
        put(writer, before);
        put(writer, kernel_name(policy, KERNEL_CATEGORY, first));
        if (last > first) {
            put(writer, last > first + 1 ? "." : ",");
            put(writer, kernel_name(policy, KERNEL_CATEGORY, last));
        }
        before = ",";
    }
}

static bool levels_equal(const struct kernel_level *a, const struct kernel_level *b)
{
    return a->sensitivity == b->sensitivity && kernel_bits_equal(&a->categories, &b->categories);
}

int kernel_context_format(const struct kernel_policy *policy, const struct kernel_context *context,
                          char *text, size_t size)
{
    char whole[KERNEL_CONTEXT_MAX];
    struct writer writer = {.text = whole, .size = sizeof(whole)};

    put(&writer, kernel_name(policy, KERNEL_USER, context->user));
    put(&writer, ":");
    put(&writer, kernel_name(policy, KERNEL_ROLE, context->role));
    put(&writer, ":");
    put(&writer, kernel_name(policy, KERNEL_TYPE, context->type));
    put(&writer, ":");
    put_level(&writer, policy, &context->range.low);
    if (!levels_equal(&context->range.low, &context->range.high)) {
        put(&writer, "-");
        put_level(&writer, policy, &context->range.high);
    }
    if (writer.used >= size || writer.used >= sizeof(whole))
        return -ENOSPC;
    memcpy(text, whole, writer.used + 1);
    return 0;
}
