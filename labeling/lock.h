/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_LABELING_LOCK_H
#define CASEMATE_LABELING_LOCK_H

/*
 * Exclusive use of an image, between guests of one host and between hosts that share its file
 * system. What excludes is an open-file-description lock (fcntl(2)) over the whole file: it belongs
 * to the open file, follows it into the device's process, and is gone when the last descriptor is,
 * so it cannot be stale. (It also meets the byte ranges that QEMU locks.) A record in an extended
 * attribute says who has it, for people; and where locks do not reach other hosts, the record is
 * what refuses.
 *
 * A block device that is written is claimed by opening it with O_EXCL: locks belong to the node,
 * and a device can have many. The lock is for readers, and for others who ask at the same node.
 */
#include <stdbool.h>

#include "labeling/store.h"

#define IMAGE_GUEST_MAX 37 /* a uuid as text, or any other name without blanks, with NUL */

struct image_holder {
    char host[LABEL_HOST_MAX];
    char boot_id[LABEL_BOOT_ID_MAX];
    char guest[IMAGE_GUEST_MAX];
};

enum image_lock_result {
    IMAGE_LOCKED = 0,
    IMAGE_LOCKED_STALE = 1, /* and *other says who had it and died without giving it back */
};

/*
 * Lock the image behind `fd`: for writing (`fd` must be open for it), or for reading along with
 * other readers. An image_lock_result; or, with *other telling what is known of the holder ("" what
 * is not): -EBUSY when a living process, here or on another host, has it; -EREMOTE when another
 * host's record is on it and this file system's locks do not show whether that host still runs:
 * image_lock_break, when one is sure that it does not. Else -errno. Nothing is locked on failure.
 */
int image_lock(int fd, bool exclusive, const struct image_holder *self, struct image_holder *other);

/* For tests: the same, told whether locks on this file system reach the other hosts on it. */
int image_lock_given(int fd, bool exclusive, bool reach, const struct image_holder *self,
                     struct image_holder *other);

/*
 * Give it back: the record, if it is ours, then the lock. Closing every descriptor does the second
 * alone, and leaves a record that the next taker will find stale. 0 or -errno.
 */
int image_unlock(int fd, const struct image_holder *self);

/*
 * Remove another's record, on somebody's word that the holder is dead. 0; -EBUSY while a living
 * process is seen to have it; -errno.
 */
int image_lock_break(int fd);

/* Take a record apart. 0; -EINVAL for anything but "host boot guest" as written by image_lock. */
int image_holder_parse(const char *text, struct image_holder *holder);

#endif
