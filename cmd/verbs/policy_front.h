/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_POLICY_FRONT_H
#define CASEMATE_CMD_VERBS_POLICY_FRONT_H

/* Parsing a host's policy in a child where there is nothing to win. */
#include "policy/host.h"

#define POLICY_DIAGNOSTICS_MAX 64

/* What the child fills in, and who called has checked when policy_front returns. */
struct policy_answer {
    uint32_t diagnostics; /* none: `policy` is good */
    uint32_t reserved;
    struct guest_diagnostic diagnostic[POLICY_DIAGNOSTICS_MAX];
    struct host_policy policy; /* last: of variable size */
};

/*
 * Parse the `size` bytes at `text` in a child in seccomp strict mode without a descriptor. 0, and
 * *answer is a mapping that policy_front_release gives back, which nobody else can write to:
 * messages are of printable ASCII, the policy has passed host_policy_check. -EPROTO when the child
 * died or lied; -errno.
 */
int policy_front(const char *text, size_t size, struct policy_answer **answer);

/* Give the mapping back; NULL is allowed. */
void policy_front_release(struct policy_answer *answer);

#endif
