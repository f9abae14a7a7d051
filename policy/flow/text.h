/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_FLOW_TEXT_H
#define CASEMATE_POLICY_FLOW_TEXT_H

/* Rules, nodes and paths in words. */
#include "base/buf.h"
#include "policy/flow/flow.h"

/* What the tenants are called by people: by number of the tenant (slot), entries may be NULL. */
struct flow_names {
    const char *const *tenant; /* of flow_tenants + 1 entries, or NULL: none is known */
};

/* Append "allow SOURCE TARGET:CLASS { PERMISSIONS }", of these permissions only, and behind it,
 * where there is a condition, " if BOOLEANS". */
void flow_write_rule(const struct flow *flow, size_t rule, uint32_t permissions, struct buf *out);

/* Append the rule's condition, "(a and not b)", or nothing. */
void flow_write_condition(const struct flow *flow, size_t rule, struct buf *out);

/* Append what a node is: "the VMM of acme (casemate_tenant_0001.vmm_t)", "etc_t", "the network". */
void flow_write_node(const struct flow *flow, const struct flow_names *names, uint32_t node,
                     struct buf *out);

/* Append the tenant: its name and slot, or its slot alone. */
void flow_write_tenant(const struct flow *flow, const struct flow_names *names, uint32_t tenant,
                       struct buf *out);

/* Append a path, two lines a hop, numbered. */
void flow_write_path(const struct flow *flow, const struct flow_names *names,
                     const struct flow_path *path, struct buf *out);

/* Append a failure as one line without its end. */
void flow_write_failure(const struct flow *flow, const struct flow_names *names,
                        const struct flow_failure *failure, struct buf *out);

#endif
