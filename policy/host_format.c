/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/format.h"
#include "policy/guest_check.h"
#include "policy/host.h"

static void format_patterns(const struct host_policy *p, uint32_t tenant, uint32_t use,
                            struct buf *out)
{
    for (uint32_t i = 0; i < p->patterns; i++) {
        if (p->pattern[i].tenant != tenant || p->pattern[i].use != use)
            continue;
        buf_printf(out, use == HOST_PATTERN_DISK ? "    disk " : "    kernel ");
        format_string(out, p->pattern[i].text);
        buf_printf(out, ";\n");
    }
}

static void format_host(const struct host_policy *p, struct buf *out)
{
    buf_printf(out, "host {\n    mac %s;\n", guest_mac_words[p->mac]);
    format_patterns(p, HOST_EVERY_TENANT, HOST_PATTERN_KERNEL, out);
    buf_printf(out, "}\n");
}

static void format_object(const struct host_object *object, struct buf *out)
{
    buf_printf(out, "\nobject %s {\n    disk ", object->name);
    format_string(out, object->path);
    buf_printf(out, ";\n    readonly;\n}\n");
}

static void format_limits(const struct host_tenant *tenant, struct buf *out)
{
    if (tenant->guests != 0)
        buf_printf(out, "    guests %u;\n", tenant->guests);
    if (tenant->cpus != 0)
        buf_printf(out, "    cpus %u;\n", tenant->cpus);
    if (tenant->memory != 0) {
        buf_printf(out, "    memory ");
        format_size(out, tenant->memory);
        buf_printf(out, ";\n");
    }
}

/* Names quoted: an interface may be called like a statement. */
static void format_links(const struct host_policy *p, uint32_t tenant, uint32_t kind,
                         struct buf *out)
{
    for (uint32_t i = 0; i < p->links; i++) {
        if (p->link[i].tenant != tenant || p->link[i].kind != kind)
            continue;
        buf_printf(out, "    %s ", kind == HOST_LINK_TAP ? "tap" : "bridge");
        format_string(out, p->link[i].name);
        buf_printf(out, ";\n");
    }
}

static void format_rights(const struct host_policy *p, uint32_t tenant, struct buf *out)
{
    for (uint32_t i = 0; i < p->shares; i++) {
        if (p->share[i].tenant == tenant)
            buf_printf(out, "    share %s;\n", p->object[p->share[i].object].name);
    }
    for (uint32_t i = 0; i < p->operators; i++) {
        if (p->operator[i].tenant != tenant)
            continue;
        buf_printf(out, "    operators ");
        format_string(out, p->operator[i].name);
        buf_printf(out, ";\n");
    }
}

static void format_tenant(const struct host_policy *p, uint32_t tenant, struct buf *out)
{
    buf_printf(out, "\ntenant %s {\n", p->tenant[tenant].name);
    format_limits(&p->tenant[tenant], out);
    format_patterns(p, tenant, HOST_PATTERN_DISK, out);
    format_patterns(p, tenant, HOST_PATTERN_KERNEL, out);
    format_links(p, tenant, HOST_LINK_BRIDGE, out);
    format_links(p, tenant, HOST_LINK_TAP, out);
    format_rights(p, tenant, out);
    for (uint32_t i = 0; i < p->guests; i++) {
        if (p->guest[i].tenant != tenant)
            continue;
        buf_printf(out, "\n");
        format_guest(&p->guest[i].spec, "    ", out);
    }
    buf_printf(out, "}\n");
}

void host_policy_format(const struct host_policy *policy, struct buf *out)
{
    format_host(policy, out);
    for (uint32_t i = 0; i < policy->objects; i++)
        format_object(&policy->object[i], out);
    for (uint32_t i = 0; i < policy->tenants; i++)
        format_tenant(policy, i, out);
    for (uint32_t i = 0; i < policy->conflicts; i++)
        buf_printf(out, "%sconflict %s %s;\n", i == 0 ? "\n" : "",
                   policy->tenant[policy->conflict[i].first].name,
                   policy->tenant[policy->conflict[i].second].name);
}
