/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "policy/image_rules.h"
#include "policy/pattern.h"
#include "policy/sort.h"

/* Rules about guests: what each uses is its tenant's, no two use one thing, the sums fit. */
#define SHOWN 56

static const struct image_guest *guest_at(const struct image_rules *rules, uint32_t index)
{
    return &image_guests(rules->image)[index];
}

static const char *name_of(const struct image_rules *rules, uint32_t guest)
{
    return image_text(rules->image, guest_at(rules, guest)->name);
}

static const char *tenant_of(const struct image_rules *rules, uint32_t guest)
{
    return image_tenant_name(rules->image, guest_at(rules, guest)->tenant);
}

/* The first pattern of that use, for a message; NULL when there is none. */
static const char *example(const struct image *image, struct image_range range, uint32_t use)
{
    for (uint32_t i = range.first; i < range.first + range.count; i++) {
        if (image_patterns(image)[i].use == use)
            return image_text(image, image_patterns(image)[i].text);
    }
    return NULL;
}

static void outside(const struct image_rules *rules, uint32_t guest, const char *what,
                    const char *path, struct source_spot at, bool kernel)
{
    const struct image *image = rules->image;
    struct image_range mine = image_tenants(image)[guest_at(rules, guest)->tenant].patterns;
    const char *pattern = example(image, mine, IMAGE_PATTERN_DISK), *tenant;
    char shown[SHOWN], allowed[SHOWN];
    struct guest_diagnostic d;

    tenant = tenant_of(rules, guest);
    if (pattern == NULL && kernel)
        pattern = example(image, mine, IMAGE_PATTERN_KERNEL);
    if (pattern == NULL && kernel)
        pattern = example(image, image->host_patterns, IMAGE_PATTERN_KERNEL);
    (void)text_escape(shown, sizeof(shown), path);
    if (path_check(what, path, &d) < 0)
        image_rules_say(rules, at, "%s", d.message);
    else if (pattern == NULL)
        image_rules_say(rules, at,
                        "%s '%s' is outside of tenant '%s': say where its files are, as in disk "
                        "\"/srv/%s/**\"",
                        what, shown, tenant, tenant);
    else
        image_rules_say(rules, at,
                        "%s '%s' is outside of tenant '%s': put it under '%s', or add a pattern",
                        what, shown, tenant, text_escape(allowed, sizeof(allowed), pattern));
}

/* A disk of nobody's: say whether it is an object that the tenant forgot to share. */
static void foreign_disk(const struct image_rules *rules, uint32_t guest, uint32_t index)
{
    const struct image *image = rules->image;
    image_string path = image_disks(image)[index].path;
    struct source_spot at = image_rules_spot(rules, IMAGE_DISKS, index, IMAGE_AT_ENTRY);

    for (uint32_t i = 0; i < image_count(image, IMAGE_OBJECTS); i++) {
        const char *name = image_text(image, image_objects(image)[i].name);

        if (image_objects(image)[i].path != path)
            continue;
        image_rules_say(rules, at,
                        "this disk is object '%s', which tenant '%s' does not share: add 'share "
                        "%s;' to the tenant",
                        name, tenant_of(rules, guest), name);
        return;
    }
    outside(rules, guest, "disk", image_text(image, path), at, false);
}

static void boot_file(const struct image_rules *rules, uint32_t guest, const char *what,
                      image_string string, enum image_field field)
{
    const char *path = image_text(rules->image, string);

    if (path[0] != '\0' &&
        !image_file_allowed(rules->image, guest_at(rules, guest)->tenant, true, path))
        outside(rules, guest, what, path, image_rules_spot(rules, IMAGE_GUESTS, guest, field),
                true);
}

static void files(const struct image_rules *rules, uint32_t index)
{
    const struct image *image = rules->image;
    const struct image_guest *guest = guest_at(rules, index);

    boot_file(rules, index, "kernel", guest->kernel, IMAGE_AT_KERNEL);
    boot_file(rules, index, "initrd", guest->initrd, IMAGE_AT_INITRD);
    for (uint32_t i = 0; i < guest->disks.count; i++) {
        const struct image_disk *disk = &image_disks(image)[guest->disks.first + i];

        if (disk->object == IMAGE_NONE &&
            !image_file_allowed(image, guest->tenant, false, image_text(image, disk->path)))
            foreign_disk(rules, index, guest->disks.first + i);
        else if (disk->object != IMAGE_NONE && disk->readonly == 0)
            image_rules_say(
                rules, image_rules_spot(rules, IMAGE_DISKS, guest->disks.first + i, IMAGE_AT_ENTRY),
                "this disk is a shared object: write 'readonly' behind it");
    }
}

static bool has_tap(const struct image *image, uint32_t tenant, image_string name)
{
    struct image_range range = image_tenants(image)[tenant].links;
    uint32_t low = range.first, high = range.first + range.count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct image_link *link = &image_links(image)[middle];

        if (link->kind == IMAGE_LINK_TAP && link->name == name)
            return true;
        if (link->kind < IMAGE_LINK_TAP || link->name < name)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static void taps(const struct image_rules *rules, uint32_t index)
{
    const struct image *image = rules->image;
    const struct image_guest *guest = guest_at(rules, index);

    for (uint32_t i = guest->nets.first; i < guest->nets.first + guest->nets.count; i++) {
        const char *tap = image_text(image, image_nets(image)[i].tap);

        if (!has_tap(image, guest->tenant, image_nets(image)[i].tap))
            image_rules_say(rules, image_rules_spot(rules, IMAGE_NETS, i, IMAGE_AT_ENTRY),
                            "tap '%s' is outside of tenant '%s': add 'tap %s;' to the tenant", tap,
                            tenant_of(rules, index), tap);
    }
}

/* Entries of one table that two guests have in common. */
struct common {
    struct sort_pair *pairs; /* value: owner << 32 | entry */
    size_t count;
};

static uint32_t owner(const struct sort_pair *pair)
{
    return (uint32_t)(pair->value >> 32);
}

static uint32_t entry(const struct sort_pair *pair)
{
    return (uint32_t)pair->value;
}

/* Neighbours with one key, the one that stands first in the source before the other. */
static void
each_twice(const struct image_rules *rules, const struct common *common, enum image_table table,
           void (*say)(const struct image_rules *rules, const struct sort_pair *first,
                       const struct sort_pair *second, struct source_spot at, const char *beside))
{
    for (size_t i = 1; i < common->count && !image_rules_full(rules); i++) {
        const struct sort_pair *a = &common->pairs[i - 1], *b = &common->pairs[i];
        struct source_spot first = image_rules_spot(rules, table, entry(a), IMAGE_AT_ENTRY);
        struct source_spot second = image_rules_spot(rules, table, entry(b), IMAGE_AT_ENTRY);
        char beside[IMAGE_BESIDE_SIZE];

        if (a->key != b->key)
            continue;
        if (source_spot_later(first, second))
            say(rules, b, a, first, image_rules_beside(rules, second, first, beside));
        else
            say(rules, a, b, second, image_rules_beside(rules, first, second, beside));
    }
}

/*
 * Two guests, one disk: each would keep state of it that the other changes, and its label can be
 * one guest's only. Objects are for reading in common.
 */
static void one_disk(const struct image_rules *rules, const struct sort_pair *first,
                     const struct sort_pair *second, struct source_spot at, const char *beside)
{
    char shown[SHOWN];

    (void)text_escape(shown, sizeof(shown), image_text(rules->image, (image_string)second->key));
    image_rules_say(rules, at,
                    "disk '%s' is used by guest '%s' already%s: give each its own, or declare an "
                    "object",
                    shown, name_of(rules, owner(first)), beside);
}

static void one_tap(const struct image_rules *rules, const struct sort_pair *first,
                    const struct sort_pair *second, struct source_spot at, const char *beside)
{
    image_rules_say(rules, at, "tap '%s' is used by guest '%s' already%s: make one tap per net",
                    image_text(rules->image, (image_string)second->key),
                    name_of(rules, owner(first)), beside);
}

static void one_address(const struct image_rules *rules, const struct sort_pair *first,
                        const struct sort_pair *second, struct source_spot at, const char *beside)
{
    (void)second;
    image_rules_say(rules, at, "guest '%s' has a net with this mac already%s: give each its own",
                    name_of(rules, owner(first)), beside);
}

/* Disks of a guest alone, by path. */
static int disks_by_path(const struct image_rules *rules, struct common *common)
{
    const struct image *image = rules->image;
    uint32_t count = image_count(image, IMAGE_DISKS);
    struct sort_pair *spare = arena_take(rules->arena, count, sizeof(*spare));

    common->pairs = arena_take(rules->arena, count, sizeof(*common->pairs));
    if (common->pairs == NULL || spare == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < image_count(image, IMAGE_GUESTS); i++) {
        struct image_range disks = guest_at(rules, i)->disks;

        for (uint32_t j = disks.first; j < disks.first + disks.count; j++) {
            if (image_disks(image)[j].object == IMAGE_NONE)
                common->pairs[common->count++] = (struct sort_pair){
                    .key = image_disks(image)[j].path, .value = (uint64_t)i << 32 | j};
        }
    }
    sort_pairs(common->pairs, spare, common->count);
    return 0;
}

/* Nets by tap, or those with an address by tenant and address. */
static int nets_by(const struct image_rules *rules, bool address, struct common *common)
{
    const struct image *image = rules->image;
    uint32_t count = image_count(image, IMAGE_NETS);
    struct sort_pair *spare = arena_take(rules->arena, count, sizeof(*spare));

    *common = (struct common){.pairs = arena_take(rules->arena, count, sizeof(*common->pairs))};
    if (common->pairs == NULL || spare == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < image_count(image, IMAGE_GUESTS); i++) {
        struct image_range nets = guest_at(rules, i)->nets;

        for (uint32_t j = nets.first; j < nets.first + nets.count; j++) {
            const struct image_net *net = &image_nets(image)[j];
            uint64_t key = net->tap;

            if (address && net->has_mac == 0)
                continue;
            if (address) {
                key = guest_at(rules, i)->tenant;
                for (size_t byte = 0; byte < sizeof(net->mac); byte++)
                    key = key << 8 | net->mac[byte];
            }
            common->pairs[common->count++] =
                (struct sort_pair){.key = key, .value = (uint64_t)i << 32 | j};
        }
    }
    sort_pairs(common->pairs, spare, common->count);
    return 0;
}

/* A kernel or initrd that is some guest's disk: its content would end up in another's memory. */
static void boots_disk(const struct image_rules *rules, const struct common *disks, uint32_t guest,
                       const char *what, image_string path, enum image_field field)
{
    size_t found = sort_find(disks->pairs, disks->count, path);
    struct source_spot at = image_rules_spot(rules, IMAGE_GUESTS, guest, field), place;
    char shown[SHOWN], beside[IMAGE_BESIDE_SIZE];

    if (path == 0 || found == disks->count || disks->pairs[found].key != path)
        return;
    place = image_rules_spot(rules, IMAGE_DISKS, entry(&disks->pairs[found]), IMAGE_AT_ENTRY);
    image_rules_say(rules, at,
                    "%s '%s' of guest '%s' is a disk of guest '%s'%s: give it a file of its own",
                    what, text_escape(shown, sizeof(shown), image_text(rules->image, path)),
                    name_of(rules, guest), name_of(rules, owner(&disks->pairs[found])),
                    image_rules_beside(rules, place, at, beside));
}

/* One message for each limit of each tenant, at the guest that exceeds it. */
static void sums(const struct image_rules *rules, uint32_t tenant)
{
    const struct image_tenant *t = &image_tenants(rules->image)[tenant];
    const char *name = image_tenant_name(rules->image, tenant);
    uint64_t cpus = 0, memory = 0;

    for (uint32_t i = 0; i < t->guests.count && !image_rules_full(rules); i++) {
        uint32_t index = t->guests.first + i;
        const struct image_guest *guest = guest_at(rules, index);
        uint64_t cpus_before = cpus, memory_before = memory;

        cpus += guest->cpus;
        memory += guest->memory;
        if (t->guests_max != 0 && i == t->guests_max)
            image_rules_say(rules, image_rules_spot(rules, IMAGE_GUESTS, index, IMAGE_AT_ENTRY),
                            "guest '%s' is one more than tenant '%s' may have: its limit is guests "
                            "%u",
                            name_of(rules, index), name, t->guests_max);
        if (t->cpus_max != 0 && cpus > t->cpus_max && cpus_before <= t->cpus_max)
            image_rules_say(rules, image_rules_spot(rules, IMAGE_GUESTS, index, IMAGE_AT_CPUS),
                            "with guest '%s' tenant '%s' has %llu CPUs: its limit is cpus %u",
                            name_of(rules, index), name, (unsigned long long)cpus, t->cpus_max);
        if (t->memory_max != 0 && memory > t->memory_max && memory_before <= t->memory_max)
            image_rules_say(rules, image_rules_spot(rules, IMAGE_GUESTS, index, IMAGE_AT_MEMORY),
                            "with guest '%s' tenant '%s' has %lluM of memory: its limit is memory "
                            "%lluM",
                            name_of(rules, index), name, (unsigned long long)(memory >> 20),
                            (unsigned long long)(t->memory_max >> 20));
    }
}

int image_rules_guests(const struct image_rules *rules)
{
    const struct image *image = rules->image;
    struct common disks = {.count = 0}, nets = {.count = 0};
    int r;

    for (uint32_t i = 0; i < image_count(image, IMAGE_GUESTS) && !image_rules_full(rules); i++) {
        files(rules, i);
        taps(rules, i);
    }
    r = disks_by_path(rules, &disks);
    if (r < 0)
        return r;
    each_twice(rules, &disks, IMAGE_DISKS, one_disk);
    for (uint32_t i = 0; i < image_count(image, IMAGE_GUESTS) && !image_rules_full(rules); i++) {
        boots_disk(rules, &disks, i, "kernel", guest_at(rules, i)->kernel, IMAGE_AT_KERNEL);
        boots_disk(rules, &disks, i, "initrd", guest_at(rules, i)->initrd, IMAGE_AT_INITRD);
    }
    r = nets_by(rules, false, &nets);
    if (r == 0) {
        each_twice(rules, &nets, IMAGE_NETS, one_tap);
        r = nets_by(rules, true, &nets);
    }
    if (r == 0)
        each_twice(rules, &nets, IMAGE_NETS, one_address);
    for (uint32_t i = 0; i < image_count(image, IMAGE_TENANTS); i++)
        sums(rules, i);
    return r;
}
