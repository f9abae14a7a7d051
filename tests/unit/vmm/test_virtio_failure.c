/* SPDX-License-Identifier: Apache-2.0 */
/* A virtio device whose back-end fails, and back-ends of the wrong kind. */
#include "tests/unit/vmm/virtio_machine.h"

/* ---------------------------------------------------------------- failure */

static void a_dead_back_end(void **state)
{
    struct machine *m = *state;
    const struct guest_virtio *g = &m->guest;

    run_driver(m);
    common_set(g, COMMON_CONFIG_VECTOR, 2, 0);
    guest_virtio_vector(g, 0, 0x60);
    bus_lock(m->bus);
    virtio_pci_broken(m->device);
    virtio_pci_broken(m->device);
    bus_unlock(m->bus);
    assert_true((status_get(g) & STATUS_NEEDS_RESET) != 0);
    assert_true(readable(m->irq.gsi[0].eventfd));
    assert_int_equal(guest_read(m->bus, g->isr, 1), 2);
    assert_int_equal(guest_read(m->bus, g->isr, 1), 0);
    /* All that a driver can still do is harmless, and it cannot come back. */
    common_set(g, COMMON_QUEUE_SELECT, 2, 0);
    common_set(g, COMMON_QUEUE_VECTOR, 2, 2);
    guest_write(m->bus, g->notify, 2, 0);
    common_set(g, COMMON_STATUS, 1, 0);
    assert_int_equal(status_get(g), 0);
    assert_int_equal(features_offered(g), 0);
    assert_int_equal(guest_virtio_begin(g, F_VERSION_1), STATUS_ACK | STATUS_DRIVER);
    assert_int_equal(status_add(g, STATUS_DRIVER_OK) & STATUS_DRIVER_OK, 0);
}

static void back_end_reports_a_bad_ring(void **state)
{
    struct machine *m = *state;
    uint64_t one = 1;

    run_driver(m);
    assert_false(readable(virtio_pci_error_fd(m->device)));
    assert_int_equal(virtio_pci_error(m->device, &m->failure), 0);
    assert_int_equal(status_get(&m->guest) & STATUS_NEEDS_RESET, 0);
    assert_int_equal(write(virtio_pci_error_fd(m->device), &one, sizeof(one)), sizeof(one));
    assert_int_equal(virtio_pci_error(m->device, &m->failure), 0);
    assert_true((status_get(&m->guest) & STATUS_NEEDS_RESET) != 0);
    assert_false(readable(virtio_pci_error_fd(m->device)));
    /* The back-end lives: a reset repairs it. */
    run_driver(m);
    assert_true(m->back->ring[0].enabled);
}

/* What was wrong with the rings of the old driver is not the new one's fault. */
static void a_report_just_before_the_reset(void **state)
{
    struct machine *m = *state;
    uint64_t one = 1;

    run_driver(m);
    assert_int_equal(write(virtio_pci_error_fd(m->device), &one, sizeof(one)), sizeof(one));
    run_driver(m);
    assert_false(readable(virtio_pci_error_fd(m->device)));
    assert_int_equal(virtio_pci_error(m->device, &m->failure), 0);
    assert_int_equal(status_get(&m->guest) & STATUS_NEEDS_RESET, 0);
}

/* Whatever the back-end gets wrong at the start or the end of the driver's life. */
static void spoiled_while_running(void **state)
{
    static const uint32_t requests[] = {
        VHOST_USER_SET_FEATURES,   VHOST_USER_SET_VRING_NUM,    VHOST_USER_SET_VRING_BASE,
        VHOST_USER_SET_VRING_ADDR, VHOST_USER_SET_VRING_CALL,   VHOST_USER_SET_VRING_ERR,
        VHOST_USER_SET_VRING_KICK, VHOST_USER_SET_VRING_ENABLE, VHOST_USER_GET_VRING_BASE,
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        for (unsigned mode = SPOIL_CLOSE; mode < SPOIL_MODES; mode++) {
            struct machine *m = machine_new(PROCESS_BLK, 1);
            const struct guest_virtio *g = &m->guest;
            bool at_stop = requests[i] == VHOST_USER_GET_VRING_BASE;

            m->back->spoil_request = requests[i];
            m->back->spoil = (enum spoil)mode;
            assert_int_equal(machine_connect(m), 0);
            guest_virtio_begin(g, F_VERSION_1);
            assert_true(guest_virtio_queue(g, 0, 64, 0x10000, 0x20000, 0x30000));
            status_add(g, STATUS_DRIVER_OK);
            assert_int_equal((status_get(g) & STATUS_NEEDS_RESET) != 0, !at_stop);
            common_set(g, COMMON_STATUS, 1, 0);
            assert_int_equal(status_get(g), 0);
            /* The main thread hears of it, and what was wrong. */
            assert_true(readable(virtio_pci_error_fd(m->device)));
            assert_int_equal(virtio_pci_error(m->device, &m->failure), -EPROTO);
            assert_int_equal(m->failure.detail[0], 7);
            if (mode == SPOIL_CLOSE) {
                assert_int_equal(m->failure.failure, FAILURE_VHOST_PEER);
            } else if (mode > SPOIL_SHORT_PAYLOAD) {
                assert_int_equal(m->failure.failure, FAILURE_VHOST_PROTOCOL);
                assert_int_equal(m->failure.detail[1], requests[i]);
            }
            assert_int_equal(features_offered(g), 0);
            machine_free(m);
        }
    }
}

static void connect_fails(uint32_t kind, unsigned queues, void (*alter)(struct back_end *b),
                          enum hv_failure failure, uint64_t detail)
{
    struct machine *m = machine_new(kind, queues);

    alter(m->back);
    assert_int_equal(machine_connect(m), -EPROTO);
    assert_int_equal(m->failure.failure, failure);
    assert_int_equal(m->failure.detail[0], 7);
    assert_int_equal(m->failure.detail[1], detail);
    assert_int_equal(features_offered(&m->guest), 0);
    machine_free(m);
}

static void no_version_1(struct back_end *b)
{
    b->features &= ~F_VERSION_1;
}

static void no_protocol(struct back_end *b)
{
    b->features &= ~F_PROTOCOL;
}

static void no_config(struct back_end *b)
{
    b->protocol &= ~(1ULL << VHOST_USER_PROTOCOL_F_CONFIG);
}

static void no_queues(struct back_end *b)
{
    b->queues = 1;
}

static void no_mq(struct back_end *b)
{
    b->protocol &= ~(1ULL << VHOST_USER_PROTOCOL_F_MQ);
}

static void dead(struct back_end *b)
{
    b->spoil_request = VHOST_USER_GET_FEATURES;
    b->spoil = SPOIL_CLOSE;
}

static void refuses_memory(struct back_end *b)
{
    b->spoil_request = VHOST_USER_SET_MEM_TABLE;
    b->spoil = SPOIL_REFUSE;
}

static void unsuitable_back_ends(void **state)
{
    (void)state;
    connect_fails(PROCESS_BLK, 1, no_version_1, FAILURE_VHOST_FEATURE, F_VERSION_1);
    connect_fails(PROCESS_RNG, 1, no_protocol, FAILURE_VHOST_FEATURE, F_PROTOCOL);
    connect_fails(PROCESS_BLK, 1, no_config, FAILURE_VHOST_FEATURE,
                  1 << VHOST_USER_PROTOCOL_F_CONFIG);
    connect_fails(PROCESS_BLK, 2, no_queues, FAILURE_VHOST_FEATURE, 1 << VHOST_USER_PROTOCOL_F_MQ);
    connect_fails(PROCESS_NET, 5, no_mq, FAILURE_VHOST_FEATURE, 1 << VHOST_USER_PROTOCOL_F_MQ);
    connect_fails(PROCESS_BLK, 1, dead, FAILURE_VHOST_PEER, 0);
    connect_fails(PROCESS_BLK, 1, refuses_memory, FAILURE_VHOST_PROTOCOL, VHOST_USER_SET_MEM_TABLE);
}

/* ---------------------------------------------------------------- kinds */

static void network_configuration_is_ours(void **state)
{
    struct machine *m = machine_new(PROCESS_NET, 2);
    uint64_t offered;

    (void)state;
    m->back->features = F_VERSION_1 | F_PROTOCOL | NET_F_CTRL | NET_F_MQ;
    m->back->queues = 1; /* some count pairs */
    assert_int_equal(machine_connect(m), 0);
    offered = features_offered(&m->guest);
    /* The address is there though the back-end does not say so; no control queue with one pair. */
    assert_int_equal(offered, F_VERSION_1 | NET_F_MAC);
    assert_int_equal(guest_read(m->bus, m->guest.device, 8), 0x0000030201005452);
    assert_int_equal(guest_read(m->bus, m->guest.device + 8, 2), 1);
    machine_free(m);
}

static void network_with_pairs(void **state)
{
    struct machine *m = machine_new(PROCESS_NET, 5);
    const struct guest_virtio *g = &m->guest;

    (void)state;
    assert_int_equal(machine_connect(m), 0);
    assert_int_equal(features_offered(g) & (NET_F_CTRL | NET_F_MQ), NET_F_CTRL | NET_F_MQ);
    assert_int_equal(guest_read(m->bus, g->device + 8, 2), 2);
    assert_int_equal(common_get(g, COMMON_NUM_QUEUES, 2), 5);
    assert_int_equal(guest_virtio_begin(g, F_VERSION_1 | NET_F_CTRL) & STATUS_FEATURES_OK, 0);
    assert_int_equal(guest_virtio_begin(g, F_VERSION_1 | NET_F_MQ) & STATUS_FEATURES_OK, 0);
    assert_true((guest_virtio_begin(g, F_VERSION_1) & STATUS_FEATURES_OK) != 0);
    assert_true((guest_virtio_begin(g, F_VERSION_1 | NET_F_MQ | NET_F_CTRL) & STATUS_FEATURES_OK) !=
                0);
    machine_free(m);
}

static void rng_has_no_configuration(void **state)
{
    struct machine *m = machine_new(PROCESS_RNG, 1);

    (void)state;
    assert_int_equal(machine_connect(m), 0);
    assert_int_equal(guest_virtio_config(&m->guest, 2, 2), 0x1044);
    assert_int_equal(m->guest.device, 0);
    assert_int_equal(features_offered(&m->guest), F_VERSION_1 | 3ULL << 28);
    machine_free(m);
}

static void wrong_arguments(void **state)
{
    struct machine *m = *state;
    static const struct vmm_device wrong[] = {
        {.kind = PROCESS_VMM, .queues = 1},
        {.kind = 99, .queues = 1},
        {.kind = PROCESS_BLK, .queues = 0},
        {.kind = PROCESS_NET, .queues = 1},
        {.kind = PROCESS_RNG, .queues = HANDOFF_QUEUES_MAX + 1},
    };
    struct virtio_pci *device;

    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(virtio_pci_new(m->host, &m->irq, m->memory, &wrong[i], 0, -1, &device),
                         -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_dead_back_end, setup_blk, teardown),
        cmocka_unit_test_setup_teardown(back_end_reports_a_bad_ring, setup_blk, teardown),
        cmocka_unit_test_setup_teardown(a_report_just_before_the_reset, setup_blk, teardown),
        cmocka_unit_test(spoiled_while_running),
        cmocka_unit_test(unsuitable_back_ends),
        cmocka_unit_test(network_configuration_is_ours),
        cmocka_unit_test(network_with_pairs),
        cmocka_unit_test(rng_has_no_configuration),
        cmocka_unit_test_setup_teardown(wrong_arguments, setup_blk, teardown),
    };

    return cmocka_run_group_tests_name("virtio_failure", tests, NULL, NULL);
}
