/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network device with a datagram socket in the place of the tap: packets keep their borders.
 * Long because every case needs the same device and the same driver around it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

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

/* So many packets are read and refused, as a tap does when it cannot express their header. */
static unsigned refused;

ssize_t readv(int fd, const struct iovec *iov, int count)
{
    ssize_t n = syscall(SYS_readv, fd, iov, count);

    if (n < 0 || refused == 0)
        return n;
    refused--;
    errno = EINVAL;
    return -1;
}

static void start_ring(unsigned i)
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

static void make(unsigned pairs, uint64_t features)
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

static int setup(void **state)
{
    (void)state;
    make(1, BIT(VIRTIO_NET_F_MRG_RXBUF) | BIT(VIRTIO_NET_F_CSUM));
    return 0;
}

static int setup_plain(void **state)
{
    (void)state;
    make(1, 0);
    return 0;
}

static int setup_pairs(void **state)
{
    (void)state;
    make(2, BIT(VIRTIO_NET_F_MRG_RXBUF) | BIT(VIRTIO_NET_F_MQ) | BIT(VIRTIO_NET_F_CTRL_VQ));
    return 0;
}

static int teardown(void **state)
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

static uint32_t at(unsigned i)
{
    return DATA + i * STRIDE;
}

/* A receive buffer of `bytes` in slot `i`. */
static void offer_rx(unsigned i, uint32_t bytes)
{
    driver_buffer(&f->ring[0], (uint16_t)i, at(i), bytes, D_WRITE, 0);
    driver_offer(&f->ring[0], (uint16_t)i);
}

/* A packet as a tap hands it over: virtio header and `bytes` bytes that can be told apart. */
static void arrives(unsigned wire, size_t bytes, uint8_t seed)
{
    static uint8_t packet[HEADER + NET_PACKET_MAX];

    memset(packet, 0, HEADER);
    for (size_t i = 0; i < bytes; i++)
        packet[HEADER + i] = (uint8_t)(seed + i % 251);
    assert_int_equal(write(f->wire[wire], packet, HEADER + bytes), HEADER + bytes);
}

static bool tap_wanted(unsigned i)
{
    return (f->device.poll_events(f->device.self, i) & POLLIN) != 0;
}

static void receive(unsigned i)
{
    if (tap_wanted(i))
        f->device.poll_ready(f->device.self, i, POLLIN);
}

static void kick(unsigned queue)
{
    while (f->device.process(f->device.self, queue, f->queue[queue]))
        ;
}

static uint16_t num_buffers(unsigned slot)
{
    uint16_t n;

    memcpy(&n, f->ram.bytes + at(slot) + 10, sizeof(n));
    return n;
}

/* ------------------------------------------------------------------ receive */

static void packets_arrive(void **state)
{
    uint32_t head = 0, written = 0;

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        offer_rx(i, 2048);
    arrives(0, 60, 1);
    arrives(0, 1514, 2);
    receive(0);
    assert_true(driver_take(&f->ring[0], &head, &written));
    assert_int_equal(head, 0);
    assert_int_equal(written, HEADER + 60);
    assert_int_equal(num_buffers(0), 1);
    assert_int_equal(f->ram.bytes[at(0) + HEADER + 59], 60);
    assert_true(driver_take(&f->ring[0], &head, &written));
    assert_int_equal(head, 1);
    assert_int_equal(written, HEADER + 1514);
    assert_false(driver_take(&f->ring[0], &head, &written));
}

static void a_long_packet_takes_several_buffers(void **state)
{
    uint32_t head = 0, written = 0;
    uint8_t expected = 9;
    size_t left = 9000, seen = 0;

    (void)state;
    for (unsigned i = 0; i < 8; i++)
        offer_rx(i, 1536);
    arrives(0, 9000, 9);
    arrives(0, 100, 1);
    receive(0);
    assert_int_equal(num_buffers(0), 6);
    for (unsigned i = 0; i < 6; i++) {
        uint32_t skip = i == 0 ? HEADER : 0;

        assert_true(driver_take(&f->ring[0], &head, &written));
        assert_int_equal(head, i);
        assert_int_equal(written, i < 5 ? 1536 : HEADER + 9000 - 5 * 1536);
        for (uint32_t k = skip; k < written; k++, seen++) {
            expected = (uint8_t)(9 + seen % 251);
            assert_int_equal(f->ram.bytes[at(i) + k], expected);
        }
        left -= written - skip;
    }
    assert_int_equal(left, 0);
    assert_true(driver_take(&f->ring[0], &head, &written));
    assert_int_equal(head, 6);
    assert_int_equal(num_buffers(6), 1);
}

static void no_buffers_no_polling(void **state)
{
    uint32_t head = 0, written = 0;

    (void)state;
    arrives(0, 60, 1);
    receive(0);
    assert_false(tap_wanted(0)); /* or the loop would spin */
    offer_rx(0, 2048);
    kick(0);
    assert_true(tap_wanted(0));
    receive(0);
    assert_true(driver_take(&f->ring[0], &head, &written));
    assert_int_equal(written, HEADER + 60);
}

static void a_packet_waits_for_more_buffers(void **state)
{
    uint32_t head = 0, written = 0;

    (void)state;
    offer_rx(0, 1536);
    offer_rx(1, 1536);
    arrives(0, 4000, 7);
    arrives(0, 60, 8);
    receive(0);
    assert_false(driver_take(&f->ring[0], &head, &written));
    assert_false(tap_wanted(0));
    /* One more is enough, and its kick delivers without anything new on the wire. */
    offer_rx(2, 1536);
    kick(0);
    for (unsigned i = 0; i < 3; i++)
        assert_true(driver_take(&f->ring[0], &head, &written));
    assert_int_equal(num_buffers(0), 3);
    assert_int_equal(written, HEADER + 4000 - 2 * 1536);
    assert_int_equal(f->ram.bytes[at(0) + HEADER], 7);
    assert_int_equal(f->ram.bytes[at(1)], (uint8_t)(7 + (1536 - HEADER) % 251));
    assert_int_equal(f->ram.bytes[at(2) + written - 1], (uint8_t)(7 + 3999 % 251));
    offer_rx(3, 1536);
    kick(0);
    receive(0);
    assert_true(driver_take(&f->ring[0], &head, &written));
    assert_int_equal(written, HEADER + 60);
}

static void a_packet_that_never_fits_is_dropped(void **state)
{
    uint32_t head = 0, written = 0;

    (void)state;
    for (unsigned i = 0; i < ENTRIES; i++)
        offer_rx(i, 100);
    arrives(0, 5000, 7);
    arrives(0, 60, 8);
    receive(0);
    assert_true(driver_take(&f->ring[0], &head, &written));
    assert_int_equal(written, HEADER + 60);
    assert_false(driver_take(&f->ring[0], &head, &written));
}

static void without_mergeable_buffers(void **state)
{
    uint32_t head = 0, written = 0;

    (void)state;
    offer_rx(0, 1526);
    offer_rx(1, 1526);
    arrives(0, 1515, 1); /* one byte too long for either */
    arrives(0, 1514, 2);
    arrives(0, 100, 3);
    receive(0);
    assert_true(driver_take(&f->ring[0], &head, &written));
    assert_int_equal(head, 0);
    assert_int_equal(written, 1526);
    assert_int_equal(num_buffers(0), 1);
    assert_int_equal(f->ram.bytes[at(0) + HEADER], 2);
    assert_true(driver_take(&f->ring[0], &head, &written));
    assert_int_equal(head, 1);
    assert_int_equal(written, HEADER + 100);
    assert_int_equal(f->ram.bytes[at(1) + HEADER], 3);
    assert_false(driver_take(&f->ring[0], &head, &written));
}

static void stopping_hands_buffers_back(void **state)
{
    uint32_t head = 0, written = 0;

    (void)state;
    for (unsigned i = 0; i < 8; i++)
        offer_rx(i, 2048);
    arrives(0, 60, 1);
    receive(0);
    f->device.queue_changed(f->device.self, 0, NULL);
    assert_int_equal(virtqueue_outstanding(f->queue[0]), 0);
    assert_int_equal(virtqueue_stop(f->queue[0]), 1);
    assert_false(tap_wanted(0));
    assert_true(driver_take(&f->ring[0], &head, &written));
    start_ring(0);
    arrives(0, 61, 1);
    receive(0);
    assert_true(driver_take(&f->ring[0], &head, &written));
    assert_int_equal(head, 1);
    assert_int_equal(written, HEADER + 61);
}

static void hostile_receive_buffers(void **state)
{
    (void)state;
    /* Readable, or without room for the header. */
    driver_buffer(&f->ring[0], 0, at(0), 2048, 0, 0);
    driver_offer(&f->ring[0], 0);
    receive(0);
    assert_true(virtqueue_broken(f->queue[0]));
    assert_false(tap_wanted(0));
    teardown(state);
    setup(state);
    offer_rx(0, HEADER - 1);
    receive(0);
    assert_true(virtqueue_broken(f->queue[0]));
}

static void many_packets(void **state)
{
    uint32_t head, written, got = 0, sent = 0;
    unsigned slot = 0;

    (void)state;
    for (; slot < ENTRIES; slot++)
        offer_rx(slot, 700);
    while (got < 2000) {
        while (sent < got + 8)
            arrives(0, 60 + sent % 3000, (uint8_t)sent), sent++;
        receive(0);
        while (driver_take(&f->ring[0], &head, &written)) {
            uint32_t first = head, total = written, n = num_buffers(head);
            uint32_t bytes = HEADER + 60 + got % 3000;

            assert_int_equal(f->ram.bytes[at(first) + HEADER], (uint8_t)got);
            for (uint32_t i = 1; i < n; i++) {
                assert_true(driver_take(&f->ring[0], &head, &written));
                total += written;
                offer_rx(head, 700);
            }
            assert_int_equal(total, bytes);
            offer_rx(first, 700);
            got++;
        }
        kick(0);
    }
}

static void a_packet_that_the_tap_refuses_is_dropped(void **state)
{
    uint32_t head = 0, written = 0;

    (void)state;
    offer_rx(0, 2048);
    offer_rx(1, 2048);
    refused = 2;
    for (unsigned i = 0; i < 4; i++)
        arrives(0, 60 + i, 1);
    receive(0);
    assert_int_equal(refused, 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(driver_take(&f->ring[0], &head, &written));
        assert_int_equal(head, i);
        assert_int_equal(written, HEADER + 62 + i);
    }
}

static void a_dead_tap_is_left_alone(void **state)
{
    (void)state;
    offer_rx(0, 2048);
    offer_rx(1, 2048);
    /* A descriptor that cannot be read, as a deleted interface's: EBADF stands for EBADFD. */
    fd_close(&f->tap[0]);
    receive(0);
    assert_int_equal(f->device.poll_events(f->device.self, 0), 0);
}

/* ------------------------------------------------------------------ transmit */

static void offer_tx(unsigned slot, const struct virtio_net_hdr_v1 *header, uint32_t bytes,
                     uint32_t split)
{
    struct driver_ring *r = &f->ring[1];
    uint16_t head = (uint16_t)(2 * slot);

    memcpy(f->ram.bytes + at(slot), header, HEADER);
    for (uint32_t i = 0; i < bytes; i++)
        f->ram.bytes[at(slot) + HEADER + i] = (uint8_t)i;
    driver_buffer(r, head, at(slot), split, D_NEXT, (uint16_t)(head + 1));
    driver_buffer(r, (uint16_t)(head + 1), at(slot) + split, HEADER + bytes - split, 0, 0);
    driver_offer(r, head);
}

static void packets_leave(void **state)
{
    static const uint32_t splits[] = {HEADER, 5, HEADER + 1, HEADER + 59};
    struct virtio_net_hdr_v1 h = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM | 0x40,
                                  .csum_start = 34,
                                  .csum_offset = 16,
                                  .num_buffers = 77};
    struct virtio_net_hdr_v1 expected = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16};
    uint32_t head = 0, written = 0;
    uint8_t packet[200];

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        offer_tx(i, &h, 60, splits[i]);
    kick(1);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(read(f->wire[0], packet, sizeof(packet)), HEADER + 60);
        assert_memory_equal(packet, &expected, HEADER);
        for (unsigned k = 0; k < 60; k++)
            assert_int_equal(packet[HEADER + k], k);
        assert_true(driver_take(&f->ring[1], &head, &written));
        assert_int_equal(head, 2 * i);
        assert_int_equal(written, 0);
    }
}

static void hostile_headers_are_dropped(void **state)
{
    struct virtio_net_hdr_v1 h = {.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 100};
    uint32_t head = 0, written = 0;
    uint8_t packet[200];

    (void)state;
    offer_tx(0, &h, 60, HEADER);
    h = (struct virtio_net_hdr_v1){.flags = 1, .csum_start = 59, .csum_offset = 0};
    offer_tx(1, &h, 60, HEADER);
    h = (struct virtio_net_hdr_v1){0};
    offer_tx(2, &h, 13, HEADER);
    kick(1);
    assert_int_equal(read(f->wire[0], packet, sizeof(packet)), -1);
    for (unsigned i = 0; i < 3; i++)
        assert_true(driver_take(&f->ring[1], &head, &written));
    assert_false(virtqueue_broken(f->queue[1]));
}

static void hostile_transmit_chains(void **state)
{
    (void)state;
    driver_buffer(&f->ring[1], 0, at(0), HEADER - 1, 0, 0);
    driver_offer(&f->ring[1], 0);
    kick(1);
    assert_true(virtqueue_broken(f->queue[1]));
    teardown(state);
    setup(state);
    driver_buffer(&f->ring[1], 0, at(0), 100, D_NEXT, 1);
    driver_buffer(&f->ring[1], 1, at(1), 100, D_WRITE, 0);
    driver_offer(&f->ring[1], 0);
    kick(1);
    assert_true(virtqueue_broken(f->queue[1]));
}

static void a_full_tap_is_waited_for(void **state)
{
    struct virtio_net_hdr_v1 h = {0};
    uint32_t head = 0, written = 0;
    uint8_t packet[200];
    unsigned sent = 0, left = 0;
    int small = 1;

    (void)state;
    assert_int_equal(setsockopt(f->tap[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    for (unsigned i = 0; i < ENTRIES / 2; i++)
        offer_tx(i, &h, 60 + i, HEADER);
    kick(1);
    while (driver_take(&f->ring[1], &head, &written))
        sent++;
    assert_in_range(sent, 1, ENTRIES / 2 - 1);
    assert_true((f->device.poll_events(f->device.self, 0) & POLLOUT) != 0);
    kick(1); /* more work does not help */
    assert_false(driver_take(&f->ring[1], &head, &written));
    for (unsigned i = 0; i < ENTRIES / 2; i++) {
        while (left == 0) {
            struct pollfd p = {.fd = f->tap[0], .events = POLLOUT};

            if (read(f->wire[0], packet, sizeof(packet)) == (ssize_t)(HEADER + 60 + i))
                left++;
            else if (poll(&p, 1, 0) == 1)
                f->device.poll_ready(f->device.self, 0, POLLOUT);
        }
        left = 0;
    }
    while (driver_take(&f->ring[1], &head, &written))
        sent++;
    assert_int_equal(sent, ENTRIES / 2);
    assert_int_equal(f->device.poll_events(f->device.self, 0) & POLLOUT, 0);
}

/* A deleted tap says POLLERR for ever, and POLLOUT never again. */
static void a_tap_deleted_while_it_is_full(void **state)
{
    struct virtio_net_hdr_v1 h = {0};
    uint32_t head = 0, written = 0;
    unsigned done = 0;
    int small = 1;

    (void)state;
    assert_int_equal(setsockopt(f->tap[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    for (unsigned i = 0; i < ENTRIES / 2; i++)
        offer_tx(i, &h, 60, HEADER);
    kick(1);
    receive(0);
    assert_int_equal(f->device.poll_events(f->device.self, 0), POLLOUT); /* starved, too */
    f->device.poll_ready(f->device.self, 0, POLLERR);
    assert_int_equal(f->device.poll_events(f->device.self, 0), 0); /* or the loop would spin */
    while (driver_take(&f->ring[1], &head, &written))
        done++;
    assert_int_equal(done, ENTRIES / 2);
    /* For good, whatever the guest does: what it sends is dropped. */
    offer_rx(0, 2048);
    kick(0);
    offer_tx(0, &h, 60, HEADER);
    kick(1);
    assert_true(driver_take(&f->ring[1], &head, &written));
    assert_int_equal(f->device.poll_events(f->device.self, 0), 0);
}

/* ------------------------------------------------------------------ several pairs */

static uint8_t command(uint8_t class, uint8_t cmd, uint16_t value, uint32_t size)
{
    struct driver_ring *r = &f->ring[4];
    uint32_t head = 0, written = 0;

    f->ram.bytes[at(40)] = class;
    f->ram.bytes[at(40) + 1] = cmd;
    memcpy(f->ram.bytes + at(40) + 2, &value, 2);
    f->ram.bytes[at(41)] = 0xee;
    driver_buffer(r, 0, at(40), size, D_NEXT, 1);
    driver_buffer(r, 1, at(41), 1, D_WRITE, 0);
    driver_offer(r, 0);
    kick(4);
    assert_true(driver_take(r, &head, &written));
    assert_int_equal(written, 1);
    return f->ram.bytes[at(41)];
}

static void number_of_pairs(void **state)
{
    uint32_t head = 0, written = 0;

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        offer_rx(i, 2048);
    driver_buffer(&f->ring[2], 0, at(20), 2048, D_WRITE, 0);
    driver_offer(&f->ring[2], 0);
    /* One pair in use: what the kernel spreads to the second tap comes to the first queue. */
    arrives(1, 60, 1);
    receive(1);
    assert_true(driver_take(&f->ring[0], &head, &written));
    assert_int_equal(command(VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, 2, 4),
                     VIRTIO_NET_OK);
    arrives(1, 61, 1);
    receive(1);
    assert_false(driver_take(&f->ring[0], &head, &written));
    assert_true(driver_take(&f->ring[2], &head, &written));
    assert_int_equal(written, HEADER + 61);
}

static void hostile_commands(void **state)
{
    (void)state;
    assert_int_equal(command(VIRTIO_NET_CTRL_MQ, 0, 0, 4), VIRTIO_NET_ERR);
    assert_int_equal(command(VIRTIO_NET_CTRL_MQ, 0, 3, 4), VIRTIO_NET_ERR);
    assert_int_equal(command(VIRTIO_NET_CTRL_MQ, 0, 65535, 4), VIRTIO_NET_ERR);
    assert_int_equal(command(VIRTIO_NET_CTRL_MQ, 1, 1, 4), VIRTIO_NET_ERR);
    assert_int_equal(command(VIRTIO_NET_CTRL_RX, 0, 1, 4), VIRTIO_NET_ERR);
    assert_int_equal(command(VIRTIO_NET_CTRL_MQ, 0, 2, 3), VIRTIO_NET_ERR);
    assert_int_equal(command(VIRTIO_NET_CTRL_MQ, 0, 2, 5), VIRTIO_NET_ERR);
    assert_int_equal(command(VIRTIO_NET_CTRL_MQ, 0, 1, 4), VIRTIO_NET_OK);
    /* No room for the answer. */
    driver_buffer(&f->ring[4], 0, at(40), 4, 0, 0);
    driver_offer(&f->ring[4], 0);
    kick(4);
    assert_true(virtqueue_broken(f->queue[4]));
}

static void queue_counts(void **state)
{
    static const unsigned pairs[] = {0, 0, 1, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0};

    (void)state;
    for (uint32_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct worker_config config = {.queues = i};

        assert_int_equal(net_pairs(&config), pairs[i]);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(packets_arrive),
        T(a_long_packet_takes_several_buffers),
        T(no_buffers_no_polling),
        T(a_packet_waits_for_more_buffers),
        T(a_packet_that_never_fits_is_dropped),
        cmocka_unit_test_setup_teardown(without_mergeable_buffers, setup_plain, teardown),
        T(stopping_hands_buffers_back),
        T(hostile_receive_buffers),
        T(many_packets),
        T(a_packet_that_the_tap_refuses_is_dropped),
        T(a_dead_tap_is_left_alone),
        T(packets_leave),
        T(hostile_headers_are_dropped),
        T(hostile_transmit_chains),
        T(a_full_tap_is_waited_for),
        T(a_tap_deleted_while_it_is_full),
        cmocka_unit_test_setup_teardown(number_of_pairs, setup_pairs, teardown),
        cmocka_unit_test_setup_teardown(hostile_commands, setup_pairs, teardown),
        cmocka_unit_test(queue_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
