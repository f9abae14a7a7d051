/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_WORKER_NET_H
#define CASEMATE_HV_WORKER_NET_H

/*
 * The network device (virtio 1.2, 5.1) over taps that the launcher has attached: IFF_TAP,
 * IFF_NO_PI, IFF_VNET_HDR with a header of 12 bytes, and IFF_MULTI_QUEUE for more than one pair.
 *
 * config->queues is 2 for one queue pair, or 2 * pairs + 1, the last one being the control queue
 * (5.1.6.5.5), for 2..NET_PAIRS_MAX pairs. Pair i sends to tap i. All taps are read, whatever
 * number of pairs the guest uses: the host's kernel spreads flows over all of them.
 */
#include "hv/handoff.h"
#include "hv/worker/device.h"

#define NET_PAIRS_MAX 7u

struct net;

/* How many taps the configuration means; 0 if it cannot mean any. */
unsigned net_pairs(const struct worker_config *config);

/*
 * Make the device over `taps` (net_pairs() of them, borrowed, non-blocking). Allocates: before the
 * filter. -EINVAL or -ENOMEM.
 */
int net_new(const struct worker_config *config, const int *taps, struct net **net,
            struct device *device);

/* Release it; NULL is allowed. The taps stay open. */
void net_free(struct net *net);

#endif
