/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/worker/queue_fixture.h"

static uint64_t calls(void)
{
    uint64_t n = 0;

    return read(f->call, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static void chain_in_order(void **state)
{
    uint32_t head, written;

    (void)state;
    driver_buffer(&f->ring, 3, DATA, 16, D_NEXT, 5);
    driver_buffer(&f->ring, 5, DATA + 100, 512, D_NEXT | D_WRITE, 1);
    driver_buffer(&f->ring, 1, DATA + 700, 1, D_WRITE, 0);
    assert_int_equal(virtqueue_pop(f->queue, &f->chain), 0);
    driver_offer(&f->ring, 3);
    assert_int_equal(virtqueue_pop(f->queue, &f->chain), 1);
    assert_int_equal(f->chain.head, 3);
    assert_int_equal(f->chain.readable, 1);
    assert_int_equal(f->chain.writable, 2);
    assert_int_equal(f->chain.readable_bytes, 16);
    assert_int_equal(f->chain.writable_bytes, 513);
    memset(f->chain.iov[2].iov_base, 0x5a, 1);
    assert_int_equal(f->ram.bytes[DATA + 700], 0x5a);
    virtqueue_push(f->queue, 3, 513);
    assert_false(driver_take(&f->ring, &head, &written));
    virtqueue_flush(f->queue);
    assert_true(driver_take(&f->ring, &head, &written));
    assert_int_equal(head, 3);
    assert_int_equal(written, 513);
    assert_int_equal(virtqueue_pop(f->queue, &f->chain), 0);
}

static void indices_wrap(void **state)
{
    uint32_t head, written;

    (void)state;
    (void)virtqueue_stop(f->queue);
    f->ring.avail_idx = f->ring.used_idx = 65530;
    driver_set16(&f->ring, f->ring.avail + 2, 65530);
    driver_set16(&f->ring, f->ring.used + 2, 65530);
    f->setup.base = 65530;
    assert_int_equal(virtqueue_start(f->queue, &f->setup, f->memory, NULL, -1), 0);
    for (int i = 0; i < 20; i++) {
        driver_buffer(&f->ring, (uint16_t)(i % ENTRIES), DATA, 4, 0, 0);
        driver_offer(&f->ring, (uint16_t)(i % ENTRIES));
        assert_int_equal(virtqueue_pop(f->queue, &f->chain), 1);
        assert_int_equal(f->chain.head, i % ENTRIES);
        virtqueue_push(f->queue, f->chain.head, 0);
        virtqueue_flush(f->queue);
        assert_true(driver_take(&f->ring, &head, &written));
        assert_int_equal(head, i % ENTRIES);
    }
    assert_int_equal(virtqueue_stop(f->queue), (uint16_t)(65530 + 20));
}

static void indirect_after_direct(void **state)
{
    struct driver_desc table[2] = {{RAM_GUEST + DATA + 64, 8, D_NEXT, 1},
                                   {RAM_GUEST + DATA + 128, 24, D_WRITE, 0}};

    (void)state;
    memcpy(f->ram.bytes + DATA + 4096, table, sizeof(table));
    driver_buffer(&f->ring, 0, DATA, 4, D_NEXT, 7);
    driver_buffer(&f->ring, 7, DATA + 4096, sizeof(table), D_INDIRECT, 0);
    driver_offer(&f->ring, 0);
    assert_int_equal(virtqueue_pop(f->queue, &f->chain), 1);
    assert_int_equal(f->chain.readable, 2);
    assert_int_equal(f->chain.writable, 1);
    assert_int_equal(f->chain.writable_bytes, 24);
}

static void unaligned_indirect_table(void **state)
{
    struct driver_desc table = {RAM_GUEST + DATA + 64, 8, 0, 0};

    (void)state;
    memcpy(f->ram.bytes + DATA + 4096 + 3, &table, sizeof(table));
    driver_buffer(&f->ring, 0, DATA + 4096 + 3, sizeof(table), D_INDIRECT, 0);
    driver_offer(&f->ring, 0);
    assert_int_equal(virtqueue_pop(f->queue, &f->chain), 1);
    assert_int_equal(f->chain.readable_bytes, 8);
}

static void buffer_over_two_regions(void **state)
{
    struct guestmem_region regions[2] = {driver_region(), driver_region()};
    int fds[2] = {f->ram.fd, f->ram.fd};

    (void)state;
    /* Neighbours in guest addresses, apart in the file and in user addresses. */
    regions[0].size = RAM_SIZE / 2;
    regions[1].guest = RAM_GUEST + RAM_SIZE / 2;
    regions[1].size = RAM_SIZE / 4;
    regions[1].offset = RAM_SIZE / 2 + 4096;
    regions[1].user = RAM_USER + 16 * (uint64_t)RAM_SIZE;
    assert_int_equal(guestmem_set(f->memory, regions, fds, 2), 0);
    assert_int_equal(virtqueue_remap(f->queue), 0);
    driver_buffer(&f->ring, 0, RAM_SIZE / 2 - 10, 30, 0, 0);
    driver_offer(&f->ring, 0);
    assert_int_equal(virtqueue_pop(f->queue, &f->chain), 1);
    assert_int_equal(f->chain.readable, 2);
    assert_int_equal(f->chain.iov[0].iov_len, 10);
    assert_int_equal(f->chain.iov[1].iov_len, 20);
}

static void unpop_gives_again(void **state)
{
    uint16_t heads[2];

    (void)state;
    driver_buffer(&f->ring, 0, DATA, 4, D_WRITE, 0);
    driver_buffer(&f->ring, 1, DATA, 4, D_WRITE, 0);
    driver_offer(&f->ring, 0);
    driver_offer(&f->ring, 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(virtqueue_pop(f->queue, &f->chain), 1);
        heads[i] = f->chain.head;
    }
    assert_int_equal(virtqueue_outstanding(f->queue), 2);
    virtqueue_unpop(f->queue, heads, 2);
    assert_int_equal(virtqueue_outstanding(f->queue), 0);
    assert_int_equal(virtqueue_pop(f->queue, &f->chain), 1);
    assert_int_equal(f->chain.head, 0);
}

static void one_interrupt_per_batch(void **state)
{
    (void)state;
    (void)calls(); /* the one of the start */
    for (uint16_t i = 0; i < 4; i++) {
        driver_buffer(&f->ring, i, DATA, 4, 0, 0);
        driver_offer(&f->ring, i);
    }
    while (virtqueue_pop(f->queue, &f->chain) == 1)
        virtqueue_push(f->queue, f->chain.head, 0);
    virtqueue_flush(f->queue);
    assert_int_equal(calls(), 1);
    virtqueue_flush(f->queue);
    assert_int_equal(calls(), 0);
}

static void interrupts_as_event_index_says(void **state)
{
    (void)state;
    (void)calls();
    for (uint16_t i = 0; i < 6; i++) {
        driver_buffer(&f->ring, i, DATA, 4, 0, 0);
        driver_offer(&f->ring, i);
    }
    /* "Interrupt when entry 3 is used": not for the second and third, but for the fourth. */
    for (int i = 0; i < 6; i++) {
        if (i == 1)
            driver_set16(&f->ring, f->ring.avail + 4 + 2 * ENTRIES, 3);
        assert_int_equal(virtqueue_pop(f->queue, &f->chain), 1);
        virtqueue_push(f->queue, f->chain.head, 0);
        virtqueue_flush(f->queue);
        assert_int_equal(calls(), i == 0 || i == 3 ? 1 : 0);
    }
}

static void interrupts_as_flag_says(void **state)
{
    (void)state;
    (void)calls();
    for (uint16_t i = 0; i < 2; i++) {
        driver_buffer(&f->ring, i, DATA, 4, 0, 0);
        driver_offer(&f->ring, i);
        driver_set16(&f->ring, f->ring.avail, i == 0 ? VRING_AVAIL_F_NO_INTERRUPT : 0);
        assert_int_equal(virtqueue_pop(f->queue, &f->chain), 1);
        virtqueue_push(f->queue, f->chain.head, 0);
        virtqueue_flush(f->queue);
        assert_int_equal(calls(), i);
    }
}

static void kicks_as_flag_says(void **state)
{
    (void)state;
    virtqueue_ignore(f->queue);
    assert_int_equal(driver_get16(&f->ring, f->ring.used), VRING_USED_F_NO_NOTIFY);
    assert_false(virtqueue_listen(f->queue));
    assert_int_equal(driver_get16(&f->ring, f->ring.used), 0);
    driver_buffer(&f->ring, 0, DATA, 4, 0, 0);
    driver_offer(&f->ring, 0);
    assert_true(virtqueue_listen(f->queue));
}

static void kicks_as_event_index_says(void **state)
{
    (void)state;
    driver_buffer(&f->ring, 0, DATA, 4, 0, 0);
    driver_offer(&f->ring, 0);
    assert_int_equal(virtqueue_pop(f->queue, &f->chain), 1);
    assert_false(virtqueue_listen(f->queue));
    assert_int_equal(driver_get16(&f->ring, f->ring.used + 4 + 8 * ENTRIES), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define P(name) cmocka_unit_test_setup_teardown(name, setup_plain, teardown)
    const struct CMUnitTest tests[] = {
        T(chain_in_order),
        T(indices_wrap),
        T(indirect_after_direct),
        T(unaligned_indirect_table),
        T(buffer_over_two_regions),
        T(unpop_gives_again),
        T(one_interrupt_per_batch),
        T(interrupts_as_event_index_says),
        P(interrupts_as_flag_says),
        P(kicks_as_flag_says),
        T(kicks_as_event_index_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
