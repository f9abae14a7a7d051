/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_FLOW_CERTIFICATE_H
#define CASEMATE_POLICY_FLOW_CERTIFICATE_H

/*
 * The certificate that no tenant reaches another: for each tenant a set of types that contains its
 * own and is closed under flow, and everything that the proof leans on. doc/proof.md has the format
 * and exactly what it says. Whoever has the policy can check it without the prover
 * (policy/verify/verify.h).
 */
#include <jansson.h>

#include "policy/flow/text.h"

#define FLOW_CERTIFICATE_FORMAT "casemate-proof/1"

/* One assertion of the source, as tenants' names; `from` and `to` are their slots' numbers or 0. */
struct flow_assertion {
    const char *first, *second;
    uint32_t from, to;
    bool both;
};

struct flow_claims {
    const struct flow_options
        *options;                   /* those that the flow was made with; no booleans, no extra */
    const struct flow_names *names; /* or NULL */
    const uint8_t *source_digest;   /* 32 bytes: of the image; NULL: there is no source */
    const struct flow_assertion *assertions;
    uint32_t assertion_count;
};

/*
 * Write what flow_prove found to hold for all three barriers, FLOW_TYPES proved last. 0, and
 * *certificate is a new reference; -ENOMEM.
 */
int flow_certificate(const struct flow *flow, const struct flow_claims *claims,
                     json_t **certificate);

#endif
