/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_WORKER_BLK_H
#define CASEMATE_HV_WORKER_BLK_H

/* The block device (virtio 1.2, 5.2) over one raw file or block device. No format is ever probed.
 */
#include "hv/handoff.h"
#include "hv/worker/device.h"

struct blk;

/*
 * Make the device over `fd` (borrowed) as `config` describes it. Allocates, and asks the kernel
 * about the descriptor: before the filter. -EINVAL: neither a file nor a block device, smaller
 * than the capacity, or not opened as the configuration says (read-write, or read-only and no
 * more); -ENOMEM; -errno. `in_flight` says whether in-flight tracking is offered.
 */
int blk_new(const struct worker_config *config, int fd, bool in_flight, struct blk **blk,
            struct device *device);

/* Release it; NULL is allowed. The descriptor stays open. */
void blk_free(struct blk *blk);

#endif
