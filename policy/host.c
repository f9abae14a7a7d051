/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/host.h"

#include <errno.h>
#include <string.h>

#include "policy/host_check.h"
#include "policy/pattern.h"

/* The layout is the contract between two processes: nothing in it may be left to chance. */
_Static_assert(sizeof(struct host_roots) == 52, "no padding");
_Static_assert(sizeof(struct host_policy) % _Alignof(struct host_guest) == 0, "guests follow");

size_t host_policy_size(uint32_t guests)
{
    return sizeof(struct host_policy) + (size_t)guests * sizeof(struct host_guest);
}

/* Bytes of the deepest directory that a pattern for `path` spells out; 0 when none matches. */
static uint16_t root_of(const struct host_policy *p, uint32_t tenant, bool kernel, const char *path)
{
    struct guest_diagnostic d;
    size_t best = 0;

    /* What is not a plain path must not get as far as being compared as one. */
    if (path_check("file", path, &d) < 0)
        return 0;
    for (uint32_t i = 0; i < p->patterns; i++) {
        const struct host_pattern *pattern = &p->pattern[i];
        bool mine = pattern->tenant == tenant || pattern->tenant == HOST_EVERY_TENANT;
        size_t root = pattern_root(pattern->text);

        if (mine && (kernel || pattern->use == HOST_PATTERN_DISK) && root > best &&
            pattern_matches(pattern->text, path))
            best = root;
    }
    return (uint16_t)best;
}

/* The object that the tenant shares and whose file this is, or NULL. */
static const struct host_object *shared_object(const struct host_policy *p, uint32_t tenant,
                                               const char *path)
{
    for (uint32_t i = 0; i < p->shares; i++) {
        const struct host_object *object = &p->object[p->share[i].object];

        if (p->share[i].tenant == tenant && strcmp(object->path, path) == 0)
            return object;
    }
    return NULL;
}

void host_roots_of(const struct host_policy *policy, const struct host_guest *guest,
                   struct host_roots *roots)
{
    const struct guest_spec *spec = &guest->spec;

    memset(roots, 0, sizeof(*roots));
    roots->kernel = root_of(policy, guest->tenant, true, spec->kernel);
    if (spec->initrd[0] != '\0')
        roots->initrd = root_of(policy, guest->tenant, true, spec->initrd);
    for (uint32_t i = 0; i < spec->disks; i++) {
        const char *path = spec->disk[i].path;
        const struct host_object *object = shared_object(policy, guest->tenant, path);

        roots->shared[i] = object != NULL;
        roots->disk[i] = object != NULL ? (uint16_t)pattern_root(object->path)
                                        : root_of(policy, guest->tenant, false, path);
    }
}

int host_policy_find_tenant(const struct host_policy *policy, const char *tenant)
{
    for (uint32_t i = 0; i < policy->tenants; i++) {
        if (strcmp(policy->tenant[i].name, tenant) == 0)
            return (int)i;
    }
    return -ENOENT;
}

int host_policy_find_guest(const struct host_policy *policy, const char *tenant, const char *guest)
{
    bool any = tenant == NULL || tenant[0] == '\0';
    int found = -ENOENT;

    for (uint32_t i = 0; i < policy->guests; i++) {
        const struct host_guest *candidate = &policy->guest[i];

        if (strcmp(candidate->spec.name, guest) != 0 ||
            (!any && strcmp(policy->tenant[candidate->tenant].name, tenant) != 0))
            continue;
        if (found >= 0)
            return -EEXIST;
        found = (int)i;
    }
    return found;
}
