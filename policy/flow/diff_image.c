/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two images compared, tenant by tenant. An edge between tenants is widened by what two of them
 * have in common (an object, an operator) and had not, and by what kept them apart and is gone (a
 * conflict, an assertion), or no longer counts (a type that is trusted, or called stateless).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/flow/diff_internal.h"

#define WHO_MAX 128

/* Lines that say what somebody has, to be compared with those of the other image. */
struct lines {
    char **line;
    size_t count, room;
    int status;
};

static void lines_add(struct lines *lines, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void lines_add(struct lines *lines, const char *format, ...)
{
    va_list arguments;

    if (lines->status != 0)
        return;
    if (lines->count == lines->room) {
        size_t room = lines->room == 0 ? 16 : lines->room * 2;
        char **grown = reallocarray(lines->line, room, sizeof(*grown));

        if (grown == NULL) {
            lines->status = -ENOMEM;
            return;
        }
        lines->line = grown;
        lines->room = room;
    }
    va_start(arguments, format);
    if (vasprintf(&lines->line[lines->count], format, arguments) < 0)
        lines->status = -ENOMEM;
    else
        lines->count++;
    va_end(arguments);
}

static void lines_free(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        free(lines->line[i]);
    free(lines->line);
    *lines = (struct lines){0};
}

static int by_line(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void lines_sort(struct lines *lines)
{
    if (lines->count != 0)
        qsort(lines->line, lines->count, sizeof(*lines->line), by_line);
}

/* What a line of NEW alone, and of OLD alone, means. */
struct meaning {
    enum diff_kind added, removed;
    bool added_between, removed_between;
};

static const struct meaning has = {DIFF_MORE, DIFF_LESS, false, false};
static const struct meaning joins = {DIFF_MORE, DIFF_LESS, true, false};     /* two tenants */
static const struct meaning separates = {DIFF_LESS, DIFF_MORE, false, true}; /* two tenants */
static const struct meaning is = {DIFF_OTHER, DIFF_OTHER, false, false};

/* Both are sorted and freed here. */
static void compare(struct diff *diff, const char *who, struct lines *old, struct lines *new,
                    const struct meaning *meaning)
{
    size_t i = 0, k = 0;

    if (old->status != 0 || new->status != 0)
        diff->status = -ENOMEM;
    lines_sort(old);
    lines_sort(new);
    while (diff->status == 0 && (i < old->count || k < new->count)) {
        int order = i == old->count ? 1 : k == new->count ? -1 : strcmp(old->line[i], new->line[k]);

        if (order < 0)
            diff_add(diff, meaning->removed, meaning->removed_between, who, "no longer: %s",
                     old->line[i++]);
        else if (order > 0)
            diff_add(diff, meaning->added, meaning->added_between, who, "new: %s", new->line[k++]);
        else
            i++, k++;
    }
    lines_free(old);
    lines_free(new);
}

/* ---------------------------------------------------------------- of one tenant */

static void put_number(struct lines *lines, const char *what, uint64_t value, const char *unit)
{
    if (value != 0)
        lines_add(lines, "%s %" PRIu64 "%s", what, value, unit);
}

static void put_limits(const struct image *image, uint32_t t, struct lines *lines)
{
    const struct image_tenant *tenant = &image_tenants(image)[t];

    put_number(lines, "limit of guests", tenant->guests_max, "");
    put_number(lines, "limit of cpus", tenant->cpus_max, "");
    put_number(lines, "limit of memory", tenant->memory_max, " bytes");
    if (tenant->attest)
        lines_add(lines, "attestation is required");
    if (tenant->quarantine_denials != 0 && tenant->quarantine_within != 0)
        lines_add(lines, "quarantine after %" PRIu32 " denials within %" PRIu32 " seconds",
                  tenant->quarantine_denials, tenant->quarantine_within);
    else
        put_number(lines, "quarantine after", tenant->quarantine_denials, " denials");
}

static void put_patterns(const struct image *image, const struct image_range *range,
                         struct lines *lines)
{
    for (uint32_t i = 0; i < range->count; i++) {
        const struct image_pattern *pattern = &image_patterns(image)[range->first + i];

        lines_add(lines, "%s %s", pattern->use == IMAGE_PATTERN_DISK ? "disks" : "kernels",
                  image_text(image, pattern->text));
    }
}

static void put_own(const struct image *image, uint32_t t, struct lines *lines)
{
    const struct image_tenant *tenant = &image_tenants(image)[t];

    put_patterns(image, &tenant->patterns, lines);
    for (uint32_t i = 0; i < tenant->shares.count; i++) {
        const struct image_object *object =
            &image_objects(image)[image_shares(image)[tenant->shares.first + i].object];

        lines_add(lines, "reads object %s, %s", image_text(image, object->name),
                  image_text(image, object->path));
    }
    for (uint32_t i = 0; i < tenant->links.count; i++) {
        const struct image_link *link = &image_links(image)[tenant->links.first + i];

        lines_add(lines, "%s %s", link->kind == IMAGE_LINK_BRIDGE ? "bridge" : "tap",
                  image_text(image, link->name));
    }
    for (uint32_t i = 0; i < tenant->operators.count; i++)
        lines_add(lines, "operator %s",
                  image_text(image, image_operators(image)[tenant->operators.first + i].name));
    for (uint32_t i = 0; i < tenant->channels.count; i++) {
        const struct image_channel *channel = &image_channels(image)[tenant->channels.first + i];

        lines_add(lines, "channel from guest %s to guest %s, port %u",
                  image_text(image, image_guests(image)[channel->from].name),
                  image_text(image, image_guests(image)[channel->to].name), channel->port);
    }
}

/* A guest line by line, each with the guest's name: what differs is told alone. */
static void put_guest(const struct image *image, const struct image_guest *guest,
                      struct lines *lines)
{
    static const char *const kinds[] = {[GUEST_CPU_HOST] = "the host's kind",
                                        [GUEST_CPU_V2] = "x86-64-v2",
                                        [GUEST_CPU_V3] = "x86-64-v3",
                                        [GUEST_CPU_V4] = "x86-64-v4"};
    const char *name = image_text(image, guest->name);

    lines_add(lines, "guest %s: %u cpu%s, %s", name, guest->cpus, guest->cpus == 1 ? "" : "s",
              kinds[guest->cpu]);
    lines_add(lines, "guest %s: memory %" PRIu64 " bytes%s", name, guest->memory,
              guest->flags & IMAGE_GUEST_HUGE_PAGES ? " in huge pages" : "");
    lines_add(lines, "guest %s: kernel %s", name, image_text(image, guest->kernel));
    if (*image_text(image, guest->initrd) != 0)
        lines_add(lines, "guest %s: initrd %s", name, image_text(image, guest->initrd));
    if (*image_text(image, guest->cmdline) != 0)
        lines_add(lines, "guest %s: command line '%s'", name, image_text(image, guest->cmdline));
    if (guest->irqchip == GUEST_IRQCHIP_SPLIT)
        lines_add(lines, "guest %s: split irqchip", name);
    if (guest->io_limit != 0)
        lines_add(lines, "guest %s: %" PRIu64 " bytes per second and disk", name, guest->io_limit);
    if (guest->flags & IMAGE_GUEST_RNG)
        lines_add(lines, "guest %s: rng", name);
    if (guest->flags & IMAGE_GUEST_TPM)
        lines_add(lines, "guest %s: tpm", name);
    if (guest->flags & IMAGE_GUEST_NO_REBOOT)
        lines_add(lines, "guest %s: ends with a reset", name);
    for (uint32_t i = 0; i < guest->disks.count; i++) {
        const struct image_disk *disk = &image_disks(image)[guest->disks.first + i];

        lines_add(lines, "guest %s: disk %u is %s%s, %u queues", name, i,
                  image_text(image, disk->path), disk->readonly ? ", read-only" : "", disk->queues);
    }
    for (uint32_t i = 0; i < guest->nets.count; i++) {
        const struct image_net *net = &image_nets(image)[guest->nets.first + i];

        lines_add(lines, "guest %s: net %u is %s, %u pairs, address %02x:%02x:%02x:%02x:%02x:%02x",
                  name, i, image_text(image, net->tap), net->pairs, net->mac[0], net->mac[1],
                  net->mac[2], net->mac[3], net->mac[4], net->mac[5]);
    }
}

/* What its verifiers are to demand: that is in every digest of the policy, and enforced by none. */
static void put_attests(const struct image *image, uint32_t t, struct lines *lines)
{
    const struct image_range *range = &image_tenants(image)[t].attests;

    for (uint32_t i = range->first; i < range->first + range->count; i++) {
        const struct image_attest *attest = &image_attests(image)[i];
        const bool all = attest->guest == IMAGE_NONE;

        lines_add(lines, "attest%s%s: %s %u '%s'", all ? "" : " ",
                  all ? "" : image_text(image, image_guests(image)[attest->guest].name),
                  image_attest_words[attest->clause], attest->number,
                  image_text(image, attest->text));
    }
}

static void put_guests(const struct image *image, uint32_t t, struct lines *lines)
{
    const struct image_range *range = &image_tenants(image)[t].guests;

    for (uint32_t i = 0; i < range->count; i++)
        put_guest(image, &image_guests(image)[range->first + i], lines);
    put_attests(image, t, lines);
}

static void compare_tenants(struct diff *diff, const struct image *old, const struct image *new)
{
    uint32_t olds = image_count(old, IMAGE_TENANTS), news = image_count(new, IMAGE_TENANTS);
    uint32_t i = 0, k = 0;

    while (diff->status == 0 && (i < olds || k < news)) {
        struct lines from = {0}, to = {0};
        int order = i == olds   ? 1
                    : k == news ? -1
                                : strcmp(image_tenant_name(old, i), image_tenant_name(new, k));
        char who[WHO_MAX];

        (void)snprintf(who, sizeof(who), "tenant %s",
                       image_tenant_name(order <= 0 ? old : new, order <= 0 ? i : k));
        if (order < 0)
            diff_add(diff, DIFF_LESS, false, who, "is gone");
        if (order > 0)
            diff_add(diff, DIFF_MORE, false, who, "is new");
        if (order <= 0)
            put_limits(old, i, &from);
        if (order >= 0)
            put_limits(new, k, &to);
        compare(diff, who, &from, &to, &is);
        if (order <= 0)
            put_own(old, i, &from);
        if (order >= 0)
            put_own(new, k, &to);
        compare(diff, who, &from, &to, &has);
        if (order <= 0)
            put_guests(old, i++, &from);
        if (order >= 0)
            put_guests(new, k++, &to);
        compare(diff, who, &from, &to, &is);
    }
}

/* ---------------------------------------------------------------- between tenants */

/*
 * What several tenants have: an object, an operator. One line for each that has it beside the
 * first, by name, so that a list of n is n lines and not n squared.
 */
struct having {
    const char *what, *tenant;
};

static int by_having(const void *a, const void *b)
{
    const struct having *x = a, *y = b;
    int order = strcmp(x->what, y->what);

    return order != 0 ? order : strcmp(x->tenant, y->tenant);
}

static void put_common(struct having *list, size_t count, bool object, struct lines *lines)
{
    if (count != 0)
        qsort(list, count, sizeof(*list), by_having);
    for (size_t i = 0; i < count; i++) {
        bool before = i > 0 && strcmp(list[i - 1].what, list[i].what) == 0;
        bool behind = i + 1 < count && strcmp(list[i + 1].what, list[i].what) == 0;

        /* No names of the others: a third who joins is then one line more, not three changed. */
        if (before || behind)
            lines_add(lines, "tenant %s has %s %s, as others have", list[i].tenant,
                      object ? "object" : "operator", list[i].what);
    }
}

static void put_shared(const struct image *image, struct lines *lines)
{
    uint32_t shares = image_count(image, IMAGE_SHARES);
    uint32_t operators = image_count(image, IMAGE_OPERATORS);
    struct having *list = calloc((size_t)shares + operators + 1, sizeof(*list));

    if (list == NULL) {
        lines->status = -ENOMEM;
        return;
    }
    for (uint32_t i = 0; i < shares; i++)
        list[i] = (struct having){
            image_text(image, image_objects(image)[image_shares(image)[i].object].path),
            image_tenant_name(image, image_shares(image)[i].tenant)};
    put_common(list, shares, true, lines);
    for (uint32_t i = 0; i < operators; i++)
        list[i] = (struct having){image_text(image, image_operators(image)[i].name),
                                  image_tenant_name(image, image_operators(image)[i].tenant)};
    put_common(list, operators, false, lines);
    free(list);
}

static void put_apart(const struct image *image, struct lines *lines)
{
    for (uint32_t i = 0; i < image_count(image, IMAGE_CONFLICTS); i++) {
        const struct image_conflict *conflict = &image_conflicts(image)[i];
        const char *first = image_tenant_name(image, conflict->first);
        const char *second = image_tenant_name(image, conflict->second);

        lines_add(lines, "conflict of %s and %s", first, second);
        if (conflict->scope & IMAGE_CONFLICT_CORE)
            lines_add(lines, "conflict of %s and %s on one core", first, second);
        if (conflict->scope & IMAGE_CONFLICT_HOST)
            lines_add(lines, "conflict of %s and %s on one host", first, second);
    }
    for (uint32_t i = 0; i < image_count(image, IMAGE_ASSERTIONS); i++) {
        const struct image_assertion *assertion = &image_assertions(image)[i];
        const char *first = image_tenant_name(image, assertion->first);
        const char *second = image_tenant_name(image, assertion->second);

        lines_add(lines, "assertion of no flow from %s to %s", first, second);
        if (assertion->both)
            lines_add(lines, "assertion of no flow from %s to %s", second, first);
    }
}

static void put_types(const struct image *image, struct lines *lines)
{
    for (uint32_t i = 0; i < image_count(image, IMAGE_TRUSTED); i++)
        lines_add(lines, "a proof passes over %s, which is trusted",
                  image_text(image, image_trusted(image)[i].type));
    for (uint32_t i = 0; i < image_count(image, IMAGE_STATELESS); i++)
        lines_add(lines, "a proof passes over %s, which is called stateless",
                  image_text(image, image_stateless(image)[i].type));
}

/* ---------------------------------------------------------------- of the host */

static void put_host(const struct image *image, struct lines *lines)
{
    lines_add(lines, "confinement %s", image->mac == GUEST_MAC_SELINUX ? "selinux" : "landlock");
    if (*image_text(image, image->audit) != 0)
        lines_add(lines, "audit trail %s", image_text(image, image->audit));
    if (*image_text(image, image->host_tpm) != 0)
        lines_add(lines, "TPM %s", image_text(image, image->host_tpm));
    lines_add(lines, "when SELinux stops enforcing: %s",
              image_permissive_words[image->on_permissive]);
    put_patterns(image, &image->host_patterns, lines);
}

int diff_image(const struct image *old, const struct image *new, struct diff **diff)
{
    struct diff *made = calloc(1, sizeof(*made));
    struct lines from = {0}, to = {0};

    if (made == NULL)
        return -ENOMEM;
    compare_tenants(made, old, new);
    put_shared(old, &from);
    put_shared(new, &to);
    compare(made, "between tenants", &from, &to, &joins);
    put_apart(old, &from);
    put_apart(new, &to);
    compare(made, "between tenants", &from, &to, &separates);
    put_types(old, &from);
    put_types(new, &to);
    compare(made, "every tenant", &from, &to, &joins);
    put_host(old, &from);
    put_host(new, &to);
    compare(made, "the host", &from, &to, &is);
    return diff_finish(made, 0, diff);
}
