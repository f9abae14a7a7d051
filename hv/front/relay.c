/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "hv/front/session.h"

#define QUEUE_BYTES 16384u

/* Bytes on their way from one socket to another. */
struct queue {
    int from, to;
    bool ended; /* nothing comes any more */
    size_t size;
    uint8_t bytes[QUEUE_BYTES];
};

static bool again(ssize_t n)
{
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* 0, or -EPIPE when nobody takes the bytes any more. */
static int send_queued(struct queue *q)
{
    ssize_t n = send(q->to, q->bytes, q->size, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (again(n))
        return 0;
    if (n <= 0)
        return -EPIPE;
    q->size -= (size_t)n;
    memmove(q->bytes, q->bytes + n, q->size);
    return 0;
}

static void receive(struct queue *q)
{
    ssize_t n = recv(q->from, q->bytes + q->size, sizeof(q->bytes) - q->size, MSG_DONTWAIT);

    if (n > 0)
        q->size += (size_t)n;
    else if (!again(n))
        q->ended = true;
}

static short wants(const struct queue *in, const struct queue *out)
{
    bool read = !in->ended && in->size < sizeof(in->bytes);

    return (short)((read ? POLLIN : 0) | (out->size > 0 ? POLLOUT : 0));
}

static int serve(struct queue *in, struct queue *out, short events)
{
    if (out->size > 0 && (events & (POLLOUT | POLLERR)) != 0 && send_queued(out) < 0)
        return -EPIPE;
    if (!in->ended && in->size < sizeof(in->bytes) && (events & (POLLIN | POLLHUP | POLLERR)) != 0)
        receive(in);
    return 0;
}

int session_relay(int client, int console, const void *early, unsigned size)
{
    /* Static: the stack of a confined process need not grow. One relay a process. */
    static struct queue up, down;

    up = (struct queue){.from = client, .to = console};
    down = (struct queue){.from = console, .to = client};
    while (size > 0) { /* typed ahead of the reply: a call's length at most */
        size_t part = size < sizeof(up.bytes) ? size : sizeof(up.bytes);

        memcpy(up.bytes, early, part);
        up.size = part;
        while (up.size > 0) {
            struct pollfd port = {.fd = console, .events = POLLOUT};

            if (ppoll(&port, 1, NULL, NULL) < 0 && errno != EINTR)
                return -errno;
            if (send_queued(&up) < 0)
                return 0;
        }
        early = (const uint8_t *)early + part;
        size -= (unsigned)part;
    }
    /* A client that says no more may still listen; a port that ended has nothing to hear either. */
    while (!down.ended || down.size > 0) {
        struct pollfd fds[2] = {
            {.fd = client, .events = wants(&up, &down)},
            {.fd = console, .events = wants(&down, &up)},
        };

        /*
         * A hang-up is reported unasked, as long as we look. Who has said his last word is watched
         * for it once that is delivered; who has not, and finds no room for more, comes later.
         */
        if (fds[0].events == 0 && (!up.ended || up.size > 0))
            fds[0].fd = -1;
        if (fds[1].events == 0)
            fds[1].fd = -1;
        if (ppoll(fds, 2, NULL, NULL) < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        if ((fds[0].revents & (POLLHUP | POLLERR)) != 0 && up.ended && up.size == 0)
            break; /* gone in both directions */
        if (serve(&up, &down, fds[0].revents) < 0 || serve(&down, &up, fds[1].revents) < 0)
            break;
    }
    return 0;
}
