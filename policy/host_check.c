/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/host_check.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "policy/guest_check.h"
#include "policy/pattern.h"

#define SHOWN 60

int host_check_tenant(const char *name, struct guest_diagnostic *d)
{
    if (strcmp(name, "host") == 0)
        return diagnostic_set(d, "tenant name 'host' is what guests of casemate run go by: choose "
                                 "another");
    return check_name("tenant", name, d);
}

int host_check_operator(const char *name, struct guest_diagnostic *d)
{
    const char *rest = name[0] == '@' ? name + 1 : name;
    size_t length = strlen(rest);
    char shown[SHOWN];

    /* Not a digit first: "1000" would be a uid to some and a name to others. */
    if (length > 0 && strlen(name) < HOST_OPERATOR_MAX &&
        strspn(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
            length &&
        strchr("0123456789.-", rest[0]) == NULL)
        return 0;
    return diagnostic_set(d,
                          "operator '%s' is no user's or group's name: write \"user\" or "
                          "\"@group\", at most %d letters, digits, '_', '.' and '-', the first a "
                          "letter or '_'",
                          text_escape(shown, sizeof(shown), name), HOST_OPERATOR_MAX - 1);
}

/* Trees in which a file is not a tenant's whatever the policy says. */
static int check_reserved(const char *what, const char *pattern, struct guest_diagnostic *d)
{
    static const char *const reserved[] = {"/proc/**",         "/sys/**",
                                           "/run/casemate/**", "/var/run/casemate/**",
                                           "/etc/casemate/**", "/var/lib/casemate/**"};
    char shown[SHOWN];

    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (pattern_overlap(pattern, reserved[i]))
            return diagnostic_set(d,
                                  "%s '%s' reaches into %.*s, where the host keeps its own state: "
                                  "choose another directory",
                                  what, text_escape(shown, sizeof(shown), pattern),
                                  (int)strlen(reserved[i]) - 3, reserved[i]);
    }
    return 0;
}

int host_check_object(const char *path, struct guest_diagnostic *d)
{
    char shown[SHOWN];
    int r = path_check("disk", path, d);

    /* A file's name may contain a star, but who writes one here means a pattern. */
    if (r == 0 && strchr(path, '*') != NULL)
        return diagnostic_set(d, "an object is one file: '%s' has a wildcard",
                              text_escape(shown, sizeof(shown), path));
    return r < 0 ? r : check_reserved("disk", path, d);
}

int host_check_pattern(uint32_t use, const char *pattern, struct guest_diagnostic *d)
{
    const char *what = use == HOST_PATTERN_KERNEL ? "kernel" : "disk";
    int r = pattern_check(what, pattern, d);

    return r < 0 ? r : check_reserved(what, pattern, d);
}

int host_check_memory(uint64_t bytes, struct guest_diagnostic *d)
{
    if (bytes < GUEST_MEMORY_MIN || bytes > HOST_MEMORY_MAX)
        return diagnostic_set(d, "a tenant's memory of %llu bytes is out of range: give 32M to 64T",
                              (unsigned long long)bytes);
    if (bytes % GUEST_MEMORY_STEP != 0)
        return diagnostic_set(d,
                              "a tenant's memory of %llu bytes is not a multiple of 2M: %lluM "
                              "would be one",
                              (unsigned long long)bytes,
                              (unsigned long long)(bytes / GUEST_MEMORY_STEP * 2));
    return 0;
}

static int malformed(struct guest_diagnostic *d)
{
    return diagnostic_set(d, "the host's policy is malformed: it was not made by this version of "
                             "casemate");
}

#define TERMINATED(field) (memchr((field), '\0', sizeof(field)) != NULL)

/* Counts, and that the memory is there. */
static bool counts_valid(const struct host_policy *p, size_t size)
{
    return size >= sizeof(*p) && p->magic == HOST_MAGIC_POLICY &&
           p->version == HOST_POLICY_VERSION && p->reserved == 0 && p->mac < GUEST_MAC_WORDS &&
           p->tenants <= HOST_TENANTS_MAX && p->objects <= HOST_OBJECTS_MAX &&
           p->patterns <= HOST_PATTERNS_MAX && p->shares <= HOST_SHARES_MAX &&
           p->links <= HOST_LINKS_MAX && p->operators <= HOST_OPERATORS_MAX &&
           p->conflicts <= HOST_CONFLICTS_MAX && p->guests <= HOST_GUESTS_MAX &&
           p->size == host_policy_size(p->guests) && p->size <= size;
}

/* Indexes, and that every string ends: what must hold before anything else may look. */
static bool form_valid(const struct host_policy *p)
{
    bool good = true;

    for (uint32_t i = 0; i < p->tenants; i++)
        good = good && TERMINATED(p->tenant[i].name);
    for (uint32_t i = 0; i < p->objects; i++)
        good = good && TERMINATED(p->object[i].name) && TERMINATED(p->object[i].path);
    for (uint32_t i = 0; i < p->patterns; i++) {
        const struct host_pattern *pattern = &p->pattern[i];
        bool everybody =
            pattern->tenant == HOST_EVERY_TENANT && pattern->use == HOST_PATTERN_KERNEL;

        good = good && (pattern->tenant < p->tenants || everybody) &&
               pattern->use < HOST_PATTERN_USES && TERMINATED(pattern->text);
    }
    for (uint32_t i = 0; i < p->shares; i++)
        good = good && p->share[i].tenant < p->tenants && p->share[i].object < p->objects;
    for (uint32_t i = 0; i < p->links; i++)
        good = good && p->link[i].tenant < p->tenants && p->link[i].kind < HOST_LINK_KINDS &&
               TERMINATED(p->link[i].name);
    for (uint32_t i = 0; i < p->operators; i++)
        good = good && p->operator[i].tenant<p->tenants && p->operator[i].reserved == 0 &&
                       TERMINATED(p->operator[i].name);
    for (uint32_t i = 0; i < p->conflicts; i++)
        good = good && p->conflict[i].first < p->conflict[i].second &&
               p->conflict[i].second < p->tenants;
    for (uint32_t i = 0; i < p->guests; i++)
        good = good && p->guest[i].tenant < p->tenants && p->guest[i].reserved == 0;
    return good;
}

static int check_limits(const struct host_tenant *tenant, struct guest_diagnostic *d)
{
    if (tenant->guests > HOST_GUESTS_MAX || tenant->cpus > HOST_CPUS_MAX)
        return malformed(d);
    return tenant->memory != 0 ? host_check_memory(tenant->memory, d) : 0;
}

static int at(struct source_spot position, int r, struct guest_diagnostic *d)
{
    if (r < 0) {
        d->line = position.line;
        d->column = position.column;
    }
    return r;
}

/* Each value by itself, as the parser checks it when it reads one. */
static int check_values(const struct host_policy *p, struct guest_diagnostic *d)
{
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < p->tenants; i++) {
        r = at(p->tenant[i].at, host_check_tenant(p->tenant[i].name, d), d);
        if (r == 0)
            r = at(p->tenant[i].at, check_limits(&p->tenant[i], d), d);
    }
    for (uint32_t i = 0; r == 0 && i < p->objects; i++) {
        r = at(p->object[i].at, check_name("object", p->object[i].name, d), d);
        if (r == 0)
            r = at(p->object[i].at, host_check_object(p->object[i].path, d), d);
    }
    for (uint32_t i = 0; r == 0 && i < p->patterns; i++)
        r = at(p->pattern[i].at, host_check_pattern(p->pattern[i].use, p->pattern[i].text, d), d);
    for (uint32_t i = 0; r == 0 && i < p->links; i++)
        r = at(p->link[i].at,
               check_interface(p->link[i].kind == HOST_LINK_TAP ? "tap" : "bridge", p->link[i].name,
                               d),
               d);
    for (uint32_t i = 0; r == 0 && i < p->operators; i++)
        r = at(p->operator[i].at, host_check_operator(p->operator[i].name, d), d);
    for (uint32_t i = 0; r == 0 && i < p->guests; i++)
        r = at(p->guest[i].at, guest_spec_check(&p->guest[i].spec, d), d);
    return r;
}

/* What the parser computed must be what it says it computed. */
static bool shared_valid(const struct host_policy *p, const struct host_guest *guest)
{
    for (uint32_t i = 0; i < GUEST_DISKS_MAX; i++) {
        bool shared =
            i < guest->spec.disks && host_disk_shared(p, guest->tenant, guest->spec.disk[i].path);

        if (guest->shared[i] != shared)
            return false;
    }
    return true;
}

int host_policy_check(const struct host_policy *policy, size_t size,
                      struct guest_diagnostic *diagnostic)
{
    struct guest_diagnostic first = {0};
    struct diagnostic_list list = {.items = &first, .room = 1};
    int r;

    if (!counts_valid(policy, size) || !form_valid(policy))
        return malformed(diagnostic);
    r = check_values(policy, diagnostic);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < policy->guests; i++) {
        if (!shared_valid(policy, &policy->guest[i]))
            return malformed(diagnostic);
    }
    host_rules_tenants(policy, &list);
    host_rules_guests(policy, &list);
    if (list.count == 0)
        return 0;
    *diagnostic = first;
    return -EINVAL;
}
