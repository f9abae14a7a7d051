/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/virtio_ring.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>

#include "hv/worker/virtqueue.h"
#include "tests/unit/worker/driver.h"

#define ENTRIES  8
#define FEATURES ((1ull << VIRTIO_RING_F_EVENT_IDX) | (1ull << VIRTIO_RING_F_INDIRECT_DESC))
#define DATA     0x100000u /* offset of buffers in RAM */

struct fixture {
    struct driver_ram ram;
    struct driver_ring ring;
    struct guestmem *memory;
    struct virtqueue *queue;
    struct virtqueue_setup setup;
    struct virtqueue_chain chain;
    int call;
};

static struct fixture *f; /* one per test, by setup and teardown */

static int setup_with(uint64_t features)
{
    struct guestmem_region region = driver_region();

    f = test_calloc(1, sizeof(*f));
    assert_int_equal(driver_ram_make(&f->ram), 0);
    assert_int_equal(guestmem_new(RAM_SIZE, &f->memory), 0);
    assert_int_equal(guestmem_set(f->memory, &region, &f->ram.fd, 1), 0);
    assert_int_equal(virtqueue_new(&f->queue), 0);
    f->ring = driver_ring_make(&f->ram, 0x1000, ENTRIES);
    f->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    f->setup = (struct virtqueue_setup){
        .entries = ENTRIES,
        .descriptor = RAM_USER + f->ring.desc,
        .available = RAM_USER + f->ring.avail,
        .used = RAM_USER + f->ring.used,
        .features = features,
    };
    assert_int_equal(virtqueue_start(f->queue, &f->setup, f->memory, NULL, f->call), 0);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    return setup_with(FEATURES);
}

static int setup_plain(void **state)
{
    (void)state;
    return setup_with(0);
}

static int teardown(void **state)
{
    (void)state;
    virtqueue_free(f->queue);
    guestmem_free(f->memory);
    driver_ram_drop(&f->ram);
    fd_close(&f->call);
    test_free(f);
    return 0;
}

static uint64_t calls(void)
{
    uint64_t n = 0;

    return read(f->call, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static void assert_broken(void)
{
    assert_int_equal(virtqueue_pop(f->queue, &f->chain), -EPROTO);
    assert_true(virtqueue_broken(f->queue));
    /* For good: also when the driver mends what it had broken. */
    assert_int_equal(virtqueue_pop(f->queue, &f->chain), -EPROTO);
    assert_false(virtqueue_listen(f->queue));
}

/* ------------------------------------------------------------------ honest drivers */

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

/* ------------------------------------------------------------------ hostile drivers */

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
