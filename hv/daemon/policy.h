/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_DAEMON_POLICY_H
#define CASEMATE_HV_DAEMON_POLICY_H

/*
 * The host policy in force. The file is read and hashed here, parsed by a child in seccomp strict
 * mode that can do nothing but fill memory, and checked here when that child is gone; a second
 * child, of no privilege, looks its operators' names up. Nothing waits meanwhile.
 */
#include "hv/daemon/state.h"
#include "policy/host.h"

#define POLICY_TEXT_MAX (RECORD_TEXT_MAX * 3)

/* How a reading ended: 0, or -errno and why in `text` (-EINVAL: the policy, else this host). */
typedef void (*policy_loaded)(struct host *host, int status, const char *text);

/* 0 or -ENOMEM. Released with what is in force; NULL is allowed. */
int policy_new(struct policy **policy);
void policy_free(struct host *host);

/*
 * Begin to read the file. `loaded` is called once, from the loop, or not at all if this fails:
 * -EBUSY while one is being read, -errno. A missing file is an empty policy. On every failure what
 * was in force stays.
 */
int policy_load(struct host *host, policy_loaded loaded);

/* What is to be done then: guests taken, those who asked told, and at first begun to listen. */
void host_policy_loaded(struct host *host, int status, const char *text);

/* A child has ended; true if it was the policy's. */
bool policy_child(struct host *host, pid_t pid, int status);

/* What is in force and has passed host_policy_check; NULL before the first one. */
const struct host_policy *policy_current(const struct policy *policy);
/* SHA-256 of its source; zeroes before the first one. */
const uint8_t *policy_digest(const struct policy *policy);

/* The uid (of a group, behind '@', the gid) of its operator `index`; UINT32_MAX: there is none. */
uint32_t policy_operator_id(const struct policy *policy, uint32_t index);

/* True if the user, or one of the groups, may manage the tenant's guests by the policy's words. */
bool policy_operates(const struct policy *policy, const char *tenant, uid_t uid,
                     const gid_t *groups, unsigned count);
/*
 * True if the policy names operators of that tenant, or may have: when none is in force, or when
 * the one in force does not have the tenant (any more).
 */
bool policy_has_operators(const struct policy *policy, const char *tenant);

/*
 * Whether one more guest of this tenant, of index `guest` in the policy, keeps to its tenant's
 * limits. 0, or -EDQUOT with why in `text`.
 */
int policy_limits(const struct host *host, uint32_t guest, char text[RECORD_TEXT_MAX]);

#endif
