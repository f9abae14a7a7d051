/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/flow/certificate.h"

#include <errno.h>
#include <string.h>

/* jansson's setters fail for want of memory alone; whoever wrote all of it looks at the end. */
static json_t *add(json_t *object, const char *key, json_t *steal)
{
    (void)json_object_set_new(object, key, steal);
    return steal;
}

static json_t *digest_text(const uint8_t digest[KERNEL_DIGEST_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    char text[sizeof("sha256:") + 2 * (size_t)KERNEL_DIGEST_SIZE] = "sha256:";
    char *at = text + strlen(text);

    for (uint32_t i = 0; i < KERNEL_DIGEST_SIZE; i++) {
        *at++ = digits[digest[i] >> 4];
        *at++ = digits[digest[i] & 15];
    }
    return json_string(text);
}

/* ---------------------------------------------------------------- closed sets */

/* A tenant's own types and what it alone reaches; what several reach is said once, in `common`. */
static json_t *closed_sets(const struct flow *flow, const struct flow_names *names, json_t *common)
{
    json_t *tenants = json_array();

    for (uint32_t t = 1; t <= flow_tenants(flow); t++) {
        const char *name = names != NULL && names->tenant != NULL ? names->tenant[t] : NULL;
        json_t *tenant = json_object(), *closed = add(tenant, "closed", json_array());
        uint32_t count;
        const uint16_t *types = flow_tenant_types(flow, t, &count);

        (void)add(tenant, "slot", json_string(flow_tenant_name(flow, t)));
        (void)add(tenant, "tenant", name != NULL ? json_string(name) : json_null());
        for (uint32_t i = 0; i < count; i++)
            (void)json_array_append_new(closed, json_string(flow_node_name(flow, types[i])));
        (void)json_array_append_new(tenants, tenant);
    }
    for (uint32_t node = 1; node < flow_node_network(flow); node++) {
        const uint32_t owner = flow_reached(flow, node);
        json_t *list = common;

        if (owner == 0 || flow_tenant_of(flow, node) != 0)
            continue;
        if (owner != UINT32_MAX)
            list = json_object_get(json_array_get(tenants, owner - 1), "closed");
        (void)json_array_append_new(list, json_string(flow_node_name(flow, node)));
    }
    return tenants;
}

/* ---------------------------------------------------------------- what it leans on */

static json_t *use_of(const struct flow *flow, const struct flow_use *use)
{
    static const char *const moves[] = {"", "from tenants", "to tenants", "both"};
    const struct kernel_rule *rule = flow_rule(flow, use->rule);
    json_t *entry = json_object();
    struct buf text;

    buf_init(&text, 16384);
    flow_write_rule(flow, use->rule, rule->data, &text);
    (void)add(entry, "rule",
              buf_status(&text) == 0 ? json_string((const char *)text.data) : json_null());
    (void)add(entry, "moves", json_string(moves[use->moves & FLOW_INOUT]));
    buf_release(&text);
    return entry;
}

static json_t *cuts_of(const struct flow *flow, const struct flow_cut *cuts, uint32_t count)
{
    json_t *list = json_array();
    size_t use_count;
    const struct flow_use *uses = flow_uses(flow, &use_count);

    for (uint32_t i = 0; i < count; i++) {
        const uint32_t type = kernel_find(flow_policy(flow), KERNEL_TYPE, cuts[i].type);
        json_t *entry = json_object(), *used = add(entry, "uses", json_array());

        (void)add(entry, "type", json_string(flow_node_name(flow, type)));
        (void)add(entry, "reason", json_string(cuts[i].reason));
        for (size_t u = 0; u < use_count; u++) {
            if (uses[u].cut == type)
                (void)json_array_append_new(used, use_of(flow, &uses[u]));
        }
        (void)json_array_append_new(list, entry);
    }
    return list;
}

/* ---------------------------------------------------------------- what is left */

/* Permissions that the table of semantics.c lacks: they count as both directions. */
static json_t *unknown_of(const struct flow *flow)
{
    const struct kernel_policy *policy = flow_policy(flow);
    json_t *list = json_array();

    for (uint32_t c = 1; c <= kernel_count(policy, KERNEL_CLASS); c++) {
        const struct kernel_class *class = kernel_class(policy, c);

        for (uint32_t p = 0; class != NULL && p < class->permission_count; p++) {
            bool known = true;

            if (class->permissions[p] != NULL)
                (void)flow_direction(class->name, class->permissions[p], &known);
            if (!known)
                (void)json_array_append_new(
                    list, json_sprintf("%s:%s", class->name, class->permissions[p]));
        }
    }
    return list;
}

/* Classes of the kernel that the policy does not define: what it allows, the policy cannot say. */
static json_t *missing_of(const struct flow *flow)
{
    char name[FLOW_CLASS_NAME_MAX];
    json_t *list = json_array();

    for (uint32_t i = 0; flow_kernel_class(i, name); i++) {
        if (kernel_find(flow_policy(flow), KERNEL_CLASS, name) == 0)
            (void)json_array_append_new(list, json_string(name));
    }
    return list;
}

static json_t *residual_of(const struct flow *flow)
{
    static const char *const channels[][2] = {
        {"processor", "caches, branch predictors, memory bus and time of cores that guests of two "
                      "tenants use at once or after each other; `conflict` keeps two off one core"},
        {"storage-time", "how long it takes to read a shared object, or a disk on a device of "
                         "several tenants: page cache and queues"},
        {"access-time", "reading a shared object or a program leaves the time of it in the inode, "
                        "which others who have it open may ask for"},
        {"exhaustion", "space of file systems, memory, numbers of processes and files: a tenant "
                       "may see that others use them up"},
        {"devices", "what is declared stateless is taken at its word: /dev/kvm makes a VM of its "
                    "own for each, a tap leads where the host's network says"},
        {"trusted", "what trusted subjects do with what tenants tell them; each way to them is "
                    "listed"},
    };
    json_t *list = json_array();

    for (size_t i = 0; i < sizeof(channels) / sizeof(channels[0]); i++)
        (void)json_array_append_new(
            list, json_pack("{s:s, s:s}", "channel", channels[i][0], "what", channels[i][1]));
    if (kernel_policy_handle_unknown(flow_policy(flow)) == KERNEL_UNKNOWN_ALLOW)
        (void)json_array_append_new(
            list,
            json_pack("{s:s, s:s}", "channel", "unknown-classes", "what",
                      "the kernel allows what this policy has no class or permission for "
                      "(handle_unknown allow): \"missing\" lists classes; only seccomp stands "
                      "there"));
    return list;
}

static json_t *assertions_of(const struct flow_claims *claims)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < claims->assertion_count; i++) {
        const struct flow_assertion *a = &claims->assertions[i];

        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:b}", "from", a->first, "to",
                                                    a->second, "both", a->both, "bound",
                                                    a->from != 0 && a->to != 0));
    }
    return list;
}

static json_t *policy_of(const struct flow *flow)
{
    static const char *const unknown[] = {[KERNEL_UNKNOWN_DENY] = "deny",
                                          [KERNEL_UNKNOWN_REJECT] = "reject",
                                          [KERNEL_UNKNOWN_ALLOW] = "allow"};
    const struct kernel_policy *policy = flow_policy(flow);
    json_t *object = json_object();

    (void)add(object, "digest", digest_text(kernel_policy_digest(policy)));
    (void)add(object, "version", json_integer(kernel_policy_version(policy)));
    (void)add(object, "size", json_integer((json_int_t)kernel_policy_size(policy)));
    (void)add(object, "handle_unknown", json_string(unknown[kernel_policy_handle_unknown(policy)]));
    return object;
}

int flow_certificate(const struct flow *flow, const struct flow_claims *claims,
                     json_t **certificate)
{
    const struct flow_options *options = claims->options;
    json_t *top = json_object(), *common = json_array();
    json_t *tenants = closed_sets(flow, claims->names, common);

    (void)add(top, "format", json_string(FLOW_CERTIFICATE_FORMAT));
    (void)add(top, "policy", policy_of(flow));
    (void)add(top, "source",
              claims->source_digest != NULL ? digest_text(claims->source_digest) : json_null());
    (void)add(top, "barriers", json_pack("[s, s, s]", "types", "categories", "together"));
    (void)add(top, "tenants", tenants);
    (void)add(top, "common", common);
    (void)add(top, "trusted", cuts_of(flow, options->trusted, options->trusted_count));
    (void)add(top, "stateless", cuts_of(flow, options->stateless, options->stateless_count));
    (void)add(top, "assertions", assertions_of(claims));
    (void)add(top, "unknown", unknown_of(flow));
    (void)add(top, "missing", missing_of(flow));
    (void)add(top, "residual", residual_of(flow));
    /* What could not be allocated is not there. */
    if (json_object_size(top) != 12) {
        json_decref(top);
        return -ENOMEM;
    }
    *certificate = top;
    return 0;
}
