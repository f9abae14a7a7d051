/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/host.h"

#include <errno.h>
#include <string.h>

#include "policy/host_check.h"
#include "policy/pattern.h"

_Static_assert(sizeof(struct host_policy) % _Alignof(struct host_guest) == 0, "guests follow");

size_t host_policy_size(uint32_t guests)
{
    return sizeof(struct host_policy) + (size_t)guests * sizeof(struct host_guest);
}

bool host_file_allowed(const struct host_policy *p, uint32_t tenant, bool kernel, const char *path)
{
    struct guest_diagnostic d;

    /* What is not a plain path must not get as far as being compared as one. */
    if (path_check("file", path, &d) < 0)
        return false;
    for (uint32_t i = 0; i < p->patterns; i++) {
        const struct host_pattern *pattern = &p->pattern[i];
        bool mine = pattern->tenant == tenant || pattern->tenant == HOST_EVERY_TENANT;

        if (mine && (kernel || pattern->use == HOST_PATTERN_DISK) &&
            pattern_matches(pattern->text, path))
            return true;
    }
    return false;
}

bool host_disk_shared(const struct host_policy *p, uint32_t tenant, const char *path)
{
    for (uint32_t i = 0; i < p->shares; i++) {
        if (p->share[i].tenant == tenant && strcmp(p->object[p->share[i].object].path, path) == 0)
            return true;
    }
    return false;
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
