/* SPDX-License-Identifier: Apache-2.0 */
/* Which barriers deny it: by the compiled policy where there is one, else by the module's sources.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/flow/explain_internal.h"

static const struct {
    unsigned bit;
    const char *name;
} names[] = {
    {EXPLAIN_TYPES, "types"},
    {EXPLAIN_IOCTL, "ioctl"},
    {EXPLAIN_CATEGORIES, "categories"},
    {EXPLAIN_CONSTRAINT, "constraint"},
    {EXPLAIN_ROLE, "role"},
    {EXPLAIN_BOUNDS, "bounds"},
    {EXPLAIN_SECCOMP, "seccomp"},
    {EXPLAIN_OPERATION, "operation"},
    {EXPLAIN_LANDLOCK, "landlock"},
};

const char *explain_barrier_name(unsigned bit)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].bit == bit)
            return names[i].name;
    }
    return NULL;
}

/* One more barrier in words. */
static void because(struct verdict *verdict, unsigned barrier, const char *words)
{
    const size_t n = strlen(verdict->why);

    verdict->barriers |= barrier;
    (void)snprintf(verdict->why + n, sizeof(verdict->why) - n, "%s%s", n > 0 ? "; " : "", words);
}

static void because_levels(struct verdict *verdict, const struct denial *denial)
{
    char from[CONTEXT_LEVEL_TEXT_MAX], to[CONTEXT_LEVEL_TEXT_MAX], words[256];

    (void)snprintf(words, sizeof(words), "the categories differ, %s and %s",
                   context_level_text(&denial->source.context.high, from, sizeof(from)),
                   context_level_text(&denial->target.context.high, to, sizeof(to)));
    because(verdict, EXPLAIN_CATEGORIES, words);
}

static struct module_query query_of(const struct denial *denial)
{
    return (struct module_query){
        .source = denial->source.context.type,
        .target = denial->target.context.type,
        .class = denial->record->tclass,
        .permission = denial->permission,
        .ioctl = -1,
        .scontext = &denial->source.context,
        .tcontext = &denial->target.context,
    };
}

/* A constraint of ours that is false; the categories' if it would hold at equal ones. */
static bool constrained_by_levels(const struct explain *explain, const struct denial *denial)
{
    struct module_query query = query_of(denial);
    struct context target = denial->target.context;

    if (module_find(explain->setting.module, MODULE_CONSTRAIN, &query, NULL, 0) == 0)
        return false;
    target.low = denial->source.context.low;
    target.high = denial->source.context.high;
    query.tcontext = &target;
    return module_find(explain->setting.module, MODULE_CONSTRAIN, &query, NULL, 0) == 0;
}

static void by_constraint(const struct explain *explain, struct denial *denial,
                          struct verdict *verdict, bool levels)
{
    char words[256];

    if (levels || constrained_by_levels(explain, denial)) {
        because_levels(verdict, denial);
    } else {
        (void)snprintf(words, sizeof(words),
                       "a constraint denies it, whatever rules there are (class %s)",
                       denial->record->tclass);
        because(verdict, EXPLAIN_CONSTRAINT, words);
    }
}

static void by_types(const struct denial *denial, struct verdict *verdict, bool conditional)
{
    char words[400];

    (void)snprintf(words, sizeof(words), "no rule allows %s to %s %s (class %s)%s",
                   denial->source.context.type, denial->permission, denial->target.context.type,
                   denial->record->tclass,
                   conditional ? ", but one would with another state of booleans" : "");
    because(verdict, EXPLAIN_TYPES, words);
}

static void by_ioctl(const struct denial *denial, struct verdict *verdict)
{
    char words[128];

    (void)snprintf(words, sizeof(words), "ioctl 0x%llx is not among those that are allowed",
                   (unsigned long long)denial->record->ioctl);
    because(verdict, EXPLAIN_IOCTL, words);
}

/* Whether the constraint is about levels: it holds once the target has the source's. */
static bool about_levels(const struct kernel_policy *policy,
                         const struct kernel_constraint *constraint,
                         const struct kernel_context *source, const struct kernel_context *target)
{
    struct kernel_context same = *target;

    same.range = source->range;
    return kernel_constraint_holds(policy, constraint, source, &same, NULL);
}

static void fill_from(struct denial *denial, const struct kernel_class *class,
                      const struct kernel_reason *reason)
{
    for (uint32_t p = 0; p < class->permission_count; p++) {
        if ((reason->denied >> p & 1) != 0 && class->permissions[p] != NULL) {
            denial->permission = class->permissions[p];
            return;
        }
    }
}

/* 1 where the policy does not know a name of the record. */
static int by_policy(const struct explain *explain, struct denial *denial, struct verdict *verdict)
{
    const struct kernel_policy *policy = explain->setting.policy;
    const struct record *record = denial->record;
    struct kernel_context *source = NULL, *target = NULL;
    const uint32_t class = kernel_find(policy, KERNEL_CLASS, record->tclass);
    struct kernel_reason reason;
    uint32_t asked = 0;
    int r;

    for (size_t i = 0; class != 0 && i < record->permissions; i++)
        asked |= kernel_permission(policy, class, record->permission[i]);
    if (asked == 0)
        return 1;
    r = kernel_context_parse(policy, record->scontext, &source);
    if (r == 0)
        r = kernel_context_parse(policy, record->tcontext, &target);
    if (r == 0)
        r = kernel_explain(policy, NULL, source, target, class, asked, &reason);
    if (r < 0) {
        free(source);
        free(target);
        return r == -EINVAL ? 1 : r;
    }
    fill_from(denial, kernel_class(policy, class), &reason);
    if ((reason.by & KERNEL_DENIED_TE) != 0)
        by_types(denial, verdict, (reason.conditions & reason.denied) != 0);
    if ((reason.by & KERNEL_DENIED_CONSTRAINT) != 0)
        by_constraint(explain, denial, verdict,
                      about_levels(policy,
                                   &kernel_class(policy, class)->constraints[reason.constraint],
                                   source, target));
    if ((reason.by & KERNEL_DENIED_ROLE) != 0)
        because(verdict, EXPLAIN_ROLE, "no rule lets the one role become the other");
    if ((reason.by & KERNEL_DENIED_BOUNDS) != 0)
        because(verdict, EXPLAIN_BOUNDS, "the type that bounds it may not either");
    if (reason.denied == 0 && record->ioctl >= 0 && record->ioctl <= UINT16_MAX &&
        !kernel_decide_ioctl(policy, NULL, source->type, target->type, class,
                             (uint16_t)record->ioctl))
        by_ioctl(denial, verdict);
    free(source);
    free(target);
    return 0;
}

static void by_module(const struct explain *explain, struct denial *denial, struct verdict *verdict)
{
    const struct module *module = explain->setting.module;
    const struct record *record = denial->record;
    struct module_query query = query_of(denial);
    bool missing = false;

    for (size_t i = 0; i < record->permissions && !missing; i++) {
        query.permission = record->permission[i];
        missing = module_find(module, MODULE_ALLOW, &query, NULL, 0) == 0;
        if (missing)
            denial->permission = record->permission[i];
    }
    if (missing)
        by_types(denial, verdict, false);
    for (size_t i = 0; i < record->permissions; i++) {
        query.permission = record->permission[i];
        if (module_find(module, MODULE_CONSTRAIN, &query, NULL, 0) > 0) {
            if (!missing)
                denial->permission = record->permission[i];
            by_constraint(explain, denial, verdict, false);
            break;
        }
    }
    query.permission = NULL;
    query.ioctl = record->ioctl;
    if (!missing && record->ioctl >= 0 && strcmp(denial->permission, "ioctl") == 0 &&
        module_find(module, MODULE_ALLOWX, &query, NULL, 0) == 0)
        by_ioctl(denial, verdict);
}

/* On the way to casemated's socket: whoever is stopped here wanted to ask it for something. */
static bool is_way_in(const struct denial *denial)
{
    const char *type = denial->target.context.type;

    return denial->source.kind == PARTY_HOST &&
           (strcmp(type, "casemate_socket_t") == 0 ||
            (strcmp(type, "casemated_t") == 0 && strcmp(denial->permission, "connectto") == 0));
}

int explain_barriers(const struct explain *explain, struct denial *denial, struct verdict *verdict)
{
    int r = explain->setting.policy != NULL ? by_policy(explain, denial, verdict) : 1;

    if (r < 0)
        return r;
    if (r > 0)
        by_module(explain, denial, verdict);
    if (verdict->barriers != 0 &&
        (strncmp(denial->record->tclass, "casemate_", strlen("casemate_")) == 0 ||
         is_way_in(denial)))
        verdict->barriers |= EXPLAIN_OPERATION;
    if (verdict->barriers == 0)
        (void)snprintf(verdict->why, sizeof(verdict->why),
                       "%s allows it: the record is of another policy or of other booleans%s",
                       r > 0 ? "the module" : "this policy",
                       denial->record->permissive == 1 ? ", or of a permissive domain" : "");
    return 0;
}
