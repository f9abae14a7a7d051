/* SPDX-License-Identifier: Apache-2.0 */
/* The vhost-user back-end and front-ends that lie to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>

#include "tests/unit/worker/backend_fixture.h"

static int open_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    assert_non_null(d);
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}

static void closing_in_the_middle_is_one(void **state)
{
    uint32_t part = VHOST_USER_SET_FEATURES;

    (void)state;
    front_send_raw(&f->front, &part, sizeof(part), NULL, 0);
    fd_close(&f->sockets[0]);
    front_pump(&f->front);
    assert_int_equal(f->front.pumped, -EPROTO);
}

static void descriptors_with_the_payload(void **state)
{
    struct vhost_user_header h = {VHOST_USER_SET_VRING_CALL, 1, 8};
    uint64_t value = 0;
    int before;

    (void)state;
    begin();
    before = open_descriptors();
    front_send_raw(&f->front, &h, sizeof(h), NULL, 0);
    assert_int_equal(f->front.pumped, 0);
    front_send_raw(&f->front, &value, sizeof(value), &f->call, 1);
    assert_int_equal(f->front.pumped, -EBADMSG);
    assert_int_equal(open_descriptors(), before);
}

static void no_descriptor_leaks(void **state)
{
    int fds[8] = {f->ram.fd, f->kick, f->call, f->ram.fd, f->kick, f->call, f->ram.fd, f->kick};
    struct vhost_user_header h = {VHOST_USER_SET_MEM_TABLE, 1, 40};
    uint64_t value = 0;
    int before;

    (void)state;
    begin();
    before = open_descriptors();
    /* More than any message may have: dropped by the kernel's count or by ours. */
    front_send(&f->front, VHOST_USER_SET_VRING_CALL, 1, &value, 8, fds, 8);
    assert_true(f->front.pumped < 0);
    assert_int_equal(open_descriptors(), before);
    /* Eight with the first byte, then eight with the second. */
    stop_backend();
    start_backend();
    before = open_descriptors();
    front_send_raw(&f->front, &h, 1, fds, 8);
    assert_int_equal(f->front.pumped, 0);
    front_send_raw(&f->front, (uint8_t *)&h + 1, 1, fds, 8);
    assert_true(f->front.pumped < 0);
    assert_int_equal(open_descriptors(), before);
    /* Replaced ones are closed. */
    stop_backend();
    start_backend();
    begin();
    assert_int_equal(front_do_fd(&f->front, VHOST_USER_SET_VRING_CALL, 0, f->call), 0);
    before = open_descriptors();
    for (int i = 0; i < 10; i++)
        assert_int_equal(front_do_fd(&f->front, VHOST_USER_SET_VRING_CALL, 0, f->call), 0);
    assert_int_equal(open_descriptors(), before);
    assert_int_equal(front_do_fd(&f->front, VHOST_USER_SET_VRING_CALL, 0x100, -1), 0);
    assert_int_equal(open_descriptors(), before - 1);
}

static void hostile_memory_tables(void **state)
{
    static const struct {
        uint32_t regions;
        struct vhost_user_region region[2];
    } cases[] = {
        {1, {{RAM_GUEST, 0, RAM_USER, 0}}},                     /* empty */
        {1, {{RAM_GUEST, RAM_SIZE + 4096, RAM_USER, 0}}},       /* over the limit */
        {1, {{RAM_GUEST, UINT64_MAX & ~4095ull, RAM_USER, 0}}}, /* far over it */
        {1, {{RAM_GUEST + 1, 4096, RAM_USER, 0}}},              /* not whole pages */
        {1, {{RAM_GUEST, 4095, RAM_USER, 0}}},
        {1, {{RAM_GUEST, 4096, RAM_USER, 1}}},
        {1, {{UINT64_MAX & ~4095ull, 8192, RAM_USER, 0}}}, /* wraps */
        {1, {{RAM_GUEST, 8192, UINT64_MAX & ~4095ull, 0}}},
        {1, {{RAM_GUEST, 8192, RAM_USER, UINT64_MAX & ~4095ull}}},
        {1, {{RAM_GUEST, 8192, RAM_USER, INT64_MAX & ~4095ull}}},         /* negative off_t */
        {2, {{0, 8192, RAM_USER, 0}, {4096, 8192, RAM_USER + 65536, 0}}}, /* overlap */
        {2, {{0, 8192, RAM_USER, 0}, {65536, 8192, RAM_USER + 4096, 0}}}, /* overlap of user */
        {2, {{0, 8192, RAM_USER, 0}, {0, 8192, RAM_USER, 0}}},            /* twice the same */
        {2, {{0, RAM_SIZE, RAM_USER, 0}, {RAM_SIZE, 4096, RAM_USER + RAM_SIZE, 0}}}, /* sum */
    };
    int fds[2] = {f->ram.fd, f->ram.fd};

    (void)state;
    run_ring();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vhost_user_memory memory = {.regions = cases[i].regions};

        memcpy(memory.region, cases[i].region, sizeof(cases[i].region));
        assert_int_equal(front_do(&f->front, VHOST_USER_SET_MEM_TABLE, &memory,
                                  VHOST_USER_MEMORY_SIZE(memory.regions), fds, memory.regions),
                         1);
        /* The old table is in force. */
        assert_non_null(f->fake.queue[0]);
    }
    /* Not a mappable file at all. */
    struct vhost_user_memory memory = {
        .regions = 1, .region = {{.guest = RAM_GUEST, .size = RAM_SIZE, .user = RAM_USER}}};

    assert_int_equal(front_do(&f->front, VHOST_USER_SET_MEM_TABLE, &memory, 40, &f->kick, 1), 1);
}

static void hostile_order(void **state)
{
    uint64_t value = 0;

    (void)state;
    /* A ring before the memory. */
    front_send(&f->front, VHOST_USER_SET_OWNER, 1, NULL, 0, NULL, 0);
    assert_int_equal(f->front.pumped, 0);
    front_send(&f->front, VHOST_USER_SET_VRING_KICK, 1, &value, 8, &f->kick, 1);
    assert_int_equal(f->front.pumped, -EPROTO);
    assert_int_equal(vhost_backend_last_request(f->front.backend), VHOST_USER_SET_VRING_KICK);
}

static void owner_twice(void **state)
{
    (void)state;
    begin();
    front_send(&f->front, VHOST_USER_SET_OWNER, 1, NULL, 0, NULL, 0);
    assert_int_equal(f->front.pumped, -EPROTO);
}

static void unacknowledged_failure_ends_the_connection(void **state)
{
    uint64_t features = 1ull << 63;

    (void)state;
    begin();
    front_send(&f->front, VHOST_USER_SET_FEATURES, 1, &features, 8, NULL, 0);
    assert_int_equal(f->front.pumped, -EINVAL);
}

static void features_not_offered_are_refused(void **state)
{
    uint64_t offered;

    (void)state;
    begin();
    offered = front_get(&f->front, VHOST_USER_GET_FEATURES);
    for (int bit = 0; bit < 64; bit++)
        if ((offered & (1ull << bit)) == 0)
            assert_int_equal(
                front_do_u64(&f->front, VHOST_USER_SET_FEATURES, offered | (1ull << bit)), 1);
    /* Legacy devices are not spoken. */
    assert_int_equal(
        front_do_u64(&f->front, VHOST_USER_SET_FEATURES, offered & ~(1ull << VIRTIO_F_VERSION_1)),
        1);
    assert_int_equal(front_do_u64(&f->front, VHOST_USER_SET_FEATURES, offered), 0);
    assert_int_equal(front_do_u64(&f->front, VHOST_USER_SET_PROTOCOL_FEATURES, UINT64_MAX), 1);
    assert_int_equal(front_do_u64(&f->front, VHOST_USER_SET_PROTOCOL_FEATURES, 1u << 3), 1);
}

static void running_rings_keep_their_settings(void **state)
{
    struct vhost_user_vring_addr addr = {.descriptor = RAM_USER};
    struct vhost_user_inflight area = {.size = 1 << 20, .queues = 1, .queue_size = ENTRIES};
    uint64_t offered;

    (void)state;
    run_ring();
    offered = front_get(&f->front, VHOST_USER_GET_FEATURES);
    assert_int_equal(front_do_state(&f->front, VHOST_USER_SET_VRING_NUM, 0, 4), 1);
    assert_int_equal(front_do_state(&f->front, VHOST_USER_SET_VRING_BASE, 0, 4), 1);
    assert_int_equal(front_do(&f->front, VHOST_USER_SET_VRING_ADDR, &addr, 40, NULL, 0), 1);
    assert_int_equal(front_do_state(&f->front, VHOST_USER_SET_VRING_ENABLE, 0, 2), 1);
    assert_int_equal(
        front_do(&f->front, VHOST_USER_SET_INFLIGHT_FD, &area, sizeof(area), &f->inflight, 1), 1);
    assert_int_equal(front_do_u64(&f->front, VHOST_USER_SET_FEATURES, offered), 0);
    assert_int_equal(front_do_u64(&f->front, VHOST_USER_SET_FEATURES, 1ull << VIRTIO_F_VERSION_1),
                     1);
}

static void rings_outside_memory_do_not_start(void **state)
{
    (void)state;
    begin();
    f->ring.used = RAM_SIZE - 8;
    assert_int_equal(front_ring(&f->front, 0, &f->ring, 0, f->kick, f->call), 1);
    assert_null(f->fake.queue[0]);
    f->ring.used = 0x3000;
    f->ring.entries = 9;
    assert_int_equal(front_ring(&f->front, 0, &f->ring, 0, f->kick, f->call), 1);
    /* Polling is not done here. */
    f->ring.entries = ENTRIES;
    assert_int_equal(front_do_fd(&f->front, VHOST_USER_SET_VRING_KICK, 0x100, -1), 1);
}

static void broken_rings_are_reported_and_left_alone(void **state)
{
    int err = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    uint64_t n = 0;

    (void)state;
    run_ring();
    assert_int_equal(front_do_fd(&f->front, VHOST_USER_SET_VRING_ERR, 0, err), 0);
    driver_buffer(&f->ring, 0, DATA, 4, D_NEXT, 0);
    driver_offer(&f->ring, 0);
    front_kick(f->kick);
    work();
    assert_int_equal(read(err, &n, 8), 8);
    assert_null(f->fake.queue[0]);
    assert_int_equal(vhost_backend_kick_fd(f->front.backend, 0), -1);
    assert_int_equal(driver_used_index(&f->ring), 0);
    fd_close(&err);
}

/* By a packet from outside, say: no kick has come, and none may ever come. */
static void rings_found_broken_later_are_reported(void **state)
{
    int err = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    uint64_t n = 0;

    (void)state;
    run_ring();
    assert_int_equal(front_do_fd(&f->front, VHOST_USER_SET_VRING_ERR, 0, err), 0);
    work();
    virtqueue_break(f->fake.queue[0]);
    work();
    assert_int_equal(read(err, &n, 8), 8);
    assert_null(f->fake.queue[0]);
    fd_close(&err);
}

/* Memory that is taken away under a ring breaks it: the front-end hears of it, at once. */
static void rings_lost_with_their_memory_are_reported(void **state)
{
    struct vhost_user_memory memory = {
        .regions = 1,
        .region = {{.guest = RAM_GUEST, .size = 4096, .user = RAM_USER + 0x100000}},
    };
    int err = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    uint64_t n = 0;

    (void)state;
    run_ring();
    assert_int_equal(front_do_fd(&f->front, VHOST_USER_SET_VRING_ERR, 0, err), 0);
    work();
    assert_int_equal(read(err, &n, 8), -1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(front_do(&f->front, VHOST_USER_SET_MEM_TABLE, &memory,
                                  VHOST_USER_MEMORY_SIZE(1), &f->ram.fd, 1),
                         0);
        assert_null(f->fake.queue[0]);
        assert_int_equal(read(err, &n, 8), i == 0 ? 8 : -1);
    }
    fd_close(&err);
}

/* The descriptor is replaced while a kick waits in it: nobody kicks again for what is there. */
static void kick_on_a_replaced_descriptor(void **state)
{
    int kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    (void)state;
    run_ring();
    work();
    offer(1);
    front_kick(f->kick);
    assert_int_equal(front_do_fd(&f->front, VHOST_USER_SET_VRING_KICK, 0, kick), 0);
    while (vhost_backend_process(f->front.backend))
        ;
    assert_int_equal(driver_used_index(&f->ring), 1);
    fd_close(&kick);
}

static void kick_that_is_no_eventfd(void **state)
{
    int ends[2];

    (void)state;
    begin();
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(front_ring(&f->front, 0, &f->ring, 0, ends[0], f->call), 0);
    fd_close(&ends[1]);
    /* End of file for ever: the ring is given up, not polled in a loop. */
    vhost_backend_kicked(f->front.backend, 0, POLLIN | POLLHUP);
    assert_int_equal(vhost_backend_kick_fd(f->front.backend, 0), -1);
    fd_close(&ends[0]);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(closing_in_the_middle_is_one),
        T(descriptors_with_the_payload),
        T(no_descriptor_leaks),
        T(hostile_memory_tables),
        T(hostile_order),
        T(owner_twice),
        T(unacknowledged_failure_ends_the_connection),
        T(features_not_offered_are_refused),
        T(running_rings_keep_their_settings),
        T(rings_outside_memory_do_not_start),
        T(broken_rings_are_reported_and_left_alone),
        T(rings_found_broken_later_are_reported),
        T(rings_lost_with_their_memory_are_reported),
        T(kick_on_a_replaced_descriptor),
        T(kick_that_is_no_eventfd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
