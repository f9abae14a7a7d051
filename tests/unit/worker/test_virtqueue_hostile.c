/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/worker/queue_fixture.h"

static void assert_broken(void)
{
    assert_int_equal(virtqueue_pop(f->queue, &f->chain), -EPROTO);
    assert_true(virtqueue_broken(f->queue));
    /* For good: also when the driver mends what it had broken. */
    assert_int_equal(virtqueue_pop(f->queue, &f->chain), -EPROTO);
    assert_false(virtqueue_listen(f->queue));
}

static void hostile_loop(void **state)
{
    (void)state;
    driver_buffer(&f->ring, 0, DATA, 4, D_NEXT, 1);
    driver_buffer(&f->ring, 1, DATA, 4, D_NEXT, 0);
    driver_offer(&f->ring, 0);
    assert_broken();
}

static void hostile_self_loop(void **state)
{
    (void)state;
    driver_buffer(&f->ring, 2, DATA, 4, D_NEXT, 2);
    driver_offer(&f->ring, 2);
    assert_broken();
}

static void hostile_next_past_the_end(void **state)
{
    (void)state;
    driver_buffer(&f->ring, 0, DATA, 4, D_NEXT, ENTRIES);
    driver_offer(&f->ring, 0);
    /* The available ring behind the table then reads as a descriptor at RAM_GUEST, of length 4. */
    driver_set16(&f->ring, f->ring.avail + 8, 4);
    assert_broken();
}

static void hostile_head_past_the_end(void **state)
{
    (void)state;
    driver_offer(&f->ring, ENTRIES);
    assert_broken();
}

static void hostile_head_twice(void **state)
{
    (void)state;
    driver_buffer(&f->ring, 0, DATA, 4, 0, 0);
    driver_offer(&f->ring, 0);
    driver_offer(&f->ring, 0);
    assert_int_equal(virtqueue_pop(f->queue, &f->chain), 1);
    assert_broken();
}

static void hostile_available_jump(void **state)
{
    (void)state;
    driver_buffer(&f->ring, 0, DATA, 4, 0, 0);
    driver_set16(&f->ring, f->ring.avail + 2, ENTRIES + 1);
    assert_broken();
}

static void hostile_available_backwards(void **state)
{
    (void)state;
    driver_buffer(&f->ring, 0, DATA, 4, 0, 0);
    driver_set16(&f->ring, f->ring.avail + 2, 65535);
    assert_broken();
}

static void hostile_readable_after_writable(void **state)
{
    (void)state;
    driver_buffer(&f->ring, 0, DATA, 4, D_NEXT | D_WRITE, 1);
    driver_buffer(&f->ring, 1, DATA, 4, 0, 0);
    driver_offer(&f->ring, 0);
    assert_broken();
}

static void hostile_addresses(void **state)
{
    static const struct {
        uint64_t address;
        uint32_t length;
    } cases[] = {
        {0, 16},                                           /* before RAM */
        {RAM_GUEST - 1, 2},                                /* begins before it */
        {RAM_GUEST + RAM_SIZE, 1},                         /* behind it */
        {RAM_GUEST + RAM_SIZE - 1, 2},                     /* ends behind it */
        {RAM_GUEST, RAM_SIZE + 1},                         /* more than all of it */
        {RAM_GUEST, UINT32_MAX},                           /* more than a chain may have */
        {UINT64_MAX, 1},                                   /* wraps */
        {UINT64_MAX - 10, 100},                            /* wraps */
        {UINT64_MAX - RAM_GUEST, (uint32_t)RAM_GUEST * 2}, /* wraps into RAM */
        {RAM_USER, 16}, /* a user address where a guest's belongs */
        {RAM_GUEST, 0}, /* nothing */
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setup(state);
        driver_desc_set(&f->ring, 0, cases[i].address, cases[i].length, i % 2 ? D_WRITE : 0, 0);
        driver_offer(&f->ring, 0);
        assert_broken();
        teardown(state);
    }
}

static void hostile_total_length(void **state)
{
    (void)state;
    /* Each buffer is in RAM, all together are more than any request: 8 * 4 MiB would pass. */
    struct driver_desc table[512];

    for (uint16_t i = 0; i < 512; i++)
        table[i] =
            (struct driver_desc){RAM_GUEST, RAM_SIZE, i < 511 ? D_NEXT : 0, (uint16_t)(i + 1)};
    memcpy(f->ram.bytes + DATA, table, sizeof(table));
    driver_buffer(&f->ring, 0, DATA, sizeof(table), D_INDIRECT, 0);
    driver_offer(&f->ring, 0);
    assert_broken();
}

static void hostile_indirect(void **state)
{
    static const struct {
        uint64_t address;
        uint32_t length;
        unsigned flags;
    } cases[] = {
        {RAM_GUEST + DATA, 0, D_INDIRECT},                 /* empty */
        {RAM_GUEST + DATA, 15, D_INDIRECT},                /* not one descriptor */
        {RAM_GUEST + DATA, 17, D_INDIRECT},                /* one and a bit */
        {RAM_GUEST + DATA, 16 * 1025, D_INDIRECT},         /* too many */
        {RAM_GUEST + DATA, UINT32_MAX & ~15u, D_INDIRECT}, /* far too many */
        {RAM_GUEST + RAM_SIZE - 8, 16, D_INDIRECT},        /* leaves RAM */
        {UINT64_MAX - 7, 16, D_INDIRECT},                  /* wraps */
        {RAM_GUEST + DATA, 16, D_INDIRECT | D_NEXT},       /* with a successor */
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setup(state);
        driver_desc_set(&f->ring, 0, cases[i].address, cases[i].length, cases[i].flags, 1);
        driver_offer(&f->ring, 0);
        assert_broken();
        teardown(state);
    }
}

static void hostile_indirect_in_indirect(void **state)
{
    struct driver_desc table = {RAM_GUEST + DATA, 16, D_INDIRECT, 0};

    (void)state;
    memcpy(f->ram.bytes + DATA, &table, sizeof(table));
    driver_buffer(&f->ring, 0, DATA, 16, D_INDIRECT, 0);
    driver_offer(&f->ring, 0);
    assert_broken();
}

static void hostile_indirect_next_outside(void **state)
{
    /* Its next is within the ring, but not within the table. */
    struct driver_desc table = {RAM_GUEST + DATA + 64, 4, D_NEXT, 1};

    (void)state;
    memcpy(f->ram.bytes + DATA, &table, sizeof(table));
    driver_buffer(&f->ring, 0, DATA, 16, D_INDIRECT, 0);
    driver_buffer(&f->ring, 1, DATA, 16, 0, 0);
    driver_offer(&f->ring, 0);
    assert_broken();
}

static void hostile_indirect_loop(void **state)
{
    struct driver_desc table[2] = {{RAM_GUEST + DATA + 64, 4, D_NEXT, 1},
                                   {RAM_GUEST + DATA + 64, 4, D_NEXT, 0}};

    (void)state;
    memcpy(f->ram.bytes + DATA, table, sizeof(table));
    driver_buffer(&f->ring, 0, DATA, sizeof(table), D_INDIRECT, 0);
    driver_offer(&f->ring, 0);
    assert_broken();
}

static void hostile_indirect_not_agreed(void **state)
{
    struct driver_desc table = {RAM_GUEST + DATA + 64, 4, 0, 0};

    (void)state;
    memcpy(f->ram.bytes + DATA, &table, sizeof(table));
    driver_buffer(&f->ring, 0, DATA, 16, D_INDIRECT, 0);
    driver_offer(&f->ring, 0);
    assert_broken();
}

static void hostile_setups(void **state)
{
    struct virtqueue_setup good, bad;

    (void)state;
    (void)virtqueue_stop(f->queue);
    good = f->setup;
#define REFUSED(field, value)                                                                      \
    do {                                                                                           \
        bad = good;                                                                                \
        bad.field = (value);                                                                       \
        assert_int_equal(virtqueue_start(f->queue, &bad, f->memory, NULL, -1), -EINVAL);           \
    } while (0)
    REFUSED(entries, 0);
    REFUSED(entries, 7);
    REFUSED(entries, 2048);
    REFUSED(entries, 65536);
    REFUSED(entries, 0x80000000u);
    REFUSED(base, 65536);
    REFUSED(descriptor, 0);
    REFUSED(descriptor, RAM_GUEST + 0x1000); /* a guest address where a user's belongs */
    REFUSED(descriptor, RAM_USER + 8);
    REFUSED(descriptor, RAM_USER + RAM_SIZE - 16);
    REFUSED(descriptor, UINT64_MAX - 15);
    REFUSED(available, RAM_USER + 1);
    REFUSED(available, RAM_USER + RAM_SIZE - 20);
    REFUSED(available, UINT64_MAX - 1);
    REFUSED(used, RAM_USER + 2);
    REFUSED(used, RAM_USER + RAM_SIZE - 4);
    REFUSED(used, RAM_USER - 4);
#undef REFUSED
    assert_int_equal(virtqueue_start(f->queue, &good, f->memory, NULL, -1), 0);
    assert_int_equal(virtqueue_start(f->queue, &good, f->memory, NULL, -1), -EBUSY);
}

static void hostile_remap(void **state)
{
    struct guestmem_region region = driver_region();

    (void)state;
    region.user += RAM_SIZE;
    assert_int_equal(guestmem_set(f->memory, &region, &f->ram.fd, 1), 0);
    assert_int_equal(virtqueue_remap(f->queue), -EINVAL);
    assert_broken();
}

/* The guest rewrites descriptors while they are read: whatever is popped must lie in RAM. */
struct flipper {
    struct driver_ring *ring;
    atomic_bool stop;
};

static void *flip(void *argument)
{
    struct flipper *flipper = argument;
    unsigned n = 0;

    while (!atomic_load(&flipper->stop)) {
        driver_desc_set(flipper->ring, 0, n % 2 ? RAM_GUEST + DATA : UINT64_MAX - 64,
                        n % 3 ? 64 : 0xffffff00u, n % 5 ? D_NEXT : D_NEXT | D_INDIRECT,
                        (uint16_t)(n % 7));
        driver_desc_set(flipper->ring, 1, RAM_GUEST + DATA, n % 2 ? 64 : RAM_SIZE,
                        n % 4 ? D_WRITE : D_NEXT, (uint16_t)n);
        n++;
    }
    return NULL;
}

static void hostile_change_while_read(void **state)
{
    struct flipper flipper = {.ring = &f->ring};
    pthread_t thread;

    (void)state;
    driver_offer(&f->ring, 0);
    assert_int_equal(pthread_create(&thread, NULL, flip, &flipper), 0);
    for (int i = 0; i < 20000; i++) {
        (void)virtqueue_stop(f->queue);
        assert_int_equal(virtqueue_start(f->queue, &f->setup, f->memory, NULL, -1), 0);
        if (virtqueue_pop(f->queue, &f->chain) != 1)
            continue;
        for (size_t k = 0; k < f->chain.readable + f->chain.writable; k++) {
            size_t size = f->chain.iov[k].iov_len;
            uint8_t *base = f->chain.iov[k].iov_base;
            uint8_t *ram = guestmem_at_user(f->memory, RAM_USER, RAM_SIZE);

            assert_true(base >= ram && size <= RAM_SIZE && (size_t)(base - ram) <= RAM_SIZE - size);
        }
    }
    atomic_store(&flipper.stop, true);
    pthread_join(thread, NULL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define P(name) cmocka_unit_test_setup_teardown(name, setup_plain, teardown)
    const struct CMUnitTest tests[] = {
        T(hostile_loop),
        T(hostile_self_loop),
        T(hostile_next_past_the_end),
        T(hostile_head_past_the_end),
        T(hostile_head_twice),
        T(hostile_available_jump),
        T(hostile_available_backwards),
        T(hostile_readable_after_writable),
        cmocka_unit_test(hostile_addresses),
        T(hostile_total_length),
        cmocka_unit_test(hostile_indirect),
        T(hostile_indirect_in_indirect),
        T(hostile_indirect_next_outside),
        T(hostile_indirect_loop),
        P(hostile_indirect_not_agreed),
        T(hostile_setups),
        T(hostile_remap),
        T(hostile_change_while_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
