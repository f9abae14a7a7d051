/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/worker/rng.h"

#include <errno.h>
#include <sys/random.h>

/* Requests of one turn: with RNG_REQUEST_BYTES each, about 2 ms of the host's time. */
#define REQUESTS_PER_TURN 8

/* Fill the buffers up to the bound. Returns the bytes written, all of them from the front. */
static uint32_t fill(const struct iovec *iov, size_t count)
{
    uint32_t done = 0;

    for (size_t i = 0; i < count && done < RNG_REQUEST_BYTES; i++) {
        size_t left = iov[i].iov_len;
        uint8_t *at = iov[i].iov_base;

        if (left > RNG_REQUEST_BYTES - done)
            left = RNG_REQUEST_BYTES - done;
        while (left > 0) {
            ssize_t n = getrandom(at, left, 0);

            if (n < 0 && errno == EINTR)
                continue;
            if (n <= 0)
                return done;
            at += n;
            left -= (size_t)n;
            done += (uint32_t)n;
        }
    }
    return done;
}

static bool rng_process(void *self, unsigned index, struct virtqueue *queue)
{
    struct virtqueue_chain chain;
    int done = 0, r = 0;

    (void)self;
    (void)index;
    virtqueue_ignore(queue);
    do {
        while (done < REQUESTS_PER_TURN && (r = virtqueue_pop(queue, &chain)) == 1) {
            virtqueue_push(queue, chain.head, fill(chain.iov + chain.readable, chain.writable));
            done++;
        }
        virtqueue_flush(queue);
        if (done == REQUESTS_PER_TURN)
            return true;
    } while (r == 0 && virtqueue_listen(queue));
    return false;
}

void rng_device(struct device *device)
{
    *device = (struct device){.queues = 1, .process = rng_process};
}
