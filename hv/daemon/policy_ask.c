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
    const struct host_policy *p = policy_current(policy);
    int index = p != NULL ? host_policy_find_tenant(p, tenant) : -ENOENT;

    /* Whom a policy that is not in force named, or one that had this tenant, nobody knows. */
    if (p == NULL || (index < 0 && strcmp(tenant, LABEL_TENANT_HOST) != 0))
        return true;
    for (uint32_t i = 0; index >= 0 && i < p->operators; i++) {
        if (p->operator[i].tenant ==(uint32_t) index)
            return true;
    }
    return false;
}

bool policy_operates(const struct policy *policy, const char *tenant, uid_t uid,
                     const gid_t *groups, unsigned count)
{
    const struct host_policy *p = policy_current(policy);
    int index = p != NULL ? host_policy_find_tenant(p, tenant) : -ENOENT;

    for (uint32_t i = 0; index >= 0 && i < p->operators; i++) {
        uint32_t id = policy_operator_id(policy, i);

        /* What no name was found for is nobody: not uid 65534, nobody at all. */
        if (p->operator[i].tenant !=(uint32_t) index || id == UINT32_MAX)
            continue;
        if (p->operator[i].name[0] != '@') {
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

int policy_limits(const struct host *host, uint32_t guest, char text[RECORD_TEXT_MAX])
{
    const struct host_policy *p = policy_current(host->policy);
    const struct guest_spec *spec = &p->guest[guest].spec;
    const struct host_tenant *tenant = &p->tenant[p->guest[guest].tenant];
    uint64_t guests = 1, cpus = spec->cpus, memory = spec->memory;

    for (const struct guest *g = host->guests; g != NULL; g = g->next) {
        if (!guests_alive(g) || strcmp(g->record.tenant, tenant->name) != 0)
            continue;
        guests++;
        cpus += g->record.cpus;
        memory += g->record.memory;
    }
    if (tenant->guests != 0 && guests > tenant->guests)
        (void)text_format(text, RECORD_TEXT_MAX,
                          "tenant %s may run %u guests, and that many run: stop one first",
                          tenant->name, tenant->guests);
    else if (tenant->cpus != 0 && cpus > tenant->cpus)
        (void)text_format(text, RECORD_TEXT_MAX,
                          "tenant %s may use %u CPUs, and with this guest it would use %llu",
                          tenant->name, tenant->cpus, (unsigned long long)cpus);
    else if (tenant->memory != 0 && memory > tenant->memory)
        (void)text_format(text, RECORD_TEXT_MAX,
                          "tenant %s may use %llu MiB of memory, and with this guest it would use "
                          "%llu MiB",
                          tenant->name, (unsigned long long)(tenant->memory >> 20),
                          (unsigned long long)(memory >> 20));
    else
        return 0;
    return -EDQUOT;
}
