/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio transport as a driver sees it. */
#include "tests/unit/vmm/virtio_machine.h"

/* ---------------------------------------------------------------- discovery */

static void what_a_driver_finds(void **state)
{
    struct machine *m = *state;
    const struct guest_virtio *g = &m->guest;

    assert_int_equal(guest_virtio_config(g, 0, 4), 0x10421af4);
    assert_int_equal(guest_virtio_config(g, PCI_REVISION, 1), 1);
    assert_true(g->common != 0 && g->isr != 0 && g->notify != 0 && g->device != 0);
    assert_true(g->window != 0 && g->table != 0 && g->pba != 0);
    assert_int_equal(g->notify_step, 4);
    assert_int_equal(common_get(g, COMMON_NUM_QUEUES, 2), 2);
    assert_int_equal(guest_virtio_config(g, g->msix + 2, 2), 2); /* 3 vectors */
    common_set(g, COMMON_QUEUE_SELECT, 2, 1);
    assert_int_equal(common_get(g, COMMON_QUEUE_SIZE, 2), VIRTIO_QUEUE_SIZE_MAX);
    assert_int_equal(common_get(g, COMMON_QUEUE_NOTIFY_OFF, 2), 1);
    common_set(g, COMMON_QUEUE_SELECT, 2, 2);
    assert_int_equal(common_get(g, COMMON_QUEUE_SIZE, 2), 0);
    common_set(g, COMMON_QUEUE_SELECT, 2, 0xffff);
    assert_int_equal(common_get(g, COMMON_QUEUE_SIZE, 2), 0);
}

static void device_configuration_is_read_only(void **state)
{
    struct machine *m = *state;
    const struct guest_virtio *g = &m->guest;

    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < g->device_size; i++) {
            unsigned expected = i == 34 ? 2 : i == 35 ? 0 : i + 1; /* num_queues is ours */

            assert_int_equal(guest_read(m->bus, g->device + i, 1), expected);
        }
        for (unsigned size = 1; size <= 8; size *= 2)
            for (unsigned i = 0; i + size <= 0x1000; i++)
                guest_write(m->bus, g->device + i, size, UINT64_MAX);
        run_driver(m);
    }
    assert_int_equal(guest_read(m->bus, g->device + g->device_size - 4, 8), 0x3c3b3a39);
    assert_int_equal(guest_read(m->bus, g->device + g->device_size, 8), 0);
}

static void features_are_filtered(void **state)
{
    struct machine *m = *state;

    /* The back-end offers every bit; what is beyond the transport or the kind is not passed on. */
    assert_int_equal(features_offered(&m->guest), F_VERSION_1 | 3ULL << 28 | 1 << 1 | 1 << 2 |
                                                      1 << 4 | 1 << 5 | 1 << 6 | 1 << 9 | 1 << 10 |
                                                      1 << 12 | 1 << 13 | 1 << 14);
    common_set(&m->guest, COMMON_DEVICE_FEATURE_SELECT, 4, 2);
    assert_int_equal(common_get(&m->guest, COMMON_DEVICE_FEATURE, 4), 0);
    common_set(&m->guest, COMMON_DRIVER_FEATURE_SELECT, 4, 0xffffffff);
    common_set(&m->guest, COMMON_DRIVER_FEATURE, 4, 0xffffffff);
    assert_int_equal(common_get(&m->guest, COMMON_DRIVER_FEATURE, 4), 0);
}

/* ---------------------------------------------------------------- status */

static void features_ok_needs_a_subset_and_version_1(void **state)
{
    struct machine *m = *state;
    const struct guest_virtio *g = &m->guest;
    static const uint64_t wrong[] = {
        0,          BLK_F_FLUSH,      F_VERSION_1 | 1ULL << 33, F_VERSION_1 | 1,
        UINT64_MAX, F_VERSION_1 << 1, F_VERSION_1 | F_PROTOCOL,
    };

    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(guest_virtio_begin(g, wrong[i]), STATUS_ACK | STATUS_DRIVER);
    /* and without FEATURES_OK nothing can be enabled or started */
    assert_false(guest_virtio_queue(g, 0, 64, 0x10000, 0x20000, 0x30000));
    assert_int_equal(status_add(g, STATUS_DRIVER_OK), STATUS_ACK | STATUS_DRIVER);
    assert_int_equal(m->back->features_set, 0);
    assert_true((guest_virtio_begin(g, F_VERSION_1) & STATUS_FEATURES_OK) != 0);
}

static void features_are_settled_by_features_ok(void **state)
{
    struct machine *m = *state;
    const struct guest_virtio *g = &m->guest;

    guest_virtio_begin(g, F_VERSION_1);
    features_accept(g, UINT64_MAX);
    common_set(g, COMMON_DRIVER_FEATURE_SELECT, 4, 0);
    assert_int_equal(common_get(g, COMMON_DRIVER_FEATURE, 4), 0);
    /* Taking FEATURES_OK back without a reset does not open them again. */
    common_set(g, COMMON_STATUS, 1, STATUS_ACK | STATUS_DRIVER);
    features_accept(g, UINT64_MAX);
    assert_int_equal(common_get(g, COMMON_DRIVER_FEATURE, 4), F_VERSION_1 >> 32);
    status_add(g, STATUS_DRIVER_OK);
    features_accept(g, UINT64_MAX);
    assert_int_equal(m->back->features_set, F_VERSION_1 | F_PROTOCOL);
}

static void status_bits_in_any_order(void **state)
{
    struct machine *m = *state;
    const struct guest_virtio *g = &m->guest;

    for (unsigned value = 1; value < 256; value++) {
        common_set(g, COMMON_STATUS, 1, 0);
        features_accept(g, F_VERSION_1);
        common_set(g, COMMON_STATUS, 1, value);
        /* NEEDS_RESET and the reserved bits are not the driver's to set. */
        assert_int_equal(status_get(g) & 0x70, 0);
        if ((value & STATUS_DRIVER) == 0)
            assert_int_equal(status_get(g) & (STATUS_FEATURES_OK | STATUS_DRIVER_OK), 0);
        if ((value & STATUS_FEATURES_OK) == 0)
            assert_int_equal(status_get(g) & STATUS_DRIVER_OK, 0);
    }
    common_set(g, COMMON_STATUS, 1, 0);
    assert_int_equal(status_get(g), 0);
}

static void start_and_reset_reach_the_back_end(void **state)
{
    struct machine *m = *state;
    const struct back_end_ring *ring = m->back->ring;

    run_driver(m);
    assert_int_equal(m->back->features_set, F_VERSION_1 | BLK_F_FLUSH | F_PROTOCOL);
    assert_true(ring[0].kick && ring[0].enabled && ring[0].error && ring[0].call);
    assert_int_equal(ring[0].num, 64);
    assert_int_equal(ring[0].base, 0);
    assert_int_equal(ring[0].addr.descriptor, 0x10000);
    assert_int_equal(ring[0].addr.available, 0x20000);
    assert_int_equal(ring[0].addr.used, 0x30000);
    assert_false(ring[1].enabled || ring[1].kick);
    for (unsigned i = 0; i < 3; i++) {
        common_set(&m->guest, COMMON_STATUS, 1, 0);
        assert_false(ring[0].enabled || ring[0].kick);
        assert_int_equal(status_get(&m->guest), 0);
        common_set(&m->guest, COMMON_QUEUE_SELECT, 2, 0);
        assert_int_equal(common_get(&m->guest, COMMON_QUEUE_ENABLE, 2), 0);
        assert_int_equal(common_get(&m->guest, COMMON_QUEUE_SIZE, 2), VIRTIO_QUEUE_SIZE_MAX);
        assert_int_equal(common_get(&m->guest, COMMON_QUEUE_VECTOR, 2), 0xffff);
        assert_int_equal(common_get(&m->guest, COMMON_CONFIG_VECTOR, 2), 0xffff);
        assert_int_equal(guest_read(m->bus, m->guest.common + COMMON_QUEUE_DESC, 8), 0);
        run_driver(m);
        assert_true(ring[0].enabled);
    }
}

static void reset_before_the_start_says_nothing(void **state)
{
    struct machine *m = *state;
    unsigned messages = m->back->messages;

    for (unsigned i = 0; i < 100; i++) {
        guest_virtio_begin(&m->guest, F_VERSION_1);
        guest_virtio_queue(&m->guest, 0, 64, 0x10000, 0x20000, 0x30000);
        common_set(&m->guest, COMMON_STATUS, 1, 0);
    }
    assert_int_equal(m->back->messages, messages);
}

/* ---------------------------------------------------------------- queues */

static void queue_sizes(void **state)
{
    struct machine *m = *state;
    const struct guest_virtio *g = &m->guest;

    guest_virtio_begin(g, F_VERSION_1);
    common_set(g, COMMON_QUEUE_SELECT, 2, 0);
    for (unsigned size = 0; size <= 0xffff; size++) {
        common_set(g, COMMON_QUEUE_SIZE, 2, 128);
        common_set(g, COMMON_QUEUE_SIZE, 2, size);
        if (size != 0 && (size & (size - 1)) == 0 && size <= VIRTIO_QUEUE_SIZE_MAX)
            assert_int_equal(common_get(g, COMMON_QUEUE_SIZE, 2), size);
        else
            assert_int_equal(common_get(g, COMMON_QUEUE_SIZE, 2), 128);
    }
}

static void queues_outside_memory(void **state)
{
    struct machine *m = *state;
    const struct guest_virtio *g = &m->guest;
    static const struct {
        uint64_t desc, driver, device;
    } wrong[] = {
        {MEMORY_SIZE, 0x20000, 0x30000},                /* behind the end */
        {MEMORY_SIZE - 16 * 64 + 16, 0x20000, 0x30000}, /* across the end */
        {0x10000, MEMORY_SIZE - 132, 0x30000},          /* event index field outside */
        {0x10000, 0x20000, MEMORY_SIZE - 516},          /* the same of the used ring */
        {0x10008, 0x20000, 0x30000},                    /* alignment */
        {0x10000, 0x20001, 0x30000},                    /* alignment */
        {0x10000, 0x20000, 0x30002},                    /* alignment */
        {UINT64_MAX - 15, 0x20000, 0x30000},            /* wraps */
        {0x10000, UINT64_MAX - 1, 0x30000},             /* wraps */
        {0x10000, 0x20000, UINT64_MAX - 3},             /* wraps */
        {1ULL << 63, 1ULL << 63, 1ULL << 63},
        {LAYOUT_PCI_MMIO, 0x20000, 0x30000}, /* our own BAR */
        {LAYOUT_HIGH_START, 0x20000, 0x30000},
    };

    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        guest_virtio_begin(g, F_VERSION_1);
        assert_false(guest_virtio_queue(g, 0, 64, wrong[i].desc, wrong[i].driver, wrong[i].device));
        /* The driver is told, and cannot go on. */
        assert_true((status_get(g) & STATUS_NEEDS_RESET) != 0);
        assert_int_equal(status_add(g, STATUS_DRIVER_OK) & STATUS_DRIVER_OK, 0);
    }
    assert_int_equal(m->back->features_set, 0);
    /* Exactly up to the end is right, and a reset repairs all. */
    guest_virtio_begin(g, F_VERSION_1);
    assert_true(
        guest_virtio_queue(g, 0, 64, MEMORY_SIZE - 16 * 64, MEMORY_SIZE - 134, MEMORY_SIZE - 520));
}

static void an_enabled_queue_is_fixed(void **state)
{
    struct machine *m = *state;
    const struct guest_virtio *g = &m->guest;

    guest_virtio_begin(g, F_VERSION_1);
    assert_true(guest_virtio_queue(g, 0, 64, 0x10000, 0x20000, 0x30000));
    (void)guest_virtio_queue(g, 0, 256, MEMORY_SIZE, MEMORY_SIZE, MEMORY_SIZE);
    common_set(g, COMMON_QUEUE_ENABLE, 2, 0);
    assert_int_equal(common_get(g, COMMON_QUEUE_ENABLE, 2), 1);
    assert_int_equal(common_get(g, COMMON_QUEUE_SIZE, 2), 64);
    status_add(g, STATUS_DRIVER_OK);
    (void)guest_virtio_queue(g, 0, 256, MEMORY_SIZE, MEMORY_SIZE, MEMORY_SIZE);
    /* One that was not enabled in time stays so. */
    assert_false(guest_virtio_queue(g, 1, 64, 0x40000, 0x50000, 0x60000));
    assert_int_equal(m->back->ring[0].num, 64);
    assert_int_equal(m->back->ring[0].addr.descriptor, 0x10000);
    assert_int_equal(guest_read(m->bus, g->common + COMMON_QUEUE_DESC, 8), 0);
    /* enable takes 1 only */
    guest_virtio_begin(g, F_VERSION_1);
    common_set(g, COMMON_QUEUE_SELECT, 2, 0);
    common_set(g, COMMON_QUEUE_ENABLE, 2, 2);
    common_set(g, COMMON_QUEUE_ENABLE, 2, 0xffff);
    assert_int_equal(common_get(g, COMMON_QUEUE_ENABLE, 2), 0);
}

static void vectors_choose_the_eventfd(void **state)
{
    struct machine *m = *state;
    const struct guest_virtio *g = &m->guest;
    uint64_t one = 1;

    run_driver(m);
    guest_virtio_vector(g, 1, 0x61);
    assert_int_equal(m->irq.gsi[1].data, 0x61);
    /* What the back-end signals arrives where KVM listens. */
    assert_int_equal(write(m->back->ring[0].call_fd, &one, sizeof(one)), sizeof(one));
    assert_true(readable(m->irq.gsi[1].eventfd));
    /* Another vector while it runs: the back-end gets another eventfd. */
    common_set(g, COMMON_QUEUE_SELECT, 2, 0);
    common_set(g, COMMON_QUEUE_VECTOR, 2, 2);
    guest_virtio_vector(g, 2, 0x62);
    assert_false(readable(m->irq.gsi[2].eventfd));
    assert_int_equal(write(m->back->ring[0].call_fd, &one, sizeof(one)), sizeof(one));
    assert_true(readable(m->irq.gsi[2].eventfd));
    /* A vector that is none reads back as none, and there is no eventfd then. */
    common_set(g, COMMON_QUEUE_VECTOR, 2, 3);
    assert_int_equal(common_get(g, COMMON_QUEUE_VECTOR, 2), 0xffff);
    assert_false(m->back->ring[0].call);
    common_set(g, COMMON_CONFIG_VECTOR, 2, 0x7fff);
    assert_int_equal(common_get(g, COMMON_CONFIG_VECTOR, 2), 0xffff);
    common_set(g, COMMON_CONFIG_VECTOR, 2, 2);
    assert_int_equal(common_get(g, COMMON_CONFIG_VECTOR, 2), 2);
}

/* ---------------------------------------------------------------- notification */

static void notifications_without_a_doorbell(void **state)
{
    struct machine *m = *state;
    const struct guest_virtio *g = &m->guest;
    int kick;

    run_driver(m);
    kick = m->back->ring[0].kick_fd;
    assert_false(readable(kick));
    guest_write(m->bus, g->notify, 2, 0);
    assert_true(readable(kick));
    clear(kick);
    for (unsigned at = 1; at < 0x1000; at++) /* nothing else in the page is queue 0's */
        guest_write(m->bus, g->notify + at, 2, 0);
    assert_false(readable(kick));
}

static void doorbells_follow_the_bar(void **state)
{
    struct machine *m = *state;
    struct guest_virtio *g = &m->guest;

    assert_int_equal(m->irq.bells, 2);
    assert_int_equal(m->irq.bell[0].address, g->notify);
    assert_int_equal(m->irq.bell[1].address, g->notify + 4);
    guest_write(m->bus, guest_ecam(1, PCI_BAR0), 4, 0xd0000000);
    assert_int_equal(m->irq.bells, 2);
    guest_virtio_find(g);
    assert_int_equal(g->notify & 0xffff0000, 0xd0000000);
    assert_true(m->irq.bell[0].address == g->notify || m->irq.bell[1].address == g->notify);
    /* Over RAM, over ECAM, sizing: no doorbell where a guest's memory or another device is. */
    guest_write(m->bus, guest_ecam(1, PCI_BAR0), 4, 0);
    assert_int_equal(m->irq.bells, 0);
    guest_write(m->bus, guest_ecam(1, PCI_BAR0), 4, LAYOUT_ECAM);
    assert_int_equal(m->irq.bells, 0);
    guest_write(m->bus, guest_ecam(1, PCI_BAR0), 4, 0xffffffff);
    assert_int_equal(guest_virtio_config(g, PCI_BAR0, 4), 0xffff8000);
    assert_int_equal(m->irq.bells, 0);
    m->irq.refuse_bells = true;
    guest_write(m->bus, guest_ecam(1, PCI_BAR0), 4, 0xc4000000);
    m->irq.refuse_bells = false;
    guest_virtio_find(g);
    run_driver(m);
    guest_write(m->bus, g->notify, 2, 0);
    assert_true(readable(m->back->ring[0].kick_fd));
    guest_write(m->bus, guest_ecam(1, PCI_COMMAND), 2, 0);
    assert_int_equal(guest_read(m->bus, g->common, 4), 0xffffffff);
}

/* ---------------------------------------------------------------- the window in config space */

static void window(struct machine *m, unsigned bar, uint32_t offset, uint32_t length)
{
    unsigned at = m->guest.window;

    guest_write(m->bus, guest_ecam(1, at + 4), 1, bar);
    guest_write(m->bus, guest_ecam(1, at + 8), 4, offset);
    guest_write(m->bus, guest_ecam(1, at + 12), 4, length);
}

static void window_reaches_the_structures(void **state)
{
    struct machine *m = *state;
    unsigned data = m->guest.window + 16;
    uint32_t common = (uint32_t)(m->guest.common & 0x7fff);

    window(m, 0, common + COMMON_NUM_QUEUES, 2);
    assert_int_equal(guest_virtio_config(&m->guest, data, 2), 2);
    window(m, 0, common + COMMON_STATUS, 1);
    guest_write(m->bus, guest_ecam(1, data), 1, STATUS_ACK);
    assert_int_equal(status_get(&m->guest), STATUS_ACK);
    assert_int_equal(guest_virtio_config(&m->guest, data, 4), STATUS_ACK);
    window(m, 0, common + COMMON_QUEUE_DESC, 4);
    guest_write(m->bus, guest_ecam(1, data), 4, 0xaabbccdd);
    assert_int_equal(common_get(&m->guest, COMMON_QUEUE_DESC, 4), 0xaabbccdd);
    /* The upper bytes of a narrow access do not count. */
    window(m, 0, common + COMMON_STATUS, 1);
    guest_write(m->bus, guest_ecam(1, data), 4, 0xffffff00);
    assert_int_equal(status_get(&m->guest), 0);
}

static void window_refuses_nonsense(void **state)
{
    struct machine *m = *state;
    unsigned data = m->guest.window + 16;
    static const struct {
        unsigned bar;
        uint32_t offset, length;
    } wrong[] = {
        {1, COMMON_STATUS, 1},
        {255, COMMON_STATUS, 1},
        {0, COMMON_STATUS, 0},
        {0, COMMON_STATUS, 3},
        {0, COMMON_STATUS, 8},
        {0, COMMON_STATUS, ~0u},
        {0, 1, 2},
        {0, 2, 4},
        {0, 0x8000, 4},
        {0, 0x7fff, 2},
        {0, ~0u, 1},
        {0, ~3u, 4},
        {0, 0x80000000, 4},
        {0, 0x7ffe, 4},
    };

    window(m, 0, COMMON_STATUS, 1);
    guest_write(m->bus, guest_ecam(1, data), 1, STATUS_ACK);
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        window(m, wrong[i].bar, wrong[i].offset, wrong[i].length);
        guest_write(m->bus, guest_ecam(1, data), 4, 0x5a5a5a00);
        assert_int_equal(status_get(&m->guest), STATUS_ACK);
        /* Nothing was read either: what was written is still there. */
        assert_int_equal(guest_virtio_config(&m->guest, data, 4), 0x5a5a5a00);
    }
    /* The capability's own description does not change. */
    assert_int_equal(guest_virtio_config(&m->guest, m->guest.window + 3, 1), 5);
}

/* ---------------------------------------------------------------- everything else */

static void every_offset_and_width(void **state)
{
    struct machine *m = *state;
    static const uint64_t pattern[] = {0, UINT64_MAX, 0x0101010101010101, 0x8000400020001000};
    uint64_t base = m->guest.common & ~0x7fffULL;

    for (unsigned round = 0; round < 2; round++) {
        for (unsigned p = 0; p < 4; p++) {
            for (unsigned size = 1; size <= 8; size *= 2) {
                for (unsigned at = 0; at < 0x8000; at++) {
                    /* Beyond the structures one byte in 16 will do. */
                    if (at % 0x1000 > 0x200 && at % 16 != 0)
                        continue;
                    guest_write(m->bus, base + at, size, pattern[p]);
                    (void)guest_read(m->bus, base + at, size);
                }
            }
        }
        if (round == 0)
            run_driver(m);
    }
    run_driver(m);
    assert_true(m->back->ring[0].enabled);
}

static void fields_take_their_own_width_only(void **state)
{
    struct machine *m = *state;
    const struct guest_virtio *g = &m->guest;

    status_add(g, STATUS_ACK);
    common_set(g, COMMON_STATUS, 2, 0);
    common_set(g, COMMON_STATUS, 4, 0);
    common_set(g, COMMON_NUM_QUEUES, 4, 0);
    common_set(g, COMMON_CONFIG_VECTOR, 8, 0);
    assert_int_equal(status_get(g), STATUS_ACK);
    assert_int_equal(common_get(g, COMMON_NUM_QUEUES, 2), 2);
    common_set(g, COMMON_QUEUE_SIZE, 4, 0x00010040);
    assert_int_equal(common_get(g, COMMON_QUEUE_SIZE, 2), VIRTIO_QUEUE_SIZE_MAX);
    /* Reads of any width see the bytes that are there. */
    assert_int_equal(common_get(g, COMMON_STATUS, 4),
                     STATUS_ACK | (common_get(g, COMMON_QUEUE_SELECT, 2) << 16));
    /* 8 bytes are two halves. */
    common_set(g, COMMON_QUEUE_DEVICE, 8, 0x1122334455667788);
    assert_int_equal(common_get(g, COMMON_QUEUE_DEVICE, 4), 0x55667788);
    assert_int_equal(common_get(g, COMMON_QUEUE_DEVICE + 4, 4), 0x11223344);
    common_set(g, COMMON_QUEUE_DEVICE + 4, 8, UINT64_MAX);
    assert_int_equal(guest_read(m->bus, g->common + COMMON_QUEUE_DEVICE, 8), 0x1122334455667788);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_a_driver_finds, setup_blk, teardown),
        cmocka_unit_test_setup_teardown(device_configuration_is_read_only, setup_blk, teardown),
        cmocka_unit_test_setup_teardown(features_are_filtered, setup_blk, teardown),
        cmocka_unit_test_setup_teardown(features_ok_needs_a_subset_and_version_1, setup_blk,
                                        teardown),
        cmocka_unit_test_setup_teardown(features_are_settled_by_features_ok, setup_blk, teardown),
        cmocka_unit_test_setup_teardown(status_bits_in_any_order, setup_blk, teardown),
        cmocka_unit_test_setup_teardown(start_and_reset_reach_the_back_end, setup_blk, teardown),
        cmocka_unit_test_setup_teardown(reset_before_the_start_says_nothing, setup_blk, teardown),
        cmocka_unit_test_setup_teardown(queue_sizes, setup_blk, teardown),
        cmocka_unit_test_setup_teardown(queues_outside_memory, setup_blk, teardown),
        cmocka_unit_test_setup_teardown(an_enabled_queue_is_fixed, setup_blk, teardown),
        cmocka_unit_test_setup_teardown(vectors_choose_the_eventfd, setup_blk, teardown),
        cmocka_unit_test_setup_teardown(notifications_without_a_doorbell, setup_blk, teardown),
        cmocka_unit_test_setup_teardown(doorbells_follow_the_bar, setup_blk, teardown),
        cmocka_unit_test_setup_teardown(window_reaches_the_structures, setup_blk, teardown),
        cmocka_unit_test_setup_teardown(window_refuses_nonsense, setup_blk, teardown),
        cmocka_unit_test_setup_teardown(every_offset_and_width, setup_blk, teardown),
        cmocka_unit_test_setup_teardown(fields_take_their_own_width_only, setup_blk, teardown),
    };

    return cmocka_run_group_tests_name("virtio_pci", tests, NULL, NULL);
}
