/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the policy in force. */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "hv/daemon/guests.h"
#include "hv/daemon/policy.h"
#include "labeling/store.h"

bool policy_has_operators(const struct policy *policy, const char *tenant)
{
    const struct image *image = policy_current(policy);
    int index = image != NULL ? image_find_tenant(image, tenant) : -ENOENT;

    /* Whom a policy that is not in force named, or one that had this tenant, nobody knows. */
    if (image == NULL || (index < 0 && strcmp(tenant, LABEL_TENANT_HOST) != 0))
        return true;
    return index >= 0 && image_tenants(image)[index].operators.count > 0;
}

bool policy_operates(const struct policy *policy, const char *tenant, uid_t uid,
                     const gid_t *groups, unsigned count)
{
    const struct image *image = policy_current(policy);
    int index = image != NULL ? image_find_tenant(image, tenant) : -ENOENT;
    struct image_range mine = {0, 0};

    if (index >= 0)
        mine = image_tenants(image)[index].operators;
    for (uint32_t i = mine.first; i < mine.first + mine.count; i++) {
        uint32_t id = policy_operator_id(policy, i);

        /* What no name was found for is nobody: not uid 65534, nobody at all. */
        if (id == UINT32_MAX)
            continue;
        if (image_text(image, image_operators(image)[i].name)[0] != '@') {
            if (id == uid)
                return true;
            continue;
        }
        for (unsigned g = 0; g < count; g++) {
            if (groups[g] == id)
                return true;
        }
    }
    return false;
}

/*
 * Whether there may be processes of it: also without a guard that speaks with us, until the label
 * store knows that there are none.
 */
static bool may_run(const struct guest *guest)
{
    return guests_alive(guest) || guest->record.state == GUEST_STATE_STOPPING;
}

/* A tenant that runs and must not run on a host with this one; NULL: there is none. */
static const char *opponent(const struct host *host, const struct image *image, uint32_t tenant)
{
    for (const struct guest *g = host->guests; g != NULL; g = g->next) {
        int other = may_run(g) ? image_find_tenant(image, g->record.tenant) : -ENOENT;
        int scope = other >= 0 ? image_conflict_scope(image, tenant, (uint32_t)other) : -ENOENT;

        if (scope >= 0 && ((uint32_t)scope & IMAGE_CONFLICT_HOST) != 0)
            return g->record.tenant;
    }
    return NULL;
}

int policy_limits(const struct host *host, uint32_t guest, char text[RECORD_TEXT_MAX])
{
    const struct image *image = policy_current(host->policy);
    const struct image_guest *described = &image_guests(image)[guest];
    const struct image_tenant *tenant = &image_tenants(image)[described->tenant];
    const char *name = image_text(image, tenant->name);
    const char *other = opponent(host, image, described->tenant);
    uint64_t guests = 1, cpus = described->cpus, memory = described->memory;

    for (const struct guest *g = host->guests; g != NULL; g = g->next) {
        if (!guests_alive(g) || strcmp(g->record.tenant, name) != 0)
            continue;
        guests++;
        cpus += g->record.cpus;
        memory += g->record.memory;
    }
    if (tenant->guests_max != 0 && guests > tenant->guests_max)
        (void)text_format(text, RECORD_TEXT_MAX,
                          "tenant %s may run %u guests, and that many run: stop one first", name,
                          tenant->guests_max);
    else if (tenant->cpus_max != 0 && cpus > tenant->cpus_max)
        (void)text_format(text, RECORD_TEXT_MAX,
                          "tenant %s may use %u CPUs, and with this guest it would use %llu", name,
                          tenant->cpus_max, (unsigned long long)cpus);
    else if (tenant->memory_max != 0 && memory > tenant->memory_max)
        (void)text_format(text, RECORD_TEXT_MAX,
                          "tenant %s may use %llu MiB of memory, and with this guest it would use "
                          "%llu MiB",
                          name, (unsigned long long)(tenant->memory_max >> 20),
                          (unsigned long long)(memory >> 20));
    else if (other != NULL)
        (void)text_format(text, RECORD_TEXT_MAX,
                          "tenant %s is in conflict on host with tenant %s, which runs guests: "
                          "stop those first",
                          name, other);
    else
        return 0;
    return -EDQUOT;
}
