/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/worker/backend_fixture.h"

static void negotiation(void **state)
{
    uint64_t features;

    (void)state;
    features = front_get(&f->front, VHOST_USER_GET_FEATURES);
    assert_true(features & (1ull << DEVICE_BIT));
    assert_true(features & (1ull << VIRTIO_F_VERSION_1));
    assert_true(features & (1ull << VIRTIO_RING_F_EVENT_IDX));
    assert_true(features & (1ull << VIRTIO_RING_F_INDIRECT_DESC));
    assert_true(features & (1ull << VHOST_USER_F_PROTOCOL_FEATURES));
    assert_false(features & (1ull << VHOST_F_LOG_ALL));
    begin();
    assert_int_equal(f->fake.features, 1ull << DEVICE_BIT);
    assert_int_equal(front_get(&f->front, VHOST_USER_GET_QUEUE_NUM), 2);
}

static void a_ring_runs_and_stops(void **state)
{
    struct vhost_user_vring_state base = {0, 0};
    uint32_t head, written;

    (void)state;
    run_ring();
    assert_non_null(f->fake.queue[0]);
    assert_null(f->fake.queue[1]);
    offer(3);
    front_kick(f->kick);
    assert_int_equal(vhost_backend_kick_fd(f->front.backend, 1), -1);
    work();
    assert_true(driver_take(&f->ring, &head, &written));
    assert_int_equal(head, 3);
    front_send(&f->front, VHOST_USER_GET_VRING_BASE, VHOST_USER_VERSION, &base, 8, NULL, 0);
    assert_int_equal(front_receive(&f->front, VHOST_USER_GET_VRING_BASE, &base, 8, NULL), 8);
    assert_int_equal(base.num, 1);
    assert_null(f->fake.queue[0]);
    /* Stopped: what is offered now stays where it is, and the kick is not waited for. */
    offer(4);
    while (vhost_backend_process(f->front.backend))
        ;
    assert_false(driver_take(&f->ring, &head, &written));
    assert_int_equal(vhost_backend_kick_fd(f->front.backend, 0), -1);
    /* And again, from where it was. */
    assert_int_equal(front_ring(&f->front, 0, &f->ring, base.num, f->kick, f->call), 0);
    while (vhost_backend_process(f->front.backend))
        ;
    assert_true(driver_take(&f->ring, &head, &written));
    assert_int_equal(head, 4);
}

static void a_lost_kick_does_no_harm(void **state)
{
    uint32_t head, written;

    (void)state;
    offer(0);
    run_ring();
    while (vhost_backend_process(f->front.backend))
        ;
    assert_true(driver_take(&f->ring, &head, &written));
}

static void disabled_rings_rest(void **state)
{
    uint32_t head, written;

    (void)state;
    run_ring();
    assert_int_equal(front_do_state(&f->front, VHOST_USER_SET_VRING_ENABLE, 0, 0), 0);
    assert_null(f->fake.queue[0]);
    offer(0);
    while (vhost_backend_process(f->front.backend))
        ;
    assert_false(driver_take(&f->ring, &head, &written));
    assert_int_equal(front_do_state(&f->front, VHOST_USER_SET_VRING_ENABLE, 0, 1), 0);
    while (vhost_backend_process(f->front.backend))
        ;
    assert_true(driver_take(&f->ring, &head, &written));
}

static void rings_start_enabled_without_protocol_features(void **state)
{
    uint64_t features = 1ull << VIRTIO_F_VERSION_1, value = 0;
    struct vhost_user_vring_addr addr = {
        .descriptor = RAM_USER + f->ring.desc,
        .available = RAM_USER + f->ring.avail,
        .used = RAM_USER + f->ring.used,
    };
    struct vhost_user_vring_state num = {0, ENTRIES};
    struct vhost_user_memory memory = {
        .regions = 1, .region = {{.guest = RAM_GUEST, .size = RAM_SIZE, .user = RAM_USER}}};

    (void)state;
    front_send(&f->front, VHOST_USER_SET_OWNER, 1, NULL, 0, NULL, 0);
    front_send(&f->front, VHOST_USER_SET_FEATURES, 1, &features, 8, NULL, 0);
    front_send(&f->front, VHOST_USER_SET_MEM_TABLE, 1, &memory, 40, &f->ram.fd, 1);
    front_send(&f->front, VHOST_USER_SET_VRING_NUM, 1, &num, 8, NULL, 0);
    front_send(&f->front, VHOST_USER_SET_VRING_ADDR, 1, &addr, sizeof(addr), NULL, 0);
    front_send(&f->front, VHOST_USER_SET_VRING_KICK, 1, &value, 8, &f->kick, 1);
    assert_int_equal(f->front.pumped, 0);
    assert_non_null(f->fake.queue[0]);
}

static void config_is_read(void **state)
{
    struct vhost_user_config c = {.offset = 2, .size = 8};

    (void)state;
    begin();
    front_send(&f->front, VHOST_USER_GET_CONFIG, 1, &c, 20, NULL, 0);
    assert_int_equal(front_receive(&f->front, VHOST_USER_GET_CONFIG, &c, sizeof(c), NULL), 20);
    assert_memory_equal(c.bytes, "\3\4\5\6\0\0\0\0", 8);
    assert_int_equal(front_do(&f->front, VHOST_USER_SET_CONFIG, &c, 20, NULL, 0), 1);
}

static void memory_changes_under_a_running_ring(void **state)
{
    struct vhost_user_memory memory = {
        .regions = 1, .region = {{.guest = RAM_GUEST, .size = RAM_SIZE, .user = RAM_USER}}};
    uint32_t head, written;

    (void)state;
    run_ring();
    assert_int_equal(front_do(&f->front, VHOST_USER_SET_MEM_TABLE, &memory, 40, &f->ram.fd, 1), 0);
    assert_int_equal(f->fake.changes[0], 3);
    offer(1);
    front_kick(f->kick);
    work();
    assert_true(driver_take(&f->ring, &head, &written));
    /* A table without the ring in it breaks the ring, not the worker. */
    memory.region[0].user += RAM_SIZE;
    assert_int_equal(front_do(&f->front, VHOST_USER_SET_MEM_TABLE, &memory, 40, &f->ram.fd, 1), 0);
    assert_null(f->fake.queue[0]);
}

static void messages_in_pieces(void **state)
{
    struct {
        struct vhost_user_header h;
        uint64_t value;
    } __attribute__((packed)) m = {{VHOST_USER_SET_PROTOCOL_FEATURES, 1, 8}, 0};

    (void)state;
    for (size_t i = 0; i < sizeof(m); i++) {
        front_send_raw(&f->front, (uint8_t *)&m + i, 1, NULL, 0);
        assert_int_equal(f->front.pumped, 0);
    }
    assert_int_not_equal(front_get(&f->front, VHOST_USER_GET_FEATURES), UINT64_MAX);
}

static void closing_is_no_error(void **state)
{
    (void)state;
    begin();
    fd_close(&f->sockets[0]);
    front_pump(&f->front);
    assert_int_equal(f->front.pumped, -EPIPE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(negotiation),
        T(a_ring_runs_and_stops),
        T(a_lost_kick_does_no_harm),
        T(disabled_rings_rest),
        T(rings_start_enabled_without_protocol_features),
        T(config_is_read),
        T(memory_changes_under_a_running_ring),
        T(messages_in_pieces),
        T(closing_is_no_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
