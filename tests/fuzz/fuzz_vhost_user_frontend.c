/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vhost-user front-end and whatever a hostile back-end answers: the input is the stream of its
 * replies, sent ahead. Beside memory safety: no descriptor is left open or lost, outputs are
 * untouched by a call that fails, and after the first failure nothing is sent any more.
 * The input: one byte, how many descriptors come; one byte, with which 4-byte word of the stream;
 * then the stream.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/fdpass.h"
#include "hv/vmm/vhost_user.h"

#define STREAM_MAX  4096u
#define MEMORY_SIZE (2u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct memory *memory;
static int ram = -1, event = -1;

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* The lowest free number is the same before and after if nothing stayed open. */
static int lowest_descriptor(void)
{
    int fd = dup(event);

    require(fd >= 0);
    (void)close(fd);
    return fd;
}

static void send_ahead(int socket, const uint8_t *data, size_t size, unsigned count, size_t where)
{
    const int fds[8] = {event, event, event, event, event, event, event, event};
    size_t first = where < size ? where : size;

    if (first > 0)
        (void)fdpass_send(socket, data, first, NULL, 0);
    if (first < size)
        (void)fdpass_send(socket, data + first, size - first, fds, count);
    (void)shutdown(socket, SHUT_WR);
}

static int converse(struct vhost_user *front)
{
    const struct vhost_user_ring ring = {
        .index = 1, .size = 64, .kick = event, .call = -1, .error = event};
    uint64_t features = 0x77, agreed = 0x77, queues = 0x77;
    uint8_t config[60], untouched[60];
    uint16_t base = 0x77;
    int r = vhost_user_features(front, &features);

    require(r == 0 || features == 0x77);
    if (r == 0)
        r = vhost_user_protocol(front, UINT64_MAX, &agreed);
    require(r == 0 || agreed == 0x77);
    if (r == 0)
        r = vhost_user_set_owner(front);
    if (r == 0)
        r = vhost_user_queue_num(front, &queues);
    require(r == 0 || queues == 0x77);
    memset(config, 0x77, sizeof(config));
    memset(untouched, 0x77, sizeof(untouched));
    if (r == 0) {
        r = vhost_user_config(front, config, sizeof(config));
        require(r == 0 || memcmp(config, untouched, sizeof(config)) == 0);
    }
    if (r == 0)
        r = vhost_user_memory_table(front, memory);
    if (r == 0)
        r = vhost_user_inflight(front, 2, 256);
    if (r == 0)
        r = vhost_user_set_features(front, features);
    if (r == 0)
        r = vhost_user_ring_start(front, &ring);
    if (r == 0)
        r = vhost_user_ring_call(front, 1, event);
    if (r == 0)
        r = vhost_user_ring_stop(front, 1, &base);
    require(r == 0 || base == 0x77);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vhost_user *front;
    int pair[2], before, r;

    if (memory == NULL) {
        ram = fd_fixed_memfd("fuzz-ram", MEMORY_SIZE, 0);
        event = eventfd(0, EFD_CLOEXEC);
        require(ram >= 0 && event >= 0 && memory_new(ram, MEMORY_SIZE, &memory) == 0);
    }
    if (size < 2 || size > STREAM_MAX)
        return 0;
    before = lowest_descriptor();
    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    require(vhost_user_new(pair[1], &front) == 0);
    send_ahead(pair[0], data + 2, size - 2, data[0] % 8u, data[1] * 4u);
    r = converse(front);
    if (r < 0) {
        uint64_t value;
        char drained[4096];

        while (recv(pair[0], drained, sizeof(drained), MSG_DONTWAIT) > 0)
            ;
        require(vhost_user_features(front, &value) == -ESHUTDOWN);
        require(recv(pair[0], drained, sizeof(drained), MSG_DONTWAIT) < 0 && errno == EAGAIN);
    }
    vhost_user_free(front);
    (void)close(pair[0]);
    require(lowest_descriptor() == before);
    return 0;
}
