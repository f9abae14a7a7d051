/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_POLICY_LOCK_H
#define CASEMATE_CMD_VERBS_POLICY_LOCK_H

/*
 * One `casemate policy load` at a time: two would write to one name, and one might have casemated
 * take what the other wrote.
 *
 * Lock the file HOST_IMAGE_LOCK in `directory`, making it if it is missing; it stays when the lock
 * is gone. The descriptor is the caller's; the lock is held until it and what children have of it
 * is closed (F_OFD_SETLK, fcntl(2)), so none is left of who is killed. -EAGAIN: another holds it;
 * -ELOOP: the name is a link's; -errno.
 */
int policy_lock(int directory);

#endif
