/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each type has one colour at most: of the tenant in whose set the certificate has it, or COMMON.
 * For every rule that moves information from a coloured type to one that is not cut (trusted or
 * stateless) it must hold that, constraints considered and conditions not,
 *   types       it goes from a tenant's colour to the same colour or COMMON, from COMMON to COMMON,
 *               and a tenant's own types have its colour: nothing gets from one to another;
 *   categories  it does not go from a tenant's type to a tenant's type while neither guest's level
 *               dominates the other's, nor from anything else that is coloured to a tenant's type;
 *   entering    nobody but who is trusted makes, labels or becomes what is of a tenant's type, at
 *               another level than its own.
 */
#include "policy/verify/verify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMON UINT32_MAX

enum cut { CUT_TRUSTED = 1, CUT_STATELESS = 2 };
enum levels { ANY, GUESTS, CHANGED };
enum truth { NO = 1, YES = 2, OPEN = 3 }; /* what an expression may come to */
#define NOT(a)    (((a)&NO) << 1 | ((a)&YES) >> 1)
#define AND(a, b) (((a) & (b)&YES) | (((a) | (b)) & NO))

struct moves {
    uint32_t out, in, enters, unlabelled; /* permissions; the last reach what has no label */
};
struct type {
    uint32_t colour;
    uint8_t cut;    /* enum cut, or 0 */
    bool tenant;    /* one of a tenant's own */
    bool concerned; /* it, or a type with this attribute, has a colour */
};
struct check {
    const struct kernel_policy *policy;
    struct verify_report *report;
    struct type *type;   /* by value, up to `types` */
    struct moves *class; /* by value */
    uint32_t types;
    const struct kernel_rule *rule; /* that is looked at */
    struct moves now;               /* what of it moves */
};

/* Both ways, if it is in no list. `none` "*": nothing of the class moves between two types. */
static const struct {
    const char *classes, *in, *out, *none;
} table[] = {
    {" file dir lnk_file blk_file ",
     " getattr open read search map execute execute_no_trans entrypoint execmod audit_access watch "
     "watch_reads watch_sb watch_mount ",
     " write append create setattr link unlink rename ", ""},
    {" chr_file fifo_file sock_file anon_inode ", " getattr open search audit_access ", "", ""},
    {" filesystem ", " getattr quotaget watch ", "", " associate "},
    {" process ", " getattr getsched getsession getpgid getcap getrlimit ",
     " transition dyntransition sigchld siginh noatsecure rlimitinh setsched setpgid setrlimit ",
     " fork setexec setfscreate setkeycreate setsockcreate setcurrent setcap execmem execstack "
     "execheap "},
    {" process2 ", "", " nnp_transition nosuid_transition ", ""},
    {" key ", " view read search ", "", ""},
    {" security ",
     " compute_av compute_create compute_member compute_relabel compute_user check_context "
     "read_policy validate_trans ",
     " load_policy setenforce setbool setsecparam setcheckreqprot ", ""},
    {" capability cap_userns capability2 cap2_userns user_namespace memprotect ", "", "", "*"},
};
/* Classes whose objects share nothing without a label; those of databases and X are, too. */
static const char labelled[] =
    " file dir lnk_file blk_file chr_file fifo_file sock_file anon_inode filesystem fd process "
    "process2 key security memprotect unix_stream_socket unix_dgram_socket sem shm msgq msg ipc "
    "kernel_service io_uring binder casemate_guest casemate_host casemate_audit casemate_policy "
    "dbus service passwd nscd context proxy cap_proxy rootok crontab ";

static bool in_list(const char *list, const char *word)
{
    char padded[96];
    const int n = snprintf(padded, sizeof(padded), " %s ", word);

    return n > 0 && (size_t)n < sizeof(padded) && strstr(list, padded) != NULL;
}

static void learn(const struct kernel_class *class, struct moves *m)
{
    const bool shares = !in_list(labelled, class->name) && strncmp(class->name, "db_", 3) != 0 &&
                        strncmp(class->name, "x_", 2) != 0;
    const size_t rows = sizeof(table) / sizeof(table[0]);
    size_t row = 0;

    while (row < rows && !in_list(table[row].classes, class->name))
        row++;
    for (uint32_t p = 0; p < class->permission_count; p++) {
        const char *name = class->permissions[p];
        const uint32_t bit = name != NULL ? 1u << p : 0;
        const bool none =
            bit == 0 ||
            (row < rows && (table[row].none[0] == '*' || in_list(table[row].none, name)));

        m->out |= none || (row < rows && in_list(table[row].in, name)) ? 0 : bit;
        m->in |= none || (row < rows && in_list(table[row].out, name)) ? 0 : bit;
        m->unlabelled |= shares ? bit : 0;
        if (bit != 0 && in_list(" create relabelto transition dyntransition ", name))
            m->enters |= bit;
    }
}

__attribute__((format(printf, 2, 3))) static int wrong(struct check *c, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    (void)vsnprintf(c->report->why, sizeof(c->report->why), format, list);
    va_end(list);
    return -EPERM;
}

static const char *name_of(const struct check *c, uint32_t type)
{
    return kernel_name(c->policy, KERNEL_TYPE, type);
}

static int wrong_rule(struct check *c, const char *what, uint32_t from, uint32_t to)
{
    return wrong(c, "%s: from %s to %s by allow %s %s:%s%s", what, name_of(c, from), name_of(c, to),
                 name_of(c, c->rule->source), name_of(c, c->rule->target),
                 kernel_class(c->policy, c->rule->class)->name,
                 c->rule->condition == KERNEL_CONDITIONS_NONE ? "" : " (conditional)");
}

/* Two guests' high levels do not dominate each other, and each low level is below its high one. */
static unsigned leaf(const struct kernel_node *n, enum levels levels, uint32_t s, uint32_t t)
{
    unsigned equal = OPEN, above = OPEN, below = OPEN;

    if (n->operand == KERNEL_TYPES && n->kind == KERNEL_NODE_NAMES && n->side != KERNEL_SIDE_THIRD)
        equal = kernel_bits_has(&n->names, n->side == KERNEL_SIDE_SOURCE ? s : t) ? YES : NO;
    else if (n->operand == KERNEL_TYPES && n->kind == KERNEL_NODE_COMPARE)
        equal = s == t ? YES : NO;
    else if (n->operand == KERNEL_L1_H1 || n->operand == KERNEL_L2_H2)
        below = YES;
    else if (levels == CHANGED && n->operand == KERNEL_H1_H2)
        equal = NO;
    else if (levels == GUESTS && n->operand >= KERNEL_L1_H2 && n->operand <= KERNEL_H1_H2) {
        equal = NO;
        above = n->operand == KERNEL_H1_L2 ? OPEN : NO;
        below = n->operand == KERNEL_L1_H2 ? OPEN : NO;
    }
    return n->op == KERNEL_OP_EQ      ? equal
           : n->op == KERNEL_OP_NEQ   ? NOT(equal)
           : n->op == KERNEL_OP_DOM   ? above
           : n->op == KERNEL_OP_DOMBY ? below
                                      : AND(NOT(above), NOT(below));
}

static bool may_hold(const struct kernel_constraint *of, enum levels levels, uint32_t s, uint32_t t)
{
    unsigned stack[64], depth = 0;

    for (uint32_t i = 0; i < of->count; i++) {
        const uint8_t kind = of->nodes[i].kind;
        const unsigned takes = kind == KERNEL_NODE_NOT ? 1 : kind < KERNEL_NODE_COMPARE ? 2 : 0;
        unsigned a, b;

        if (depth < takes || depth - takes >= 64)
            return true; /* too deep for us: nothing is taken away */
        depth -= takes;
        a = takes > 0 ? stack[depth] : leaf(&of->nodes[i], levels, s, t);
        b = takes > 1 ? stack[depth + 1] : OPEN;
        if (kind == KERNEL_NODE_NOT)
            a = NOT(a);
        else if (takes == 2)
            a = kind == KERNEL_NODE_AND ? AND(a, b) : NOT(AND(NOT(a), NOT(b)));
        stack[depth++] = a;
    }
    return depth != 1 || (stack[0] & YES) != 0;
}

/* What constraints leave of these permissions, of s acting on t. */
static uint32_t left(const struct check *c, enum levels levels, uint32_t s, uint32_t t, uint32_t of)
{
    const struct kernel_class *class = kernel_class(c->policy, c->rule->class);

    for (uint32_t i = 0; i < class->constraint_count && of != 0; i++) {
        if ((of & class->constraints[i].permissions) != 0 &&
            !may_hold(&class->constraints[i], levels, s, t))
            of &= ~class->constraints[i].permissions;
    }
    return of;
}

/* From a coloured type to another, one acting on the other. */
static int check_edge(struct check *c, uint32_t from, uint32_t to, bool from_acts, uint32_t moved)
{
    const struct type *here = &c->type[from], *there = &c->type[to];
    const uint32_t s = from_acts ? from : to, t = from_acts ? to : from;

    if (here->tenant && there->tenant && left(c, GUESTS, s, t, moved) != 0)
        return wrong_rule(c, "categories do not stop it", from, to);
    if (here->colour == there->colour && (here->tenant || !there->tenant))
        return 0;
    if (there->cut != 0 || there->colour == COMMON)
        return 0;
    if ((here->tenant || there->tenant) && left(c, ANY, s, t, moved) == 0)
        return 0;
    return wrong_rule(c, "it leaves the closed set", from, to);
}

static int check_rule(struct check *c)
{
    const struct kernel_types sources = kernel_types_of(c->policy, c->rule->source);
    const struct kernel_types targets = kernel_types_of(c->policy, c->rule->target);
    int r = 0;

    for (uint32_t i = 0; i < sources.count && r == 0; i++) {
        const uint32_t s = sources.items[i];

        if (c->type[s].colour != 0 && c->now.unlabelled != 0)
            r = wrong_rule(c, "it reaches the network, or a state of the kernel's", s, s);
        for (uint32_t k = 0; k < targets.count && r == 0 && (c->now.enters | c->now.out); k++) {
            const uint32_t t = targets.items[k];

            if (c->type[s].colour != 0 && c->now.out != 0)
                r = check_edge(c, s, t, true, c->now.out);
            if (r == 0 && c->type[t].tenant && c->type[s].cut != CUT_TRUSTED &&
                left(c, c->type[s].tenant ? CHANGED : ANY, s, t, c->now.enters) != 0)
                r = wrong_rule(c, "who is not trusted makes or labels what is a tenant's", s, t);
        }
    }
    for (uint32_t k = 0; k < targets.count && r == 0 && c->now.in != 0; k++) {
        const uint32_t t = targets.items[k];

        for (uint32_t i = 0; i < sources.count && r == 0 && c->type[t].colour != 0; i++)
            r = check_edge(c, t, sources.items[i], false, c->now.in);
    }
    return r;
}

/* BLKROGET, BLKGETSIZE, BLKSSZGET, BLKGETSIZE64, BLKPBSZGET: they tell and change nothing. */
static bool only_tells(const struct kernel_xperm *x)
{
    static const uint32_t telling[8] = {[2] = 1u << 30, [3] = 1u | 1u << 8 | 1u << 18 | 1u << 27};
    uint32_t more = 0;

    for (size_t i = 0; i < 8; i++)
        more |= x->bits[i] & ~telling[i];
    return x->kind == KERNEL_XPERM_FUNCTION && x->driver == 0x12 && more == 0;
}

/* True if something moves. Beside allowx rules, the ioctl on a block device is theirs to judge. */
static bool prepare(struct check *c)
{
    const struct kernel_rule *rule = c->rule, *beside;
    const uint32_t ioctl = kernel_permission(c->policy, rule->class, "ioctl");
    const bool block = strcmp(kernel_class(c->policy, rule->class)->name, "blk_file") == 0;
    const bool allow = rule->kind == KERNEL_RULE_ALLOW;
    const uint32_t of = allow ? rule->data : ioctl;
    const struct moves *m = &c->class[rule->class];
    size_t count;

    if (!allow && (rule->kind != KERNEL_RULE_ALLOWX || !block))
        return false;
    c->now = (struct moves){m->out & of, m->in & of, m->enters & of, m->unlabelled & of};
    if (!allow)
        return !only_tells(kernel_xperms(c->policy, rule->data));
    beside = kernel_rules_find(c->policy, rule->source, rule->target, rule->class, &count);
    for (size_t i = 0; block && i < count; i++) {
        if (beside[i].kind == KERNEL_RULE_ALLOWX && beside[i].condition == KERNEL_CONDITIONS_NONE)
            c->now.out &= ~ioctl;
    }
    return true;
}

static int check_policy(struct check *c)
{
    size_t count, labels;
    const struct kernel_rule *rules = kernel_rules(c->policy, &count);
    const struct kernel_label *label = kernel_labels(c->policy, &labels);
    int r = 0;

    for (uint32_t t = 1; t <= c->types && r == 0; t++) {
        const struct kernel_types with = kernel_attributes_of(c->policy, t);

        for (uint32_t i = 0; i < with.count && c->type[t].colour != 0; i++)
            c->type[with.items[i]].concerned = true;
        if (kernel_is_permissive(c->policy, t) && c->type[t].cut != CUT_TRUSTED)
            r = wrong(c, "%s is permissive: nothing is denied to it", name_of(c, t));
    }
    for (size_t i = 0; i < count && r == 0; i++) {
        c->rule = &rules[i];
        if ((c->type[rules[i].source].concerned || c->type[rules[i].target].concerned) &&
            prepare(c)) {
            c->report->rules++;
            r = check_rule(c);
        }
    }
    for (size_t i = 0; i < labels && r == 0; i++) {
        if (c->type[label[i].context.type].tenant || c->type[label[i].second.type].tenant)
            r = wrong(c, "the policy labels something of the host with a tenant's type");
    }
    return r;
}

/* Bytes of "casemate_tenant_NNNN" in "casemate_tenant_NNNN.NAME", or 0. */
static size_t slot_of(const char *name)
{
    size_t n = name != NULL && strncmp(name, "casemate_tenant_", 16) == 0 ? 16 : 0;

    n += n > 0 ? strspn(name + n, "0123456789") : 0;
    return n > 16 && n < 26 && name[n] == '.' ? n : 0;
}

/* Give the types of a list a colour, or cut them. None may have one or be cut already. */
static int take(struct check *c, const json_t *list, uint32_t colour, uint8_t cut)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        const char *name = json_string_value(cut ? json_object_get(entry, "type") : entry);
        const uint32_t type = name != NULL ? kernel_find(c->policy, KERNEL_TYPE, name) : 0;

        if (type == 0 || kernel_is_attribute(c->policy, type) || c->type[type].colour != 0 ||
            c->type[type].cut != 0 || (cut && slot_of(name_of(c, type)) != 0))
            return wrong(c, "entry %zu of a list is no type that may be there, or in two", i + 1);
        c->type[type].colour = colour;
        c->type[type].cut = cut;
    }
    return json_is_array(list) ? 0 : -EINVAL;
}

/* Every tenant's type must be in the set of its own slot. */
static int take_tenants(struct check *c, const json_t *tenants)
{
    int r = json_array_size(tenants) > 0 ? 0 : -EINVAL;

    for (uint32_t i = 0; i < json_array_size(tenants) && r == 0; i++)
        r = take(c, json_object_get(json_array_get(tenants, i), "closed"), i + 1, 0);
    for (uint32_t t = 1; t <= c->types && r == 0; t++) {
        const size_t length = slot_of(name_of(c, t));
        const json_t *tenant = json_array_get(tenants, c->type[t].colour - (size_t)1);
        const char *slot = json_string_value(json_object_get(tenant, "slot"));

        c->type[t].tenant = length > 0 && !kernel_is_attribute(c->policy, t);
        if (c->type[t].tenant &&
            (slot == NULL || strlen(slot) != length || strncmp(slot, name_of(c, t), length) != 0))
            r = wrong(c, "%s is not in the set of its tenant", name_of(c, t));
    }
    c->report->tenants = (uint32_t)json_array_size(tenants);
    return r;
}

static int check_all(struct check *c, const json_t *top)
{
    const json_t *policy = json_object_get(top, "policy");
    const char *digest = json_string_value(json_object_get(policy, "digest"));
    const char *format = json_string_value(json_object_get(top, "format"));
    const char *handle = json_string_value(json_object_get(policy, "handle_unknown"));
    static const char *const unknown[] = {"deny", "reject", "allow"}; /* by enum kernel_unknown */
    char expected[2 * KERNEL_DIGEST_SIZE + 8] = "sha256:";
    int r;

    for (size_t i = 0; i < KERNEL_DIGEST_SIZE; i++)
        (void)snprintf(expected + 7 + 2 * i, 3, "%02x", kernel_policy_digest(c->policy)[i]);
    if (format == NULL || strcmp(format, "casemate-proof/1") != 0 || digest == NULL)
        return -EINVAL;
    if (strcmp(digest, expected) != 0)
        return wrong(c, "it is of another policy: this one is %s", expected);
    if (handle == NULL || strcmp(handle, unknown[kernel_policy_handle_unknown(c->policy)]) != 0)
        return wrong(c, "its handle_unknown is not the policy's");
    for (uint32_t v = 1; v <= kernel_count(c->policy, KERNEL_CLASS); v++) {
        if (kernel_class(c->policy, v) != NULL)
            learn(kernel_class(c->policy, v), &c->class[v]);
    }
    r = take_tenants(c, json_object_get(top, "tenants"));
    if (r == 0)
        r = take(c, json_object_get(top, "common"), COMMON, 0);
    if (r == 0)
        r = take(c, json_object_get(top, "trusted"), 0, CUT_TRUSTED);
    if (r == 0)
        r = take(c, json_object_get(top, "stateless"), 0, CUT_STATELESS);
    return r == 0 ? check_policy(c) : r;
}

int verify_certificate(const struct kernel_policy *policy, const json_t *certificate,
                       struct verify_report *report)
{
    const uint32_t types = kernel_count(policy, KERNEL_TYPE);
    struct type *type = calloc((size_t)types + 1, sizeof(*type));
    struct moves *class = calloc((size_t)kernel_count(policy, KERNEL_CLASS) + 1, sizeof(*class));
    struct check c = {policy, report, type, class, types, NULL, {0}};
    int r;

    *report = (struct verify_report){.tenants = 0};
    r = type != NULL && class != NULL ? check_all(&c, certificate) : -ENOMEM;
    if (r == -EINVAL)
        (void)wrong(&c, "it is no certificate, or not of the form casemate-proof/1");
    free(type);
    free(class);
    return r;
}
