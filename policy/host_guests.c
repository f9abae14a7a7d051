/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/text.h"
#include "policy/guest_check.h"
#include "policy/host_check.h"
#include "policy/pattern.h"

/* Rules about guests: what each uses is its tenant's, no two use one thing, the sums fit. */
#define SHOWN 56

static bool full(const struct diagnostic_list *list)
{
    return list->count >= list->room;
}

static const char *tenant_of(const struct host_policy *p, const struct host_guest *guest)
{
    return p->tenant[guest->tenant].name;
}

/* Where a value stands, or the guest where it was left out. */
static struct source_spot stated(const struct host_guest *guest, struct source_spot at)
{
    return at.line != 0 ? at : guest->at;
}

static void names(const struct host_policy *p, uint32_t i, struct diagnostic_list *list)
{
    const struct host_guest *b = &p->guest[i];

    for (uint32_t j = 0; j < i; j++) {
        const struct host_guest *a = &p->guest[j];

        if (a->tenant != b->tenant || strcmp(a->spec.name, b->spec.name) != 0)
            continue;
        (void)diagnostic_add(list, b->at.line, b->at.column,
                             "tenant '%s' has a guest '%s' already, at %u:%u: rename one",
                             tenant_of(p, b), b->spec.name, a->at.line, a->at.column);
        return;
    }
}

static void layer(const struct host_policy *p, const struct host_guest *guest,
                  struct diagnostic_list *list)
{
    struct source_spot at = stated(guest, guest->mac_at);

    if (guest->spec.mac != p->mac)
        (void)diagnostic_add(list, at.line, at.column,
                             "guest '%s' asks for mac %s on a host with mac %s: the host block "
                             "decides for all, leave it out",
                             guest->spec.name, guest_mac_words[guest->spec.mac],
                             guest_mac_words[p->mac]);
}

/* The first pattern of that use, for a message; NULL when there is none. */
static const char *example(const struct host_policy *p, uint32_t tenant, uint32_t use)
{
    for (uint32_t i = 0; i < p->patterns; i++) {
        const struct host_pattern *pattern = &p->pattern[i];

        if (pattern->use == use &&
            (pattern->tenant == tenant || pattern->tenant == HOST_EVERY_TENANT))
            return pattern->text;
    }
    return NULL;
}

static void outside(const struct host_policy *p, const struct host_guest *guest, const char *what,
                    const char *path, struct source_spot at, bool kernel,
                    struct diagnostic_list *list)
{
    const char *pattern = example(p, guest->tenant, HOST_PATTERN_DISK);
    char shown[SHOWN], allowed[SHOWN];
    struct guest_diagnostic d;

    if (pattern == NULL && kernel)
        pattern = example(p, guest->tenant, HOST_PATTERN_KERNEL);
    (void)text_escape(shown, sizeof(shown), path);
    if (path_check(what, path, &d) < 0)
        (void)diagnostic_add(list, at.line, at.column, "%s", d.message);
    else if (pattern == NULL)
        (void)diagnostic_add(
            list, at.line, at.column,
            "%s '%s' is outside of tenant '%s': say where its files are, as in disk "
            "\"/srv/%s/**\"",
            what, shown, tenant_of(p, guest), tenant_of(p, guest));
    else
        (void)diagnostic_add(
            list, at.line, at.column,
            "%s '%s' is outside of tenant '%s': put it under '%s', or add a pattern", what, shown,
            tenant_of(p, guest), text_escape(allowed, sizeof(allowed), pattern));
}

/* A disk of nobody's: say whether it is an object that the tenant forgot to share. */
static void foreign_disk(const struct host_policy *p, const struct host_guest *guest, uint32_t disk,
                         struct diagnostic_list *list)
{
    const char *path = guest->spec.disk[disk].path;
    struct source_spot at = guest->disk_at[disk];

    for (uint32_t i = 0; i < p->objects; i++) {
        if (strcmp(p->object[i].path, path) == 0) {
            (void)diagnostic_add(list, at.line, at.column,
                                 "this disk is object '%s', which tenant '%s' does not share: add "
                                 "'share %s;' to the tenant",
                                 p->object[i].name, tenant_of(p, guest), p->object[i].name);
            return;
        }
    }
    outside(p, guest, "disk", path, at, false, list);
}

static void files(const struct host_policy *p, const struct host_guest *guest,
                  struct diagnostic_list *list)
{
    const struct guest_spec *spec = &guest->spec;

    if (!host_file_allowed(p, guest->tenant, true, spec->kernel))
        outside(p, guest, "kernel", spec->kernel, guest->kernel_at, true, list);
    if (spec->initrd[0] != '\0' && !host_file_allowed(p, guest->tenant, true, spec->initrd))
        outside(p, guest, "initrd", spec->initrd, guest->initrd_at, true, list);
    for (uint32_t i = 0; i < spec->disks; i++) {
        if (!guest->shared[i] && !host_file_allowed(p, guest->tenant, false, spec->disk[i].path))
            foreign_disk(p, guest, i, list);
        else if (guest->shared[i] && !spec->disk[i].readonly)
            (void)diagnostic_add(list, guest->disk_at[i].line, guest->disk_at[i].column,
                                 "this disk is a shared object: write 'readonly' behind it");
    }
}

static void taps(const struct host_policy *p, const struct host_guest *guest,
                 struct diagnostic_list *list)
{
    for (uint32_t i = 0; i < guest->spec.nets; i++) {
        const char *tap = guest->spec.net[i].tap;
        bool found = false;

        for (uint32_t j = 0; j < p->links && !found; j++)
            found = p->link[j].kind == HOST_LINK_TAP && p->link[j].tenant == guest->tenant &&
                    strcmp(p->link[j].name, tap) == 0;
        if (!found)
            (void)diagnostic_add(list, guest->net_at[i].line, guest->net_at[i].column,
                                 "tap '%s' is outside of tenant '%s': add 'tap %s;' to the tenant",
                                 tap, tenant_of(p, guest), tap);
    }
}

/*
 * Two guests, one disk: each would keep state of it that the other changes, and its label can be
 * one guest's only. Objects are for reading in common.
 */
static void disk_of_two(const struct host_guest *a, const struct host_guest *b, uint32_t i,
                        struct diagnostic_list *list)
{
    const char *path = b->spec.disk[i].path;
    char shown[SHOWN];

    for (uint32_t j = 0; j < a->spec.disks; j++) {
        if (strcmp(a->spec.disk[j].path, path) != 0)
            continue;
        (void)diagnostic_add(
            list, b->disk_at[i].line, b->disk_at[i].column,
            "disk '%s' is used by guest '%s' already, at %u:%u: give each its own, or "
            "declare an object",
            text_escape(shown, sizeof(shown), path), a->spec.name, a->disk_at[j].line,
            a->disk_at[j].column);
    }
}

static void nets_of_two(const struct host_guest *a, const struct host_guest *b,
                        struct diagnostic_list *list)
{
    for (uint32_t i = 0; i < b->spec.nets; i++) {
        for (uint32_t j = 0; j < a->spec.nets; j++) {
            const struct guest_net *one = &a->spec.net[j], *other = &b->spec.net[i];

            if (strcmp(one->tap, other->tap) == 0)
                (void)diagnostic_add(
                    list, b->net_at[i].line, b->net_at[i].column,
                    "tap '%s' is used by guest '%s' already, at %u:%u: make one tap per "
                    "net",
                    other->tap, a->spec.name, a->net_at[j].line, a->net_at[j].column);
            else if (one->has_mac && other->has_mac && a->tenant == b->tenant &&
                     memcmp(one->mac, other->mac, sizeof(one->mac)) == 0)
                (void)diagnostic_add(list, b->net_at[i].line, b->net_at[i].column,
                                     "guest '%s' has a net with this mac already, at %u:%u: give "
                                     "each its own",
                                     a->spec.name, a->net_at[j].line, a->net_at[j].column);
        }
    }
}

/* A kernel or initrd that is some guest's disk: its content would end up in another's memory. */
static void boots_disk(const struct host_guest *boots, const char *what, const char *path,
                       struct source_spot at, const struct host_guest *other,
                       struct diagnostic_list *list)
{
    char shown[SHOWN];

    for (uint32_t i = 0; i < other->spec.disks; i++) {
        if (strcmp(other->spec.disk[i].path, path) == 0)
            (void)diagnostic_add(list, at.line, at.column,
                                 "%s '%s' of guest '%s' is a disk of guest '%s', at %u:%u: "
                                 "give it a file of its own",
                                 what, text_escape(shown, sizeof(shown), path), boots->spec.name,
                                 other->spec.name, other->disk_at[i].line,
                                 other->disk_at[i].column);
    }
}

static void pairs(const struct host_policy *p, uint32_t i, struct diagnostic_list *list)
{
    const struct host_guest *guest = &p->guest[i];

    for (uint32_t j = 0; j < p->guests && !full(list); j++) {
        const struct host_guest *other = &p->guest[j];

        /* No two tenants have a file in common: that is a rule about patterns. */
        if (other->tenant == guest->tenant) {
            boots_disk(guest, "kernel", guest->spec.kernel, guest->kernel_at, other, list);
            boots_disk(guest, "initrd", guest->spec.initrd, guest->initrd_at, other, list);
            for (uint32_t k = 0; j < i && k < guest->spec.disks; k++) {
                if (!guest->shared[k])
                    disk_of_two(other, guest, k, list);
            }
        }
        if (j < i)
            nets_of_two(other, guest, list);
    }
}

/* One message for each limit of each tenant, at the guest that exceeds it. */
static void sums(const struct host_policy *p, uint32_t tenant, struct diagnostic_list *list)
{
    const struct host_tenant *t = &p->tenant[tenant];
    uint64_t guests = 0, cpus = 0, memory = 0;

    for (uint32_t i = 0; i < p->guests && !full(list); i++) {
        const struct host_guest *guest = &p->guest[i];
        const struct guest_spec *spec = &guest->spec;
        struct source_spot cpus_at = stated(guest, guest->cpus_at);
        struct source_spot memory_at = stated(guest, guest->memory_at);
        uint64_t cpus_before = cpus, memory_before = memory;

        if (guest->tenant != tenant)
            continue;
        guests++;
        cpus += spec->cpus;
        memory += spec->memory;
        if (t->guests != 0 && guests == (uint64_t)t->guests + 1)
            (void)diagnostic_add(list, guest->at.line, guest->at.column,
                                 "guest '%s' is one more than tenant '%s' may have: its limit is "
                                 "guests %u",
                                 spec->name, t->name, t->guests);
        if (t->cpus != 0 && cpus > t->cpus && cpus_before <= t->cpus)
            (void)diagnostic_add(list, cpus_at.line, cpus_at.column,
                                 "with guest '%s' tenant '%s' has %llu CPUs: its limit is cpus %u",
                                 spec->name, t->name, (unsigned long long)cpus, t->cpus);
        if (t->memory != 0 && memory > t->memory && memory_before <= t->memory)
            (void)diagnostic_add(list, memory_at.line, memory_at.column,
                                 "with guest '%s' tenant '%s' has %lluM of memory: its limit is "
                                 "memory %lluM",
                                 spec->name, t->name, (unsigned long long)(memory >> 20),
                                 (unsigned long long)(t->memory >> 20));
    }
}

void host_rules_guests(const struct host_policy *policy, struct diagnostic_list *list)
{
    for (uint32_t i = 0; i < policy->guests && !full(list); i++) {
        names(policy, i, list);
        layer(policy, &policy->guest[i], list);
        files(policy, &policy->guest[i], list);
        taps(policy, &policy->guest[i], list);
        pairs(policy, i, list);
    }
    for (uint32_t i = 0; i < policy->tenants && !full(list); i++)
        sums(policy, i, list);
}
