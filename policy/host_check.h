/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_HOST_CHECK_H
#define CASEMATE_POLICY_HOST_CHECK_H

/*
 * What a host's policy may say, inside policy/: values, used by the parser and by
 * host_policy_check, and rules that concern several values.
 */
#include "policy/host.h"

/* Values. Strings must be terminated. 0, or -EINVAL with *d filled. */
int host_check_tenant(const char *name, struct guest_diagnostic *d);
int host_check_operator(const char *name, struct guest_diagnostic *d);
/* Object's path and pattern: policy/pattern.h, and not where the kernel or casemate keep state. */
int host_check_object(const char *path, struct guest_diagnostic *d);
int host_check_pattern(uint32_t use, const char *pattern, struct guest_diagnostic *d);
/* Limits of a tenant: `guests` 1..HOST_GUESTS_MAX, `cpus` 1..HOST_CPUS_MAX, bytes. */
int host_check_memory(uint64_t bytes, struct guest_diagnostic *d);

/*
 * The rules, each breach a message at its position. Every value, count and index must have passed
 * its check, and the guests' `shared` must be right. They end when the list is full.
 */
void host_rules_tenants(const struct host_policy *policy, struct diagnostic_list *list);
void host_rules_guests(const struct host_policy *policy, struct diagnostic_list *list);

/*
 * Whether a pattern gives a guest of the tenant this file: as a disk, or as kernel or initrd. False
 * for what is no plain path.
 */
bool host_file_allowed(const struct host_policy *policy, uint32_t tenant, bool kernel,
                       const char *path);

/* Whether the file is an object that the tenant shares. */
bool host_disk_shared(const struct host_policy *policy, uint32_t tenant, const char *path);

#endif
