/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_WORKER_NET_CTRL_H
#define CASEMATE_HV_WORKER_NET_CTRL_H

/* The control queue of a network device with several queue pairs (virtio 1.2, 5.1.6.5). */
#include "hv/worker/virtqueue.h"

/*
 * Answer the commands in `queue`: VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET with 1..`pairs` changes *active;
 * every other is refused, since no feature that brings one is offered. True if a bound was reached
 * and there may be more.
 */
bool net_ctrl_process(struct virtqueue *queue, unsigned pairs, unsigned *active,
                      struct virtqueue_chain *chain);

#endif
