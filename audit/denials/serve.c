/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/denials/serve.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdpass.h"

#define ROOM       (8 << 20) /* bytes that may wait for us */
#define BATCH      512u      /* messages in one go */
#define PROVE_MSEC 10000

int denials_open(void)
{
    const struct sockaddr_nl group = {.nl_family = AF_NETLINK,
                                      .nl_groups = 1u << (AUDIT_NLGRP_READLOG - 1)};
    cleanup_fd int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
    const int room = ROOM;

    if (fd < 0)
        return -errno;
    /* Beyond the host's limit only with CAP_NET_ADMIN, which is not worth having for it. */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    if (bind(fd, (const struct sockaddr *)&group, sizeof(group)) < 0)
        return -errno;
    return steal_fd(&fd);
}

/* 1: one message is in `datagram`, of *size bytes. 0: none now. -ENOBUFS: some were lost. */
static int receive(struct denials *denials, size_t *size)
{
    struct sockaddr_nl from = {0};
    struct iovec io = {denials->datagram, sizeof(denials->datagram)};
    struct msghdr message = {
        .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &io, .msg_iovlen = 1};
    ssize_t n = recvmsg(denials->kernel, &message, MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    /* From the kernel alone: others may be able to address us. Cut short it will not parse. */
    *size = message.msg_namelen == sizeof(from) && from.nl_pid == 0 ? (size_t)n : 0;
    return 1;
}

static void note(struct denials *denials, int read, const struct denials_heard *heard)
{
    uint64_t missing = heard->stamped ? gaps_note(&denials->gaps, heard->serial) : 0;

    if (missing > 0)
        gather_loss(&denials->gather, DENIALS_GAP, missing);
    if (read < 0)
        gather_loss(&denials->gather, DENIALS_UNREADABLE, 1);
}

static int flush(struct denials *denials)
{
    int r = 0;

    /* Waits for casemated: what does not fit meanwhile the kernel drops, and says so. */
    for (size_t i = 0; r == 0 && i < denials->gather.count; i++)
        r = fdpass_send(denials->control, &denials->gather.message[i],
                        sizeof(denials->gather.message[i]), NULL, 0);
    gather_clear(&denials->gather);
    return r;
}

int denials_hear(struct denials *denials)
{
    struct denials_heard heard;
    size_t size = 0;
    int r = 0;

    for (unsigned i = 0; r == 0 && i < BATCH; i++) {
        int got = receive(denials, &size);

        if (got == -ENOBUFS) {
            gather_loss(&denials->gather, DENIALS_OVERRUN, 0);
            continue;
        }
        if (got <= 0) {
            r = got;
            break;
        }
        if (size == 0)
            continue;
        note(denials, denials_read(denials->datagram, size, &denials->record, &heard), &heard);
        if (heard.denied && heard.pid == denials->self)
            denials->self = 0;
        if (heard.denied && heard.of_guest &&
            !gather_denial(&denials->gather, heard.pid, heard.context)) {
            r = flush(denials);
            (void)gather_denial(&denials->gather, heard.pid, heard.context);
        }
    }
    return r < 0 ? r : flush(denials);
}

/* Until there is something to hear: 0. -ETIMEDOUT after `msec` (negative: never); -EPIPE. */
static int await(const struct denials *denials, int64_t msec)
{
    struct pollfd polls[] = {{.fd = denials->kernel, .events = POLLIN},
                             {.fd = denials->control, .events = 0}};
    const struct timespec limit = {.tv_sec = msec / 1000, .tv_nsec = msec % 1000 * 1000000};
    int n = ppoll(polls, 2, msec >= 0 ? &limit : NULL, NULL);

    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    if ((polls[1].revents & (POLLHUP | POLLERR)) != 0)
        return -EPIPE;
    return n == 0 ? -ETIMEDOUT : 0;
}

int denials_serve(struct denials *denials)
{
    int r = 0;

    while (r == 0) {
        r = await(denials, -1);
        if (r == 0)
            r = denials_hear(denials);
    }
    return r == -EPIPE ? 0 : r;
}

static int64_t now_msec(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int denials_provoke(struct denials *denials)
{
    /* No signal: only the question whether one may be sent. */
    if (kill(getppid(), 0) == 0)
        return -EOPNOTSUPP;
    denials->self = (int32_t)getpid();
    return 0;
}

int denials_await(struct denials *denials)
{
    const int64_t end = now_msec() + PROVE_MSEC;
    int r = 0;

    while (r == 0 && denials->self != 0) {
        const int64_t left = end - now_msec();

        r = left > 0 ? await(denials, left) : -ETIMEDOUT;
        if (r == 0)
            r = denials_hear(denials);
    }
    return r;
}

int denials_tell_ready(int control, int result)
{
    const struct denials_message message = {.magic = DENIALS_MAGIC,
                                            .version = DENIALS_VERSION,
                                            .type = DENIALS_READY,
                                            .result = result};

    return fdpass_send_now(control, &message, sizeof(message), NULL, 0);
}
