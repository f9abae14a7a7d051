/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/worker/vhost_user_backend: a conversation. Each message of the input is: request, flags,
 * number of descriptors and which, size (a byte each; size 255: two more bytes), payload. Between
 * messages the rings are worked on. Request 200 is the guest's: two bytes of offset (in units of
 * 16) and what it writes there.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/fdpass.h"
#include "hv/vhost_user_wire.h"
#include "hv/worker/inflight.h"
#include "hv/worker/vhost_user_backend.h"

#define GUEST_WRITES 200
#define RAM_SIZE     (1u << 20)
#define FILE_SIZE    (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool touch(void *self, unsigned index, struct virtqueue *queue)
{
    static struct virtqueue_chain chain;

    (void)self;
    (void)index;
    for (int i = 0; i < 64 && virtqueue_pop(queue, &chain) == 1; i++) {
        for (size_t k = 0; k < chain.readable + chain.writable; k++) {
            uint8_t *last = (uint8_t *)chain.iov[k].iov_base + chain.iov[k].iov_len - 1;

            if (k >= chain.readable)
                *last ^= 1;
            else
                (void)*(volatile uint8_t *)last;
        }
        virtqueue_push(queue, chain.head, 1);
    }
    virtqueue_flush(queue);
    (void)virtqueue_listen(queue);
    return false;
}

static uint8_t *ram;
static int kinds[4]; /* RAM, eventfd, in-flight memory, a pipe's end */

static void prepare(void)
{
    int ends[2];

    kinds[0] = fd_fixed_memfd("ram", FILE_SIZE, 0);
    kinds[1] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    kinds[2] = fd_fixed_memfd("inflight", FILE_SIZE, 0);
    if (kinds[0] < 0 || kinds[1] < 0 || kinds[2] < 0 || pipe(ends) < 0)
        abort();
    kinds[3] = ends[0];
    ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, kinds[0], 0);
    if (ram == MAP_FAILED)
        abort();
}

/*
 * A file shorter than it was said to be raises SIGBUS, as guestmem.h says: only offsets within the
 * file are tried here.
 */
static void keep_inside(struct vhost_user_message *m)
{
    if (m->header.request == VHOST_USER_SET_MEM_TABLE)
        for (unsigned i = 0; i < VHOST_USER_REGIONS_MAX; i++)
            m->payload.memory.region[i].offset &= 0x7fffff;
    if (m->header.request == VHOST_USER_SET_INFLIGHT_FD)
        m->payload.inflight.offset &= 0x7fffff;
}

static const uint8_t *send_one(int socket, const uint8_t *at, const uint8_t *end)
{
    union {
        struct vhost_user_message m;
        uint8_t bytes[1024];
    } out;
    size_t size, count, have;
    int fds[FDPASS_MAX];

    memset(&out, 0, sizeof(out));
    if (end - at < 4)
        return NULL;
    out.m.header.request = at[0];
    out.m.header.flags = at[1];
    count = (at[2] & 15) % 10;
    for (size_t i = 0; i < count; i++)
        fds[i] = kinds[(at[2] >> 4 ^ i / 7) % 4];
    size = at[3];
    at += 4;
    if (size == 255) {
        if (end - at < 2)
            return NULL;
        size = (at[0] | (size_t)at[1] << 8) % 600;
        at += 2;
    }
    have = (size_t)(end - at) < size ? (size_t)(end - at) : size;
    out.m.header.size = (uint32_t)size;
    memcpy(out.bytes + sizeof(out.m.header), at, have);
    if (out.m.header.request == GUEST_WRITES) {
        size_t offset = have < 2 ? 0 : (at[0] | (size_t)at[1] << 8) * 16;

        if (have > 2 && offset < RAM_SIZE - sizeof(out))
            memcpy(ram + offset, at + 2, have - 2);
        return at + have;
    }
    keep_inside(&out.m);
    (void)fdpass_send(socket, out.bytes, sizeof(out.m.header) + have, fds, count);
    return at + have;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t config[64];
    struct device device = {
        .features = 0x20,
        .protocol_features = 1ull << VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD,
        .queues = 2,
        .config = config,
        .config_size = sizeof(config),
        .process = touch,
    };
    struct vhost_backend *backend = NULL;
    const uint8_t *at = data, *end = data + size;
    int sockets[2], r = 0;

    if (kinds[0] == 0)
        prepare();
    memset(ram, 0, 0x10000);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets) < 0 ||
        vhost_backend_new(&device, RAM_SIZE, kinds[2], FILE_SIZE, &backend) < 0)
        abort();
    for (int i = 0; i < 64 && r == 0 && at != NULL; i++) {
        uint8_t sink[2048];
        int fds[FDPASS_MAX];
        size_t count = FDPASS_MAX;

        at = send_one(sockets[0], at, end);
        r = vhost_backend_receive(backend, sockets[1]);
        (void)vhost_backend_process(backend);
        for (unsigned k = 0; k < device.queues; k++) {
            struct pollfd p = {.fd = vhost_backend_kick_fd(backend, k), .events = POLLIN};

            if (poll(&p, 1, 0) == 1)
                vhost_backend_kicked(backend, k, p.revents);
        }
        if (fdpass_receive(sockets[0], sink, sizeof(sink), fds, &count, MSG_DONTWAIT) > 0)
            for (size_t k = 0; k < count; k++)
                fd_close(&fds[k]);
    }
    vhost_backend_free(backend);
    fd_close(&sockets[0]);
    fd_close(&sockets[1]);
    return 0;
}
