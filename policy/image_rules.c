/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/image_rules.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "policy/pattern.h"
#include "policy/sort.h"

/*
 * Rules about what the host gives to whom: nothing that two tenants could reach unless it is an
 * object that both declare. Names have been checked, so they are shown as they are; patterns and
 * paths are escaped.
 */
#define SHOWN 56
/* Comparisons of patterns: for each one, and besides. */
#define PATIENCE      (IMAGE_TENANT_PATTERNS_MAX + 64u)
#define PATIENCE_MORE 1000000u

bool image_rules_full(const struct image_rules *rules)
{
    return rules->list->count >= rules->list->room;
}

struct source_spot image_rules_spot(const struct image_rules *rules, enum image_table table,
                                    uint32_t index, enum image_field field)
{
    return rules->spot != NULL ? rules->spot(rules->context, table, index, field)
                               : (struct source_spot){0};
}

void image_rules_say(const struct image_rules *rules, struct source_spot at, const char *format,
                     ...)
{
    struct guest_diagnostic d;
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(d.message, sizeof(d.message), format, ap);
    va_end(ap);
    rules->list->source = at.source;
    rules->list->from = at.from;
    (void)diagnostic_add(rules->list, at.line, at.column, "%s", d.message);
}

const char *image_rules_beside(const struct image_rules *rules, struct source_spot at,
                               struct source_spot near, char to[IMAGE_BESIDE_SIZE])
{
    char shown[48];

    to[0] = '\0';
    if (at.line != 0 && at.source == near.source)
        (void)text_format(to, IMAGE_BESIDE_SIZE, " (at %u:%u)", at.line, at.column);
    else if (at.line != 0)
        (void)text_format(
            to, IMAGE_BESIDE_SIZE, " (at %s:%u:%u)",
            text_escape(shown, sizeof(shown), rules->source(rules->context, at.source)), at.line,
            at.column);
    return to;
}

/* ---- objects: no two of one path */

struct sort_pair *image_objects_by_path(const struct image *image, struct arena *arena)
{
    uint32_t count = image_count(image, IMAGE_OBJECTS);
    struct sort_pair *pairs = arena_take(arena, count, sizeof(*pairs));
    struct sort_pair *spare = arena_take(arena, count, sizeof(*spare));

    if (pairs == NULL || spare == NULL)
        return NULL;
    for (uint32_t i = 0; i < count; i++)
        pairs[i] = (struct sort_pair){.key = image_objects(image)[i].path, .value = i};
    sort_pairs(pairs, spare, count);
    return pairs;
}

static int objects(const struct image_rules *rules)
{
    const struct image *image = rules->image;
    uint32_t count = image_count(image, IMAGE_OBJECTS);
    const struct sort_pair *pairs = image_objects_by_path(image, rules->arena);

    if (pairs == NULL)
        return -ENOMEM;
    for (uint32_t i = 1; i < count && !image_rules_full(rules); i++) {
        uint32_t a = (uint32_t)pairs[i - 1].value, b = (uint32_t)pairs[i].value;
        struct source_spot at = image_rules_spot(rules, IMAGE_OBJECTS, a, IMAGE_AT_ENTRY);
        struct source_spot other = image_rules_spot(rules, IMAGE_OBJECTS, b, IMAGE_AT_ENTRY);
        char beside[IMAGE_BESIDE_SIZE];

        if (pairs[i].key != pairs[i - 1].key)
            continue;
        if (source_spot_later(other, at)) {
            struct source_spot later = other;
            uint32_t index = b;

            other = at;
            at = later;
            b = a;
            a = index;
        }
        image_rules_say(rules, at, "objects '%s' and '%s'%s are one file: keep one",
                        image_text(image, image_objects(image)[a].name),
                        image_text(image, image_objects(image)[b].name),
                        image_rules_beside(rules, other, at, beside));
    }
    return 0;
}

/* ---- patterns and objects: what could be one file */

/*
 * Whatever matches a pattern begins with what stands before its first star. So two patterns can
 * only overlap if one's beginning is the beginning of the other's: sorted by it, those that are to
 * be compared with a pattern are a chain of ever longer beginnings, kept as a stack.
 */
struct stack {
    struct sort_text *items;
    size_t count;
};

struct sweep {
    const struct image_rules *rules;
    struct stack uses[IMAGE_PATTERN_USES];
    uint64_t patience;
};

static void pop(struct stack *stack, const struct sort_text *item)
{
    while (stack->count > 0) {
        const struct sort_text *top = &stack->items[stack->count - 1];

        if (top->size <= item->size && memcmp(top->text, item->text, top->size) == 0)
            return;
        stack->count--;
    }
}

static void push(struct stack *stack, const struct sort_text *item)
{
    if (stack->items != NULL)
        stack->items[stack->count++] = *item;
}

static void overlapping(const struct image_rules *rules, uint32_t one, uint32_t other)
{
    const struct image *image = rules->image;
    const struct image_pattern *a = &image_patterns(image)[one], *b = &image_patterns(image)[other];
    struct source_spot at = image_rules_spot(rules, IMAGE_PATTERNS, one, IMAGE_AT_ENTRY);
    struct source_spot place = image_rules_spot(rules, IMAGE_PATTERNS, other, IMAGE_AT_ENTRY);
    char first[SHOWN], second[SHOWN], beside[IMAGE_BESIDE_SIZE];

    if (source_spot_later(place, at)) {
        overlapping(rules, other, one);
        return;
    }
    (void)text_escape(first, sizeof(first), image_text(image, a->text));
    (void)text_escape(second, sizeof(second), image_text(image, b->text));
    (void)image_rules_beside(rules, place, at, beside);
    if (a->use == IMAGE_PATTERN_DISK && b->use == IMAGE_PATTERN_DISK)
        image_rules_say(rules, at,
                        "'%s' overlaps '%s' of tenant '%s'%s: tenants share no file but declared "
                        "objects",
                        first, second, image_tenant_name(image, b->tenant), beside);
    else
        image_rules_say(rules, at,
                        "'%s' overlaps '%s'%s: what one may boot would be another's disk", first,
                        second, beside);
}

/*
 * A tenant that can write what others read could change their guests, or talk to them; one that can
 * boot it reads it without having been given it.
 */
static void object_below(const struct image_rules *rules, uint32_t index, uint32_t below)
{
    const struct image *image = rules->image;
    const struct image_pattern *pattern = &image_patterns(image)[below];
    struct source_spot at = image_rules_spot(rules, IMAGE_OBJECTS, index, IMAGE_AT_ENTRY);
    struct source_spot place = image_rules_spot(rules, IMAGE_PATTERNS, below, IMAGE_AT_ENTRY);
    bool host = pattern->tenant == IMAGE_NONE;
    char shown[SHOWN], beside[IMAGE_BESIDE_SIZE];

    image_rules_say(rules, at,
                    "object '%s' lies under '%s' of %s%s%s%s: move it to a directory of its own",
                    image_text(image, image_objects(image)[index].name),
                    text_escape(shown, sizeof(shown), image_text(image, pattern->text)),
                    host ? "the " : "tenant '", image_tenant_name(image, pattern->tenant),
                    host ? "" : "'", image_rules_beside(rules, place, at, beside));
}

/* Compare one with a stack. False when that is enough. */
static bool compare(struct sweep *sweep, const struct sort_text *item, const struct stack *stack,
                    bool object)
{
    const struct image_rules *rules = sweep->rules;
    const struct image *image = rules->image;

    for (size_t i = 0; i < stack->count && !image_rules_full(rules); i++) {
        uint32_t other = stack->items[i].value;
        const struct image_pattern *pattern = &image_patterns(image)[other];

        if (sweep->patience-- == 0) {
            image_rules_say(rules,
                            image_rules_spot(rules, object ? IMAGE_OBJECTS : IMAGE_PATTERNS,
                                             item->value, IMAGE_AT_ENTRY),
                            "too many patterns begin alike to compare them all: begin each "
                            "tenant's with a directory of its own");
            return false;
        }
        if (object) {
            if (pattern_matches(image_text(image, pattern->text), item->text))
                object_below(rules, item->value, other);
        } else if (pattern->tenant != image_patterns(image)[item->value].tenant &&
                   pattern_overlap(image_text(image, pattern->text), item->text)) {
            overlapping(rules, item->value, other);
        }
    }
    return !image_rules_full(rules);
}

static bool sweep_one(struct sweep *sweep, const struct sort_text *item, bool object)
{
    const struct image *image = sweep->rules->image;
    struct stack *disks = &sweep->uses[IMAGE_PATTERN_DISK];
    struct stack *kernels = &sweep->uses[IMAGE_PATTERN_KERNEL];
    uint32_t use;

    pop(disks, item);
    pop(kernels, item);
    if (object)
        return compare(sweep, item, disks, true) && compare(sweep, item, kernels, true);
    use = image_patterns(image)[item->value].use;
    /* Kernels are only read, and may be the same for all. */
    if (!compare(sweep, item, disks, false) ||
        (use == IMAGE_PATTERN_DISK && !compare(sweep, item, kernels, false)))
        return false;
    if (use == IMAGE_PATTERN_DISK)
        push(disks, item);
    else
        push(kernels, item);
    return true;
}

static int files(const struct image_rules *rules)
{
    const struct image *image = rules->image;
    uint32_t patterns = image_count(image, IMAGE_PATTERNS);
    uint32_t count = patterns + image_count(image, IMAGE_OBJECTS);
    struct sort_text *items = arena_take(rules->arena, count, sizeof(*items));
    struct sort_text *spare = arena_take(rules->arena, count, sizeof(*spare));
    struct sweep sweep = {.rules = rules, .patience = (uint64_t)PATIENCE * count + PATIENCE_MORE};

    for (size_t i = 0; i < IMAGE_PATTERN_USES; i++)
        sweep.uses[i].items = arena_take(rules->arena, patterns, sizeof(*items));
    if (items == NULL || spare == NULL || sweep.uses[IMAGE_PATTERN_DISK].items == NULL ||
        sweep.uses[IMAGE_PATTERN_KERNEL].items == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        bool object = i >= patterns;
        const char *text = image_text(image, object ? image_objects(image)[i - patterns].path
                                                    : image_patterns(image)[i].text);

        items[i] =
            (struct sort_text){.text = text,
                               .size = (uint32_t)(object ? strlen(text) : strcspn(text, "*")),
                               .value = i};
    }
    /* Stable: an object comes behind patterns that begin as it is. */
    sort_texts(items, spare, count);
    for (uint32_t i = 0; i < count; i++) {
        struct sort_text item = items[i];
        bool object = item.value >= patterns;

        if (object)
            item.value -= patterns;
        if (!sweep_one(&sweep, &item, object))
            break;
    }
    return 0;
}

/* ---- links: one interface in two hands is a network between them */

static int links(const struct image_rules *rules)
{
    const struct image *image = rules->image;
    uint32_t count = image_count(image, IMAGE_LINKS);
    struct sort_pair *pairs = arena_take(rules->arena, count, sizeof(*pairs));
    struct sort_pair *spare = arena_take(rules->arena, count, sizeof(*spare));

    if (pairs == NULL || spare == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++)
        pairs[i] = (struct sort_pair){.key = image_links(image)[i].name, .value = i};
    sort_pairs(pairs, spare, count);
    for (uint32_t i = 1; i < count && !image_rules_full(rules); i++) {
        const struct image_link *a = &image_links(image)[pairs[i - 1].value];
        const struct image_link *b = &image_links(image)[pairs[i].value];
        struct source_spot other =
            image_rules_spot(rules, IMAGE_LINKS, (uint32_t)pairs[i - 1].value, IMAGE_AT_ENTRY);
        struct source_spot at =
            image_rules_spot(rules, IMAGE_LINKS, (uint32_t)pairs[i].value, IMAGE_AT_ENTRY);
        char beside[IMAGE_BESIDE_SIZE];

        if (a->name != b->name)
            continue;
        if (source_spot_later(other, at)) {
            struct source_spot spot = other;

            other = at;
            at = spot;
            a = b;
        }
        (void)image_rules_beside(rules, other, at, beside);
        if (image_links(image)[pairs[i - 1].value].tenant == b->tenant)
            image_rules_say(rules, at, "interface '%s' is given twice%s: keep one",
                            image_text(image, b->name), beside);
        else
            image_rules_say(
                rules, at, "interface '%s' belongs to tenant '%s'%s: each tenant has its own",
                image_text(image, b->name), image_tenant_name(image, a->tenant), beside);
    }
    return 0;
}

/* ---- conflicts */

bool image_shares_object(const struct image *image, uint32_t tenant, uint32_t object)
{
    struct image_range range = image_tenants(image)[tenant].shares;
    uint32_t low = range.first, high = range.first + range.count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2, here = image_shares(image)[middle].object;

        if (here == object)
            return true;
        if (object < here)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

static void conflicts(const struct image_rules *rules)
{
    const struct image *image = rules->image;
    const struct image_tenant *tenants = image_tenants(image);

    for (uint32_t i = 0; i < image_count(image, IMAGE_CONFLICTS); i++) {
        const struct image_conflict *conflict = &image_conflicts(image)[i];
        struct image_range a = tenants[conflict->first].shares;
        bool first = a.count <= tenants[conflict->second].shares.count;
        struct image_range few = first ? a : tenants[conflict->second].shares;

        for (uint32_t j = few.first; j < few.first + few.count; j++) {
            uint32_t object = image_shares(image)[j].object;

            if (image_rules_full(rules))
                return;
            if (image_shares_object(image, first ? conflict->second : conflict->first, object))
                image_rules_say(
                    rules, image_rules_spot(rules, IMAGE_CONFLICTS, i, IMAGE_AT_ENTRY),
                    "tenants '%s' and '%s' are in conflict, and both share '%s': give each a copy",
                    image_tenant_name(image, conflict->first),
                    image_tenant_name(image, conflict->second),
                    image_text(image, image_objects(image)[object].name));
        }
    }
}

int image_rules_tenants(const struct image_rules *rules)
{
    int r = objects(rules);

    if (r == 0)
        r = files(rules);
    if (r == 0)
        r = links(rules);
    if (r == 0)
        conflicts(rules);
    return r;
}

size_t image_rules_memory(const struct image *image)
{
    size_t entries = 16; /* rounding */

    for (size_t i = IMAGE_STRINGS + 1; i < IMAGE_TABLES; i++)
        entries += image->table[i].count;
    return entries * 6 * sizeof(struct sort_text) + 4096;
}

int image_rules_check(const struct image_rules *rules)
{
    int r = image_rules_tenants(rules);

    if (r == 0)
        r = image_rules_guests(rules);
    return r < 0 ? r : image_rules_attest(rules);
}
