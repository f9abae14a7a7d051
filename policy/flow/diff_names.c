/* SPDX-License-Identifier: Apache-2.0 */
/* What one policy has and the other has not: types, attributes, booleans, classes, roles, users. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/flow/diff_internal.h"

#define LISTED_MAX 8u /* names that are written out */

/* Names of types that the other has not, a few written out. Tenants' types are told by tenant. */
static void list_types(struct diff *diff, const struct diff_side *side, bool attributes,
                       enum diff_kind kind)
{
    struct buf names;
    uint32_t count = 0;

    buf_init(&names, 4096);
    for (uint32_t v = 1; v <= kernel_count(side->policy, KERNEL_TYPE); v++) {
        const char *name = kernel_name(side->policy, KERNEL_TYPE, v);

        if (name == NULL || side->type[v] != 0 ||
            kernel_is_attribute(side->policy, v) != attributes ||
            (!attributes && side->slot[v] != DIFF_SLOT_NONE))
            continue;
        if (count++ < LISTED_MAX)
            buf_printf(&names, "%s%s", count > 1 ? ", " : "", name);
    }
    if (buf_status(&names) != 0)
        diff->status = -ENOMEM;
    else if (count != 0)
        diff_add(diff, kind, false, "the host", "%u %s%s %s: %s%s", count,
                 attributes ? "attribute" : "type", count == 1 ? " is" : "s are",
                 kind == DIFF_MORE ? "new" : "gone", (const char *)names.data,
                 count > LISTED_MAX ? ", ..." : "");
    buf_release(&names);
}

static void list_slots(struct diff *diff, const struct diff_side *side,
                       const struct diff_side *other, enum diff_kind kind)
{
    uint32_t count = 0, first = 0, last = 0;
    char one[32], another[32];

    for (uint32_t slot = 0; slot < DIFF_SLOTS; slot++) {
        if (!side->has_slot[slot] || other->has_slot[slot])
            continue;
        if (count++ == 0)
            first = slot;
        last = slot;
    }
    if (count == 1)
        diff_add(diff, kind, false, diff_slot_name(first, one), "types for one tenant more are %s",
                 kind == DIFF_MORE ? "there" : "gone");
    else if (count != 0)
        diff_add(diff, kind, false, "the host", "types for %u tenants, %s to %s, are %s", count,
                 diff_slot_name(first, one), diff_slot_name(last, another),
                 kind == DIFF_MORE ? "new" : "gone");
}

static void booleans(struct diff *diff, const struct diff_side *old, const struct diff_side *new)
{
    for (uint32_t v = 1; v <= kernel_count(new->policy, KERNEL_BOOLEAN); v++) {
        const char *name = kernel_name(new->policy, KERNEL_BOOLEAN, v);
        uint32_t was = name != NULL ? kernel_find(old->policy, KERNEL_BOOLEAN, name) : 0;
        bool state = kernel_boolean_state(new->policy, v);

        if (name == NULL)
            continue;
        if (was == 0)
            diff_add(diff, DIFF_OTHER, false, "the host", "boolean %s is new, and %s", name,
                     state ? "on" : "off");
        else if (kernel_boolean_state(old->policy, was) != state)
            diff_add(diff, DIFF_OTHER, false, "the host", "boolean %s is %s", name,
                     state ? "on, it was off" : "off, it was on");
    }
    for (uint32_t v = 1; v <= kernel_count(old->policy, KERNEL_BOOLEAN); v++) {
        const char *name = kernel_name(old->policy, KERNEL_BOOLEAN, v);

        if (name != NULL && kernel_find(new->policy, KERNEL_BOOLEAN, name) == 0)
            diff_add(diff, DIFF_OTHER, false, "the host", "boolean %s is gone", name);
    }
}

/* Classes, roles and users have a name and little more that matters here. */
static void list_names(struct diff *diff, const struct diff_side *side,
                       const struct diff_side *other, enum diff_kind kind)
{
    static const struct {
        enum kernel_symbol symbol;
        const char *what;
    } kinds[] = {{KERNEL_CLASS, "class"},
                 {KERNEL_ROLE, "role"},
                 {KERNEL_USER, "user"},
                 {KERNEL_SENSITIVITY, "sensitivity"}};

    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        for (uint32_t v = 1; v <= kernel_count(side->policy, kinds[k].symbol); v++) {
            const char *name = kernel_name(side->policy, kinds[k].symbol, v);

            if (name != NULL && kernel_find(other->policy, kinds[k].symbol, name) == 0)
                diff_add(diff, kind, false, "the host", "%s %s is %s", kinds[k].what, name,
                         kind == DIFF_MORE ? "new" : "gone");
        }
    }
}

/* Of a type that both have: who is watched only, and who stands above it. */
static void properties(struct diff *diff, const struct diff_side *old, const struct diff_side *new)
{
    for (uint32_t v = 1; v <= kernel_count(new->policy, KERNEL_TYPE); v++) {
        const char *name = kernel_name(new->policy, KERNEL_TYPE, v);
        uint32_t was = new->type[v];
        bool tenants = new->slot[v] != DIFF_SLOT_NONE, now, before;
        char slot[32];

        if (name == NULL || kernel_is_attribute(new->policy, v))
            continue;
        now = kernel_is_permissive(new->policy, v);
        before = was != 0 && kernel_is_permissive(old->policy, was);
        if (now != before)
            diff_add(diff, now ? DIFF_MORE : DIFF_LESS, now && tenants,
                     tenants ? diff_slot_name(new->slot[v], slot) : "the host",
                     "%s is %s permissive: %s", name + new->part[v], now ? "now" : "no longer",
                     now ? "nothing is denied to it" : "what is not allowed is denied");
        now = kernel_type_bounds(new->policy, v) != 0;
        before = was != 0 && kernel_type_bounds(old->policy, was) != 0;
        if (was != 0 && now != before)
            diff_add(diff, now ? DIFF_LESS : DIFF_MORE, false,
                     tenants ? diff_slot_name(new->slot[v], slot) : "the host",
                     "%s is %s bounded by another type", name + new->part[v],
                     now ? "now" : "no longer");
    }
}

static void header(struct diff *diff, const struct diff_side *old, const struct diff_side *new)
{
    static const char *const unknown[] = {[KERNEL_UNKNOWN_DENY] = "denied",
                                          [KERNEL_UNKNOWN_REJECT] = "a reason not to load",
                                          [KERNEL_UNKNOWN_ALLOW] = "allowed"};
    enum kernel_unknown was = kernel_policy_handle_unknown(old->policy);
    enum kernel_unknown is = kernel_policy_handle_unknown(new->policy);
    struct kernel_bits had = kernel_policy_capabilities(old->policy);
    struct kernel_bits has = kernel_policy_capabilities(new->policy);

    if (was != is)
        diff_add(diff, is == KERNEL_UNKNOWN_ALLOW ? DIFF_MORE : DIFF_LESS, false, "the host",
                 "what the policy does not know is %s, it was %s", unknown[is], unknown[was]);
    for (uint32_t v = kernel_bits_next(&has, 0); v != 0; v = kernel_bits_next(&has, v)) {
        const char *name = kernel_capability_name(v);

        if (!kernel_bits_has(&had, v))
            diff_add(diff, DIFF_OTHER, false, "the host", "policy capability %s is on",
                     name != NULL ? name : "of no name");
    }
    for (uint32_t v = kernel_bits_next(&had, 0); v != 0; v = kernel_bits_next(&had, v)) {
        const char *name = kernel_capability_name(v);

        if (!kernel_bits_has(&has, v))
            diff_add(diff, DIFF_OTHER, false, "the host", "policy capability %s is off",
                     name != NULL ? name : "of no name");
    }
}

int diff_names(struct diff *diff, const struct diff_side *old, const struct diff_side *new)
{
    list_types(diff, new, false, DIFF_MORE);
    list_types(diff, old, false, DIFF_LESS);
    list_types(diff, new, true, DIFF_MORE);
    list_types(diff, old, true, DIFF_LESS);
    list_slots(diff, new, old, DIFF_MORE);
    list_slots(diff, old, new, DIFF_LESS);
    list_names(diff, new, old, DIFF_MORE);
    list_names(diff, old, new, DIFF_LESS);
    booleans(diff, old, new);
    properties(diff, old, new);
    header(diff, old, new);
    return diff->status;
}
