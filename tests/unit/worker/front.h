/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_WORKER_FRONT_H
#define CASEMATE_TESTS_WORKER_FRONT_H

/*
 * A vhost-user front-end for tests: says what it is told to, right or wrong. Either the back-end
 * runs in this process (`backend` is pumped after each message) or in another one at the far end.
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/fdpass.h"
#include "hv/vhost_user_wire.h"
#include "hv/worker/vhost_user_backend.h"
#include "tests/unit/worker/driver.h"

#define FRONT_ACK (VHOST_USER_VERSION | VHOST_USER_FLAG_NEED_REPLY)

struct front {
    int socket;
    struct vhost_backend *backend; /* or NULL */
    int backend_socket;
    int pumped; /* what the pump returned last */
};

static inline void front_pump(struct front *f)
{
    if (f->backend == NULL)
        return;
    f->pumped = vhost_backend_receive(f->backend, f->backend_socket);
}

static inline void front_send_raw(struct front *f, const void *bytes, size_t size, const int *fds,
                                  size_t count)
{
    if (fdpass_send(f->socket, bytes, size, fds, count) < 0)
        f->pumped = -EPIPE;
    else
        front_pump(f);
}

static inline void front_send(struct front *f, uint32_t request, uint32_t flags,
                              const void *payload, uint32_t size, const int *fds, size_t count)
{
    uint8_t bytes[1024];
    struct vhost_user_header h = {request, flags, size};

    memcpy(bytes, &h, sizeof(h));
    if (size > 0)
        memcpy(bytes + sizeof(h), payload, size);
    front_send_raw(f, bytes, sizeof(h) + size, fds, count);
}

/* One whole message; its payload's size or -errno. In another process: waits up to 10 s. */
static inline int front_receive(struct front *f, uint32_t request, void *payload, size_t room,
                                int *fd)
{
    struct vhost_user_header h;
    struct pollfd p = {.fd = f->socket, .events = POLLIN};
    size_t count = 1;
    int fds[1], n;

    if (fd != NULL)
        *fd = -1;
    if (poll(&p, 1, f->backend != NULL ? 0 : 10000) != 1)
        return -ETIMEDOUT;
    n = fdpass_receive(f->socket, &h, sizeof(h), fds, &count, 0);
    if (n != (int)sizeof(h))
        return n < 0 ? n : -EPIPE;
    if (count == 1 && fd != NULL)
        *fd = fds[0];
    if (h.request != request || h.flags != (VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY) ||
        h.size > room)
        return -EPROTO;
    n = h.size == 0 ? 0 : fd_read_full(f->socket, payload, h.size);
    return n < 0 ? n : (int)h.size;
}

/* A request that is acknowledged: 0 done, 1 refused, -errno. */
static inline int front_do(struct front *f, uint32_t request, const void *payload, uint32_t size,
                           const int *fds, size_t count)
{
    uint64_t ack = 0;
    int n;

    front_send(f, request, FRONT_ACK, payload, size, fds, count);
    n = front_receive(f, request, &ack, sizeof(ack), NULL);
    if (n != (int)sizeof(ack))
        return n < 0 ? n : -EPROTO;
    return ack == 0 ? 0 : 1;
}

static inline int front_do_u64(struct front *f, uint32_t request, uint64_t value)
{
    return front_do(f, request, &value, sizeof(value), NULL, 0);
}

static inline int front_do_state(struct front *f, uint32_t request, uint32_t index, uint32_t num)
{
    struct vhost_user_vring_state s = {index, num};

    return front_do(f, request, &s, sizeof(s), NULL, 0);
}

static inline int front_do_fd(struct front *f, uint32_t request, uint64_t value, int fd)
{
    return front_do(f, request, &value, sizeof(value), &fd, fd >= 0 ? 1 : 0);
}

/* The answer to a GET without payload, or UINT64_MAX. */
static inline uint64_t front_get(struct front *f, uint32_t request)
{
    uint64_t value = 0;

    front_send(f, request, VHOST_USER_VERSION, NULL, 0, NULL, 0);
    return front_receive(f, request, &value, sizeof(value), NULL) == 8 ? value : UINT64_MAX;
}

/* Features, owner, memory: what comes before rings. `features` may be 0: all that is offered. */
static inline int front_begin(struct front *f, const struct driver_ram *ram, uint64_t features)
{
    struct vhost_user_memory memory = {
        .regions = 1, .region = {{.guest = RAM_GUEST, .size = RAM_SIZE, .user = RAM_USER}}};
    uint64_t offered = front_get(f, VHOST_USER_GET_FEATURES);
    uint64_t protocol = front_get(f, VHOST_USER_GET_PROTOCOL_FEATURES);
    int r;

    if (offered == UINT64_MAX || protocol == UINT64_MAX)
        return -EPROTO;
    front_send(f, VHOST_USER_SET_PROTOCOL_FEATURES, VHOST_USER_VERSION, &protocol, 8, NULL, 0);
    r = front_do(f, VHOST_USER_SET_OWNER, NULL, 0, NULL, 0);
    if (r == 0)
        r = front_do_u64(f, VHOST_USER_SET_FEATURES, features != 0 ? features : offered);
    if (r == 0)
        r = front_do(f, VHOST_USER_SET_MEM_TABLE, &memory, VHOST_USER_MEMORY_SIZE(1), &ram->fd, 1);
    return r;
}

/* All of a ring's settings; starts it. */
static inline int front_ring(struct front *f, uint32_t index, const struct driver_ring *ring,
                             uint32_t base, int kick, int call)
{
    struct vhost_user_vring_addr addr = {
        .index = index,
        .descriptor = RAM_USER + ring->desc,
        .available = RAM_USER + ring->avail,
        .used = RAM_USER + ring->used,
    };
    int r = front_do_state(f, VHOST_USER_SET_VRING_NUM, index, ring->entries);

    if (r == 0)
        r = front_do_state(f, VHOST_USER_SET_VRING_BASE, index, base);
    if (r == 0)
        r = front_do(f, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0);
    if (r == 0)
        r = front_do_fd(f, VHOST_USER_SET_VRING_CALL, index, call);
    if (r == 0)
        r = front_do_fd(f, VHOST_USER_SET_VRING_KICK, index, kick);
    if (r == 0)
        r = front_do_state(f, VHOST_USER_SET_VRING_ENABLE, index, 1);
    return r;
}

static inline void front_kick(int fd)
{
    const uint64_t one = 1;

    if (write(fd, &one, sizeof(one)) != sizeof(one))
        abort();
}

/* Ask for in-flight memory and set it; the descriptor, or -errno. */
static inline int front_inflight(struct front *f, uint16_t queues, uint16_t entries,
                                 struct vhost_user_inflight *area)
{
    int fd = -1, n;

    *area = (struct vhost_user_inflight){.queues = queues, .queue_size = entries};
    front_send(f, VHOST_USER_GET_INFLIGHT_FD, VHOST_USER_VERSION, area, sizeof(*area), NULL, 0);
    n = front_receive(f, VHOST_USER_GET_INFLIGHT_FD, area, sizeof(*area), &fd);
    if (n < 0)
        return n;
    return fd;
}

#endif
