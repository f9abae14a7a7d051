/* SPDX-License-Identifier: Apache-2.0 */
/* What new processes and objects become, which ioctls are let through, which roles may follow. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/flow/diff_internal.h"

/* A type by name, and whose it is. */
static const char *whose(const struct diff_side *side, uint32_t type, char to[32])
{
    if (side->slot[type] == DIFF_SLOT_NONE || side->slot[type] == DIFF_SLOT_MANY)
        return "the host";
    return diff_slot_name(side->slot[type], to);
}

static const char *type_name(const struct diff_side *side, uint32_t type)
{
    return kernel_name(side->policy, KERNEL_TYPE, type);
}

/* What the unconditional rule of the kind says in the other policy; 0 if there is none. */
static uint32_t same_rule(const struct diff_side *side, const struct diff_side *other,
                          const struct kernel_rule *rule)
{
    size_t count;
    const struct kernel_rule *found =
        kernel_rules_find(other->policy, side->type[rule->source], side->type[rule->target],
                          side->class[rule->class], &count);

    for (size_t i = 0; i < count; i++) {
        if (found[i].kind == rule->kind)
            return found[i].data;
    }
    return 0;
}

static void type_rule(struct diff *diff, const struct diff_side *side,
                      const struct diff_side *other, const struct kernel_rule *rule,
                      enum diff_kind kind)
{
    uint32_t theirs;
    char slot[32];

    /* Of types that only one has, that they are new or gone is told. */
    if (side->type[rule->source] == 0 || side->type[rule->target] == 0)
        return;
    theirs = same_rule(side, other, rule);
    if (theirs != 0 && side->type[rule->data] == theirs)
        return;
    diff_add(diff, kind == DIFF_MORE ? DIFF_OTHER : DIFF_LESS, false,
             whose(side, rule->source, slot), "a %s that %s makes from %s %s %s %s",
             kernel_class(side->policy, rule->class)->name, type_name(side, rule->source),
             type_name(side, rule->target), kind == DIFF_MORE ? "now" : "no longer",
             rule->kind == KERNEL_RULE_TRANSITION ? "is"
             : rule->kind == KERNEL_RULE_MEMBER   ? "has its members in"
                                                  : "is to be relabelled to",
             type_name(side, rule->data));
}

/* ---------------------------------------------------------------- ioctls */

struct commands {
    uint32_t bits[65536 / 32];
    bool listed; /* some rule lists commands: others are denied */
};

static void collect(const struct kernel_policy *policy, const struct kernel_rule *rules,
                    size_t count, struct commands *commands)
{
    memset(commands, 0, sizeof(*commands));
    for (size_t i = 0; i < count; i++) {
        const struct kernel_xperm *xperm;

        if (rules[i].kind < KERNEL_RULE_ALLOWX)
            continue;
        commands->listed = true;
        if (rules[i].kind != KERNEL_RULE_ALLOWX)
            continue;
        xperm = kernel_xperms(policy, rules[i].data);
        for (uint32_t n = 0; n < 256; n++) {
            if ((xperm->bits[n / 32] >> n % 32 & 1) == 0)
                continue;
            if (xperm->kind == KERNEL_XPERM_DRIVER)
                memset(&commands->bits[n * 8], 0xff, 32);
            else
                commands->bits[(xperm->driver * 256u + n) / 32] |= 1u << n % 32;
        }
    }
}

/* Commands of a and not of b. */
static uint32_t more_commands(const struct commands *a, const struct commands *b)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < 65536 / 32; i++)
        count += (uint32_t)__builtin_popcount(a->bits[i] & ~b->bits[i]);
    return count;
}

static void ioctls(struct diff *diff, const struct diff_side *side, const struct diff_side *other,
                   const struct kernel_rule *rules, size_t count, struct commands of[2],
                   enum diff_kind kind)
{
    const char *class = kernel_class(side->policy, rules[0].class)->name;
    const struct kernel_rule *theirs;
    uint32_t more;
    char slot[32];
    size_t n;

    if (side->type[rules[0].source] == 0 || side->type[rules[0].target] == 0)
        return;
    theirs = kernel_rules_find(other->policy, side->type[rules[0].source],
                               side->type[rules[0].target], side->class[rules[0].class], &n);
    collect(side->policy, rules, count, &of[0]);
    collect(other->policy, theirs, n, &of[1]);
    if (of[0].listed && !of[1].listed) {
        diff_add(diff, kind == DIFF_MORE ? DIFF_LESS : DIFF_MORE, false,
                 whose(side, rules[0].source, slot),
                 "ioctls of %s on %s (%s) are %s limited to a list",
                 type_name(side, rules[0].source), type_name(side, rules[0].target), class,
                 kind == DIFF_MORE ? "now" : "no longer");
        return;
    }
    more = more_commands(&of[0], &of[1]);
    if (more != 0)
        diff_add(diff, kind, false, whose(side, rules[0].source, slot),
                 "%s may %s issue %u ioctl%s on %s (%s)", type_name(side, rules[0].source),
                 kind == DIFF_MORE ? "now" : "no longer", more, more == 1 ? "" : "s",
                 type_name(side, rules[0].target), class);
}

/* ---------------------------------------------------------------- all rules of a policy */

static int rules(struct diff *diff, const struct diff_side *side, const struct diff_side *other,
                 enum diff_kind kind)
{
    struct commands *of = calloc(2, sizeof(*of));
    size_t count, end;
    const struct kernel_rule *all = kernel_rules(side->policy, &count);

    if (of == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i = end) {
        bool listed = false;

        for (end = i; end < count && all[end].source == all[i].source &&
                      all[end].target == all[i].target && all[end].class == all[i].class;
             end++) {
            if (all[end].kind >= KERNEL_RULE_TRANSITION && all[end].kind <= KERNEL_RULE_CHANGE)
                type_rule(diff, side, other, &all[end], kind);
            listed = listed || all[end].kind >= KERNEL_RULE_ALLOWX;
        }
        if (listed && side->class[all[i].class] != 0)
            ioctls(diff, side, other, &all[i], end - i, of, kind);
    }
    free(of);
    return diff->status;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* Sorted, since a hostile file may have millions. */
static int roles(struct diff *diff, const struct kernel_policy *policy,
                 const struct kernel_policy *other, enum diff_kind kind)
{
    size_t count, theirs;
    const struct kernel_role_allow *allows = kernel_role_allows(policy, &count);
    const struct kernel_role_allow *others = kernel_role_allows(other, &theirs);
    uint64_t *known = calloc(theirs + 1, sizeof(*known)), wanted;

    if (known == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < theirs; i++)
        known[i] = (uint64_t)others[i].from << 32 | others[i].to;
    qsort(known, theirs, sizeof(*known), by_number);
    for (size_t i = 0; i < count && diff->status == 0; i++) {
        const char *from = kernel_name(policy, KERNEL_ROLE, allows[i].from);
        const char *to = kernel_name(policy, KERNEL_ROLE, allows[i].to);

        wanted = (uint64_t)kernel_find(other, KERNEL_ROLE, from) << 32 |
                 kernel_find(other, KERNEL_ROLE, to);
        if (bsearch(&wanted, known, theirs, sizeof(*known), by_number) == NULL)
            diff_add(diff, kind, false, "the host", "role %s may %s change to %s", from,
                     kind == DIFF_MORE ? "now" : "no longer", to);
    }
    free(known);
    return diff->status;
}

int diff_transitions(struct diff *diff, const struct diff_side *old, const struct diff_side *new)
{
    int r = rules(diff, new, old, DIFF_MORE);

    if (r == 0)
        r = rules(diff, old, new, DIFF_LESS);
    if (r == 0)
        r = roles(diff, new->policy, old->policy, DIFF_MORE);
    if (r == 0)
        r = roles(diff, old->policy, new->policy, DIFF_LESS);
    return r;
}
