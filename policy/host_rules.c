/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/text.h"
#include "policy/host_check.h"
#include "policy/pattern.h"

/*
 * Rules about what the host gives to whom: every name once, and nothing that two tenants could
 * reach unless it is an object that both declare. Names have been checked, so they are shown as
 * they are; patterns and paths are escaped.
 */
#define SHOWN 56

static bool full(const struct diagnostic_list *list)
{
    return list->count >= list->room;
}

static void tenant_names(const struct host_policy *p, struct diagnostic_list *list)
{
    for (uint32_t i = 1; i < p->tenants && !full(list); i++) {
        for (uint32_t j = 0; j < i; j++) {
            const struct host_tenant *a = &p->tenant[j], *b = &p->tenant[i];

            if (strcmp(a->name, b->name) != 0)
                continue;
            (void)diagnostic_add(list, b->at.line, b->at.column,
                                 "tenant '%s' is there twice, first at %u:%u: put its statements "
                                 "into one block",
                                 b->name, a->at.line, a->at.column);
            break;
        }
    }
}

/* Whether two places can mean one file: names, paths. */
static void object_pairs(const struct host_policy *p, uint32_t i, struct diagnostic_list *list)
{
    const struct host_object *b = &p->object[i];

    for (uint32_t j = 0; j < i; j++) {
        const struct host_object *a = &p->object[j];

        if (strcmp(a->name, b->name) == 0)
            (void)diagnostic_add(list, b->at.line, b->at.column,
                                 "object '%s' is there twice, first at %u:%u: rename one", b->name,
                                 a->at.line, a->at.column);
        else if (strcmp(a->path, b->path) == 0)
            (void)diagnostic_add(list, b->at.line, b->at.column,
                                 "objects '%s' and '%s' (at %u:%u) are one file: keep one", b->name,
                                 a->name, a->at.line, a->at.column);
    }
}

static const char *owner(const struct host_policy *p, const struct host_pattern *pattern)
{
    return pattern->tenant == HOST_EVERY_TENANT ? "host" : p->tenant[pattern->tenant].name;
}

static void objects(const struct host_policy *p, struct diagnostic_list *list)
{
    char shown[SHOWN];

    for (uint32_t i = 0; i < p->objects && !full(list); i++) {
        const struct host_object *object = &p->object[i];

        object_pairs(p, i, list);
        /*
         * A tenant that can write what others read could change their guests, or talk to them; one
         * that can boot it reads it without having been given it.
         */
        for (uint32_t j = 0; j < p->patterns; j++) {
            const struct host_pattern *pattern = &p->pattern[j];

            if (pattern_matches(pattern->text, object->path))
                (void)diagnostic_add(list, object->at.line, object->at.column,
                                     "object '%s' lies under '%s' of %s%s%s (at %u:%u): move it to "
                                     "a directory of its own",
                                     object->name, text_escape(shown, sizeof(shown), pattern->text),
                                     pattern->tenant == HOST_EVERY_TENANT ? "the " : "tenant '",
                                     owner(p, pattern),
                                     pattern->tenant == HOST_EVERY_TENANT ? "" : "'",
                                     pattern->at.line, pattern->at.column);
        }
    }
}

static void pattern_pair(const struct host_policy *p, const struct host_pattern *a,
                         const struct host_pattern *b, struct diagnostic_list *list)
{
    bool kernels = a->use == HOST_PATTERN_KERNEL && b->use == HOST_PATTERN_KERNEL;
    bool disks = a->use == HOST_PATTERN_DISK && b->use == HOST_PATTERN_DISK;
    char one[SHOWN], other[SHOWN];

    if (a->tenant == b->tenant) {
        if (a->use == b->use && strcmp(a->text, b->text) == 0)
            (void)diagnostic_add(list, b->at.line, b->at.column,
                                 "'%s' is given twice, first at %u:%u: keep one",
                                 text_escape(one, sizeof(one), b->text), a->at.line, a->at.column);
        return;
    }
    /* Kernels are only read, and may be the same for all. */
    if (kernels || !pattern_overlap(a->text, b->text))
        return;
    (void)text_escape(one, sizeof(one), b->text);
    (void)text_escape(other, sizeof(other), a->text);
    if (disks)
        (void)diagnostic_add(list, b->at.line, b->at.column,
                             "'%s' overlaps '%s' of tenant '%s' (at %u:%u): tenants share no file "
                             "but declared objects",
                             one, other, owner(p, a), a->at.line, a->at.column);
    else
        (void)diagnostic_add(list, b->at.line, b->at.column,
                             "'%s' overlaps '%s' at %u:%u: what one may boot would be another's "
                             "disk",
                             one, other, a->at.line, a->at.column);
}

static void patterns(const struct host_policy *p, struct diagnostic_list *list)
{
    for (uint32_t i = 1; i < p->patterns; i++) {
        for (uint32_t j = 0; j < i && !full(list); j++)
            pattern_pair(p, &p->pattern[j], &p->pattern[i], list);
    }
}

static void shares(const struct host_policy *p, struct diagnostic_list *list)
{
    for (uint32_t i = 1; i < p->shares && !full(list); i++) {
        for (uint32_t j = 0; j < i; j++) {
            const struct host_share *a = &p->share[j], *b = &p->share[i];

            if (a->tenant != b->tenant || a->object != b->object)
                continue;
            (void)diagnostic_add(list, b->at.line, b->at.column,
                                 "object '%s' is shared twice, first at %u:%u: keep one",
                                 p->object[b->object].name, a->at.line, a->at.column);
            break;
        }
    }
}

/* One interface in two hands is a network between them. */
static void links(const struct host_policy *p, struct diagnostic_list *list)
{
    for (uint32_t i = 1; i < p->links && !full(list); i++) {
        for (uint32_t j = 0; j < i; j++) {
            const struct host_link *a = &p->link[j], *b = &p->link[i];

            if (strcmp(a->name, b->name) != 0)
                continue;
            if (a->tenant == b->tenant)
                (void)diagnostic_add(list, b->at.line, b->at.column,
                                     "interface '%s' is given twice, first at %u:%u: keep one",
                                     b->name, a->at.line, a->at.column);
            else
                (void)diagnostic_add(
                    list, b->at.line, b->at.column,
                    "interface '%s' belongs to tenant '%s' (at %u:%u): each tenant has "
                    "its own",
                    b->name, p->tenant[a->tenant].name, a->at.line, a->at.column);
            break;
        }
    }
}

static void operators(const struct host_policy *p, struct diagnostic_list *list)
{
    for (uint32_t i = 1; i < p->operators && !full(list); i++) {
        for (uint32_t j = 0; j < i; j++) {
            const struct host_operator *a = &p->operator[j], *b = &p->operator[i];

            if (a->tenant != b->tenant || strcmp(a->name, b->name) != 0)
                continue;
            (void)diagnostic_add(list, b->at.line, b->at.column,
                                 "operator '%s' is given twice, first at %u:%u: keep one", b->name,
                                 a->at.line, a->at.column);
            break;
        }
    }
}

static bool shares_object(const struct host_policy *p, uint32_t tenant, uint32_t object)
{
    for (uint32_t i = 0; i < p->shares; i++) {
        if (p->share[i].tenant == tenant && p->share[i].object == object)
            return true;
    }
    return false;
}

static void conflict_objects(const struct host_policy *p, const struct host_conflict *conflict,
                             struct diagnostic_list *list)
{
    for (uint32_t o = 0; o < p->objects; o++) {
        if (shares_object(p, conflict->first, o) && shares_object(p, conflict->second, o))
            (void)diagnostic_add(list, conflict->at.line, conflict->at.column,
                                 "tenants '%s' and '%s' are in conflict, and both share '%s': give "
                                 "each a copy",
                                 p->tenant[conflict->first].name, p->tenant[conflict->second].name,
                                 p->object[o].name);
    }
}

static void conflicts(const struct host_policy *p, struct diagnostic_list *list)
{
    for (uint32_t i = 0; i < p->conflicts && !full(list); i++) {
        const struct host_conflict *b = &p->conflict[i];

        conflict_objects(p, b, list);
        for (uint32_t j = 0; j < i; j++) {
            const struct host_conflict *a = &p->conflict[j];

            if (a->first != b->first || a->second != b->second)
                continue;
            (void)diagnostic_add(list, b->at.line, b->at.column,
                                 "this conflict is there twice, first at %u:%u: keep one",
                                 a->at.line, a->at.column);
            break;
        }
    }
}

void host_rules_tenants(const struct host_policy *policy, struct diagnostic_list *list)
{
    tenant_names(policy, list);
    objects(policy, list);
    patterns(policy, list);
    shares(policy, list);
    links(policy, list);
    operators(policy, list);
    conflicts(policy, list);
}
