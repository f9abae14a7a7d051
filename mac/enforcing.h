/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_MAC_ENFORCING_H
#define CASEMATE_MAC_ENFORCING_H

/*
 * Whether the host's SELinux goes on enforcing: the kernel's status page says how it is, and a
 * netlink socket wakes whoever waits for a change (SELNL_MSG_SETENFORCE, SELNL_MSG_POLICYLOAD) and
 * tells of one that was undone before anybody looked.
 */
#include <stdbool.h>
#include <stdint.h>

struct enforcing;

struct enforcing_status {
    bool enforcing;
    bool lapsed;    /* it was not for a while, or may not have been: since the last look */
    uint32_t loads; /* of a policy, since the host booted */
};

/*
 * Begin to watch. 0, with *watch the caller's (enforcing_close); -EOPNOTSUPP without SELinux or its
 * status page; -EPROTO for a page of another version; -ENOMEM; -errno.
 */
int enforcing_open(struct enforcing **watch);
void enforcing_close(struct enforcing *watch);

/* Readable when something may have changed; -1 for NULL. Stays the watch's. */
int enforcing_fd(const struct enforcing *watch);

/* Forget what made it readable, and say how it is now. 0; -errno: nobody knows. */
int enforcing_look(struct enforcing *watch, struct enforcing_status *status);

#endif
