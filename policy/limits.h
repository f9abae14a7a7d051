/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_LIMITS_H
#define CASEMATE_POLICY_LIMITS_H

/* What all processes of a guest together may use of the host. */
#include "mac/cgroup.h"

/*
 * Limits of the cgroup of a guest with `memory` bytes of RAM (at most GUEST_MEMORY_MAX) and `cpus`
 * vCPUs (at most GUEST_CPUS_MAX).
 */
struct cgroup_limits guest_limits(uint64_t memory, uint32_t cpus);

#endif
