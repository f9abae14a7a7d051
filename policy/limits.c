/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/limits.h"

/* RAM of the VMM, the workers and the relay besides the guest's own: generous, so that it bounds.
 */
#define OVERHEAD (96ULL << 20)

/* Threads of a VMM but the vCPUs', and those of the workers. */
#define THREADS 64

struct cgroup_limits guest_limits(uint64_t memory, uint32_t cpus)
{
    return (struct cgroup_limits){
        .memory = memory + OVERHEAD,
        .cpu_percent = (cpus + 1) * 100, /* and one core for all workers */
        .pids = cpus + THREADS,
    };
}
