/* SPDX-License-Identifier: Apache-2.0 */
/* What a back-end leaves to its successor, and what it believes of what it finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/worker/backend_fixture.h"

static struct vhost_user_inflight area;

static void inflight_begin(bool fresh)
{
    int fd = f->inflight;

    begin();
    if (fresh) {
        fd = front_inflight(&f->front, 2, ENTRIES, &area);
        assert_true(fd >= 0);
    }
    assert_int_equal(front_do(&f->front, VHOST_USER_SET_INFLIGHT_FD, &area, sizeof(area), &fd, 1),
                     0);
    if (fresh)
        fd_close(&fd);
    assert_int_equal(front_ring(&f->front, 0, &f->ring, 0, f->kick, f->call), 0);
}

static void successor_redoes_what_was_in_flight(void **state)
{
    uint32_t head, written;
    uint64_t n;

    (void)state;
    inflight_begin(true);
    /* Two are done, three are taken in an order of their own, one is not taken yet. */
    offer(0);
    offer(1);
    work();
    f->fake.hold = true;
    offer(6);
    offer(2);
    offer(4);
    front_kick(f->kick);
    work();
    assert_int_equal(f->fake.count, 5);
    stop_backend();
    offer(5);

    assert_int_equal(read(f->call, &n, 8), 8);
    memset(&f->fake, 0, sizeof(f->fake));
    start_backend();
    inflight_begin(false);
    while (vhost_backend_process(f->front.backend))
        ;
    assert_int_equal(f->fake.count, 4);
    assert_int_equal(f->fake.popped[0], 6);
    assert_int_equal(f->fake.popped[1], 2);
    assert_int_equal(f->fake.popped[2], 4);
    assert_int_equal(f->fake.popped[3], 5);
    for (int i = 0; i < 6; i++)
        assert_true(driver_take(&f->ring, &head, &written));
    assert_false(driver_take(&f->ring, &head, &written));
    assert_int_equal(read(f->call, &n, 8), 8);
}

/* Neither the used index nor the order of the available ring tells what is left. */
static void successor_redoes_what_was_overtaken(void **state)
{
    uint32_t head, written;

    (void)state;
    inflight_begin(true);
    f->fake.first = 5;
    offer(3);
    offer(5);
    offer(1);
    work();
    assert_true(driver_take(&f->ring, &head, &written));
    assert_int_equal(head, 5);
    stop_backend();
    memset(&f->fake, 0, sizeof(f->fake));
    start_backend();
    inflight_begin(false);
    while (vhost_backend_process(f->front.backend))
        ;
    assert_int_equal(f->fake.count, 2);
    assert_int_equal(f->fake.popped[0], 3);
    assert_int_equal(f->fake.popped[1], 1);
    assert_true(driver_take(&f->ring, &head, &written));
    assert_true(driver_take(&f->ring, &head, &written));
    assert_false(driver_take(&f->ring, &head, &written));
}

static void visible_batch_is_not_redone(void **state)
{
    struct vhost_user_inflight_queue *q;
    uint8_t *map;

    (void)state;
    inflight_begin(true);
    f->fake.push_only = true; /* in the used ring, not visible: it died before the index */
    offer(3);
    offer(1);
    work();
    map = mmap(NULL, area.size, PROT_READ | PROT_WRITE, MAP_SHARED, f->inflight, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    q = (struct vhost_user_inflight_queue *)(void *)map;
    assert_int_equal(q->descriptor[3].inflight, 1);
    /* As if it had died between the used index and the flags: they are visible. */
    driver_set16(&f->ring, f->ring.used + 2, 2);
    stop_backend();
    memset(&f->fake, 0, sizeof(f->fake));
    start_backend();
    inflight_begin(false);
    while (vhost_backend_process(f->front.backend))
        ;
    assert_int_equal(f->fake.count, 0);
    assert_int_equal(q->descriptor[3].inflight, 0);
    assert_int_equal(q->descriptor[1].inflight, 0);
    assert_int_equal(q->used_index, 2);
    munmap(map, area.size);
}

static void hostile_inflight_blocks(void **state)
{
    struct vhost_user_inflight_queue *q;
    uint8_t *map;

    (void)state;
    inflight_begin(true);
    offer(0);
    work();
    map = mmap(NULL, area.size, PROT_READ | PROT_WRITE, MAP_SHARED, f->inflight, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    q = (struct vhost_user_inflight_queue *)(void *)map;
    for (int i = 0; i < 5; i++) {
        stop_backend();
        memset(&f->fake, 0, sizeof(f->fake));
        memset(map, 0, area.size);
        q->version = 1;
        q->entries = ENTRIES;
        q->used_index = 1;
        if (i == 0)
            q->version = 2;
        if (i == 1)
            q->entries = 65535;
        if (i == 2)
            q->features = 1;
        if (i == 3) { /* a looping list, an index outside, a batch longer than the ring */
            q->used_index = 2;
            q->last_batch_head = 65535;
        }
        if (i == 4) {
            q->used_index = (uint16_t)(1 - ENTRIES);
            q->last_batch_head = 3;
            q->descriptor[3].next = 3;
            q->descriptor[5].inflight = 200;
            driver_buffer(&f->ring, 5, DATA, 64, D_WRITE, 0);
            q->descriptor[5].counter = UINT64_MAX;
        }
        start_backend();
        begin();
        assert_int_equal(
            front_do(&f->front, VHOST_USER_SET_INFLIGHT_FD, &area, sizeof(area), &f->inflight, 1),
            0);
        assert_int_equal(front_ring(&f->front, 0, &f->ring, 0, f->kick, f->call), i < 3 ? 1 : 0);
        while (vhost_backend_process(f->front.backend))
            ;
        assert_int_equal(f->fake.count, i == 4 ? 1 : 0);
    }
    munmap(map, area.size);
}

static void hostile_inflight_areas(void **state)
{
    static const struct vhost_user_inflight cases[] = {
        {.size = 0, .queues = 1, .queue_size = ENTRIES},
        {.size = 100, .queues = 1, .queue_size = ENTRIES},
        {.size = 1 << 20, .queues = 1, .queue_size = 2048},
        {.size = 1 << 20, .offset = 7, .queues = 1, .queue_size = ENTRIES},
        {.size = 1 << 20, .offset = UINT64_MAX, .queues = 1, .queue_size = ENTRIES},
        {.size = UINT64_MAX, .offset = INT64_MAX, .queues = 1, .queue_size = ENTRIES},
    };

    (void)state;
    begin();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(front_do(&f->front, VHOST_USER_SET_INFLIGHT_FD, &cases[i],
                                  sizeof(cases[i]), &f->inflight, 1),
                         1);
    /* An area for rings smaller than the one that starts. */
    area = (struct vhost_user_inflight){.size = 4096, .queues = 1, .queue_size = ENTRIES / 2};
    assert_int_equal(
        front_do(&f->front, VHOST_USER_SET_INFLIGHT_FD, &area, sizeof(area), &f->inflight, 1), 0);
    assert_int_equal(front_ring(&f->front, 0, &f->ring, 0, f->kick, f->call), 1);
    /* More than the file has is not handed out. */
    assert_int_equal(front_inflight(&f->front, 2, 65535, &area), -1);
    assert_int_equal(area.size, 0);
}

static void stop(void)
{
    struct vhost_user_vring_state base = {0, 0};

    front_send(&f->front, VHOST_USER_GET_VRING_BASE, VHOST_USER_VERSION, &base, 8, NULL, 0);
    assert_int_equal(front_receive(&f->front, VHOST_USER_GET_VRING_BASE, &base, 8, NULL), 8);
}

/* A driver breaks the ring with requests under way; the guest boots again with a new one. */
static void a_new_driver_starts_afresh(void **state)
{
    uint32_t head, written;

    (void)state;
    inflight_begin(true);
    f->fake.hold = true;
    offer(3);
    offer(5);
    work();
    driver_offer(&f->ring, 200);
    front_kick(f->kick);
    work();
    assert_null(f->fake.queue[0]);
    stop();
    f->ring = driver_ring_make(&f->ram, 0x1000, ENTRIES);
    memset(&f->fake, 0, sizeof(f->fake));
    assert_int_equal(front_ring(&f->front, 0, &f->ring, 0, f->kick, f->call), 0);
    offer(0);
    work();
    assert_int_equal(f->fake.count, 1);
    assert_true(driver_take(&f->ring, &head, &written));
    assert_int_equal(head, 0);
}

/* A front-end that disables or stops at once does not make a successor forget what it found. */
static void recovery_is_finished_first(void **state)
{
    uint32_t head, written;

    (void)state;
    for (int i = 0; i < 2; i++) {
        inflight_begin(i == 0);
        f->fake.hold = true;
        offer(2);
        offer(6);
        work();
        stop_backend();
        memset(&f->fake, 0, sizeof(f->fake));
        start_backend();
        inflight_begin(false);
        assert_int_equal(f->fake.count, 0);
        if (i == 0)
            assert_int_equal(front_do_state(&f->front, VHOST_USER_SET_VRING_ENABLE, 0, 0), 0);
        else
            stop();
        assert_int_equal(f->fake.count, 2);
        assert_true(driver_take(&f->ring, &head, &written));
        assert_true(driver_take(&f->ring, &head, &written));
        assert_int_equal(head, 6);
        stop_backend();
        memset(&f->fake, 0, sizeof(f->fake));
        start_backend();
    }
}

/* Stopped before the device ever saw it: what it had to redo is left to the next start. */
static void recovery_outlives_a_ring_never_enabled(void **state)
{
    struct vhost_user_vring_addr addr = {
        .descriptor = RAM_USER + f->ring.desc,
        .available = RAM_USER + f->ring.avail,
        .used = RAM_USER + f->ring.used,
    };
    uint32_t head, written;
    int fd = f->inflight;

    (void)state;
    inflight_begin(true);
    f->fake.hold = true;
    offer(2);
    offer(6);
    work();
    stop_backend();
    memset(&f->fake, 0, sizeof(f->fake));
    start_backend();
    begin();
    assert_int_equal(front_do(&f->front, VHOST_USER_SET_INFLIGHT_FD, &area, sizeof(area), &fd, 1),
                     0);
    assert_int_equal(front_do_state(&f->front, VHOST_USER_SET_VRING_NUM, 0, ENTRIES), 0);
    assert_int_equal(front_do(&f->front, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0),
                     0);
    assert_int_equal(front_do_fd(&f->front, VHOST_USER_SET_VRING_KICK, 0, f->kick), 0);
    stop();
    assert_int_equal(f->fake.count, 0);
    assert_int_equal(front_ring(&f->front, 0, &f->ring, 2, f->kick, f->call), 0);
    while (vhost_backend_process(f->front.backend))
        ;
    assert_int_equal(f->fake.count, 2);
    assert_true(driver_take(&f->ring, &head, &written));
    assert_int_equal(head, 2);
    assert_true(driver_take(&f->ring, &head, &written));
    assert_int_equal(head, 6);
}

static void a_fresh_area_is_zero(void **state)
{
    uint8_t byte = 0xff;
    int fd;

    (void)state;
    begin();
    assert_int_equal(pwrite(f->inflight, &byte, 1, 8), 1);
    fd = front_inflight(&f->front, 1, ENTRIES, &area);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, 8), 1);
    assert_int_equal(byte, 0);
    fd_close(&fd);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(successor_redoes_what_was_in_flight),
        T(successor_redoes_what_was_overtaken),
        T(visible_batch_is_not_redone),
        T(hostile_inflight_blocks),
        T(hostile_inflight_areas),
        T(a_new_driver_starts_afresh),
        T(recovery_is_finished_first),
        T(recovery_outlives_a_ring_never_enabled),
        T(a_fresh_area_is_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
