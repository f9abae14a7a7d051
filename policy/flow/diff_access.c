/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may access what in one policy and not in the other. Three things make a difference: a rule
 * that the other lacks, a type that has an attribute here and not there, and a type that is not
 * there at all. Of the last only what crosses to another tenant is told: the rest is its own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/flow/diff_internal.h"

#define PAIRS_OF_ROW 4096u  /* looked at for one rule: above that it is reported as written */
#define PAIRS_MAX    60000u /* ... of all rules together: a third of a second */
#define PARTS_MAX    8u

/* Something that `side` allows: types or attributes, and the permissions in side's bits. */
struct row {
    uint32_t source, target, class, permissions;
    bool crossing; /* of a type that the other has not: only what crosses counts */
};

/* A sentence about a slot, or about nobody's in particular. */
struct sentence {
    char *text;
    uint32_t slot; /* DIFF_SLOT_NONE: the host; DIFF_SLOT_MANY: every tenant */
    bool between;
};

struct access {
    const struct diff_side *side, *other;
    enum diff_kind kind;
    struct row *rows;
    size_t row_count, row_room;
    struct sentence *sentences;
    size_t sentence_count, sentence_room;
    uint32_t pairs; /* looked at so far */
};

static int row_add(struct access *access, uint32_t source, uint32_t target, uint32_t class,
                   uint32_t permissions, bool crossing)
{
    if (access->row_count == access->row_room) {
        size_t room = access->row_room == 0 ? 256 : access->row_room * 2;
        struct row *grown = reallocarray(access->rows, room, sizeof(*grown));

        if (grown == NULL)
            return -ENOMEM;
        access->rows = grown;
        access->row_room = room;
    }
    access->rows[access->row_count++] = (struct row){source, target, class, permissions, crossing};
    return 0;
}

/* ---------------------------------------------------------------- what may be a difference */

/* The rules of one source, target and class as one vector: whatever the booleans are. */
static uint32_t allowed_by(const struct kernel_rule *rules, size_t count)
{
    uint32_t allowed = 0;

    for (size_t i = 0; i < count; i++)
        allowed |= rules[i].kind == KERNEL_RULE_ALLOW ? rules[i].data : 0;
    return allowed;
}

/* Which of the permissions are not among those that the other allows (in its bits). */
static uint32_t beyond(const struct access *access, uint32_t class, uint32_t permissions,
                       uint32_t allowed)
{
    uint32_t unknown, left = 0;
    uint32_t known = diff_side_bits(access->side, class, permissions, &unknown);

    if ((known & ~allowed) == 0)
        return unknown;
    for (uint32_t rest = permissions & ~unknown; rest != 0; rest &= rest - 1) {
        uint32_t p = (uint32_t)__builtin_ctz(rest);

        if ((allowed >> access->side->bit[class * 32 + p] & 1) == 0)
            left |= 1u << p;
    }
    return left | unknown;
}

/* A type (no attribute) that the other has not. */
static bool is_new_type(const struct access *access, uint32_t type)
{
    return access->side->type[type] == 0 && !kernel_is_attribute(access->side->policy, type);
}

static int rules_that_differ(struct access *access)
{
    const struct diff_side *side = access->side;
    size_t count, end;
    const struct kernel_rule *rules = kernel_rules(side->policy, &count);
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i = end) {
        uint32_t source = rules[i].source, target = rules[i].target, class = rules[i].class;
        uint32_t permissions, theirs = 0;
        size_t n;

        for (end = i + 1; end < count && rules[end].source == source &&
                          rules[end].target == target && rules[end].class == class;
             end++)
            ;
        permissions = allowed_by(&rules[i], end - i);
        if (permissions == 0 || is_new_type(access, source) || is_new_type(access, target))
            continue;
        if (side->type[source] != 0 && side->type[target] != 0 && side->class[class] != 0) {
            const struct kernel_rule *found =
                kernel_rules_find(access->other->policy, side->type[source], side->type[target],
                                  side->class[class], &n);

            theirs = allowed_by(found, n);
        }
        permissions = beyond(access, class, permissions, theirs);
        if (permissions != 0)
            r = row_add(access, source, target, class, permissions, false);
    }
    return r;
}

/* True if something of the other end is another tenant's than `slot`. */
static bool crosses(uint32_t slot, uint32_t end)
{
    return end != DIFF_SLOT_NONE && (end == DIFF_SLOT_MANY || end != slot);
}

/* The type takes part in the rules of `attribute`: as their source, and as their target. */
static int rules_of_attribute(struct access *access, uint32_t type, uint32_t attribute,
                              bool crossing)
{
    const struct diff_side *side = access->side;
    size_t count;
    const struct kernel_rule *all = kernel_rules(side->policy, &count);
    const struct kernel_rule *rules = kernel_rules_of(side->policy, attribute, &count);
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i++) {
        if (rules[i].kind == KERNEL_RULE_ALLOW &&
            (!crossing || crosses(side->slot[type], side->slot[rules[i].target])))
            r = row_add(access, type, rules[i].target, rules[i].class, rules[i].data, crossing);
    }
    for (uint32_t i = side->targets[attribute]; r == 0 && i < side->targets[attribute + 1]; i++) {
        const struct kernel_rule *rule = &all[side->by_target[i]];

        if (rule->kind == KERNEL_RULE_ALLOW &&
            (!crossing || crosses(side->slot[type], side->slot[rule->source])))
            r = row_add(access, rule->source, type, rule->class, rule->data, crossing);
    }
    return r;
}

static int attributes_that_differ(struct access *access)
{
    const struct diff_side *side = access->side;
    const struct kernel_policy *other = access->other->policy;
    uint32_t *seen = calloc((size_t)kernel_count(other, KERNEL_TYPE) + 1, sizeof(*seen));
    int r = seen == NULL ? -ENOMEM : 0;

    for (uint32_t v = 1; r == 0 && v <= kernel_count(side->policy, KERNEL_TYPE); v++) {
        struct kernel_types here = kernel_attributes_of(side->policy, v);
        struct kernel_types there = kernel_attributes_of(other, side->type[v]);
        bool crossing = side->type[v] == 0;

        if (kernel_is_attribute(side->policy, v) ||
            (crossing && (side->slot[v] == DIFF_SLOT_NONE || access->kind != DIFF_MORE)))
            continue;
        for (uint32_t i = 0; i < there.count; i++)
            seen[there.items[i]] = v;
        for (uint32_t i = 0; r == 0 && i < here.count; i++) {
            uint32_t attribute = here.items[i], same = side->type[attribute];

            /* What a new attribute brings is in its rules. */
            if (crossing || (same != 0 && seen[same] != v))
                r = rules_of_attribute(access, v, attribute, crossing);
        }
    }
    free(seen);
    return r;
}

/* ---------------------------------------------------------------- what is one */

static int by_key(const void *a, const void *b)
{
    const struct row *x = a, *y = b;

    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    if (x->target != y->target)
        return x->target < y->target ? -1 : 1;
    if (x->class != y->class)
        return x->class < y->class ? -1 : 1;
    return (int)x->crossing - (int)y->crossing;
}

static void merge_rows(struct access *access)
{
    size_t kept = 0;

    if (access->row_count != 0)
        qsort(access->rows, access->row_count, sizeof(*access->rows), by_key);
    for (size_t i = 0; i < access->row_count; i++) {
        if (kept > 0 && by_key(&access->rows[kept - 1], &access->rows[i]) == 0)
            access->rows[kept - 1].permissions |= access->rows[i].permissions;
        else
            access->rows[kept++] = access->rows[i];
    }
    access->row_count = kept;
}

/* What of the row's permissions the other does not allow for these two types. */
static uint32_t pair_beyond(struct access *access, const struct row *row, uint32_t source,
                            uint32_t target)
{
    const struct diff_side *side = access->side;

    if (side->class[row->class] == 0)
        return row->permissions;
    access->pairs++;
    return beyond(access, row->class, row->permissions,
                  kernel_decide_possible(access->other->policy, side->type[source],
                                         side->type[target], side->class[row->class]));
}

/* Narrow the row to what is a difference for some two types that both policies have. */
static void narrow(struct access *access, struct row *row)
{
    const struct diff_side *side = access->side;
    struct kernel_types sources = kernel_types_of(side->policy, row->source);
    struct kernel_types targets = kernel_types_of(side->policy, row->target);
    uint64_t pairs = (uint64_t)sources.count * targets.count;
    uint32_t found = 0;

    if (pairs > PAIRS_OF_ROW || access->pairs + pairs > PAIRS_MAX)
        return;
    for (uint32_t s = 0; s < sources.count && found != row->permissions; s++) {
        for (uint32_t t = 0; t < targets.count && found != row->permissions; t++) {
            if (side->type[sources.items[s]] != 0 && side->type[targets.items[t]] != 0)
                found |= pair_beyond(access, row, sources.items[s], targets.items[t]);
        }
    }
    row->permissions = found;
}

/*
 * Whether the row lets a type of one tenant at a type of another, which the other policy does not.
 * Where looking would take too long the answer is yes: to be told once too often does no harm.
 */
static bool widens(struct access *access, const struct row *row, uint32_t *from, uint32_t *to)
{
    const struct diff_side *side = access->side;
    struct kernel_types sources = kernel_types_of(side->policy, row->source);
    struct kernel_types targets = kernel_types_of(side->policy, row->target);

    if (access->kind != DIFF_MORE || side->slot[row->source] == DIFF_SLOT_NONE ||
        !crosses(side->slot[row->source] == DIFF_SLOT_MANY ? DIFF_SLOT_NONE
                                                           : side->slot[row->source],
                 side->slot[row->target]))
        return false;
    for (uint32_t s = 0; s < sources.count; s++) {
        uint32_t source = sources.items[s], slot = side->slot[source];

        for (uint32_t t = 0; slot != DIFF_SLOT_NONE && t < targets.count; t++) {
            uint32_t target = targets.items[t];

            if (side->slot[target] == DIFF_SLOT_NONE || side->slot[target] == slot)
                continue;
            *from = slot;
            *to = side->slot[target];
            if (side->type[source] == 0 || side->type[target] == 0 ||
                access->pairs > 2 * PAIRS_MAX || pair_beyond(access, row, source, target) != 0)
                return true;
        }
    }
    return false;
}

/* ---------------------------------------------------------------- in words */

/* Whose the types of an attribute are: how many slots; 0 if some are nobody's. Their parts' names.
 */
static uint32_t slots_of(const struct diff_side *side, uint32_t type, struct buf *parts)
{
    struct kernel_types of = kernel_types_of(side->policy, type);
    const char *names[PARTS_MAX];
    uint32_t slots = 0, known = 0, last = DIFF_SLOT_NONE;

    for (uint32_t i = 0; i < of.count; i++) {
        uint32_t slot = side->slot[of.items[i]], n;
        const char *name = kernel_name(side->policy, KERNEL_TYPE, of.items[i]);

        if (slot == DIFF_SLOT_NONE)
            return 0;
        /* Types of a slot stand together: compilers number them as they come. */
        slots += slot != last;
        last = slot;
        for (n = 0; n < known && strcmp(names[n], name + side->part[of.items[i]]) != 0; n++)
            ;
        if (n == known && known < PARTS_MAX)
            names[known++] = name + side->part[of.items[i]];
    }
    for (uint32_t n = 0; n < known; n++)
        buf_printf(parts, "%s%s", n == 0 ? "" : ", ", names[n]);
    return slots;
}

/* The subject, and whose it is. */
static uint32_t put_subject(const struct diff_side *side, uint32_t type, struct buf *out)
{
    const char *name = kernel_name(side->policy, KERNEL_TYPE, type);
    uint32_t slots;

    if (!kernel_is_attribute(side->policy, type)) {
        buf_printf(out, "%s", name + side->part[type]);
        return side->slot[type];
    }
    if (side->slot[type] != DIFF_SLOT_NONE) {
        size_t before = out->size;

        slots = slots_of(side, type, out);
        if (slots != 0 && slots >= side->slots)
            return DIFF_SLOT_MANY;
        if (slots == 1)
            return side->slot[type];
        out->size = before;
    }
    buf_printf(out, "%s (%u types)", name, kernel_types_of(side->policy, type).count);
    return DIFF_SLOT_NONE;
}

static void put_object(const struct diff_side *side, const struct row *row, uint32_t slot,
                       struct buf *out)
{
    const char *name = kernel_name(side->policy, KERNEL_TYPE, row->target);
    struct kernel_types of = kernel_types_of(side->policy, row->target);

    if (row->source == row->target && !kernel_is_attribute(side->policy, row->source))
        buf_printf(out, "itself");
    else if (!kernel_is_attribute(side->policy, row->target) && slot != DIFF_SLOT_NONE &&
             side->slot[row->target] == slot)
        buf_printf(out, "its own %s", name + side->part[row->target]);
    else if (!kernel_is_attribute(side->policy, row->target))
        buf_printf(out, "%s", name);
    else if (of.count == 1)
        buf_printf(out, "%s", kernel_name(side->policy, KERNEL_TYPE, of.items[0]));
    else
        buf_printf(out, "%s (%u types)", name, of.count);
}

static int sentence_add(struct access *access, struct buf *text, uint32_t slot, bool between)
{
    if (access->sentence_count == access->sentence_room) {
        size_t room = access->sentence_room == 0 ? 64 : access->sentence_room * 2;
        struct sentence *grown = reallocarray(access->sentences, room, sizeof(*grown));

        if (grown == NULL)
            return -ENOMEM;
        access->sentences = grown;
        access->sentence_room = room;
    }
    if (buf_status(text) != 0)
        return buf_status(text);
    access->sentences[access->sentence_count++] =
        (struct sentence){(char *)text->data, slot, between};
    text->data = NULL; /* the sentence's */
    return 0;
}

static int say(struct access *access, const struct row *row)
{
    const struct diff_side *side = access->side;
    uint32_t slot, from = 0, to = 0;
    char one[32], another[32];
    bool between;
    struct buf text;
    int r;

    between = widens(access, row, &from, &to);
    if (row->permissions == 0 || (row->crossing && !between))
        return 0;
    buf_init(&text, 4096);
    slot = put_subject(side, row->source, &text);
    buf_printf(&text, access->kind == DIFF_MORE ? " may now " : " may no longer ");
    diff_permissions(side->policy, row->class, row->permissions, &text);
    buf_printf(&text, " ");
    put_object(side, row, slot, &text);
    buf_printf(&text, " (%s)", kernel_class(side->policy, row->class)->name);
    if (between)
        buf_printf(&text, ": from %s to %s", diff_slot_name(from, one),
                   diff_slot_name(to, another));
    r = sentence_add(access, &text, slot, between);
    buf_release(&text);
    return r;
}

static int by_text(const void *a, const void *b)
{
    const struct sentence *x = a, *y = b;
    int order = strcmp(x->text, y->text);

    if (order != 0)
        return order;
    return x->slot < y->slot ? -1 : x->slot > y->slot;
}

/* What is the same for many tenants is said once. */
static void tell(struct diff *diff, const struct access *access, size_t first, size_t end)
{
    const struct sentence *sentence = &access->sentences[first];
    size_t slots = end - first;
    char who[96], name[32];

    if (sentence->slot == DIFF_SLOT_NONE) {
        diff_add(diff, access->kind, sentence->between, "the host", "%s", sentence->text);
    } else if (sentence->slot == DIFF_SLOT_MANY || (slots > 1 && slots >= access->side->slots)) {
        diff_add(diff, access->kind, sentence->between, "every tenant", "%s", sentence->text);
    } else if (slots > 4) {
        (void)snprintf(who, sizeof(who), "%s and %zu more tenants",
                       diff_slot_name(sentence->slot, name), slots - 1);
        diff_add(diff, access->kind, sentence->between, who, "%s", sentence->text);
    } else {
        for (size_t i = first; i < end; i++)
            diff_add(diff, access->kind, access->sentences[i].between,
                     diff_slot_name(access->sentences[i].slot, name), "%s", sentence->text);
    }
}

int diff_access(struct diff *diff, const struct diff_side *side, const struct diff_side *other,
                enum diff_kind kind)
{
    struct access access = {.side = side, .other = other, .kind = kind};
    size_t end;
    int r;

    r = rules_that_differ(&access);
    if (r == 0)
        r = attributes_that_differ(&access);
    merge_rows(&access);
    for (size_t i = 0; r == 0 && i < access.row_count; i++) {
        if (!access.rows[i].crossing)
            narrow(&access, &access.rows[i]);
        r = say(&access, &access.rows[i]);
    }
    if (access.sentence_count != 0)
        qsort(access.sentences, access.sentence_count, sizeof(*access.sentences), by_text);
    for (size_t i = 0; r == 0 && i < access.sentence_count; i = end) {
        for (end = i + 1; end < access.sentence_count &&
                          strcmp(access.sentences[end].text, access.sentences[i].text) == 0;
             end++)
            ;
        tell(diff, &access, i, end);
    }
    for (size_t i = 0; i < access.sentence_count; i++)
        free(access.sentences[i].text);
    free(access.sentences);
    free(access.rows);
    return r;
}
