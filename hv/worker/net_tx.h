/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_WORKER_NET_TX_H
#define CASEMATE_HV_WORKER_NET_TX_H

/* From the guest's transmit queue into a tap. */
#include <stdbool.h>
#include <stdint.h>

#include "hv/worker/virtqueue.h"

enum net_tx_result {
    NET_TX_DRAINED, /* the queue is empty, or broken */
    NET_TX_MORE,    /* the bound was reached: call again soon */
    NET_TX_BLOCKED, /* the tap takes no more: call again when it does */
};

/*
 * Send packets from `queue`. Headers are copied, checked against `features` and handed on as the
 * copy; packets that fail, and those that the tap (-1: it is gone) refuses, are dropped as a wire
 * would.
 */
enum net_tx_result net_tx_send(struct virtqueue *queue, int tap, uint64_t features,
                               struct virtqueue_chain *chain);

#endif
