/* SPDX-License-Identifier: Apache-2.0 */
/* What allowing it would open between tenants. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/flow/explain_internal.h"

static void add_flow(struct verdict *verdict, const char *from, const char *to, const char *how)
{
    if (verdict->flows == EXPLAIN_FLOWS_MAX)
        return;
    (void)snprintf(verdict->flow[verdict->flows++], sizeof(verdict->flow[0]), "%s -> %s%s", from,
                   to, how);
}

static bool of_guest(const struct party *party)
{
    return party->kind == PARTY_PROCESS || party->kind == PARTY_OBJECT;
}

static enum flow_direction direction(const struct record *record)
{
    enum flow_direction all = FLOW_NONE;

    for (size_t i = 0; i < record->permissions; i++)
        all |= flow_direction(record->tclass, record->permission[i], NULL);
    return all;
}

static void both_ways(const struct denial *denial, const char *source, const char *target,
                      struct verdict *verdict)
{
    const enum flow_direction moves = direction(denial->record);
    char how[96], permissions[64];

    (void)snprintf(how, sizeof(how), " by %s %.60s", denial->record->tclass,
                   record_permissions(denial->record, permissions, sizeof(permissions)));
    if ((moves & FLOW_IN) != 0)
        add_flow(verdict, target, source, how);
    if ((moves & FLOW_OUT) != 0)
        add_flow(verdict, source, target, how);
    verdict->proof = verdict->flows > 0 ? EXPLAIN_BREAKS : EXPLAIN_KEEPS;
}

/* ---------------------------------------------------------------- with the compiled policy */

/* All that the image relies upon and that is in this policy, as the graph wants it. */
struct cuts {
    struct flow_cut *trusted, *stateless;
    uint32_t trusted_count, stateless_count;
};

static struct flow_cut *take_cuts(const struct explain_setting *setting, enum image_table table,
                                  const struct image_type *types, const char *const *own,
                                  size_t owns, uint32_t *count)
{
    const uint32_t n = setting->image != NULL ? image_count(setting->image, table) : 0;
    struct flow_cut *cuts = calloc(n + owns + 1, sizeof(*cuts));

    *count = 0;
    for (uint32_t i = 0; cuts != NULL && i < n + owns; i++) {
        const char *type = i < n ? image_text(setting->image, types[i].type) : own[i - n];
        const uint32_t value = kernel_find(setting->policy, KERNEL_TYPE, type);
        bool twice = value == 0 || kernel_is_attribute(setting->policy, value);

        for (uint32_t j = 0; j < *count && !twice; j++)
            twice = strcmp(cuts[j].type, type) == 0;
        if (!twice)
            cuts[(*count)++] = (struct flow_cut){
                .type = type,
                .reason = i < n ? image_text(setting->image, types[i].reason) : "of Casemate's"};
    }
    return cuts;
}

static int make_cuts(const struct explain_setting *setting, struct cuts *cuts)
{
    static const char *const own[] = {"casemated_t", "casemate_front_t", "casemate_client_t"};

    cuts->trusted = take_cuts(setting, IMAGE_TRUSTED,
                              setting->image != NULL ? image_trusted(setting->image) : NULL, own,
                              sizeof(own) / sizeof(own[0]), &cuts->trusted_count);
    cuts->stateless = take_cuts(setting, IMAGE_STATELESS,
                                setting->image != NULL ? image_stateless(setting->image) : NULL,
                                NULL, 0, &cuts->stateless_count);
    return cuts->trusted != NULL && cuts->stateless != NULL ? 0 : -ENOMEM;
}

static void drop_cuts(struct cuts *cuts)
{
    free(cuts->trusted);
    free(cuts->stateless);
}

/* The tenants for people, by the graph's numbers. */
static void name_tenant(const struct explain *explain, const struct flow *flow, uint32_t tenant,
                        char *to, size_t size)
{
    const char *name = flow_tenant_name(flow, tenant);
    struct party party = {.kind = PARTY_PROCESS};
    char full[96];

    (void)snprintf(full, sizeof(full), "%s.x", name != NULL ? name : "");
    if (context_slot(full, &party.slot, &party.part) && explain->setting.tenant != NULL)
        party.tenant = explain->setting.tenant(explain->setting.context, party.slot);
    (void)party_tenant(&party, to, size);
}

static bool is_leak_of(const struct flow_failure *a, const struct flow_failure *b)
{
    return a->kind == b->kind && a->from == b->from && a->to == b->to && a->node == b->node;
}

/* Failures that the rule brings and the policy does not have without it. */
static void compare(const struct explain *explain, struct flow *flow,
                    const struct flow_result *before, const struct flow_result *after,
                    struct verdict *verdict)
{
    const size_t kept = after->failures < FLOW_FAILURES_MAX ? after->failures : FLOW_FAILURES_MAX;
    const size_t old = before->failures < FLOW_FAILURES_MAX ? before->failures : FLOW_FAILURES_MAX;

    for (size_t i = 0; i < kept; i++) {
        const struct flow_failure *failure = &after->failure[i];
        char from[96] = "anybody", to[96] = "others", how[128];
        bool known = false;

        for (size_t j = 0; j < old && !known; j++)
            known = is_leak_of(failure, &before->failure[j]);
        if (known)
            continue;
        if (failure->from != 0)
            name_tenant(explain, flow, failure->from, from, sizeof(from));
        if (failure->to != 0)
            name_tenant(explain, flow, failure->to, to, sizeof(to));
        (void)snprintf(how, sizeof(how), " through %.100s", flow_node_name(flow, failure->node));
        add_flow(verdict, from, to, how);
    }
    /* A policy in which everything is open already has more of them than are kept. */
    if (verdict->flows == 0 && after->failures > before->failures) {
        (void)snprintf(verdict->flow[verdict->flows++], sizeof(verdict->flow[0]),
                       "%llu more ways between tenants, beside %llu that this policy has anyway",
                       (unsigned long long)(after->failures - before->failures),
                       (unsigned long long)before->failures);
    }
    verdict->proof = verdict->flows > 0 ? EXPLAIN_BREAKS : EXPLAIN_KEEPS;
}

/* What a change of the module would speak of: the kind, over all tenants. */
static uint32_t type_of(const struct kernel_policy *policy, const struct party *party)
{
    char kind[CONTEXT_TEXT_MAX];
    uint32_t attribute;

    if (party_kind_name(party, kind, sizeof(kind))) {
        attribute = kernel_find(policy, KERNEL_TYPE, kind);
        if (attribute != 0)
            return attribute;
    }
    return kernel_find(policy, KERNEL_TYPE, party->context.type);
}

static int prove_with(struct explain *explain, const struct denial *denial, struct verdict *verdict)
{
    const struct kernel_policy *policy = explain->setting.policy;
    struct flow_extra extra = {
        .source = type_of(policy, &denial->source),
        .target = denial->same_guest ? kernel_find(policy, KERNEL_TYPE, denial->target.context.type)
                                     : type_of(policy, &denial->target),
        .class = kernel_find(policy, KERNEL_CLASS, denial->record->tclass),
    };
    const bool within = denial->same_guest;
    struct flow_options options = {.extra = NULL};
    struct flow_result *after = calloc(1, sizeof(*after));
    struct flow *flow = NULL;
    struct cuts cuts = {NULL, NULL, 0, 0};
    int r = after != NULL ? make_cuts(&explain->setting, &cuts) : -ENOMEM;

    for (size_t i = 0; i < denial->record->permissions; i++)
        extra.permissions |= kernel_permission(policy, extra.class, denial->record->permission[i]);
    if (r < 0)
        goto out;
    verdict->proof = EXPLAIN_UNKNOWN;
    /* A rule within the block relates what is one tenant's alone. */
    if (within)
        extra.source = kernel_find(policy, KERNEL_TYPE, denial->source.context.type);
    if (extra.source == 0 || extra.target == 0 || extra.class == 0)
        goto out;
    options.trusted = cuts.trusted;
    options.trusted_count = cuts.trusted_count;
    options.stateless = cuts.stateless;
    options.stateless_count = cuts.stateless_count;
    options.extra = &extra;
    for (uint32_t with = explain->before_known ? 1 : 0; with < 2 && r == 0; with++) {
        flow_free(flow);
        flow = NULL;
        options.extra_count = with;
        r = flow_new(policy, &options, &flow, NULL);
        if (r == 0)
            r = flow_prove(flow, FLOW_TOGETHER, with ? after : &explain->before);
        explain->before_known = r == 0;
    }
    if (r == 0)
        compare(explain, flow, &explain->before, after, verdict);
    else if (r != -ENOMEM)
        r = 0; /* no tenants, or a type that is none: nothing to say */
out:
    flow_free(flow);
    drop_cuts(&cuts);
    free(after);
    return r;
}

/* ---------------------------------------------------------------- all cases */

/* Classes whose objects are one's own by label, and lead to the network or the kernel's state. */
static bool reaches_out(const char *class)
{
    static const char *const classes[] = {"system",      "security",   "bpf",         "perf_event",
                                          "io_uring",    "capability", "capability2", "cap_userns",
                                          "cap2_userns", "filesystem", "node",        "netif"};
    const char *socket = strstr(class, "_socket");

    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (strcmp(classes[i], class) == 0)
            return true;
    }
    return socket != NULL && strcmp(socket, "_socket") == 0 && strncmp(class, "unix_", 5) != 0;
}

int explain_proof(struct explain *explain, const struct denial *denial, struct verdict *verdict)
{
    const struct party *source = &denial->source, *target = &denial->target;
    char from[96], to[96];

    verdict->proof = EXPLAIN_ASIDE;
    if (verdict->barriers == 0)
        return 0;
    if (of_guest(source) && of_guest(target)) {
        if (!denial->same_slot) {
            both_ways(denial, party_tenant(source, from, sizeof(from)),
                      party_tenant(target, to, sizeof(to)), verdict);
        } else if (!denial->same_levels) {
            /* The certificate says of the categories that they part any two guests. */
            both_ways(denial, "one guest", "another", verdict);
        } else if (!reaches_out(denial->record->tclass)) {
            verdict->proof = EXPLAIN_KEEPS; /* within one guest */
        } else if (explain->setting.policy == NULL) {
            verdict->proof = EXPLAIN_UNKNOWN;
        } else {
            return prove_with(explain, denial, verdict);
        }
        return 0;
    }
    if (source->kind == PARTY_PROCESS && target->kind == PARTY_SHARED) {
        verdict->proof = EXPLAIN_KEEPS;
        if ((direction(denial->record) & FLOW_OUT) == 0 || (verdict->barriers & EXPLAIN_TYPES) == 0)
            return 0;
        add_flow(verdict, party_tenant(source, from, sizeof(from)), "every tenant that shares it",
                 "");
        verdict->proof = EXPLAIN_BREAKS;
        return 0;
    }
    if (!of_guest(source) && !of_guest(target) && source->kind == PARTY_HOST &&
        target->kind == PARTY_HOST)
        return 0;
    if (source->kind == PARTY_LAUNCHER) {
        verdict->proof = EXPLAIN_KEEPS; /* trusted, and named so in every certificate */
        return 0;
    }
    if (direction(denial->record) == FLOW_NONE) {
        verdict->proof = EXPLAIN_KEEPS;
        return 0;
    }
    if (explain->setting.policy == NULL) {
        verdict->proof = EXPLAIN_UNKNOWN;
        return 0;
    }
    return prove_with(explain, denial, verdict);
}
