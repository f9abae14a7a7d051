/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/vhost_user_converse.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdpass.h"

#define HEADER         sizeof(struct vhost_user_header)
#define NSIG_OF_KERNEL 8 /* bytes of the kernel's sigset_t */

/*
 * Wait for `events`, at most as long as patience lasts. The bare system call, because it reports
 * the rest (the C library's wrapper hides it): so a deadline over many waits needs no clock, and
 * the filter no further call.
 */
static int wait_for(struct vhost_user *front, short events)
{
    struct pollfd poll = {.fd = front->socket, .events = events};
    long n;

    do {
        n = syscall(SYS_ppoll, &poll, 1, &front->patience, NULL, (size_t)NSIG_OF_KERNEL);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    /* A peer that hung up is found by the send or receive that follows. */
    return n == 0 ? -ETIMEDOUT : 0;
}

static int transmit(struct vhost_user *front, const struct vhost_user_message *message,
                    const int *fds, size_t count)
{
    /*
     * A stream socket is writable when most of its buffer is free, which is far more than a
     * message: sendmsg will not block on a back-end that does not read.
     */
    int r = wait_for(front, POLLOUT);

    return r < 0 ? r
                 : fdpass_send(front->socket, message, HEADER + message->header.size, fds, count);
}

/* Receive exactly `size` bytes; at most *count descriptors may come with the first of them. */
static int receive(struct vhost_user *front, void *data, size_t size, int *fds, size_t *count)
{
    uint8_t *at = data;

    for (size_t done = 0; done < size;) {
        size_t none = 0;
        int r = wait_for(front, POLLIN);

        if (r == 0) {
            r = fdpass_receive(front->socket, at + done, size - done, fds,
                               done == 0 ? count : &none, MSG_DONTWAIT);
            if (r == 0)
                r = -EPIPE;
        }
        if (r < 0)
            return r;
        done += (size_t)r;
    }
    return 0;
}

static int await(struct vhost_user *front, const struct vhost_user_expected *expected)
{
    struct vhost_user_header header;
    cleanup_fd int fd = -1;
    size_t count = expected->fd != NULL ? 1 : 0;
    int r = receive(front, &header, sizeof(header), &fd, &count);

    if (r < 0)
        return r;
    if (header.request != front->last || (header.flags & ~VHOST_USER_FLAGS_KNOWN) != 0 ||
        (header.flags & (VHOST_USER_VERSION_MASK | VHOST_USER_FLAG_REPLY)) !=
            (VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY))
        return -EBADMSG;
    if (header.size == 0 && expected->refusable)
        return -EREMOTEIO;
    if (header.size < expected->size_min || header.size > expected->size)
        return -EBADMSG;
    memset(expected->payload, 0, expected->size);
    count = 0;
    r = receive(front, expected->payload, header.size, NULL, &count);
    if (r == 0 && expected->fd != NULL)
        *expected->fd = steal_fd(&fd);
    return r;
}

int vhost_user_converse(struct vhost_user *front, uint32_t request,
                        struct vhost_user_message *message, const int *fds, size_t count,
                        const struct vhost_user_expected *expected)
{
    uint64_t verdict = 0;
    const struct vhost_user_expected ack = {
        .payload = &verdict, .size = sizeof(verdict), .size_min = sizeof(verdict)};
    bool acked =
        expected == NULL && (front->protocol & (1ULL << VHOST_USER_PROTOCOL_F_REPLY_ACK)) != 0;
    int r;

    if (front->ended != 0)
        return -ESHUTDOWN;
    front->last = request;
    message->header.request = request;
    message->header.flags = VHOST_USER_VERSION | (acked ? VHOST_USER_FLAG_NEED_REPLY : 0);
    r = transmit(front, message, fds, count);
    if (r == 0 && (expected != NULL || acked))
        r = await(front, acked ? &ack : expected);
    if (r == 0 && verdict != 0)
        r = -EREMOTEIO;
    if (r == -ECONNRESET)
        r = -EPIPE;
    if (r < 0)
        front->ended = r;
    return r;
}

int vhost_user_breach(struct vhost_user *front)
{
    front->ended = -EBADMSG;
    return -EBADMSG;
}
