/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_SLOT_H
#define CASEMATE_HV_LAUNCH_SLOT_H

/*
 * A slot is a guest's place on the host: its block of uids and its pair of categories. Slots are
 * byte ranges of one file under open-file-description locks, so that the kernel frees a slot when
 * its guard is gone, however it went: there is no stale lock to tell from a live one.
 */
#include <sys/types.h>

#include "mac/selinux.h"

#define SLOTS         512u        /* one pair of the 1024 categories each */
#define SLOT_UID_BASE 2000000000u /* far above every uid that distributions hand out */
#define SLOT_UIDS     64u         /* of one guest: one for each process */

struct slot {
    int fd; /* owned: holds the lock */
    unsigned number;
    struct selinux_label label;
};

/* Take the lowest free slot. 0; -EAGAIN when all are taken; -errno. */
int slot_acquire(struct slot *slot);

/* Give it back. */
void slot_release(struct slot *slot);

/* The uid (and gid) of process `index` of the guest; `index` < SLOT_UIDS. */
uid_t slot_uid(const struct slot *slot, unsigned index);

#endif
