/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <selinux/selinux.h>
#include <stdbool.h>
#include <string.h>

#include "mac/selinux.h"

#define LAUNCHER_TYPE "casemated_t"

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

enum selinux_state selinux_state(void)
{
    const struct selinux_categories any = {0, 1};
    char context[SELINUX_CONTEXT_MAX];
    char *self = NULL;
    bool launcher, enforced = true;

    if (is_selinux_enabled() != 1)
        return SELINUX_ABSENT;
    /*
     * "kernel" before a policy is loaded. A disabled state that is_selinux_enabled cannot see (no
     * selinuxfs) ends above.
     */
    if (getcon_raw(&self) < 0 || !self)
        return SELINUX_ABSENT;
    launcher = has_type(self, LAUNCHER_TYPE);
    if (!strchr(self, ':')) {
        freecon(self);
        return SELINUX_ABSENT;
    }
    if (security_getenforce() != 1) {
        freecon(self);
        return SELINUX_PERMISSIVE;
    }
    for (unsigned kind = 0; kind < PROCESS_KINDS; kind++) {
        bool known = false;

        if (selinux_process_context((enum process_kind)kind, &any, context) < 0)
            continue;
        enforced = is_enforced(context, &known) && enforced;
        if (!known) {
            freecon(self);
            return SELINUX_NO_MODULE;
        }
    }
    if (enforced && launcher) {
        bool known = false;

        enforced = is_enforced(self, &known);
    }
    freecon(self);
    if (!enforced)
        return SELINUX_PERMISSIVE;
    return launcher ? SELINUX_READY : SELINUX_WRONG_DOMAIN;
}
