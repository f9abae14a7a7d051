/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/flow/internal.h"

#define SLOT_PREFIX "casemate_tenant_"

static int fail(struct flow_error *error, int r, const char *what, const char *name)
{
    if (error != NULL)
        (void)snprintf(error->text, sizeof(error->text), "%s%s%.100s", what, name[0] ? ": " : "",
                       name);
    return r;
}

/* ---------------------------------------------------------------- tenants */

/* "casemate_tenant_0003.vmm_t": bytes before the dot, or 0. Digits only: "casemate_tenant_operator"
 * is no slot. */
static size_t slot_length(const char *name)
{
    const size_t prefix = sizeof(SLOT_PREFIX) - 1;
    size_t digits;

    if (name == NULL || strncmp(name, SLOT_PREFIX, prefix) != 0)
        return 0;
    digits = strspn(name + prefix, "0123456789");
    return digits > 0 && digits < 10 && name[prefix + digits] == '.' ? prefix + digits : 0;
}

struct member {
    const char *name;
    uint32_t length;
    uint16_t type;
};

/* "..._0999" before "..._1000" before "..._10000". */
static int by_slot(const void *a, const void *b)
{
    const struct member *one = a, *other = b;
    int r;

    if (one->length != other->length)
        return one->length < other->length ? -1 : 1;
    r = memcmp(one->name, other->name, one->length);
    if (r != 0)
        return r;
    return one->type < other->type ? -1 : one->type > other->type;
}

static int find_tenants(struct flow *flow, struct flow_error *error)
{
    struct member *members = calloc((size_t)flow->types + 1, sizeof(*members));
    uint32_t count = 0;

    if (members == NULL)
        return -ENOMEM;
    for (uint32_t t = 1; t <= flow->types; t++) {
        const char *name = kernel_name(flow->policy, KERNEL_TYPE, t);
        const size_t length = slot_length(name);

        if (length > 0 && !kernel_is_attribute(flow->policy, t))
            members[count++] = (struct member){name, (uint32_t)length, (uint16_t)t};
    }
    qsort(members, count, sizeof(*members), by_slot);
    flow->tenants = calloc((size_t)count + 1, sizeof(*flow->tenants));
    flow->tenant_type = calloc((size_t)count + 1, sizeof(*flow->tenant_type));
    if (flow->tenants == NULL || flow->tenant_type == NULL) {
        free(members);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct flow_tenant *tenant = &flow->tenants[flow->tenant_count];

        if (i == 0 || members[i].length != members[i - 1].length ||
            memcmp(members[i].name, members[i - 1].name, members[i].length) != 0) {
            tenant = &flow->tenants[++flow->tenant_count];
            memcpy(tenant->name, members[i].name, members[i].length);
            tenant->first = i;
        }
        tenant->count++;
        flow->tenant_type[i] = members[i].type;
        flow->tenant_of[members[i].type] = flow->tenant_count;
    }
    free(members);
    return count > 0 ? 0
                     : fail(error, -ENODATA,
                            "the policy has no tenant: no type " SLOT_PREFIX "NNNN.NAME", "");
}

/* ---------------------------------------------------------------- trusted and stateless types */

static int take_cuts(struct flow *flow, const struct flow_cut *cuts, uint32_t count,
                     enum flow_cut_kind kind, struct flow_error *error)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t type = kernel_find(flow->policy, KERNEL_TYPE, cuts[i].type);

        if (type == 0)
            return fail(error, -ENOENT, "the policy has no such type", cuts[i].type);
        if (kernel_is_attribute(flow->policy, type))
            return fail(error, -ENOENT, "an attribute: name each type that is meant", cuts[i].type);
        if (flow->tenant_of[type] != 0)
            return fail(error, -ENOENT, "a tenant's own type can be neither trusted nor stateless",
                        cuts[i].type);
        if (flow->cut[type] != FLOW_CUT_NONE && flow->cut[type] != kind)
            return fail(error, -ENOENT, "both trusted and stateless", cuts[i].type);
        flow->cut[type] = (uint8_t)kind;
    }
    return 0;
}

/* What acts keeps state: only a device or a file can be stateless. (That its label may occur on a
 * file system is a rule of a file's type as a source.) */
static int stateless_acts(const struct flow *flow, struct flow_error *error)
{
    for (size_t i = 0; i < flow->rule_count; i++) {
        const struct kernel_rule *rule = &flow->rules[i];
        const struct kernel_class *class = kernel_class(flow->policy, rule->class);
        struct kernel_types sources;

        if (rule->kind != KERNEL_RULE_ALLOW || class == NULL ||
            strcmp(class->name, "filesystem") == 0)
            continue;
        sources = kernel_types_of(flow->policy, rule->source);
        for (uint32_t s = 0; s < sources.count; s++) {
            if (flow->cut[sources.items[s]] == FLOW_CUT_STATELESS)
                return fail(error, -ENOENT, "what acts is not stateless",
                            kernel_name(flow->policy, KERNEL_TYPE, sources.items[s]));
        }
    }
    return 0;
}

/* ---------------------------------------------------------------- indexes */

static bool matters(const struct flow *flow, const struct kernel_rule *rule,
                    const struct kernel_booleans *booleans)
{
    const struct flow_class *class = &flow->classes[rule->class];

    return rule->kind == KERNEL_RULE_ALLOW &&
           (rule->data & (class->out | class->in | class->network | class->kernel)) != 0 &&
           (booleans == NULL || kernel_rule_in_force(flow->policy, booleans, rule));
}

static int index_rules(struct flow *flow, const struct kernel_booleans *booleans)
{
    const size_t total = flow->rule_count + flow->extra_count;
    const size_t values = (size_t)flow->types + 2;
    uint32_t *source = calloc(values, sizeof(*source)), *target = calloc(values, sizeof(*target));
    size_t network = 0, kernel = 0;
    uint32_t moving;

    flow->by_source.first = source;
    flow->by_target.first = target;
    if (source == NULL || target == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < total; i++) {
        const struct kernel_rule *rule = flow_rule(flow, i);

        if (!matters(flow, rule, booleans))
            continue;
        source[rule->source + 1]++;
        target[rule->target + 1]++;
        network += (rule->data & flow->classes[rule->class].network) != 0;
        kernel += (rule->data & flow->classes[rule->class].kernel) != 0;
    }
    for (size_t v = 1; v < values; v++) {
        source[v] += source[v - 1];
        target[v] += target[v - 1];
    }
    moving = source[values - 1];
    flow->by_source.rule = calloc((size_t)moving + 1, sizeof(uint32_t));
    flow->by_target.rule = calloc((size_t)moving + 1, sizeof(uint32_t));
    flow->network = calloc(network + 1, sizeof(uint32_t));
    flow->kernel = calloc(kernel + 1, sizeof(uint32_t));
    flow->used = calloc(total + 1, 1);
    if (flow->by_source.rule == NULL || flow->by_target.rule == NULL || flow->network == NULL ||
        flow->kernel == NULL || flow->used == NULL)
        return -ENOMEM;
    /* Fill from behind: `first` of a value moves from its end to its beginning. */
    for (size_t i = total; i-- > 0;) {
        const struct kernel_rule *rule = flow_rule(flow, i);

        if (!matters(flow, rule, booleans))
            continue;
        flow->by_source.rule[--source[rule->source + 1]] = (uint32_t)i;
        flow->by_target.rule[--target[rule->target + 1]] = (uint32_t)i;
        if ((rule->data & flow->classes[rule->class].network) != 0)
            flow->network[flow->network_count++] = (uint32_t)i;
        if ((rule->data & flow->classes[rule->class].kernel) != 0)
            flow->kernel[flow->kernel_count++] = (uint32_t)i;
    }
    /* Now first[v + 1] is where v begins: shift. */
    memmove(source, source + 1, (values - 1) * sizeof(*source));
    memmove(target, target + 1, (values - 1) * sizeof(*target));
    source[values - 1] = moving;
    target[values - 1] = moving;
    return 0;
}

static struct kernel_rule as_rule(const struct flow_extra *from)
{
    return (struct kernel_rule){
        .source = (uint16_t)from->source,
        .target = (uint16_t)from->target,
        .class = (uint16_t)from->class,
        .kind = KERNEL_RULE_ALLOW,
        .data = from->permissions,
        .condition = KERNEL_CONDITIONS_NONE,
    };
}

/* ioctls of block devices that tell and change nothing: BLKROGET, BLKGETSIZE, BLKSSZGET,
 * BLKGETSIZE64, BLKPBSZGET. */
static bool only_asks(uint32_t command)
{
    return command == 0x125e || command == 0x1260 || command == 0x1268 || command == 0x1272 ||
           command == 0x127b;
}

static bool all_only_ask(const struct kernel_xperm *xperm)
{
    for (uint32_t n = 0; xperm != NULL && n < 256; n++) {
        if ((xperm->bits[n / 32] >> (n % 32) & 1) != 0 &&
            (xperm->kind != KERNEL_XPERM_FUNCTION || !only_asks((uint32_t)xperm->driver << 8 | n)))
            return false;
    }
    return xperm != NULL;
}

/*
 * Where allowx rules stand beside an allow rule, its `ioctl` means their commands and no others. So
 * that rule's only tells (in), and each allowx rule with a command that does more is a rule of its
 * own, for all its pairs of types.
 */
static int take_commands(struct flow *flow, const struct flow_options *options)
{
    uint32_t count = options->extra_count;

    for (size_t i = 0; i < flow->rule_count; i++)
        count += flow->rules[i].kind == KERNEL_RULE_ALLOWX;
    flow->extra = calloc((size_t)count + 1, sizeof(*flow->extra));
    flow->narrowed = calloc(flow->rule_count + count + 1, 1);
    if (flow->extra == NULL || flow->narrowed == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < options->extra_count; i++)
        flow->extra[flow->extra_count++] = as_rule(&options->extra[i]);
    for (size_t i = 0; i < flow->rule_count; i++) {
        const struct kernel_rule *rule = &flow->rules[i];
        const uint32_t ioctl = kernel_permission(flow->policy, rule->class, "ioctl");
        const bool block = strcmp(kernel_class(flow->policy, rule->class)->name, "blk_file") == 0;
        size_t beside = 0;
        const struct kernel_rule *others = NULL;

        if (rule->kind == KERNEL_RULE_ALLOWX &&
            !(block && all_only_ask(kernel_xperms(flow->policy, rule->data)))) {
            flow->extra[flow->extra_count] = *rule;
            flow->extra[flow->extra_count].kind = KERNEL_RULE_ALLOW;
            flow->extra[flow->extra_count++].data = ioctl;
        }
        if (rule->kind == KERNEL_RULE_ALLOW && block && (rule->data & ioctl) != 0)
            others =
                kernel_rules_find(flow->policy, rule->source, rule->target, rule->class, &beside);
        for (size_t k = 0; k < beside; k++) {
            if (others[k].kind == KERNEL_RULE_ALLOWX &&
                others[k].condition == KERNEL_CONDITIONS_NONE)
                flow->narrowed[i] = 1;
        }
    }
    return 0;
}

uint32_t flow_moves(const struct flow *flow, size_t index, enum flow_direction direction)
{
    const struct kernel_rule *rule = flow_rule(flow, index);
    const struct flow_class *class = &flow->classes[rule->class];

    if (direction == FLOW_IN)
        return rule->data & class->in;
    return rule->data & class->out &
           ~(flow->narrowed[index] != 0 ? kernel_permission(flow->policy, rule->class, "ioctl")
                                        : 0);
}

static void mark_touching(struct flow *flow)
{
    for (uint32_t t = 1; t <= flow->types; t++) {
        const struct kernel_types attributes = kernel_attributes_of(flow->policy, t);

        if (flow->tenant_of[t] == 0)
            continue;
        flow->touches[t] = 1;
        for (uint32_t a = 0; a < attributes.count; a++)
            flow->touches[attributes.items[a]] = 1;
    }
}

static int build(struct flow *flow, const struct flow_options *options, struct flow_error *error)
{
    int r;

    flow->types = kernel_count(flow->policy, KERNEL_TYPE);
    flow->nodes = flow->types + 2;
    flow->rules = kernel_rules(flow->policy, &flow->rule_count);
    flow->tenant_of = calloc((size_t)flow->nodes + 1, sizeof(*flow->tenant_of));
    flow->cut = calloc((size_t)flow->nodes + 1, sizeof(*flow->cut));
    flow->touches = calloc((size_t)flow->nodes + 1, sizeof(*flow->touches));
    flow->colour = calloc((size_t)flow->nodes + 1, sizeof(*flow->colour));
    if (flow->tenant_of == NULL || flow->cut == NULL || flow->touches == NULL ||
        flow->colour == NULL)
        return -ENOMEM;
    r = flow_classes(flow->policy, &flow->classes);
    if (r == 0)
        r = find_tenants(flow, error);
    if (r == 0)
        r = take_cuts(flow, options->trusted, options->trusted_count, FLOW_CUT_TRUSTED, error);
    if (r == 0)
        r = take_cuts(flow, options->stateless, options->stateless_count, FLOW_CUT_STATELESS,
                      error);
    if (r == 0 && options->stateless_count > 0)
        r = stateless_acts(flow, error);
    if (r == 0)
        r = take_commands(flow, options);
    if (r == 0)
        r = index_rules(flow, options->booleans);
    if (r == 0)
        mark_touching(flow);
    return r == 0 ? flow_masks_init(&flow->masks, flow->policy) : r;
}

int flow_new(const struct kernel_policy *policy, const struct flow_options *options,
             struct flow **flow, struct flow_error *error)
{
    struct flow *made = calloc(1, sizeof(*made));
    int r;

    if (made == NULL)
        return fail(error, -ENOMEM, "out of memory", "");
    made->policy = policy;
    r = build(made, options, error);
    if (r < 0) {
        flow_free(made);
        return r == -ENOMEM ? fail(error, r, "out of memory", "") : r;
    }
    *flow = made;
    return 0;
}

void flow_free(struct flow *flow)
{
    if (flow == NULL)
        return;
    flow_masks_release(&flow->masks);
    free(flow->classes);
    free(flow->tenant_of);
    free(flow->cut);
    free(flow->touches);
    free(flow->tenants);
    free(flow->tenant_type);
    free(flow->extra);
    free(flow->narrowed);
    free(flow->by_source.first);
    free(flow->by_source.rule);
    free(flow->by_target.first);
    free(flow->by_target.rule);
    free(flow->network);
    free(flow->kernel);
    free(flow->colour);
    free(flow->uses);
    free(flow->used);
    free(flow);
}

/* ---------------------------------------------------------------- accessors */

const struct kernel_policy *flow_policy(const struct flow *flow)
{
    return flow->policy;
}

uint32_t flow_node_network(const struct flow *flow)
{
    return flow->types + 1;
}

uint32_t flow_node_kernel(const struct flow *flow)
{
    return flow->types + 2;
}

const char *flow_node_name(const struct flow *flow, uint32_t node)
{
    const char *name = kernel_name(flow->policy, KERNEL_TYPE, node);

    if (node == flow_node_network(flow))
        return "the network";
    if (node == flow_node_kernel(flow))
        return "the kernel";
    return name != NULL ? name : "?";
}

uint32_t flow_tenants(const struct flow *flow)
{
    return flow->tenant_count;
}

const char *flow_tenant_name(const struct flow *flow, uint32_t tenant)
{
    return tenant >= 1 && tenant <= flow->tenant_count ? flow->tenants[tenant].name : NULL;
}

uint32_t flow_tenant_find(const struct flow *flow, const char *name)
{
    for (uint32_t t = 1; t <= flow->tenant_count; t++) {
        if (strcmp(flow->tenants[t].name, name) == 0)
            return t;
    }
    return 0;
}

uint32_t flow_tenant_of(const struct flow *flow, uint32_t node)
{
    return node <= flow->nodes ? flow->tenant_of[node] : 0;
}

const uint16_t *flow_tenant_types(const struct flow *flow, uint32_t tenant, uint32_t *count)
{
    if (tenant < 1 || tenant > flow->tenant_count) {
        *count = 0;
        return NULL;
    }
    *count = flow->tenants[tenant].count;
    return flow->tenant_type + flow->tenants[tenant].first;
}

enum flow_cut_kind flow_cut_of(const struct flow *flow, uint32_t node)
{
    return node <= flow->nodes ? (enum flow_cut_kind)flow->cut[node] : FLOW_CUT_NONE;
}

const struct kernel_rule *flow_rule(const struct flow *flow, size_t rule)
{
    if (rule < flow->rule_count)
        return &flow->rules[rule];
    return rule - flow->rule_count < flow->extra_count ? &flow->extra[rule - flow->rule_count]
                                                       : NULL;
}
