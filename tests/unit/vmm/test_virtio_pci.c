/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "hv/vmm/virtio_pci.h"
#include "tests/unit/vmm/back_end.h"
#include "tests/unit/vmm/guest_virtio.h"
#include "tests/unit/vmm/recording_irq.h"

#define MEMORY_SIZE (4ULL << 20)
#define F_VERSION_1 (1ULL << 32)
#define F_PROTOCOL  (1ULL << 30)
#define NET_F_MAC   (1ULL << 5)
#define NET_F_CTRL  (1ULL << 17)
#define NET_F_MQ    (1ULL << 22)
#define BLK_F_FLUSH (1ULL << 9)

struct machine {
    struct bus *bus;
    struct pci_host *host;
    struct irq_router irq;
    struct memory *memory;
    int ram;
    struct back_end *back;
    struct virtio_pci *device;
    struct virtio_failure failure;
    struct guest_virtio guest;
};

/* A device that is not connected yet; the back-end is not started either, so tests may alter it. */
static struct machine *machine_new(uint32_t kind, unsigned queues)
{
    const struct vmm_device config = {
        .kind = kind, .queues = queues, .mac = {0x52, 0x54, 0, 1, 2, 3}};
    struct machine *m = test_calloc(1, sizeof(*m));

    recording_irq_init(&m->irq);
    m->ram = fd_fixed_memfd("test-ram", MEMORY_SIZE, 0);
    assert_true(m->ram >= 0);
    assert_int_equal(memory_new(m->ram, MEMORY_SIZE, &m->memory), 0);
    assert_int_equal(bus_new(&m->bus), 0);
    assert_int_equal(pci_host_new(m->bus, &m->host), 0);
    m->back = back_end_new();
    assert_int_equal(
        virtio_pci_new(m->host, &m->irq, m->memory, &config, 7, m->back->front, &m->device), 0);
    m->back->front = -1;
    m->guest.bus = m->bus;
    m->guest.slot = 1;
    guest_write(m->bus, guest_ecam(1, PCI_COMMAND), 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    guest_virtio_find(&m->guest);
    return m;
}

static int machine_connect(struct machine *m)
{
    back_end_start(m->back);
    return virtio_pci_connect(m->device, &m->failure);
}

static void machine_free(struct machine *m)
{
    virtio_pci_free(m->device);
    assert_int_equal(m->irq.mistakes, 0);
    assert_int_equal(m->irq.bells, 0);
    assert_int_equal(m->back->unexpected, 0);
    back_end_free(m->back);
    pci_host_free(m->host);
    bus_free(m->bus);
    memory_free(m->memory);
    fd_close(&m->ram);
    test_free(m);
}

static int setup_blk(void **state)
{
    struct machine *m = machine_new(PROCESS_BLK, 2);

    assert_int_equal(machine_connect(m), 0);
    *state = m;
    return 0;
}

static int teardown(void **state)
{
    machine_free(*state);
    return 0;
}

/* Bring blk to DRIVER_OK with queue 0 enabled. */
static void run_driver(struct machine *m)
{
    const struct guest_virtio *g = &m->guest;

    assert_true((guest_virtio_begin(g, F_VERSION_1 | BLK_F_FLUSH) & STATUS_FEATURES_OK) != 0);
    assert_true(guest_virtio_queue(g, 0, 64, 0x10000, 0x20000, 0x30000));
    assert_int_equal(status_add(g, STATUS_DRIVER_OK),
                     STATUS_ACK | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
}

static bool readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 0) == 1 && (p.revents & POLLIN) != 0;
}

static void clear(int fd)
{
    uint64_t count;

    assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
}

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
        cmocka_unit_test_setup_teardown(a_dead_back_end, setup_blk, teardown),
        cmocka_unit_test_setup_teardown(back_end_reports_a_bad_ring, setup_blk, teardown),
        cmocka_unit_test(spoiled_while_running),
        cmocka_unit_test(unsuitable_back_ends),
        cmocka_unit_test(network_configuration_is_ours),
        cmocka_unit_test(network_with_pairs),
        cmocka_unit_test(rng_has_no_configuration),
        cmocka_unit_test_setup_teardown(wrong_arguments, setup_blk, teardown),
        cmocka_unit_test_setup_teardown(every_offset_and_width, setup_blk, teardown),
        cmocka_unit_test_setup_teardown(fields_take_their_own_width_only, setup_blk, teardown),
    };

    return cmocka_run_group_tests_name("virtio_pci", tests, NULL, NULL);
}
