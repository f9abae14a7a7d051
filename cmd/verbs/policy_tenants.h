/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_POLICY_TENANTS_H
#define CASEMATE_CMD_VERBS_POLICY_TENANTS_H

/* Which tenant has which slot of types, as the label store of this host knows. */
#include "labeling/store.h"

struct policy_tenants {
    struct label_tenant *tenant; /* owned */
    size_t count, room;
};

/*
 * Read them from the store at `path`; NULL: the host's own, which may be missing or closed to the
 * caller, and then nothing is known and 0 is returned. Else VERB_SYSTEM (said).
 */
int policy_tenants_read(const char *path, struct policy_tenants *tenants);
/* Release what it holds. */
void policy_tenants_release(struct policy_tenants *tenants);

/* The name of a slot's tenant, or NULL. */
const char *policy_tenants_name(const struct policy_tenants *tenants, unsigned slot);

#define POLICY_GUEST_SIZE (2 * LABEL_NAME_MAX)

/*
 * A guest of a tenant's that runs, as "TENANT/GUEST", by the store at `path`; those of `casemate
 * run` are no policy's. VERB_OK, with an empty `guest` when there is none, or no store; else
 * VERB_SYSTEM (said).
 */
int policy_guest_running(const char *path, char guest[POLICY_GUEST_SIZE]);

#endif
