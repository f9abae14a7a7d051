/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/worker/net.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hv/worker/net_ctrl.h"
#include "hv/worker/net_rx.h"
#include "hv/worker/net_tx.h"

#define BIT(n) (1ull << (n))

_Static_assert(NET_PAIRS_MAX <= DEVICE_POLL_MAX, "one tap per pair");
_Static_assert(2 * NET_PAIRS_MAX + 1 <= HANDOFF_QUEUES_MAX, "pairs and the control queue");

struct net_pair {
    int tap;      /* -1 once it has failed */
    bool blocked; /* it takes no more packets for now */
    struct virtqueue *tx;
    struct net_rx rx;
};

struct net {
    unsigned pairs;
    unsigned active; /* pairs that the guest uses */
    uint64_t features;
    unsigned offload; /* TUN_F_* that the taps have */
    struct virtio_net_config config;
    struct virtqueue_chain chain; /* transmit and control: one at a time */
    struct net_pair pair[NET_PAIRS_MAX];
};

unsigned net_pairs(const struct worker_config *config)
{
    if (config->queues == 2)
        return 1;
    if (config->queues < 5 || config->queues % 2 == 0 || config->queues > 2 * NET_PAIRS_MAX + 1)
        return 0;
    return (config->queues - 1) / 2;
}

/* What the tap may leave to the guest (5.1.6.4): checksums to check, segments to split. */
static unsigned offload_of(uint64_t features)
{
    unsigned offload = 0;

    if ((features & BIT(VIRTIO_NET_F_GUEST_CSUM)) == 0)
        return 0;
    offload = TUN_F_CSUM;
    if ((features & BIT(VIRTIO_NET_F_GUEST_TSO4)) != 0)
        offload |= TUN_F_TSO4;
    if ((features & BIT(VIRTIO_NET_F_GUEST_TSO6)) != 0)
        offload |= TUN_F_TSO6;
    if ((features & BIT(VIRTIO_NET_F_GUEST_ECN)) != 0 && offload != TUN_F_CSUM)
        offload |= TUN_F_TSO_ECN;
    return offload;
}

static int net_set_features(void *self, uint64_t features)
{
    struct net *net = self;
    unsigned offload = offload_of(features);

    /* The queues of one interface share this. */
    if (offload != net->offload && net->pair[0].tap >= 0 &&
        ioctl(net->pair[0].tap, TUNSETOFFLOAD, (unsigned long)offload) < 0)
        return -errno;
    net->offload = offload;
    net->features = features;
    net->active = 1; /* 5.1.6.5.5: until the driver asks for more */
    return 0;
}

static void net_queue_changed(void *self, unsigned index, struct virtqueue *queue)
{
    struct net *net = self;
    struct net_pair *pair;

    if (index == 2 * net->pairs)
        return;
    pair = &net->pair[index / 2];
    if (index % 2 == 1) {
        pair->tx = queue;
        pair->blocked = false;
    } else if (queue == NULL) {
        net_rx_detach(&pair->rx);
    } else {
        net_rx_attach(&pair->rx, queue, (net->features & BIT(VIRTIO_NET_F_MRG_RXBUF)) != 0);
    }
}

static bool send(struct net *net, struct net_pair *pair)
{
    enum net_tx_result r;

    if (pair->tx == NULL || pair->blocked)
        return false;
    r = net_tx_send(pair->tx, pair->tap, net->features, &net->chain);
    pair->blocked = r == NET_TX_BLOCKED;
    return r == NET_TX_MORE;
}

static bool net_process(void *self, unsigned index, struct virtqueue *queue)
{
    struct net *net = self;

    if (index == 2 * net->pairs) {
        return net_ctrl_process(queue, net->pairs, &net->active, &net->chain);
    }
    if (index % 2 == 1)
        return send(net, &net->pair[index / 2]);
    net_rx_kicked(&net->pair[index / 2].rx);
    return false;
}

/* The receive queue that tap `index` feeds: those of pairs not in use feed the used ones. */
static struct net_rx *rx_of(struct net *net, unsigned index)
{
    return &net->pair[index % net->active].rx;
}

static short net_poll_events(void *self, unsigned index)
{
    struct net *net = self;
    struct net_pair *pair = &net->pair[index];
    short events = pair->blocked ? POLLOUT : 0;

    if (pair->tap >= 0 && net_rx_wants(rx_of(net, index)))
        events |= POLLIN;
    return events;
}

/*
 * A tap that was deleted reports POLLERR, alone and for ever: the guest's link is dead, the worker
 * is not. It is looked at no more, once what waits to be sent has been dropped: a guest that is not
 * told of its buffers would hang instead of losing packets.
 */
static void net_poll_ready(void *self, unsigned index, short revents)
{
    struct net *net = self;
    struct net_pair *pair = &net->pair[index];
    struct net_rx *rx = rx_of(net, index);
    bool failed = (revents & (POLLERR | POLLHUP)) != 0;

    if (pair->tap >= 0 && net_rx_wants(rx)) {
        if (((revents & POLLIN) != 0 || failed) && net_rx_receive(rx, pair->tap) < 0)
            pair->tap = -1;
    } else if (failed && (revents & POLLOUT) == 0) {
        pair->tap = -1;
    }
    if (pair->blocked && ((revents & POLLOUT) != 0 || failed)) {
        pair->blocked = false;
        /* No kick will come for the rest: ask the tap again. */
        if (send(net, pair))
            pair->blocked = true;
    }
}

static uint64_t features_of(unsigned pairs)
{
    uint64_t features = BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_GUEST_CSUM) |
                        BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_GUEST_TSO4) |
                        BIT(VIRTIO_NET_F_GUEST_TSO6) | BIT(VIRTIO_NET_F_GUEST_ECN) |
                        BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_HOST_TSO6) |
                        BIT(VIRTIO_NET_F_HOST_ECN) | BIT(VIRTIO_NET_F_MRG_RXBUF);

    return pairs > 1 ? features | BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_MQ) : features;
}

int net_new(const struct worker_config *config, const int *taps, struct net **net,
            struct device *device)
{
    unsigned pairs = net_pairs(config);
    struct net *n;

    if (pairs == 0)
        return -EINVAL;
    n = calloc(1, sizeof(*n));
    if (n == NULL)
        return -ENOMEM;
    n->pairs = pairs;
    n->active = 1;
    memcpy(n->config.mac, config->mac, sizeof(n->config.mac));
    n->config.status = VIRTIO_NET_S_LINK_UP;
    n->config.max_virtqueue_pairs = (uint16_t)pairs;
    *device = (struct device){
        .self = n,
        .features = features_of(pairs),
        .queues = config->queues,
        .config = &n->config,
        .config_size = sizeof(n->config),
        .set_features = net_set_features,
        .queue_changed = net_queue_changed,
        .process = net_process,
        .polls = pairs,
        .poll_events = net_poll_events,
        .poll_ready = net_poll_ready,
    };
    for (unsigned i = 0; i < pairs; i++) {
        n->pair[i].tap = taps[i];
        device->poll_fd[i] = taps[i];
    }
    *net = n;
    return 0;
}

void net_free(struct net *net)
{
    free(net);
}
