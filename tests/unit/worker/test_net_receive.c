/* SPDX-License-Identifier: Apache-2.0 */
/* Packets from a tap into the buffers that a driver offers, hostile ones among them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/syscall.h>
#include <sys/uio.h>

#include "tests/unit/worker/net_fixture.h"

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

static int setup_plain(void **state)
{
    (void)state;
    make(1, 0);
    return 0;
}

static uint16_t num_buffers(unsigned slot)
{
    uint16_t n;

    memcpy(&n, f->ram.bytes + at(slot) + 10, sizeof(n));
    return n;
}

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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
