/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/image.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "policy/pattern.h"

/* An image is mapped, copied and hashed as it is: no record may have padding to leave unset. */
_Static_assert(sizeof(struct image_tenant) == 32 + 7 * 8, "no padding");
_Static_assert(sizeof(struct image_attest) == 20, "no padding");
_Static_assert(sizeof(struct image_guest) == 40 + 16 + 16, "no padding");
_Static_assert(sizeof(struct image_disk) == 16 && sizeof(struct image_net) == 16, "no padding");
_Static_assert(sizeof(struct image_channel) == 20 && sizeof(struct image_link) == 12, "no padding");
_Static_assert(sizeof(struct image) == 48 + 8 * IMAGE_TABLES, "no padding");

size_t image_entry_size(enum image_table table)
{
    static const size_t sizes[IMAGE_TABLES] = {
        [IMAGE_STRINGS] = 1,
        [IMAGE_TENANTS] = sizeof(struct image_tenant),
        [IMAGE_OBJECTS] = sizeof(struct image_object),
        [IMAGE_PATTERNS] = sizeof(struct image_pattern),
        [IMAGE_SHARES] = sizeof(struct image_share),
        [IMAGE_LINKS] = sizeof(struct image_link),
        [IMAGE_OPERATORS] = sizeof(struct image_operator),
        [IMAGE_CONFLICTS] = sizeof(struct image_conflict),
        [IMAGE_CHANNELS] = sizeof(struct image_channel),
        [IMAGE_ASSERTIONS] = sizeof(struct image_assertion),
        [IMAGE_TRUSTED] = sizeof(struct image_type),
        [IMAGE_STATELESS] = sizeof(struct image_type),
        [IMAGE_GUESTS] = sizeof(struct image_guest),
        [IMAGE_DISKS] = sizeof(struct image_disk),
        [IMAGE_NETS] = sizeof(struct image_net),
        [IMAGE_ATTESTS] = sizeof(struct image_attest),
    };

    return sizes[table];
}

const struct image *image_none(void)
{
    /* The strings' one byte, a NUL, and seven to the next multiple of 8. */
    enum { STRINGS = sizeof(struct image), REST = STRINGS + 8 };
    static const struct {
        struct image image;
        uint64_t strings;
    } none = {.image = {.magic = IMAGE_MAGIC,
                        .version = IMAGE_VERSION,
                        .size = REST,
                        .mac = GUEST_MAC_SELINUX,
                        .table = {[IMAGE_STRINGS] = {STRINGS, 1},
                                  [IMAGE_TENANTS... IMAGE_ATTESTS] = {REST, 0}}}};

    return &none.image;
}

const char *image_tenant_name(const struct image *image, uint32_t tenant)
{
    return tenant == IMAGE_NONE ? "host" : image_text(image, image_tenants(image)[tenant].name);
}

/* Among entries that are sorted by name, which is the field at `field` of each. */
static int find_named(const struct image *image, enum image_table table, size_t field,
                      struct image_range range, const char *name)
{
    const uint8_t *entries = image_entries(image, table);
    uint32_t low = range.first, high = range.first + range.count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        image_string here;
        int order;

        memcpy(&here, entries + middle * image_entry_size(table) + field, sizeof(here));
        order = strcmp(name, image_text(image, here));

        if (order == 0)
            return (int)middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -ENOENT;
}

int image_find_tenant(const struct image *image, const char *tenant)
{
    const struct image_range all = {0, image_count(image, IMAGE_TENANTS)};

    return find_named(image, IMAGE_TENANTS, offsetof(struct image_tenant, name), all, tenant);
}

/* Among one tenant's guests. */
static int find_guest(const struct image *image, struct image_range range, const char *guest)
{
    return find_named(image, IMAGE_GUESTS, offsetof(struct image_guest, name), range, guest);
}

int image_find_guest(const struct image *image, const char *tenant, const char *guest)
{
    const struct image_tenant *tenants = image_tenants(image);
    int found = -ENOENT, index;

    if (tenant != NULL && tenant[0] != '\0') {
        index = image_find_tenant(image, tenant);
        return index < 0 ? index : find_guest(image, tenants[index].guests, guest);
    }
    for (uint32_t i = 0; i < image_count(image, IMAGE_TENANTS); i++) {
        index = find_guest(image, tenants[i].guests, guest);
        if (index >= 0 && found >= 0)
            return -EEXIST;
        if (index >= 0)
            found = index;
    }
    return found;
}

static void expand_disks(const struct image *image, const struct image_guest *guest,
                         struct guest_spec *spec, uint8_t shared[GUEST_DISKS_MAX])
{
    spec->disks = guest->disks.count;
    for (uint32_t i = 0; i < spec->disks; i++) {
        const struct image_disk *disk = &image_disks(image)[guest->disks.first + i];

        (void)text_copy(spec->disk[i].path, sizeof(spec->disk[i].path),
                        image_text(image, disk->path));
        spec->disk[i].readonly = disk->readonly != 0;
        spec->disk[i].queues = (uint8_t)disk->queues;
        if (shared != NULL)
            shared[i] = disk->object != IMAGE_NONE;
    }
}

static void expand_nets(const struct image *image, const struct image_guest *guest,
                        struct guest_spec *spec)
{
    spec->nets = guest->nets.count;
    for (uint32_t i = 0; i < spec->nets; i++) {
        const struct image_net *net = &image_nets(image)[guest->nets.first + i];

        (void)text_copy(spec->net[i].tap, sizeof(spec->net[i].tap), image_text(image, net->tap));
        spec->net[i].has_mac = net->has_mac != 0;
        memcpy(spec->net[i].mac, net->mac, sizeof(spec->net[i].mac));
        spec->net[i].pairs = (uint8_t)net->pairs;
    }
}

void image_guest(const struct image *image, uint32_t index, struct guest_spec *spec,
                 uint8_t shared[GUEST_DISKS_MAX])
{
    const struct image_guest *guest = &image_guests(image)[index];

    guest_spec_init(spec);
    if (shared != NULL)
        memset(shared, 0, GUEST_DISKS_MAX);
    (void)text_copy(spec->name, sizeof(spec->name), image_text(image, guest->name));
    (void)text_copy(spec->kernel, sizeof(spec->kernel), image_text(image, guest->kernel));
    (void)text_copy(spec->initrd, sizeof(spec->initrd), image_text(image, guest->initrd));
    (void)text_copy(spec->cmdline, sizeof(spec->cmdline), image_text(image, guest->cmdline));
    spec->cpus = guest->cpus;
    spec->cpu = guest->cpu;
    spec->irqchip = guest->irqchip;
    spec->memory = guest->memory;
    spec->io_limit = guest->io_limit;
    spec->mac = image->mac;
    spec->rng = (guest->flags & IMAGE_GUEST_RNG) != 0;
    spec->tpm = (guest->flags & IMAGE_GUEST_TPM) != 0;
    spec->no_reboot = (guest->flags & IMAGE_GUEST_NO_REBOOT) != 0;
    spec->huge_pages = (guest->flags & IMAGE_GUEST_HUGE_PAGES) != 0;
    expand_disks(image, guest, spec, shared);
    expand_nets(image, guest, spec);
}

int image_shared_object(const struct image *image, uint32_t tenant, const char *path)
{
    struct image_range range = image_tenants(image)[tenant].shares;

    for (uint32_t i = range.first; i < range.first + range.count; i++) {
        uint32_t object = image_shares(image)[i].object;

        if (strcmp(image_text(image, image_objects(image)[object].path), path) == 0)
            return (int)object;
    }
    return -ENOENT;
}

static bool range_allows(const struct image *image, struct image_range range, bool kernel,
                         const char *path)
{
    for (uint32_t i = range.first; i < range.first + range.count; i++) {
        const struct image_pattern *pattern = &image_patterns(image)[i];

        if ((kernel || pattern->use == IMAGE_PATTERN_DISK) &&
            pattern_matches(image_text(image, pattern->text), path))
            return true;
    }
    return false;
}

bool image_file_allowed(const struct image *image, uint32_t tenant, bool kernel, const char *path)
{
    struct guest_diagnostic d;

    /* What is not a plain path must not get as far as being compared as one. */
    if (path_check("file", path, &d) < 0)
        return false;
    return range_allows(image, image_tenants(image)[tenant].patterns, kernel, path) ||
           (kernel && range_allows(image, image->host_patterns, kernel, path));
}

int image_conflict_scope(const struct image *image, uint32_t a, uint32_t b)
{
    const struct image_conflict *conflicts = image_conflicts(image);
    uint32_t low = 0, high = image_count(image, IMAGE_CONFLICTS);
    uint64_t wanted = a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint64_t here = (uint64_t)conflicts[middle].first << 32 | conflicts[middle].second;

        if (here == wanted)
            return (int)conflicts[middle].scope;
        if (wanted < here)
            high = middle;
        else
            low = middle + 1;
    }
    return -ENOENT;
}
