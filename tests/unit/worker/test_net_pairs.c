/* SPDX-License-Identifier: Apache-2.0 */
/* Several pairs of queues, and the commands that choose how many are used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/worker/net_fixture.h"

static int setup_pairs(void **state)
{
    (void)state;
    make(2, BIT(VIRTIO_NET_F_MRG_RXBUF) | BIT(VIRTIO_NET_F_MQ) | BIT(VIRTIO_NET_F_CTRL_VQ));
    return 0;
}

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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(number_of_pairs, setup_pairs, teardown),
        cmocka_unit_test_setup_teardown(hostile_commands, setup_pairs, teardown),
        cmocka_unit_test(queue_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
