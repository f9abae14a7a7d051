/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "policy/guest_check.h"
#include "policy/image_rules.h"
#include "policy/image_values.h"
#include "policy/sort.h"

/*
 * An image from anywhere. In this order, each step relying on those before: the tables are where
 * they must be; the strings are strings; every index and every order is right; every value is one
 * that the parser would take; the rules hold.
 */
struct check {
    const struct image *image;
    const char *strings;
    uint32_t bytes; /* of strings */
    uint8_t *used;  /* a bit for each byte at which a string that is used begins */
};

static int malformed(struct guest_diagnostic *d)
{
    return diagnostic_set(d, "the policy's image is malformed: it was not made by this version of "
                             "casemate");
}

static uint32_t most(enum image_table table)
{
    static const uint32_t counts[IMAGE_TABLES] = {
        [IMAGE_STRINGS] = IMAGE_STRINGS_MAX,     [IMAGE_TENANTS] = IMAGE_TENANTS_MAX,
        [IMAGE_OBJECTS] = IMAGE_OBJECTS_MAX,     [IMAGE_PATTERNS] = IMAGE_PATTERNS_MAX,
        [IMAGE_SHARES] = IMAGE_SHARES_MAX,       [IMAGE_LINKS] = IMAGE_LINKS_MAX,
        [IMAGE_OPERATORS] = IMAGE_OPERATORS_MAX, [IMAGE_CONFLICTS] = IMAGE_CONFLICTS_MAX,
        [IMAGE_CHANNELS] = IMAGE_CHANNELS_MAX,   [IMAGE_ASSERTIONS] = IMAGE_ASSERTIONS_MAX,
        [IMAGE_TRUSTED] = IMAGE_TRUSTED_MAX,     [IMAGE_STATELESS] = IMAGE_STATELESS_MAX,
        [IMAGE_GUESTS] = IMAGE_GUESTS_MAX,       [IMAGE_DISKS] = IMAGE_DISKS_MAX,
        [IMAGE_NETS] = IMAGE_NETS_MAX,           [IMAGE_ATTESTS] = IMAGE_ATTESTS_MAX,
    };

    return counts[table];
}

static bool zeros(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

/* The tables follow one another, and what is between them says nothing. */
static bool places_valid(const uint8_t *bytes, size_t size)
{
    const struct image *image = (const void *)bytes;
    uint64_t at = sizeof(*image);

    for (enum image_table i = IMAGE_STRINGS; i < IMAGE_TABLES; i++) {
        uint64_t length, rounded;

        if (image->table[i].offset != at || image->table[i].count > most(i))
            return false;
        length = (uint64_t)image->table[i].count * image_entry_size(i);
        rounded = (length + 7) / 8 * 8;
        if (!checked_range(at, rounded, size) || !zeros(bytes + at + length, rounded - length))
            return false;
        at += rounded;
    }
    return at == size;
}

static bool head_valid(const void *bytes, size_t size)
{
    const struct image *image = bytes;

    return size >= sizeof(*image) && size <= IMAGE_SIZE_MAX && image->magic == IMAGE_MAGIC &&
           image->version == IMAGE_VERSION && image->reserved == 0 &&
           image->on_permissive < IMAGE_PERMISSIVES && image->size == size &&
           image->mac < GUEST_MAC_WORDS && places_valid(bytes, size);
}

/* Each string but the last is less than the next, so no two are equal; the first is "". */
static bool strings_valid(const char *strings, uint32_t bytes)
{
    uint32_t at = 0;

    if (bytes == 0 || strings[0] != '\0' || strings[bytes - 1] != '\0')
        return false;
    while (at < bytes) {
        uint32_t next = at + (uint32_t)strlen(strings + at) + 1;

        if (next < bytes && strcmp(strings + at, strings + next) >= 0)
            return false;
        at = next;
    }
    return true;
}

/* A string of at most `size` bytes with its NUL begins there. Notes that it is used. */
static bool text_valid(const struct check *check, image_string string, size_t size)
{
    if (string >= check->bytes || (string > 0 && check->strings[string - 1] != '\0') ||
        strnlen(check->strings + string, size) >= size)
        return false;
    check->used[string / 8] |= (uint8_t)(1u << string % 8);
    return true;
}

/* No string is there that nothing names. */
static bool all_used(const struct check *check)
{
    uint32_t at = 1; /* "" always is */

    while (at < check->bytes) {
        if ((check->used[at / 8] >> at % 8 & 1) == 0)
            return false;
        at += (uint32_t)strlen(check->strings + at) + 1;
    }
    return true;
}

/* Entries that belong to one another follow those of the one before. */
static bool range_valid(struct image_range range, uint32_t *next, uint32_t count)
{
    if (range.first != *next || range.count > count - *next)
        return false;
    *next += range.count;
    return true;
}

/* Whether each entry of a table belongs to whom the ranges say: `tenant` is its first field. */
static bool owned(const struct image *image, enum image_table table, struct image_range range,
                  uint32_t tenant)
{
    const uint8_t *entries = image_entries(image, table);
    size_t size = image_entry_size(table);

    for (uint32_t i = range.first; i < range.first + range.count; i++) {
        uint32_t owner;

        memcpy(&owner, entries + i * size, sizeof(owner));
        if (owner != tenant)
            return false;
    }
    return true;
}

static bool tenants_form(const struct check *check)
{
    const struct image *image = check->image;
    const struct image_tenant *tenants = image_tenants(image);
    static const enum image_table tables[] = {IMAGE_PATTERNS,  IMAGE_SHARES,   IMAGE_LINKS,
                                              IMAGE_OPERATORS, IMAGE_CHANNELS, IMAGE_GUESTS,
                                              IMAGE_ATTESTS};
    enum { OWNED = sizeof(tables) / sizeof(tables[0]) };
    uint32_t next[OWNED] = {0};

    for (uint32_t i = 0; i < image_count(image, IMAGE_TENANTS); i++) {
        const struct image_tenant *t = &tenants[i];
        const struct image_range ranges[OWNED] = {t->patterns, t->shares, t->links,  t->operators,
                                                  t->channels, t->guests, t->attests};

        if (!text_valid(check, t->name, GUEST_NAME_MAX) ||
            (i > 0 && t->name <= tenants[i - 1].name) || t->attest > 1 ||
            t->patterns.count > IMAGE_TENANT_PATTERNS_MAX)
            return false;
        for (size_t j = 0; j < OWNED; j++) {
            if (!range_valid(ranges[j], &next[j], image_count(image, tables[j])) ||
                !owned(image, tables[j], ranges[j], i))
                return false;
        }
    }
    /* The host block's patterns are the rest of theirs. */
    if (!range_valid(image->host_patterns, &next[0], image_count(image, IMAGE_PATTERNS)) ||
        !owned(image, IMAGE_PATTERNS, image->host_patterns, IMAGE_NONE) ||
        image->host_patterns.count > IMAGE_TENANT_PATTERNS_MAX)
        return false;
    for (size_t j = 0; j < OWNED; j++) {
        if (next[j] != image_count(image, tables[j]))
            return false;
    }
    return true;
}

/* Ascending, and no two alike: of one owner by one number. */
static bool ordered(uint32_t owner, uint32_t before_owner, uint64_t key, uint64_t before)
{
    return owner != before_owner || key > before;
}

static bool belongings_form(const struct check *check)
{
    const struct image *image = check->image;
    const struct image_pattern *p = image_patterns(image);
    const struct image_share *s = image_shares(image);
    const struct image_link *l = image_links(image);
    const struct image_operator *o = image_operators(image);

    for (uint32_t i = 0; i < image_count(image, IMAGE_PATTERNS); i++) {
        if (p[i].use >= IMAGE_PATTERN_USES || !text_valid(check, p[i].text, IMAGE_PATTERN_SIZE) ||
            (p[i].tenant == IMAGE_NONE && p[i].use != IMAGE_PATTERN_KERNEL) ||
            (i > 0 && !ordered(p[i].tenant, p[i - 1].tenant, (uint64_t)p[i].use << 32 | p[i].text,
                               (uint64_t)p[i - 1].use << 32 | p[i - 1].text)))
            return false;
    }
    for (uint32_t i = 0; i < image_count(image, IMAGE_SHARES); i++) {
        if (s[i].object >= image_count(image, IMAGE_OBJECTS) ||
            (i > 0 && !ordered(s[i].tenant, s[i - 1].tenant, s[i].object, s[i - 1].object)))
            return false;
    }
    for (uint32_t i = 0; i < image_count(image, IMAGE_LINKS); i++) {
        if (l[i].kind >= IMAGE_LINK_KINDS || !text_valid(check, l[i].name, GUEST_TAP_MAX) ||
            (i > 0 && !ordered(l[i].tenant, l[i - 1].tenant, (uint64_t)l[i].kind << 32 | l[i].name,
                               (uint64_t)l[i - 1].kind << 32 | l[i - 1].name)))
            return false;
    }
    for (uint32_t i = 0; i < image_count(image, IMAGE_OPERATORS); i++) {
        if (!text_valid(check, o[i].name, IMAGE_OPERATOR_SIZE) ||
            (i > 0 && !ordered(o[i].tenant, o[i - 1].tenant, o[i].name, o[i - 1].name)))
            return false;
    }
    return true;
}

/* Statements that stand between tenants, or in the host block. */
static bool statements_form(const struct check *check)
{
    const struct image *image = check->image;
    const struct image_object *o = image_objects(image);
    const struct image_conflict *c = image_conflicts(image);
    const struct image_assertion *a = image_assertions(image);
    uint32_t tenants = image_count(image, IMAGE_TENANTS);

    for (uint32_t i = 0; i < image_count(image, IMAGE_OBJECTS); i++) {
        if (!text_valid(check, o[i].name, GUEST_NAME_MAX) ||
            !text_valid(check, o[i].path, GUEST_PATH_MAX) || (i > 0 && o[i].name <= o[i - 1].name))
            return false;
    }
    for (uint32_t i = 0; i < image_count(image, IMAGE_CONFLICTS); i++) {
        if (c[i].first >= c[i].second || c[i].second >= tenants ||
            (c[i].scope & ~(uint32_t)(IMAGE_CONFLICT_CORE | IMAGE_CONFLICT_HOST)) != 0)
            return false;
        if (i > 0 && ((uint64_t)c[i].first << 32 | c[i].second) <=
                         ((uint64_t)c[i - 1].first << 32 | c[i - 1].second))
            return false;
    }
    for (uint32_t i = 0; i < image_count(image, IMAGE_ASSERTIONS); i++) {
        if (a[i].first >= tenants || a[i].second >= tenants || a[i].first == a[i].second ||
            a[i].both > 1 || (a[i].both == 1 && a[i].first > a[i].second))
            return false;
        if (i > 0 && ((uint64_t)a[i].first << 32 | a[i].second) <=
                         ((uint64_t)a[i - 1].first << 32 | a[i - 1].second))
            return false;
    }
    return text_valid(check, image->audit, GUEST_PATH_MAX) &&
           text_valid(check, image->host_tpm, IMAGE_DEVICE_SIZE);
}

/* An assertion in both directions says what one in the other direction would say again. */
static bool assertions_once(const struct image *image)
{
    const struct image_assertion *a = image_assertions(image);
    uint32_t count = image_count(image, IMAGE_ASSERTIONS);

    for (uint32_t i = 0; i < count; i++) {
        uint64_t other = (uint64_t)a[i].second << 32 | a[i].first;
        uint32_t low = 0, high = count;

        while (low < high) {
            uint32_t middle = low + (high - low) / 2;

            if (((uint64_t)a[middle].first << 32 | a[middle].second) < other)
                low = middle + 1;
            else
                high = middle;
        }
        /* Two single ones that are each other's opposite are one of both directions. */
        if (low < count && a[low].first == a[i].second && a[low].second == a[i].first)
            return false;
    }
    return true;
}

static bool types_form(const struct check *check, enum image_table table)
{
    const struct image_type *t = image_entries(check->image, table);

    for (uint32_t i = 0; i < image_count(check->image, table); i++) {
        if (!text_valid(check, t[i].type, IMAGE_TYPE_SIZE) ||
            !text_valid(check, t[i].reason, IMAGE_REASON_SIZE) ||
            (i > 0 && t[i].type <= t[i - 1].type))
            return false;
    }
    return true;
}

static bool channel_form(const struct image *image, uint32_t i)
{
    const struct image_channel *c = &image_channels(image)[i];
    const struct image_channel *before = i > 0 ? c - 1 : c;
    struct image_range guests = image_tenants(image)[c->tenant].guests;

    if (c->from < guests.first || c->from >= guests.first + guests.count || c->to < guests.first ||
        c->to >= guests.first + guests.count || c->from == c->to ||
        c->kind >= IMAGE_CHANNEL_KINDS || c->port == 0 || c->port == UINT32_MAX)
        return false;
    if (i == 0 || c->from != before->from)
        return i == 0 || c->from > before->from;
    if (c->to != before->to)
        return c->to > before->to;
    return ((uint64_t)c->kind << 32 | c->port) > ((uint64_t)before->kind << 32 | before->port);
}

/* Negative, 0, positive: as the table is sorted, of one tenant. */
static int attest_order(const struct image_attest *a, const struct image_attest *b)
{
    const uint32_t left[] = {a->guest, a->clause, a->number, a->text};
    const uint32_t right[] = {b->guest, b->clause, b->number, b->text};

    for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
        if (left[i] != right[i])
            return left[i] < right[i] ? -1 : 1;
    }
    return 0;
}

/* A clause of numbers says one; "nothing may have happened" leaves no room for what may. */
static bool attest_alone(const struct image_attest *a)
{
    return a->clause == IMAGE_ATTEST_GENERATION || a->clause == IMAGE_ATTEST_LIFETIME ||
           (a->clause == IMAGE_ATTEST_EVENTS && a->text == 0);
}

static bool attests_form(const struct check *check)
{
    const struct image *image = check->image;
    const struct image_attest *a = image_attests(image);

    for (uint32_t i = 0; i < image_count(image, IMAGE_ATTESTS); i++) {
        struct image_range guests = image_tenants(image)[a[i].tenant].guests;
        bool number = a[i].clause == IMAGE_ATTEST_GENERATION ||
                      a[i].clause == IMAGE_ATTEST_LIFETIME || a[i].clause == IMAGE_ATTEST_HOST_PCR;
        bool text = a[i].clause != IMAGE_ATTEST_GENERATION && a[i].clause != IMAGE_ATTEST_LIFETIME;

        if (a[i].clause >= IMAGE_ATTEST_CLAUSES || (!number && a[i].number != 0) ||
            (!text && a[i].text != 0) ||
            !text_valid(check, a[i].text,
                        a[i].clause == IMAGE_ATTEST_CMDLINE ? GUEST_CMDLINE_MAX : GUEST_PATH_MAX) ||
            (a[i].guest != IMAGE_NONE &&
             (a[i].guest < guests.first || a[i].guest >= guests.first + guests.count)))
            return false;
        if (i == 0 || a[i].tenant != a[i - 1].tenant)
            continue;
        if (attest_order(&a[i - 1], &a[i]) >= 0 ||
            (attest_alone(&a[i - 1]) && a[i].guest == a[i - 1].guest &&
             a[i].clause == a[i - 1].clause))
            return false;
    }
    return true;
}

static bool guests_form(const struct check *check)
{
    const struct image *image = check->image;
    const struct image_guest *g = image_guests(image);
    uint32_t disks = 0, nets = 0;

    for (uint32_t i = 0; i < image_count(image, IMAGE_GUESTS); i++) {
        if (!text_valid(check, g[i].name, GUEST_NAME_MAX) ||
            !text_valid(check, g[i].kernel, GUEST_PATH_MAX) ||
            !text_valid(check, g[i].initrd, GUEST_PATH_MAX) ||
            !text_valid(check, g[i].cmdline, GUEST_CMDLINE_MAX) || g[i].reserved != 0 ||
            g[i].flags > (IMAGE_GUEST_RNG | IMAGE_GUEST_NO_REBOOT | IMAGE_GUEST_HUGE_PAGES |
                          IMAGE_GUEST_TPM) ||
            g[i].disks.count > GUEST_DISKS_MAX || g[i].nets.count > GUEST_NETS_MAX ||
            !range_valid(g[i].disks, &disks, image_count(image, IMAGE_DISKS)) ||
            !range_valid(g[i].nets, &nets, image_count(image, IMAGE_NETS)) ||
            (i > 0 && !ordered(g[i].tenant, g[i - 1].tenant, g[i].name, g[i - 1].name)))
            return false;
    }
    return disks == image_count(image, IMAGE_DISKS) && nets == image_count(image, IMAGE_NETS);
}

static bool devices_form(const struct check *check)
{
    const struct image *image = check->image;
    const struct image_disk *d = image_disks(image);
    const struct image_net *n = image_nets(image);

    for (uint32_t i = 0; i < image_count(image, IMAGE_DISKS); i++) {
        if (!text_valid(check, d[i].path, GUEST_PATH_MAX) || d[i].readonly > 1 ||
            d[i].queues > GUEST_QUEUES_MAX)
            return false;
    }
    for (uint32_t i = 0; i < image_count(image, IMAGE_NETS); i++) {
        if (!text_valid(check, n[i].tap, GUEST_TAP_MAX) || n[i].pairs > GUEST_PAIRS_MAX ||
            n[i].has_mac > 1 || n[i].reserved != 0 ||
            (n[i].has_mac == 0 && !zeros(n[i].mac, sizeof(n[i].mac))))
            return false;
    }
    return true;
}

static bool form_valid(const struct check *check)
{
    const struct image *image = check->image;

    if (!tenants_form(check) || !belongings_form(check) || !statements_form(check) ||
        !assertions_once(image) || !types_form(check, IMAGE_TRUSTED) ||
        !types_form(check, IMAGE_STATELESS) || !guests_form(check) || !devices_form(check) ||
        !attests_form(check))
        return false;
    for (uint32_t i = 0; i < image_count(image, IMAGE_CHANNELS); i++) {
        if (!channel_form(image, i))
            return false;
    }
    return all_used(check);
}

/* ---- values, each by itself */

static int tenant_values(const struct image *image, struct guest_diagnostic *d)
{
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < image_count(image, IMAGE_TENANTS); i++) {
        const struct image_tenant *t = &image_tenants(image)[i];

        r = check_tenant(image_text(image, t->name), d);
        if (r == 0 && (t->guests_max > IMAGE_GUESTS_MAX || t->cpus_max > IMAGE_CPUS_MAX))
            return malformed(d);
        if (r == 0 &&
            (t->quarantine_denials > IMAGE_DENIALS_MAX || t->quarantine_within > IMAGE_WITHIN_MAX ||
             (t->quarantine_denials == 0 && t->quarantine_within != 0)))
            return malformed(d);
        if (r == 0 && t->memory_max != 0)
            r = check_tenant_memory(t->memory_max, d);
    }
    for (uint32_t i = 0; r == 0 && i < image_count(image, IMAGE_PATTERNS); i++)
        r = check_pattern(image_patterns(image)[i].use,
                          image_text(image, image_patterns(image)[i].text), d);
    for (uint32_t i = 0; r == 0 && i < image_count(image, IMAGE_LINKS); i++)
        r = check_interface(image_links(image)[i].kind == IMAGE_LINK_TAP ? "tap" : "bridge",
                            image_text(image, image_links(image)[i].name), d);
    for (uint32_t i = 0; r == 0 && i < image_count(image, IMAGE_OPERATORS); i++)
        r = check_operator(image_text(image, image_operators(image)[i].name), d);
    for (uint32_t i = 0; r == 0 && i < image_count(image, IMAGE_ATTESTS); i++) {
        const struct image_attest *a = &image_attests(image)[i];

        r = check_attest(a->clause, a->number, image_text(image, a->text), d);
    }
    return r;
}

static int type_values(const struct image *image, enum image_table table, const char *what,
                       struct guest_diagnostic *d)
{
    const struct image_type *t = image_entries(image, table);
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < image_count(image, table); i++) {
        r = check_type(what, image_text(image, t[i].type), d);
        if (r == 0)
            r = check_reason(what, image_text(image, t[i].reason), d);
    }
    return r;
}

static int host_values(const struct image *image, struct guest_diagnostic *d)
{
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < image_count(image, IMAGE_OBJECTS); i++) {
        r = check_name("object", image_text(image, image_objects(image)[i].name), d);
        if (r == 0)
            r = check_object(image_text(image, image_objects(image)[i].path), d);
    }
    if (r == 0 && image->audit != 0)
        r = check_audit(image_text(image, image->audit), d);
    if (r == 0 && image->host_tpm != 0)
        r = check_host_tpm(image_text(image, image->host_tpm), d);
    if (r == 0)
        r = type_values(image, IMAGE_TRUSTED, "trusted", d);
    return r == 0 ? type_values(image, IMAGE_STATELESS, "stateless", d) : r;
}

/* A disk is an object when its tenant shares the object of that path, and else not. */
static bool objects_right(const struct image *image, const struct image_guest *guest,
                          const struct sort_pair *by_path)
{
    uint32_t objects = image_count(image, IMAGE_OBJECTS);

    for (uint32_t i = guest->disks.first; i < guest->disks.first + guest->disks.count; i++) {
        const struct image_disk *disk = &image_disks(image)[i];
        size_t found = sort_find(by_path, objects, disk->path);
        uint32_t object = IMAGE_NONE;

        if (found < objects && by_path[found].key == disk->path &&
            image_shares_object(image, guest->tenant, (uint32_t)by_path[found].value))
            object = (uint32_t)by_path[found].value;
        if (object != disk->object)
            return false;
    }
    return true;
}

static int guest_values(const struct image *image, const struct sort_pair *by_path,
                        struct guest_spec *spec, struct guest_diagnostic *d)
{
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < image_count(image, IMAGE_GUESTS); i++) {
        image_guest(image, i, spec, NULL);
        r = guest_spec_check(spec, d);
        if (r == 0 && !objects_right(image, &image_guests(image)[i], by_path))
            r = malformed(d);
    }
    return r;
}

/* What takes memory: the guests' values, and the rules. */
static int check_whole(const struct image *image, struct arena *arena, struct guest_diagnostic *d)
{
    struct guest_diagnostic first = {0};
    struct diagnostic_list list = {.items = &first, .room = 1};
    struct guest_spec *spec = arena_take(arena, 1, sizeof(*spec));
    struct sort_pair *by_path = image_objects_by_path(image, arena);
    int r;

    if (spec == NULL || by_path == NULL)
        return -ENOMEM;
    r = guest_values(image, by_path, spec, d);
    if (r == 0)
        r = image_rules_check(&(struct image_rules){.image = image, .arena = arena, .list = &list});
    if (r < 0 || list.count == 0)
        return r;
    *d = first;
    return -EINVAL;
}

int image_check(const void *bytes, size_t size, struct guest_diagnostic *diagnostic)
{
    const struct image *image = bytes;
    struct check check = {.image = image};
    struct arena arena;
    void *memory;
    size_t room;
    bool good;
    int r;

    if (!head_valid(bytes, size))
        return malformed(diagnostic);
    check.strings = image_entries(image, IMAGE_STRINGS);
    check.bytes = image_count(image, IMAGE_STRINGS);
    if (!strings_valid(check.strings, check.bytes))
        return malformed(diagnostic);
    check.used = calloc(1, check.bytes / 8 + 1);
    if (check.used == NULL)
        return -ENOMEM;
    good = form_valid(&check);
    free(check.used);
    if (!good)
        return malformed(diagnostic);
    r = tenant_values(image, diagnostic);
    if (r == 0)
        r = host_values(image, diagnostic);
    if (r < 0)
        return r;
    room = image_rules_memory(image) + sizeof(struct guest_spec);
    memory = calloc(1, room);
    if (memory == NULL)
        return -ENOMEM;
    arena_init(&arena, memory, room);
    r = check_whole(image, &arena, diagnostic);
    free(memory);
    return r;
}
