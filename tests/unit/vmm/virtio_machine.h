/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_VIRTIO_MACHINE_H
#define CASEMATE_TESTS_VIRTIO_MACHINE_H

/* One virtio device on a bus, with a back-end in a thread and a recording irq_router. */
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
static inline struct machine *machine_new(uint32_t kind, unsigned queues)
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

static inline int machine_connect(struct machine *m)
{
    back_end_start(m->back);
    return virtio_pci_connect(m->device, &m->failure);
}

static inline void machine_free(struct machine *m)
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

static inline int setup_blk(void **state)
{
    struct machine *m = machine_new(PROCESS_BLK, 2);

    assert_int_equal(machine_connect(m), 0);
    *state = m;
    return 0;
}

static inline int teardown(void **state)
{
    machine_free(*state);
    return 0;
}

/* Bring blk to DRIVER_OK with queue 0 enabled. */
static inline void run_driver(struct machine *m)
{
    const struct guest_virtio *g = &m->guest;

    assert_true((guest_virtio_begin(g, F_VERSION_1 | BLK_F_FLUSH) & STATUS_FEATURES_OK) != 0);
    assert_true(guest_virtio_queue(g, 0, 64, 0x10000, 0x20000, 0x30000));
    assert_int_equal(status_add(g, STATUS_DRIVER_OK),
                     STATUS_ACK | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
}

static inline bool readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 0) == 1 && (p.revents & POLLIN) != 0;
}

static inline void clear(int fd)
{
    uint64_t count;

    assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
}

#endif
