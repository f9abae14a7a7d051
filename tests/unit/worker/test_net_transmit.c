/* SPDX-License-Identifier: Apache-2.0 */
/* Packets from a driver to a tap, with headers and chains that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/worker/net_fixture.h"

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

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(packets_leave),
        T(hostile_headers_are_dropped),
        T(hostile_transmit_chains),
        T(a_full_tap_is_waited_for),
        T(a_tap_deleted_while_it_is_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
