/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <selinux/selinux.h>
#include <stdbool.h>
#include <string.h>

#include "base/text.h"
#include "mac/selinux.h"

#define LAUNCHER_TYPE "casemated_t"
#define CLIENT_TYPE   "casemate_client_t"

/* True if the type field of a raw context (user:role:type:level) is `type`. */
static bool has_type(const char *context, const char *type)
{
    const char *at = strchr(context, ':');
    size_t length = strlen(type);

    at = at ? strchr(at + 1, ':') : NULL;
    return at && strncmp(at + 1, type, length) == 0 && (at[1 + length] == ':' || !at[1 + length]);
}

/*
 * True if the policy has the domain and enforces it. A domain can be permissive by itself
 * (semanage permissive -a) on a host that enforces; then its rules would only be logged.
 */
static bool is_enforced(const char *context, bool *known)
{
    security_class_t process = string_to_security_class("process");
    access_vector_t transition;
    struct av_decision decision;

    *known = process != 0 && security_check_context_raw(context) == 0;
    if (!*known)
        return false;
    transition = string_to_av_perm(process, "transition");
    if (security_compute_av_flags_raw(context, context, process, transition, &decision) != 0)
        return false;
    return (decision.flags & SELINUX_AVD_FLAGS_PERMISSIVE) == 0;
}

static bool has_slot(unsigned slot)
{
    char context[SELINUX_CONTEXT_MAX];

    return text_format(context, sizeof(context), "system_u:object_r:casemate_tenant_%04u.ram_t:s0",
                       slot) == 0 &&
           security_check_context_raw(context) == 0;
}

/* They are numbered without a gap, so half of the answers are never asked for. */
unsigned selinux_slots(void)
{
    unsigned low = 0, high = SELINUX_TENANTS; /* has all below low, none from high on */

    if (is_selinux_enabled() != 1)
        return SELINUX_TENANTS;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;

        if (has_slot(middle))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Every domain of a confined process is in the policy, and all of them are enforced. */
static enum selinux_state domains_state(const struct selinux_label *label)
{
    char context[SELINUX_CONTEXT_MAX];
    bool known, enforced = true;

    for (unsigned kind = 0; kind < PROCESS_KINDS; kind++) {
        if (selinux_process_context((enum process_kind)kind, label, context) < 0)
            return SELINUX_NO_MODULE;
        enforced = is_enforced(context, &known) && enforced;
        if (!known)
            return SELINUX_NO_MODULE;
    }
    return enforced ? SELINUX_READY : SELINUX_PERMISSIVE;
}

static enum selinux_state state_of(const char *self, const struct selinux_label *label)
{
    enum selinux_state state;
    bool known;

    /* Before a policy is loaded everything is "kernel". */
    if (!strchr(self, ':'))
        return SELINUX_ABSENT;
    if (security_getenforce() != 1)
        return SELINUX_PERMISSIVE;
    state = domains_state(label);
    if (state != SELINUX_READY)
        return state;
    if (!has_type(self, LAUNCHER_TYPE))
        return SELINUX_WRONG_DOMAIN;
    return is_enforced(self, &known) ? SELINUX_READY : SELINUX_PERMISSIVE;
}

enum selinux_state selinux_state(void)
{
    static const struct selinux_label any = {.tenant = 0, .categories = "c0,c1"};

    return selinux_label_state(&any);
}

enum selinux_state selinux_label_state(const struct selinux_label *label)
{
    enum selinux_state state;
    char *self = NULL;

    if (is_selinux_enabled() != 1 || getcon_raw(&self) < 0 || !self)
        return SELINUX_ABSENT;
    state = state_of(self, label);
    freecon(self);
    return state;
}

/* The context with CLIENT_TYPE in place of LAUNCHER_TYPE, which it has. User, role, level stay. */
static int client_context(const char *self, char context[SELINUX_CONTEXT_MAX])
{
    const char *type = strchr(strchr(self, ':') + 1, ':') + 1;

    return text_format(context, SELINUX_CONTEXT_MAX, "%.*s" CLIENT_TYPE "%s", (int)(type - self),
                       self, type + strlen(LAUNCHER_TYPE));
}

int selinux_become_client(void)
{
    char context[SELINUX_CONTEXT_MAX];
    char *self = NULL;
    int r = 0;

    if (is_selinux_enabled() != 1)
        return 0;
    if (getcon_raw(&self) < 0)
        return -errno;
    if (self && has_type(self, LAUNCHER_TYPE)) {
        r = client_context(self, context);
        if (r == 0 && setcon_raw(context) < 0)
            r = -errno;
    }
    freecon(self);
    return r;
}
