/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's driver on one side, a worker process on the other, and between them the PCI and
 * vhost-user half of the VMM: all real but KVM.
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "hv/vmm/virtio_pci.h"
#include "tests/unit/vmm/guest_ring.h"
#include "tests/unit/vmm/guest_virtio.h"
#include "tests/unit/vmm/recording_irq.h"
#include "tests/unit/vmm/worker_process.h"

#define MEMORY_SIZE (16ULL << 20)
#define DISK_SIZE   (1ULL << 20)
#define RINGS       0x100000ULL /* one per 0x10000 */
#define DATA        0x200000ULL
#define F_VERSION_1 (1ULL << 32)
#define WAIT_MS     10000

struct machine {
    struct bus *bus;
    struct pci_host *host;
    struct irq_router irq;
    struct memory *memory;
    int ram, disk, inflight;
    struct worker_process worker;
    struct virtio_pci *device;
    struct guest_virtio guest;
    struct guest_ring ring[2];
};

static struct machine *machine_new(enum process_kind kind, unsigned queues)
{
    const struct vmm_device device = {.kind = kind, .queues = queues};
    const struct worker_config config = {
        .magic = HANDOFF_MAGIC,
        .version = HANDOFF_VERSION,
        .kind = kind,
        .queues = queues,
        .block_size = 512,
        .capacity = kind == PROCESS_BLK ? DISK_SIZE : 0,
        .memory = MEMORY_SIZE,
        .serial = "end-to-end",
    };
    struct machine *m = test_calloc(1, sizeof(*m));
    struct virtio_failure failure;
    int r;

    recording_irq_init(&m->irq);
    m->ram = fd_fixed_memfd("ram", MEMORY_SIZE, 0);
    m->disk = kind == PROCESS_BLK ? fd_fixed_memfd("disk", DISK_SIZE, 0) : -1;
    m->inflight = kind == PROCESS_BLK ? fd_fixed_memfd("inflight", 1 << 20, 0) : -1;
    assert_int_equal(memory_new(m->ram, MEMORY_SIZE, &m->memory), 0);
    assert_int_equal(bus_new(&m->bus), 0);
    assert_int_equal(pci_host_new(m->bus, &m->host), 0);
    r = worker_start(&m->worker, &config, m->disk, m->inflight);
    assert_int_equal(r, 0);
    assert_int_equal(
        virtio_pci_new(m->host, &m->irq, m->memory, &device, 0, m->worker.vhost, &m->device), 0);
    m->worker.vhost = -1;
    r = virtio_pci_connect(m->device, &failure);
    if (r < 0)
        fail_msg("connect: failure %d, request %llu, error %llu", failure.failure,
                 (unsigned long long)failure.detail[1], (unsigned long long)failure.detail[2]);
    m->guest.bus = m->bus;
    m->guest.slot = 1;
    guest_write(m->bus, guest_ecam(1, PCI_COMMAND), 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    guest_virtio_find(&m->guest);
    return m;
}

/* `ends` says how the worker has to end. */
static void machine_free(struct machine *m, bool clean)
{
    int status;

    virtio_pci_free(m->device);
    status = worker_wait(&m->worker);
    if (clean)
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(m->irq.mistakes, 0);
    pci_host_free(m->host);
    bus_free(m->bus);
    memory_free(m->memory);
    fd_close(&m->ram);
    fd_close(&m->disk);
    fd_close(&m->inflight);
    test_free(m);
}

/* From reset to DRIVER_OK, with all queues and a vector each. */
static void driver_begin(struct machine *m, unsigned queues, uint64_t features)
{
    assert_true((guest_virtio_begin(&m->guest, features) & STATUS_FEATURES_OK) != 0);
    for (unsigned i = 0; i < queues; i++) {
        struct guest_ring *ring = &m->ring[i];

        guest_ring_init(ring, m->memory, RINGS + i * 0x10000, 128);
        guest_virtio_vector(&m->guest, i + 1, 0x40 + i);
        assert_true(guest_virtio_queue(&m->guest, i, ring->size, ring->at_desc, ring->at_avail,
                                       ring->at_used));
    }
    assert_true((status_add(&m->guest, STATUS_DRIVER_OK) & STATUS_DRIVER_OK) != 0);
    assert_int_equal(status_get(&m->guest) & STATUS_NEEDS_RESET, 0);
}

static void kick(struct machine *m, unsigned queue)
{
    guest_write(m->bus, m->guest.notify + m->guest.notify_step * queue, 2, queue);
}

/* Sleep as a guest does: until the vector's eventfd, where KVM would listen, is signalled. */
static struct vring_used_elem wait_used(struct machine *m, unsigned queue)
{
    struct vring_used_elem elem;

    while (!guest_ring_fetch(&m->ring[queue], &elem)) {
        struct pollfd p = {.fd = m->irq.gsi[queue + 1].eventfd, .events = POLLIN};
        uint64_t count;

        if (poll(&p, 1, WAIT_MS) != 1)
            fail_msg("no interrupt of queue %u", queue);
        assert_int_equal(read(p.fd, &count, sizeof(count)), sizeof(count));
    }
    return elem;
}

static uint8_t *data_at(struct machine *m, uint64_t offset)
{
    return memory_at(m->memory, DATA + offset, 1);
}

/* ---------------------------------------------------------------- rng */

static void rng_round(struct machine *m)
{
    const struct guest_buffer buffer = {DATA, 256, true};
    unsigned zeroes = 0;
    struct vring_used_elem elem;

    memset(data_at(m, 0), 0, 256);
    (void)guest_ring_add(&m->ring[0], &buffer, 1);
    kick(m, 0);
    elem = wait_used(m, 0);
    assert_true(elem.len > 0 && elem.len <= 256);
    for (unsigned i = 0; i < elem.len; i++)
        zeroes += data_at(m, i)[0] == 0;
    assert_true(zeroes < elem.len / 4 + 8);
}

static void rng_gives_bytes(void **state)
{
    struct machine *m = machine_new(PROCESS_RNG, 1);

    (void)state;
    assert_int_equal(features_offered(&m->guest), F_VERSION_1 | 3ULL << 28);
    for (unsigned life = 0; life < 5; life++) {
        driver_begin(m, 1, F_VERSION_1);
        for (unsigned i = 0; i < 300; i++)
            rng_round(m);
    }
    machine_free(m, true);
}

static void a_killed_worker_is_noticed(void **state)
{
    struct machine *m = machine_new(PROCESS_RNG, 1);
    struct pollfd p = {.fd = virtio_pci_socket(m->device), .events = POLLRDHUP};

    (void)state;
    driver_begin(m, 1, F_VERSION_1);
    rng_round(m);
    assert_int_equal(poll(&p, 1, 0), 0);
    assert_int_equal(kill(m->worker.pid, SIGKILL), 0);
    assert_int_equal(poll(&p, 1, WAIT_MS), 1);
    bus_lock(m->bus);
    virtio_pci_broken(m->device);
    bus_unlock(m->bus);
    assert_true((status_get(&m->guest) & STATUS_NEEDS_RESET) != 0);
    common_set(&m->guest, COMMON_STATUS, 1, 0);
    assert_int_equal(status_get(&m->guest), 0);
    machine_free(m, false);
}

/* The same, found by a vCPU in the middle of its request. */
static void a_killed_worker_at_reset(void **state)
{
    struct machine *m = machine_new(PROCESS_RNG, 1);
    struct virtio_failure failure;

    (void)state;
    driver_begin(m, 1, F_VERSION_1);
    assert_int_equal(kill(m->worker.pid, SIGKILL), 0);
    common_set(&m->guest, COMMON_STATUS, 1, 0);
    assert_int_equal(status_get(&m->guest), 0);
    assert_int_equal(virtio_pci_error(m->device, &failure), -EPROTO);
    assert_int_equal(failure.failure, FAILURE_VHOST_PEER);
    assert_int_equal(features_offered(&m->guest), 0);
    machine_free(m, false);
}

/* ---------------------------------------------------------------- blk */

enum { BLK_IN = 0, BLK_OUT = 1, BLK_FLUSH = 4, BLK_GET_ID = 8 };

/* Request `slot` of a queue: header, data and status have their own places. */
static uint16_t blk_submit(struct machine *m, unsigned queue, unsigned slot, uint32_t type,
                           uint64_t sector, uint32_t size)
{
    uint64_t base = (queue * 64 + slot) * 0x2000;
    struct {
        uint32_t type, reserved;
        uint64_t sector;
    } header = {type, 0, sector};
    const struct guest_buffer buffer[] = {
        {DATA + base, sizeof(header), false},
        {DATA + base + 0x1000, size, type != BLK_OUT},
        {DATA + base + 0x100, 1, true},
    };
    const struct guest_buffer without_data[] = {buffer[0], buffer[2]};

    memcpy(data_at(m, base), &header, sizeof(header));
    *data_at(m, base + 0x100) = 0xff;
    return size == 0 ? guest_ring_add(&m->ring[queue], without_data, 2)
                     : guest_ring_add(&m->ring[queue], buffer, 3);
}

static unsigned blk_status(struct machine *m, unsigned queue, unsigned slot)
{
    return *data_at(m, (queue * 64 + slot) * 0x2000 + 0x100);
}

static uint8_t *blk_data(struct machine *m, unsigned queue, unsigned slot)
{
    return data_at(m, (queue * 64 + slot) * 0x2000 + 0x1000);
}

static unsigned blk_request(struct machine *m, unsigned queue, uint32_t type, uint64_t sector,
                            uint32_t size)
{
    uint16_t head = blk_submit(m, queue, 0, type, sector, size);

    kick(m, queue);
    assert_int_equal(wait_used(m, queue).id, head);
    return blk_status(m, queue, 0);
}

static void disk_reads_and_writes(void **state)
{
    struct machine *m = machine_new(PROCESS_BLK, 2);
    uint8_t on_disk[4096];

    (void)state;
    assert_int_equal(guest_read(m->bus, m->guest.device, 8), DISK_SIZE / 512);
    assert_int_equal(guest_read(m->bus, m->guest.device + 34, 2), 2);
    driver_begin(m, 2, features_offered(&m->guest) & ~(1ULL << 29));
    for (unsigned queue = 0; queue < 2; queue++) {
        for (unsigned i = 0; i < 64; i++) {
            memset(blk_data(m, queue, 0), (int)(1 + i + queue * 64), 4096);
            assert_int_equal(blk_request(m, queue, BLK_OUT, (queue * 64 + i) * 8, 4096), 0);
        }
    }
    assert_int_equal(blk_request(m, 0, BLK_FLUSH, 0, 0), 0);
    for (unsigned i = 0; i < 128; i++) {
        assert_int_equal(fd_pread_full(m->disk, on_disk, 4096, i * 4096), 0);
        assert_int_equal(on_disk[0], 1 + i);
        assert_int_equal(on_disk[4095], 1 + i);
        memset(blk_data(m, 1, 0), 0, 4096);
        assert_int_equal(blk_request(m, 1, BLK_IN, i * 8, 4096), 0);
        assert_memory_equal(blk_data(m, 1, 0), on_disk, 4096);
    }
    assert_int_equal(blk_request(m, 0, BLK_GET_ID, 0, 20), 0);
    assert_memory_equal(blk_data(m, 0, 0), "end-to-end", 11);
    /* Behind the end, and across it. */
    assert_int_not_equal(blk_request(m, 0, BLK_IN, DISK_SIZE / 512, 512), 0);
    assert_int_not_equal(blk_request(m, 0, BLK_OUT, DISK_SIZE / 512 - 1, 1024), 0);
    assert_int_not_equal(blk_request(m, 0, BLK_IN, UINT64_MAX, 512), 0);
    machine_free(m, true);
}

/* The driver resets with requests in flight: after status 0 its memory is its own. */
static void reset_with_requests_in_flight(void **state)
{
    struct machine *m = machine_new(PROCESS_BLK, 2);

    (void)state;
    for (unsigned life = 0; life < 20; life++) {
        driver_begin(m, 2, F_VERSION_1);
        for (unsigned queue = 0; queue < 2; queue++) {
            for (unsigned slot = 1; slot < 40; slot++)
                (void)blk_submit(m, queue, slot, BLK_IN, slot * 8, 4096);
            kick(m, queue);
        }
        common_set(&m->guest, COMMON_STATUS, 1, 0);
        assert_int_equal(status_get(&m->guest), 0);
        memset(data_at(m, 0), 0xa5, 128 * 0x2000);
        /* The worker has done other work since; a late write would be there now. */
        driver_begin(m, 1, F_VERSION_1);
        assert_int_equal(blk_request(m, 0, BLK_IN, 0, 512), 0);
        for (unsigned queue = 0; queue < 2; queue++) {
            for (unsigned slot = 1; slot < 40; slot++) {
                assert_int_equal(blk_status(m, queue, slot), 0xa5);
                assert_int_equal(blk_data(m, queue, slot)[0], 0xa5);
                assert_int_equal(blk_data(m, queue, slot)[4095], 0xa5);
            }
        }
    }
    machine_free(m, true);
}

/* A driver that breaks the ring's rules needs a reset, and hurts nobody else. */
static void broken_rings(void **state)
{
    struct machine *m = machine_new(PROCESS_BLK, 1);
    struct pollfd error = {.fd = virtio_pci_error_fd(m->device), .events = POLLIN};
    struct virtio_failure failure;

    (void)state;
    for (unsigned kind = 0; kind < 4; kind++) {
        struct vring_desc *desc;

        driver_begin(m, 1, F_VERSION_1);
        assert_int_equal(blk_request(m, 0, BLK_IN, 0, 512), 0);
        (void)blk_submit(m, 0, 1, BLK_IN, 0, 512);
        desc = &m->ring[0].desc[3];
        if (kind == 0)
            desc[1].next = 3; /* a loop */
        else if (kind == 1)
            desc[1].next = 0xffff; /* out of the table */
        else if (kind == 2)
            m->ring[0].avail->ring[1] = 0x8000; /* no such head */
        else
            m->ring[0].avail->idx = (uint16_t)(m->ring[0].avail->idx + 1000); /* more than fit */
        kick(m, 0);
        if (poll(&error, 1, WAIT_MS) != 1)
            fail_msg("kind %u was not reported", kind);
        bus_lock(m->bus);
        assert_int_equal(virtio_pci_error(m->device, &failure), 0);
        bus_unlock(m->bus);
        assert_true((status_get(&m->guest) & STATUS_NEEDS_RESET) != 0);
    }
    driver_begin(m, 1, F_VERSION_1);
    assert_int_equal(blk_request(m, 0, BLK_IN, 0, 512), 0);
    machine_free(m, true);
}

/* Another vector while the queue runs. */
static void vector_changes_while_running(void **state)
{
    struct machine *m = machine_new(PROCESS_RNG, 1);

    (void)state;
    driver_begin(m, 1, F_VERSION_1);
    for (unsigned i = 0; i < 50; i++) {
        common_set(&m->guest, COMMON_QUEUE_SELECT, 2, 0);
        common_set(&m->guest, COMMON_QUEUE_VECTOR, 2, 0xffff);
        common_set(&m->guest, COMMON_QUEUE_VECTOR, 2, 0);
        common_set(&m->guest, COMMON_QUEUE_VECTOR, 2, 1);
        rng_round(m);
    }
    machine_free(m, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rng_gives_bytes),
        cmocka_unit_test(a_killed_worker_is_noticed),
        cmocka_unit_test(a_killed_worker_at_reset),
        cmocka_unit_test(vector_changes_while_running),
        cmocka_unit_test(disk_reads_and_writes),
        cmocka_unit_test(reset_with_requests_in_flight),
        cmocka_unit_test(broken_rings),
    };

    return cmocka_run_group_tests_name("virtio_end_to_end", tests, NULL, NULL);
}
