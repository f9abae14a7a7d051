/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "policy/guest_check.h"
#include "policy/language/compile.h"
#include "policy/language/draft.h"

/* From names to indexes, from the source's order to the image's. What is there twice is found. */
#define SHOWN 64

static void say(const struct resolution *r, struct source_spot at, const char *message)
{
    r->list->source = at.source;
    r->list->from = at.from;
    (void)diagnostic_add(r->list, at.line, at.column, "%s", message);
}

static bool full(const struct resolution *r)
{
    return r->list->count >= r->list->room;
}

static const char *text(const struct resolution *r, image_string string)
{
    return r->strings + string;
}

/* ---- tables */

typedef uint64_t key_of(const struct resolution *r, uint32_t index);

/* " first at 1:2" of the first of two, as the later one's message says it. */
static void twice(const struct resolution *r, struct source_spot first, struct source_spot again,
                  const char *what, const char *advice)
{
    char message[sizeof(((struct guest_diagnostic *)0)->message)], file[SHOWN];

    if (first.source == again.source)
        (void)text_format(message, sizeof(message), "%s, first at %u:%u: %s", what, first.line,
                          first.column, advice);
    else
        (void)text_format(message, sizeof(message), "%s, first at %s:%u:%u: %s", what,
                          text_escape(file, sizeof(file), r->source_name(r->context, first.source)),
                          first.line, first.column, advice);
    say(r, again, message);
}

static int sort_table(struct resolution *r, enum image_table table, key_of *key)
{
    uint32_t count = draft_entries(r, table);
    struct sort_pair *spare = arena_take(r->draft->arena, count, sizeof(*spare));
    struct sort_pair *pairs = arena_take(r->draft->arena, count, sizeof(*pairs));

    if (spare == NULL || pairs == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++)
        pairs[i] = (struct sort_pair){.key = key(r, i), .value = i};
    sort_pairs(pairs, spare, count);
    r->sorted[table] = pairs;
    r->count[table] = count;
    return 0;
}

/* Whether the entry has the key of the one before. */
static bool again(const struct resolution *r, enum image_table table, uint32_t place)
{
    return place > 0 && r->sorted[table][place].key == r->sorted[table][place - 1].key;
}

/* Index in the image by index in the draft. */
static uint32_t *ranks(struct resolution *r, enum image_table table)
{
    uint32_t *rank = arena_take(r->draft->arena, r->count[table], sizeof(*rank));

    for (uint32_t i = 0; rank != NULL && i < r->count[table]; i++)
        rank[r->sorted[table][i].value] = i;
    return rank;
}

static uint64_t tenant_key(const struct resolution *r, uint32_t index)
{
    return DRAFT_AT(r, IMAGE_TENANTS, draft_tenant, index)->entry.name;
}

static uint64_t object_key(const struct resolution *r, uint32_t index)
{
    return DRAFT_AT(r, IMAGE_OBJECTS, draft_object, index)->entry.name;
}

static uint64_t rank_of(const struct resolution *r, uint32_t tenant)
{
    return tenant == IMAGE_NONE ? IMAGE_TENANTS_MAX : r->tenant_rank[tenant];
}

static uint64_t pattern_key(const struct resolution *r, uint32_t index)
{
    const struct image_pattern *p = &DRAFT_AT(r, IMAGE_PATTERNS, draft_pattern, index)->entry;

    return rank_of(r, p->tenant) << 33 | (uint64_t)p->use << 32 | p->text;
}

static uint64_t link_key(const struct resolution *r, uint32_t index)
{
    const struct image_link *l = &DRAFT_AT(r, IMAGE_LINKS, draft_link, index)->entry;

    return rank_of(r, l->tenant) << 33 | (uint64_t)l->kind << 32 | l->name;
}

static uint64_t operator_key(const struct resolution *r, uint32_t index)
{
    const struct image_operator *o = &DRAFT_AT(r, IMAGE_OPERATORS, draft_operator, index)->entry;

    return rank_of(r, o->tenant) << 32 | o->name;
}

static uint64_t guest_key(const struct resolution *r, uint32_t index)
{
    const struct image_guest *g = &DRAFT_AT(r, IMAGE_GUESTS, draft_guest, index)->entry;

    return rank_of(r, g->tenant) << 32 | g->name;
}

static uint64_t share_key(const struct resolution *r, uint32_t index)
{
    const struct draft_pair *pair = DRAFT_AT(r, IMAGE_SHARES, draft_pair, index);

    return rank_of(r, pair->tenant) << 32 | pair->first;
}

static uint64_t conflict_key(const struct resolution *r, uint32_t index)
{
    const struct draft_pair *pair = DRAFT_AT(r, IMAGE_CONFLICTS, draft_pair, index);

    return (uint64_t)pair->first << 32 | pair->second;
}

static uint64_t trusted_key(const struct resolution *r, uint32_t index)
{
    return DRAFT_AT(r, IMAGE_TRUSTED, draft_type, index)->entry.type;
}

static uint64_t stateless_key(const struct resolution *r, uint32_t index)
{
    return DRAFT_AT(r, IMAGE_STATELESS, draft_type, index)->entry.type;
}

/* ---- names */

static uint64_t name_key(const struct resolution *r, enum image_table table, uint32_t place)
{
    return r->sorted[table][place].key & UINT32_MAX;
}

static int unknown(const struct resolution *r, struct source_spot at, const char *what,
                   const char *name, enum image_table table, uint32_t first, uint32_t count)
{
    const char **names = arena_take(r->draft->arena, count, sizeof(*names));
    char message[sizeof(((struct guest_diagnostic *)0)->message)];
    const char *near;

    if (names == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++)
        names[i] = text(r, (image_string)name_key(r, table, first + i));
    near = guest_suggest(name, names, count);
    if (near != NULL)
        (void)text_format(message, sizeof(message), "unknown %s '%s': did you mean '%s'?", what,
                          name, near);
    else
        (void)text_format(message, sizeof(message), "unknown %s '%s': it is declared nowhere%s",
                          what, name, table == IMAGE_GUESTS ? " in this tenant" : "");
    say(r, at, message);
    return 0;
}

/* The place of a name among `count` of a sorted table; IMAGE_NONE after a message. */
static uint32_t look_up(const struct resolution *r, struct source_spot at, const char *what,
                        image_string name, enum image_table table, uint32_t first, uint32_t count)
{
    uint64_t high =
        first < r->count[table] ? r->sorted[table][first].key & ~(uint64_t)UINT32_MAX : 0;
    size_t found = first + sort_find(r->sorted[table] + first, count, high | name);

    if (found < (size_t)first + count && r->sorted[table][found].key == (high | name))
        return (uint32_t)found;
    if (!full(r) && unknown(r, at, what, text(r, name), table, first, count) < 0)
        say(r, at, "there is no memory for this policy's names");
    return IMAGE_NONE;
}

static uint32_t tenant_named(const struct resolution *r, struct source_spot at, image_string name)
{
    return look_up(r, at, "tenant", name, IMAGE_TENANTS, 0, r->count[IMAGE_TENANTS]);
}

static void resolve_shares(const struct resolution *r)
{
    for (uint32_t i = 0; i < draft_entries(r, IMAGE_SHARES); i++) {
        struct draft_pair *pair = DRAFT_AT(r, IMAGE_SHARES, draft_pair, i);

        pair->first = look_up(r, pair->first_at, "object", pair->first, IMAGE_OBJECTS, 0,
                              r->count[IMAGE_OBJECTS]);
    }
}

/* Two tenants. `order`: the smaller one first. False after a message. */
static bool resolve_tenants(const struct resolution *r, struct draft_pair *pair, const char *what,
                            bool order)
{
    uint32_t a = tenant_named(r, pair->first_at, pair->first);
    uint32_t b = tenant_named(r, pair->second_at, pair->second);

    if (a == IMAGE_NONE || b == IMAGE_NONE)
        return false;
    if (a == b) {
        say(r, pair->second_at, what);
        return false;
    }
    pair->first = order && b < a ? b : a;
    pair->second = order && b < a ? a : b;
    return true;
}

/* The guest of that name of a tenant of the draft; IMAGE_NONE after a message. */
static uint32_t guest_named(const struct resolution *r, struct source_spot at, uint32_t of,
                            image_string name)
{
    uint64_t tenant = r->tenant_rank[of] & (uint64_t)UINT32_MAX;
    const struct sort_pair *guests = r->sorted[IMAGE_GUESTS];
    size_t first = sort_find(guests, r->count[IMAGE_GUESTS], tenant << 32);
    size_t end = sort_find(guests, r->count[IMAGE_GUESTS], (tenant + 1) << 32);

    /* A tenant without guests has no place in the table: its names are nobody's. */
    return look_up(r, at, "guest", name, IMAGE_GUESTS, (uint32_t)first, (uint32_t)(end - first));
}

static void resolve_channels(const struct resolution *r)
{
    for (uint32_t i = 0; i < draft_entries(r, IMAGE_CHANNELS); i++) {
        struct draft_pair *pair = DRAFT_AT(r, IMAGE_CHANNELS, draft_pair, i);

        pair->first = guest_named(r, pair->first_at, pair->tenant, pair->first);
        pair->second = guest_named(r, pair->second_at, pair->tenant, pair->second);
        if (pair->first != IMAGE_NONE && pair->first == pair->second)
            say(r, pair->second_at, "a guest needs no channel to itself: name another");
    }
}

static void resolve_attests(const struct resolution *r)
{
    struct source_spot said = {0};

    for (uint32_t i = 0; i < draft_entries(r, IMAGE_ATTESTS) && !full(r); i++) {
        struct draft_attest *attest = DRAFT_AT(r, IMAGE_ATTESTS, draft_attest, i);
        struct source_spot at = attest->guest_at;

        if (attest->entry.guest == 0) {
            attest->entry.guest = IMAGE_NONE;
        } else if (said.line != 0 && said.line == at.line && said.column == at.column &&
                   said.source == at.source && said.from == at.from) {
            continue; /* of a block whose name is nobody's, which was said */
        } else {
            attest->entry.guest = guest_named(r, at, attest->entry.tenant, attest->entry.guest);
            if (attest->entry.guest == IMAGE_NONE)
                said = at;
        }
    }
}

/* ---- duplicates */

static void quoted(char *to, size_t size, const char *what, const char *name, const char *rest)
{
    char shown[SHOWN];

    (void)text_format(to, size, "%s%s%s'%s' %s", what, what[0] != '\0' ? " " : "", "",
                      text_escape(shown, sizeof(shown), name), rest);
}

/* Entries of one key, told of with `what` "name" `rest`: `advice`. */
struct duplicates {
    enum image_table table;
    const char *what, *rest, *advice;
    struct source_spot (*at)(const struct resolution *r, uint32_t index);
};

#define SPOT_OF(name, table, type)                                                                 \
    static struct source_spot name(const struct resolution *r, uint32_t index)                     \
    {                                                                                              \
        return DRAFT_AT(r, table, type, index)->at;                                                \
    }
SPOT_OF(tenant_at, IMAGE_TENANTS, draft_tenant)
SPOT_OF(object_at, IMAGE_OBJECTS, draft_object)
SPOT_OF(pattern_at, IMAGE_PATTERNS, draft_pattern)
SPOT_OF(link_at, IMAGE_LINKS, draft_link)
SPOT_OF(operator_at, IMAGE_OPERATORS, draft_operator)
SPOT_OF(trusted_at, IMAGE_TRUSTED, draft_type)
SPOT_OF(stateless_at, IMAGE_STATELESS, draft_type)

static void find_duplicates(const struct resolution *r, const struct duplicates *kind)
{
    for (uint32_t i = 1; i < r->count[kind->table] && !full(r); i++) {
        const struct sort_pair *pair = &r->sorted[kind->table][i];
        char message[160];

        if (!again(r, kind->table, i))
            continue;
        quoted(message, sizeof(message), kind->what,
               text(r, (image_string)name_key(r, kind->table, i)), kind->rest);
        twice(r, kind->at(r, (uint32_t)pair[-1].value), kind->at(r, (uint32_t)pair->value), message,
              kind->advice);
    }
}

static void duplicate_guests(const struct resolution *r)
{
    for (uint32_t i = 1; i < r->count[IMAGE_GUESTS] && !full(r); i++) {
        const struct sort_pair *pair = &r->sorted[IMAGE_GUESTS][i];
        const struct draft_guest *a = DRAFT_AT(r, IMAGE_GUESTS, draft_guest, pair[-1].value);
        const struct draft_guest *b = DRAFT_AT(r, IMAGE_GUESTS, draft_guest, pair->value);
        const char *tenant;
        char message[200];

        if (!again(r, IMAGE_GUESTS, i))
            continue;
        tenant = text(r, DRAFT_AT(r, IMAGE_TENANTS, draft_tenant, b->entry.tenant)->entry.name);
        (void)text_format(message, sizeof(message), "tenant '%s' has a guest '%s' already", tenant,
                          text(r, b->entry.name));
        twice(r, a->at, b->at, message, "rename one");
    }
}

static void duplicate_pairs(const struct resolution *r, enum image_table table, const char *what)
{
    for (uint32_t i = 1; i < r->count[table] && !full(r); i++) {
        const struct sort_pair *pair = &r->sorted[table][i];

        if (again(r, table, i))
            twice(r, DRAFT_AT(r, table, draft_pair, pair[-1].value)->at,
                  DRAFT_AT(r, table, draft_pair, pair->value)->at, what, "keep one");
    }
}

static void duplicate_shares(const struct resolution *r)
{
    for (uint32_t i = 1; i < r->count[IMAGE_SHARES] && !full(r); i++) {
        const struct sort_pair *pair = &r->sorted[IMAGE_SHARES][i];
        const struct draft_pair *b = DRAFT_AT(r, IMAGE_SHARES, draft_pair, pair->value);
        char message[160];

        if (!again(r, IMAGE_SHARES, i))
            continue;
        quoted(message, sizeof(message), "object",
               text(r, (image_string)name_key(r, IMAGE_OBJECTS, b->first)), "is shared twice");
        twice(r, DRAFT_AT(r, IMAGE_SHARES, draft_pair, pair[-1].value)->at, b->at, message,
              "keep one");
    }
}

/* ---- channels and assertions: their keys take more than one look */

static int sort_channels(struct resolution *r)
{
    uint32_t count = draft_entries(r, IMAGE_CHANNELS);
    struct sort_pair *pairs = arena_take(r->draft->arena, count, sizeof(*pairs));
    struct sort_pair *spare = arena_take(r->draft->arena, count, sizeof(*spare));

    if (pairs == NULL || spare == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++)
        pairs[i] =
            (struct sort_pair){.key = DRAFT_AT(r, IMAGE_CHANNELS, draft_pair, i)->port, .value = i};
    sort_pairs(pairs, spare, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct draft_pair *pair = DRAFT_AT(r, IMAGE_CHANNELS, draft_pair, pairs[i].value);

        pairs[i].key = (uint64_t)pair->first << 32 | pair->second;
    }
    sort_pairs(pairs, spare, count);
    r->sorted[IMAGE_CHANNELS] = pairs;
    r->count[IMAGE_CHANNELS] = count;
    for (uint32_t i = 1; i < count && !full(r); i++) {
        const struct draft_pair *a = DRAFT_AT(r, IMAGE_CHANNELS, draft_pair, pairs[i - 1].value);
        const struct draft_pair *b = DRAFT_AT(r, IMAGE_CHANNELS, draft_pair, pairs[i].value);

        if (pairs[i].key == pairs[i - 1].key && a->port == b->port)
            twice(r, a->at, b->at, "this channel is there twice", "keep one");
    }
    return 0;
}

static int sort_attests(struct resolution *r)
{
    uint32_t count = draft_entries(r, IMAGE_ATTESTS);
    struct sort_pair *pairs = arena_take(r->draft->arena, count, sizeof(*pairs));
    struct sort_pair *spare = arena_take(r->draft->arena, count, sizeof(*spare));

    if (pairs == NULL || spare == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        const struct image_attest *a = &DRAFT_AT(r, IMAGE_ATTESTS, draft_attest, i)->entry;

        pairs[i] = (struct sort_pair){.key = (uint64_t)a->number << 32 | a->text, .value = i};
    }
    sort_pairs(pairs, spare, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct image_attest *a =
            &DRAFT_AT(r, IMAGE_ATTESTS, draft_attest, pairs[i].value)->entry;
        /* What is a tenant's comes behind what is its guests'. */
        uint64_t guest = a->guest == IMAGE_NONE ? IMAGE_GUESTS_MAX : a->guest;

        pairs[i].key = rank_of(r, a->tenant) << 32 | guest << 8 | a->clause;
    }
    sort_pairs(pairs, spare, count);
    r->sorted[IMAGE_ATTESTS] = pairs;
    r->count[IMAGE_ATTESTS] = count;
    return 0;
}

/* Of one guest or tenant: what is said again, and what leaves no room for another value. */
static void duplicate_attests(const struct resolution *r)
{
    const struct sort_pair *pairs = r->sorted[IMAGE_ATTESTS];

    for (uint32_t i = 1; i < r->count[IMAGE_ATTESTS] && !full(r); i++) {
        const struct draft_attest *a = DRAFT_AT(r, IMAGE_ATTESTS, draft_attest, pairs[i - 1].value);
        const struct draft_attest *b = DRAFT_AT(r, IMAGE_ATTESTS, draft_attest, pairs[i].value);

        if (pairs[i].key != pairs[i - 1].key)
            continue;
        if (a->entry.clause == IMAGE_ATTEST_GENERATION || a->entry.clause == IMAGE_ATTEST_LIFETIME)
            twice(r, a->at, b->at, "this clause is given twice", "keep one");
        else if (a->entry.clause == IMAGE_ATTEST_EVENTS && a->entry.text == 0)
            twice(r, a->at, b->at, "'events none' is contradicted", "keep one");
        else if (a->entry.number == b->entry.number && a->entry.text == b->entry.text)
            twice(r, a->at, b->at, "this value is given twice", "keep one");
    }
}

/* In one direction, the other, or both: what an assertion says of the smaller tenant first. */
static uint32_t directions(const struct draft_pair *pair)
{
    if (pair->detail != 0)
        return 3;
    return pair->first < pair->second ? 1 : 2;
}

static uint64_t assertion_key(const struct resolution *r, uint32_t index)
{
    const struct draft_pair *pair = DRAFT_AT(r, IMAGE_ASSERTIONS, draft_pair, index);
    bool order = pair->first < pair->second;

    return (uint64_t)(order ? pair->first : pair->second) << 32 |
           (order ? pair->second : pair->first);
}

/* Statements about the same two tenants become one, unless one says again what another said. */
static void merge_assertions(struct resolution *r)
{
    struct sort_pair *pairs = r->sorted[IMAGE_ASSERTIONS];
    uint32_t kept = 0;

    for (uint32_t i = 0; i < draft_entries(r, IMAGE_ASSERTIONS) && !full(r); i++) {
        struct draft_pair *pair = DRAFT_AT(r, IMAGE_ASSERTIONS, draft_pair, pairs[i].value);
        struct draft_pair *before =
            kept > 0 && pairs[kept - 1].key == pairs[i].key
                ? DRAFT_AT(r, IMAGE_ASSERTIONS, draft_pair, pairs[kept - 1].value)
                : NULL;
        uint32_t said = before != NULL ? directions(before) : 0;

        if ((said & directions(pair)) != 0) {
            twice(r, before->at, pair->at, "this is asserted already", "keep one");
        } else if (before != NULL) {
            before->detail = 1;
        } else {
            pairs[kept++] = pairs[i];
        }
    }
    for (uint32_t i = 0; i < kept; i++) {
        struct draft_pair *pair = DRAFT_AT(r, IMAGE_ASSERTIONS, draft_pair, pairs[i].value);

        if (pair->detail != 0) {
            pair->first = (uint32_t)(pairs[i].key >> 32);
            pair->second = (uint32_t)pairs[i].key;
        }
        pairs[i].key = (uint64_t)pair->first << 32 | pair->second;
    }
    r->count[IMAGE_ASSERTIONS] = kept;
}

/* ---- all of it */

static int sort_named(struct resolution *r)
{
    int status = sort_table(r, IMAGE_TENANTS, tenant_key);

    if (status == 0)
        status = sort_table(r, IMAGE_OBJECTS, object_key);
    if (status < 0)
        return status;
    r->tenant_rank = ranks(r, IMAGE_TENANTS);
    if (r->tenant_rank == NULL)
        return -ENOMEM;
    status = sort_table(r, IMAGE_GUESTS, guest_key);
    if (status < 0)
        return status;
    r->guest_rank = ranks(r, IMAGE_GUESTS);
    return r->guest_rank != NULL ? 0 : -ENOMEM;
}

static void duplicate_named(const struct resolution *r)
{
    static const struct duplicates kinds[] = {
        {IMAGE_TENANTS, "tenant", "is there twice", "put its statements into one block", tenant_at},
        {IMAGE_OBJECTS, "object", "is there twice", "rename one", object_at},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        find_duplicates(r, &kinds[i]);
    duplicate_guests(r);
}

static void resolve_names(const struct resolution *r)
{
    resolve_shares(r);
    for (uint32_t i = 0; i < draft_entries(r, IMAGE_CONFLICTS); i++)
        (void)resolve_tenants(r, DRAFT_AT(r, IMAGE_CONFLICTS, draft_pair, i),
                              "a tenant is in no conflict with itself: name another", true);
    for (uint32_t i = 0; i < draft_entries(r, IMAGE_ASSERTIONS); i++)
        (void)resolve_tenants(r, DRAFT_AT(r, IMAGE_ASSERTIONS, draft_pair, i),
                              "a tenant always has a flow to itself: name another", false);
    resolve_channels(r);
    resolve_attests(r);
}

static int sort_rest(struct resolution *r)
{
    static const struct {
        enum image_table table;
        key_of *key;
    } tables[] = {
        {IMAGE_PATTERNS, pattern_key},   {IMAGE_SHARES, share_key},
        {IMAGE_LINKS, link_key},         {IMAGE_OPERATORS, operator_key},
        {IMAGE_CONFLICTS, conflict_key}, {IMAGE_ASSERTIONS, assertion_key},
        {IMAGE_TRUSTED, trusted_key},    {IMAGE_STATELESS, stateless_key},
    };
    int status = 0;

    for (size_t i = 0; status == 0 && i < sizeof(tables) / sizeof(tables[0]); i++)
        status = sort_table(r, tables[i].table, tables[i].key);
    if (status == 0)
        status = sort_attests(r);
    return status == 0 ? sort_channels(r) : status;
}

static void duplicate_rest(struct resolution *r)
{
    static const struct duplicates kinds[] = {
        {IMAGE_PATTERNS, "", "is given twice", "keep one", pattern_at},
        {IMAGE_LINKS, "interface", "is given twice", "keep one", link_at},
        {IMAGE_OPERATORS, "operator", "is given twice", "keep one", operator_at},
        {IMAGE_TRUSTED, "trusted type", "is there twice", "keep one", trusted_at},
        {IMAGE_STATELESS, "stateless type", "is there twice", "keep one", stateless_at},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        find_duplicates(r, &kinds[i]);
    duplicate_shares(r);
    duplicate_pairs(r, IMAGE_CONFLICTS, "this conflict is there twice");
    duplicate_attests(r);
    merge_assertions(r);
}

int draft_resolve(struct resolution *r)
{
    int status = draft_strings(r);

    if (status == 0)
        status = sort_named(r);
    if (status < 0)
        return status;
    duplicate_named(r);
    if (r->list->count == 0)
        resolve_names(r);
    if (r->list->count > 0)
        return 0;
    status = sort_rest(r);
    if (status == 0)
        duplicate_rest(r);
    return status;
}
