/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "policy/image_rules.h"
#include "policy/language/compile.h"
#include "policy/language/draft.h"

/* The sorted draft becomes an image. */

#define ENTRY(r, table, type, place)                                                               \
    ((const struct type *)draft_entry((r)->draft, table, sizeof(struct type),                      \
                                      (uint32_t)(r)->sorted[table][place].value))

struct build {
    struct resolution *r;
    struct image *image;
    struct source_spot *spot[IMAGE_TABLES];
    struct compile_guest_spots *guest;
};

/* A table that is written, in contrast to those of image.h. */
static void *table(const struct build *b, enum image_table index)
{
    return (uint8_t *)b->image + b->image->table[index].offset;
}

static uint32_t rank(const struct build *b, uint32_t tenant)
{
    return tenant == IMAGE_NONE ? IMAGE_NONE : b->r->tenant_rank[tenant];
}

/* Places of all tables, and the memory. */
static int lay_out(struct build *b)
{
    struct resolution *r = b->r;
    uint64_t size = sizeof(struct image);
    struct image head = {.magic = IMAGE_MAGIC,
                         .version = IMAGE_VERSION,
                         .mac = r->draft->mac,
                         .on_permissive = r->draft->on_permissive,
                         .audit = r->draft->audit,
                         .host_tpm = r->draft->host_tpm};

    r->count[IMAGE_STRINGS] = r->bytes;
    r->count[IMAGE_DISKS] = (uint32_t)r->draft->list[IMAGE_DISKS].count;
    r->count[IMAGE_NETS] = (uint32_t)r->draft->list[IMAGE_NETS].count;
    for (enum image_table i = IMAGE_STRINGS; i < IMAGE_TABLES; i++) {
        head.table[i] = (struct image_place){.offset = (uint32_t)size, .count = r->count[i]};
        size += ((uint64_t)r->count[i] * image_entry_size(i) + 7) / 8 * 8;
        if (size > IMAGE_SIZE_MAX)
            return -ENOMEM;
        if (i == IMAGE_STRINGS)
            continue;
        b->spot[i] = arena_take(r->draft->arena, r->count[i], sizeof(*b->spot[i]));
    }
    b->guest = arena_take(r->draft->arena, r->count[IMAGE_GUESTS], sizeof(*b->guest));
    b->image = arena_take(r->draft->arena, 1, size);
    if (r->draft->arena->failed)
        return -ENOMEM;
    head.size = size;
    *b->image = head;
    memcpy(table(b, IMAGE_STRINGS), r->strings, r->bytes);
    return 0;
}

static void put_tenants(const struct build *b)
{
    struct image_tenant *to = table(b, IMAGE_TENANTS);

    for (uint32_t i = 0; i < b->r->count[IMAGE_TENANTS]; i++) {
        const struct draft_tenant *from = ENTRY(b->r, IMAGE_TENANTS, draft_tenant, i);

        to[i] = from->entry;
        b->spot[IMAGE_TENANTS][i] = from->at;
    }
}

static void put_objects(const struct build *b)
{
    struct image_object *to = table(b, IMAGE_OBJECTS);

    for (uint32_t i = 0; i < b->r->count[IMAGE_OBJECTS]; i++) {
        const struct draft_object *from = ENTRY(b->r, IMAGE_OBJECTS, draft_object, i);

        to[i] = from->entry;
        b->spot[IMAGE_OBJECTS][i] = from->at;
    }
}

static void put_patterns(const struct build *b)
{
    struct image_pattern *to = table(b, IMAGE_PATTERNS);

    for (uint32_t i = 0; i < b->r->count[IMAGE_PATTERNS]; i++) {
        const struct draft_pattern *from = ENTRY(b->r, IMAGE_PATTERNS, draft_pattern, i);

        to[i] = from->entry;
        to[i].tenant = rank(b, from->entry.tenant);
        b->spot[IMAGE_PATTERNS][i] = from->at;
    }
}

static void put_links(const struct build *b)
{
    struct image_link *to = table(b, IMAGE_LINKS);

    for (uint32_t i = 0; i < b->r->count[IMAGE_LINKS]; i++) {
        const struct draft_link *from = ENTRY(b->r, IMAGE_LINKS, draft_link, i);

        to[i] = from->entry;
        to[i].tenant = rank(b, from->entry.tenant);
        b->spot[IMAGE_LINKS][i] = from->at;
    }
}

static void put_operators(const struct build *b)
{
    struct image_operator *to = table(b, IMAGE_OPERATORS);

    for (uint32_t i = 0; i < b->r->count[IMAGE_OPERATORS]; i++) {
        const struct draft_operator *from = ENTRY(b->r, IMAGE_OPERATORS, draft_operator, i);

        to[i] = from->entry;
        to[i].tenant = rank(b, from->entry.tenant);
        b->spot[IMAGE_OPERATORS][i] = from->at;
    }
}

static void put_types(const struct build *b, enum image_table which)
{
    struct image_type *to = table(b, which);

    for (uint32_t i = 0; i < b->r->count[which]; i++) {
        const struct draft_type *from = ENTRY(b->r, which, draft_type, i);

        to[i] = from->entry;
        b->spot[which][i] = from->at;
    }
}

static void put_pairs(const struct build *b)
{
    struct image_share *share = table(b, IMAGE_SHARES);
    struct image_conflict *conflict = table(b, IMAGE_CONFLICTS);
    struct image_channel *channel = table(b, IMAGE_CHANNELS);
    struct image_assertion *assertion = table(b, IMAGE_ASSERTIONS);
    static const enum image_table tables[] = {IMAGE_SHARES, IMAGE_CONFLICTS, IMAGE_CHANNELS,
                                              IMAGE_ASSERTIONS};

    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        for (uint32_t i = 0; i < b->r->count[tables[t]]; i++) {
            const struct draft_pair *from = ENTRY(b->r, tables[t], draft_pair, i);

            b->spot[tables[t]][i] = from->at;
            if (tables[t] == IMAGE_SHARES)
                share[i] = (struct image_share){rank(b, from->tenant), from->first};
            else if (tables[t] == IMAGE_CONFLICTS)
                conflict[i] = (struct image_conflict){from->first, from->second, from->detail};
            else if (tables[t] == IMAGE_CHANNELS)
                channel[i] = (struct image_channel){.tenant = rank(b, from->tenant),
                                                    .from = from->first,
                                                    .to = from->second,
                                                    .kind = IMAGE_CHANNEL_VSOCK,
                                                    .port = from->port};
            else
                assertion[i] = (struct image_assertion){from->first, from->second, from->detail};
        }
    }
}

static void put_attests(const struct build *b)
{
    struct image_attest *to = table(b, IMAGE_ATTESTS);

    for (uint32_t i = 0; i < b->r->count[IMAGE_ATTESTS]; i++) {
        const struct draft_attest *from = ENTRY(b->r, IMAGE_ATTESTS, draft_attest, i);

        to[i] = from->entry;
        to[i].tenant = rank(b, from->entry.tenant);
        b->spot[IMAGE_ATTESTS][i] = from->at;
    }
}

/* Each table's entries of a tenant follow one another. */
static void put_ranges(const struct build *b)
{
    struct image_tenant *tenants = table(b, IMAGE_TENANTS);
    const uint32_t *count = b->r->count;
    uint32_t p = 0, s = 0, l = 0, o = 0, c = 0, g = 0, a = 0;

#define RANGE(field, at, table, of)                                                                \
    do {                                                                                           \
        tenants[i].field.first = (at);                                                             \
        while ((at) < count[table] && (of)(b->image)[at].tenant == i)                              \
            (at)++;                                                                                \
        tenants[i].field.count = (at)-tenants[i].field.first;                                      \
    } while (0)
    for (uint32_t i = 0; i < count[IMAGE_TENANTS]; i++) {
        RANGE(patterns, p, IMAGE_PATTERNS, image_patterns);
        RANGE(shares, s, IMAGE_SHARES, image_shares);
        RANGE(links, l, IMAGE_LINKS, image_links);
        RANGE(operators, o, IMAGE_OPERATORS, image_operators);
        RANGE(channels, c, IMAGE_CHANNELS, image_channels);
        RANGE(guests, g, IMAGE_GUESTS, image_guests);
        RANGE(attests, a, IMAGE_ATTESTS, image_attests);
    }
#undef RANGE
    b->image->host_patterns = (struct image_range){p, count[IMAGE_PATTERNS] - p};
}

/* A guest has a TPM where the host has one to bind it to, or where its tenant wants it measured. */
static bool has_tpm_unsaid(const struct build *b, uint32_t tenant)
{
    return b->r->draft->host_tpm != 0 ||
           DRAFT_AT(b->r, IMAGE_TENANTS, draft_tenant, tenant)->entry.attest != 0;
}

static void put_guests(const struct build *b)
{
    struct image_guest *to = table(b, IMAGE_GUESTS);
    struct image_disk *disks = table(b, IMAGE_DISKS);
    struct image_net *nets = table(b, IMAGE_NETS);
    const struct draft *draft = b->r->draft;
    uint32_t disk = 0, net = 0;

    for (uint32_t i = 0; i < b->r->count[IMAGE_GUESTS]; i++) {
        const struct draft_guest *from = ENTRY(b->r, IMAGE_GUESTS, draft_guest, i);
        struct image_range d = from->entry.disks, n = from->entry.nets;

        to[i] = from->entry;
        to[i].tenant = rank(b, from->entry.tenant);
        if (!from->tpm_stated && has_tpm_unsaid(b, from->entry.tenant))
            to[i].flags |= IMAGE_GUEST_TPM;
        to[i].disks.first = disk;
        to[i].nets.first = net;
        b->spot[IMAGE_GUESTS][i] = from->at;
        b->guest[i] = (struct compile_guest_spots){from->kernel_at, from->initrd_at, from->cpus_at,
                                                   from->memory_at};
        for (uint32_t j = d.first; j < d.first + d.count; j++, disk++) {
            const struct draft_disk *one = draft_entry(draft, IMAGE_DISKS, sizeof(*one), j);

            disks[disk] = one->entry;
            b->spot[IMAGE_DISKS][disk] = one->at;
        }
        for (uint32_t j = n.first; j < n.first + n.count; j++, net++) {
            const struct draft_net *one = draft_entry(draft, IMAGE_NETS, sizeof(*one), j);

            nets[net] = one->entry;
            b->spot[IMAGE_NETS][net] = one->at;
        }
    }
}

/* Which disks are objects. */
static int put_objects_of_disks(const struct build *b)
{
    const struct image *image = b->image;
    const struct sort_pair *by_path = image_objects_by_path(image, b->r->draft->arena);
    uint32_t objects = image_count(image, IMAGE_OBJECTS);
    struct image_disk *disks = table(b, IMAGE_DISKS);

    if (by_path == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < image_count(image, IMAGE_GUESTS); i++) {
        const struct image_guest *guest = &image_guests(image)[i];

        for (uint32_t j = guest->disks.first; j < guest->disks.first + guest->disks.count; j++) {
            size_t found = sort_find(by_path, objects, disks[j].path);

            if (found < objects && by_path[found].key == disks[j].path &&
                image_shares_object(image, guest->tenant, (uint32_t)by_path[found].value))
                disks[j].object = (uint32_t)by_path[found].value;
        }
    }
    return 0;
}

int draft_build(struct resolution *r)
{
    struct build b = {.r = r};
    int status = lay_out(&b);

    if (status < 0)
        return status;
    put_tenants(&b);
    put_objects(&b);
    put_patterns(&b);
    put_links(&b);
    put_operators(&b);
    put_types(&b, IMAGE_TRUSTED);
    put_types(&b, IMAGE_STATELESS);
    put_pairs(&b);
    put_guests(&b);
    put_attests(&b);
    put_ranges(&b);
    status = put_objects_of_disks(&b);
    if (status < 0)
        return status;
    for (size_t i = 0; i < IMAGE_TABLES; i++)
        r->result->spot[i] = b.spot[i];
    r->result->guest = b.guest;
    r->result->image = b.image;
    return 0;
}
