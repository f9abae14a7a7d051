/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_NODE_H
#define CASEMATE_HV_LAUNCH_NODE_H

/* A device through a node of our own. */
#include <sys/types.h>

/*
 * Open block device `device` through a node made for this call, of mode 0600, in a tmpfs that is
 * mounted nowhere: no path leads to it, so nothing that walks /dev (udev, restorecon) changes
 * owner, mode or label of it, and what is done to it does not show in /dev. It goes with the last
 * descriptor. `flags` as for open(2), O_EXCL to claim the device; O_CLOEXEC is added. Returns a
 * descriptor that the caller owns; -EPERM without CAP_MKNOD and CAP_SYS_ADMIN in the host's user
 * namespace, or where the cgroup of a container forbids the device; -EBUSY when the device is
 * claimed; -EROFS or -EACCES when it can only be read; -ENXIO without such a device; other -errno.
 */
int node_open_block(dev_t device, int flags);

#endif
