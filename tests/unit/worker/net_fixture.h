/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_WORKER_NET_FIXTURE_H
#define CASEMATE_TESTS_WORKER_NET_FIXTURE_H

/*
 * A network device on rings of our own, between a driver and taps that are sockets here; new for
 * each test. Include cmocka first.
 */
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <sys/socket.h>

#include "hv/worker/net.h"
#include "hv/worker/net_header.h"
#include "tests/unit/worker/driver.h"

#define BIT(n)  (1ull << (n))
#define ENTRIES 32
#define DATA    0x100000u
#define STRIDE  0x4000u
#define HEADER  NET_HEADER_SIZE

struct fixture {
    struct driver_ram ram;
    struct guestmem *memory;
    struct driver_ring ring[5];
    struct virtqueue *queue[5];
    struct net *net;
    struct device device;
    int tap[2], wire[2]; /* ends of the worker, of the test */
    unsigned pairs;
};

static struct fixture *f;

static inline void start_ring(unsigned i)
{
    struct driver_ring *r = &f->ring[i];
    struct virtqueue_setup setup = {
        .entries = ENTRIES,
        .descriptor = RAM_USER + r->desc,
        .available = RAM_USER + r->avail,
        .used = RAM_USER + r->used,
        .base = r->used_idx,
        .features = BIT(VIRTIO_RING_F_EVENT_IDX),
    };

    assert_int_equal(virtqueue_start(f->queue[i], &setup, f->memory, NULL, -1), 0);
    f->device.queue_changed(f->device.self, i, f->queue[i]);
}

static inline void make(unsigned pairs, uint64_t features)
{
    struct worker_config config = {.queues = pairs == 1 ? 2 : 2 * pairs + 1,
                                   .mac = {2, 0, 0, 0, 0, 1}};
    struct guestmem_region region = driver_region();

    f = test_calloc(1, sizeof(*f));
    f->pairs = pairs;
    assert_int_equal(driver_ram_make(&f->ram), 0);
    assert_int_equal(guestmem_new(RAM_SIZE, &f->memory), 0);
    assert_int_equal(guestmem_set(f->memory, &region, &f->ram.fd, 1), 0);
    for (unsigned i = 0; i < pairs; i++) {
        int ends[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
                         0);
        f->tap[i] = ends[0];
        f->wire[i] = ends[1];
    }
    assert_int_equal(net_new(&config, f->tap, &f->net, &f->device), 0);
    assert_int_equal(f->device.set_features(f->device.self, features), 0);
    for (unsigned i = 0; i < config.queues; i++) {
        f->ring[i] = driver_ring_make(&f->ram, 0x1000 + i * 0x4000, ENTRIES);
        assert_int_equal(virtqueue_new(&f->queue[i]), 0);
        start_ring(i);
    }
}

static inline int setup(void **state)
{
    (void)state;
    make(1, BIT(VIRTIO_NET_F_MRG_RXBUF) | BIT(VIRTIO_NET_F_CSUM));
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    net_free(f->net);
    for (unsigned i = 0; i < 5; i++)
        virtqueue_free(f->queue[i]);
    for (unsigned i = 0; i < f->pairs; i++) {
        fd_close(&f->tap[i]);
        fd_close(&f->wire[i]);
    }
    guestmem_free(f->memory);
    driver_ram_drop(&f->ram);
    test_free(f);
    return 0;
}

static inline uint32_t at(unsigned i)
{
    return DATA + i * STRIDE;
}

/* A receive buffer of `bytes` in slot `i`. */
static inline void offer_rx(unsigned i, uint32_t bytes)
{
    driver_buffer(&f->ring[0], (uint16_t)i, at(i), bytes, D_WRITE, 0);
    driver_offer(&f->ring[0], (uint16_t)i);
}

/* A packet as a tap hands it over: virtio header and `bytes` bytes that can be told apart. */
static inline void arrives(unsigned wire, size_t bytes, uint8_t seed)
{
    static uint8_t packet[HEADER + NET_PACKET_MAX];

    memset(packet, 0, HEADER);
    for (size_t i = 0; i < bytes; i++)
        packet[HEADER + i] = (uint8_t)(seed + i % 251);
    assert_int_equal(write(f->wire[wire], packet, HEADER + bytes), HEADER + bytes);
}

static inline bool tap_wanted(unsigned i)
{
    return (f->device.poll_events(f->device.self, i) & POLLIN) != 0;
}

static inline void receive(unsigned i)
{
    if (tap_wanted(i))
        f->device.poll_ready(f->device.self, i, POLLIN);
}

static inline void kick(unsigned queue)
{
    while (f->device.process(f->device.self, queue, f->queue[queue]))
        ;
}

#endif
