/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fdpass.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int) * FDPASS_MAX)];
};

static int send_rest(int socket, const char *data, size_t size)
{
    while (size > 0) {
        struct iovec iov = {.iov_base = (void *)(size_t)data, .iov_len = size};
        struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
        /* sendmsg rather than send: it is one call fewer in every filter. */
        ssize_t n = sendmsg(socket, &msg, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

/* One sendmsg with the descriptors: how many bytes went, or -errno. */
static ssize_t send_first(int socket, const void *data, size_t size, const int *fds, size_t count,
                          int flags)
{
    union control control;
    struct iovec iov = {.iov_base = (void *)(size_t)data, .iov_len = size};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n;

    if (size == 0 || count > FDPASS_MAX)
        return -EINVAL;
    if (count > 0) {
        struct cmsghdr *cmsg;

        memset(&control, 0, sizeof(control));
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * count);
    }
    do {
        n = sendmsg(socket, &msg, MSG_NOSIGNAL | flags);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

int fdpass_send(int socket, const void *data, size_t size, const int *fds, size_t count)
{
    ssize_t n = send_first(socket, data, size, fds, count, 0);

    return n < 0 ? (int)n : send_rest(socket, (const char *)data + n, size - (size_t)n);
}

int fdpass_send_now(int socket, const void *data, size_t size, const int *fds, size_t count)
{
    ssize_t n = send_first(socket, data, size, fds, count, MSG_DONTWAIT);

    if (n < 0)
        return (int)n;
    return (size_t)n == size ? 0 : -EMSGSIZE;
}

static size_t collect(struct msghdr *msg, int *fds, size_t room, bool *overflow)
{
    size_t have = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        size_t n;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
            if (have < room) {
                fds[have++] = fd;
            } else {
                (void)close(fd);
                *overflow = true;
            }
        }
    }
    return have;
}

int fdpass_receive(int socket, void *data, size_t size, int *fds, size_t *count, int flags)
{
    union control control;
    struct iovec iov = {.iov_base = data, .iov_len = size};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    int local[FDPASS_MAX];
    size_t have, room = count != NULL ? *count : 0;
    bool overflow = false;
    ssize_t n;

    if (size == 0 || size > INT_MAX || room > FDPASS_MAX)
        return -EINVAL;
    memset(&control, 0, sizeof(control));
    msg.msg_control = control.bytes;
    msg.msg_controllen = sizeof(control.bytes);
    do {
        n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC | flags);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    have = collect(&msg, local, room, &overflow);
    if (overflow || (msg.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0) {
        for (size_t i = 0; i < have; i++)
            (void)close(local[i]);
        return (msg.msg_flags & MSG_TRUNC) != 0 ? -EMSGSIZE : -EBADMSG;
    }
    if (have > 0)
        memcpy(fds, local, have * sizeof(int));
    if (count != NULL)
        *count = have;
    return (int)n;
}
