/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/worker/net_ctrl.h"

#include <linux/virtio_net.h>
#include <stdint.h>

#include "hv/worker/iov.h"

#define COMMANDS_PER_TURN 16

struct command {
    uint8_t class, command;
    uint16_t pairs;
} __attribute__((packed));

static uint8_t execute(const struct command *c, unsigned pairs, unsigned *active)
{
    if (c->class != VIRTIO_NET_CTRL_MQ || c->command != VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET)
        return VIRTIO_NET_ERR;
    if (c->pairs < 1 || c->pairs > pairs)
        return VIRTIO_NET_ERR;
    *active = c->pairs;
    return VIRTIO_NET_OK;
}

bool net_ctrl_process(struct virtqueue *queue, unsigned pairs, unsigned *active,
                      struct virtqueue_chain *chain)
{
    for (int i = 0; i < COMMANDS_PER_TURN; i++) {
        struct command c = {0};
        uint8_t ack = VIRTIO_NET_ERR;
        int r = virtqueue_pop(queue, chain);

        if (r != 1) {
            if (r == 0 && virtqueue_listen(queue))
                continue;
            return false;
        }
        if (chain->writable_bytes < sizeof(ack)) {
            virtqueue_break(queue);
            return false;
        }
        if (chain->readable_bytes == sizeof(c) &&
            iov_read(chain->iov, chain->readable, 0, &c, sizeof(c)) == sizeof(c))
            ack = execute(&c, pairs, active);
        (void)iov_write(chain->iov + chain->readable, chain->writable, 0, &ack, sizeof(ack));
        virtqueue_push(queue, chain->head, sizeof(ack));
        virtqueue_flush(queue);
    }
    return true;
}
