/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_DAEMON_POLICY_H
#define CASEMATE_HV_DAEMON_POLICY_H

/*
 * The host policy in force: an image (policy/image.h) that `casemate policy load` made. It is
 * copied, hashed and checked here; a child of no privilege looks its operators' names up. Nothing
 * waits meanwhile.
 */
#include <limits.h>

#include "hv/daemon/state.h"
#include "policy/image.h"

#define POLICY_TEXT_MAX (RECORD_TEXT_MAX * 3)

/* What becomes of guests that run and that a new policy would not admit. */
enum policy_running {
    POLICY_RUNNING_REFUSE, /* the policy is not taken */
    POLICY_RUNNING_KEEP,   /* they go on */
    POLICY_RUNNING_STOP,   /* their power buttons are pressed */
};

/* How a reading ended: 0, or -errno and why in `text` (-EINVAL: the policy, else this host). */
typedef void (*policy_loaded)(struct host *host, int status, const char *text);

/* 0 or -ENOMEM. Released with what is in force; NULL is allowed. */
int policy_new(struct policy **policy);
void policy_free(struct host *host);

/*
 * Begin to read the policy; if `fresh`, the new one beside it, which takes its place when all is
 * well and is removed when not. `loaded` is called once, from the loop, or not at all if this
 * fails, with why in `text`: -EBUSY while one is being read; -EINVAL: an image that is none, that
 * this host cannot enforce, or that would not admit a guest which runs; -errno. A missing file is
 * an empty policy. On every failure what was in force stays.
 */
int policy_load(struct host *host, bool fresh, enum policy_running running, policy_loaded loaded,
                char text[POLICY_TEXT_MAX]);

/*
 * Whether every guest that runs would be admitted under an image: it is described there, what it
 * holds is known and its tenant's there, the limits hold. 0, or -EINVAL with why in `text`; with
 * POLICY_RUNNING_STOP 0, and those that would not are `unwanted`. -ENOMEM.
 */
int policy_admits_running(struct host *host, const struct image *image, enum policy_running running,
                          char text[POLICY_TEXT_MAX]);

/* When the policy is in force: have those that are unwanted stopped, but not what is evidence. */
void policy_end_unwanted(struct host *host);

/* What is to be done then: guests taken, those who asked told, and at first begun to listen. */
void host_policy_loaded(struct host *host, int status, const char *text);

/* A child has ended; true if it was the policy's. */
bool policy_child(struct host *host, pid_t pid, int status);

/* What is in force and has passed image_check; NULL before the first one. */
const struct image *policy_current(const struct policy *policy);
/* SHA-256 of the image; zeroes before the first one. */
const uint8_t *policy_digest(const struct policy *policy);
/* SHA-256 of the certificate of its proof; NULL: it has none. */
const uint8_t *policy_proof(const struct policy *policy);

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
