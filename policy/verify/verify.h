/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_VERIFY_VERIFY_H
#define CASEMATE_POLICY_VERIFY_VERIFY_H

/*
 * Checks a certificate against a kernel policy: that each tenant's set contains its types and is
 * closed under flow, rule by rule, and leads nowhere but to what is named as trusted or stateless.
 * One file that takes nothing from the prover, not even its table of permissions, and searches for
 * nothing: who wants to rely on a proof reads it, doc/proof.md and the reader of binary policies.
 */
#include <jansson.h>

#include "policy/kernel/policy.h"

struct verify_report {
    char why[512];    /* one line: why it is not valid; "" if it is */
    uint32_t tenants; /* whose separation it shows */
    uint64_t rules;   /* about types of a set, each of them checked */
};

/*
 * 0: the certificate holds for this policy. -EPERM: it does not; report->why says the first thing
 * that is wrong, with the rule. -EINVAL: it is no certificate of a known form (report->why).
 * -ENOMEM. `certificate` may be anything that somebody wrote. Whether its trusted and stateless
 * types may be either is for the caller to say: the check takes them as given.
 */
int verify_certificate(const struct kernel_policy *policy, const json_t *certificate,
                       struct verify_report *report);

#endif
