/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtio transport between a hostile driver and a back-end that may fail at any moment. The
 * vhost-user calls are recorded here in place of hv/vmm/vhost_user.c, and what a back-end must be
 * able to rely on is checked at each: features are a subset of those offered, a queue has a legal
 * size and lies aligned in guest memory, it is started once and stopped before the driver reads
 * status 0, and nothing is said to a back-end that has failed.
 * The input: device kind, then steps of 10 bytes as in fuzz_pci_config.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "hv/vmm/vhost_user.h"
#include "hv/vmm/virtio_pci.h"
#include "mac/process_kind.h"
#include "tests/unit/vmm/guest_virtio.h"
#include "tests/unit/vmm/recording_irq.h"

#define MEMORY_SIZE (2u << 20)
#define STEP        10u
#define STEPS       512u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* ---------------------------------------------------------------- the recorded back-end */

struct vhost_user {
    unsigned queues;
    uint64_t offered;
    bool started[HANDOFF_QUEUES_MAX];
    bool ended, fail_next;
};

static struct vhost_user back;
static struct memory *memory; /* one for the life of the process: 2 MiB */
static int ram = -1;

static int verdict(struct vhost_user *front)
{
    require(!front->ended);
    if (!front->fail_next)
        return 0;
    front->ended = true;
    return -EBADMSG;
}

int vhost_user_new(int socket, struct vhost_user **front)
{
    (void)socket;
    *front = &back;
    return 0;
}

void vhost_user_free(struct vhost_user *front)
{
    (void)front;
}

void vhost_user_patience(struct vhost_user *front, unsigned seconds)
{
    (void)front;
    require(seconds > 0 && seconds <= 60);
}

int vhost_user_socket(const struct vhost_user *front)
{
    (void)front;
    return -1;
}

uint32_t vhost_user_last(const struct vhost_user *front)
{
    (void)front;
    return 0;
}

void vhost_user_abandon(struct vhost_user *front)
{
    front->ended = true;
}

int vhost_user_features(struct vhost_user *front, uint64_t *features)
{
    *features = UINT64_MAX;
    return verdict(front);
}

int vhost_user_protocol(struct vhost_user *front, uint64_t wanted, uint64_t *agreed)
{
    *agreed = wanted;
    return verdict(front);
}

int vhost_user_set_owner(struct vhost_user *front)
{
    return verdict(front);
}

int vhost_user_queue_num(struct vhost_user *front, uint64_t *queues)
{
    *queues = 16;
    return verdict(front);
}

int vhost_user_memory_table(struct vhost_user *front, const struct memory *table)
{
    require(table == memory);
    return verdict(front);
}

int vhost_user_config(struct vhost_user *front, void *bytes, size_t size)
{
    require(size <= VHOST_USER_CONFIG_MAX);
    memset(bytes, 0x5a, size);
    return verdict(front);
}

int vhost_user_inflight(struct vhost_user *front, uint16_t queues, uint16_t queue_size)
{
    require(queues == front->queues && queue_size == VIRTIO_QUEUE_SIZE_MAX);
    return verdict(front);
}

int vhost_user_set_features(struct vhost_user *front, uint64_t features)
{
    require((features & 1ULL << 32) != 0 && (features & 1ULL << 30) != 0);
    require((features & ~front->offered & ~(1ULL << 30)) == 0);
    for (unsigned i = 0; i < HANDOFF_QUEUES_MAX; i++)
        require(!front->started[i]);
    return verdict(front);
}

int vhost_user_ring_start(struct vhost_user *front, const struct vhost_user_ring *ring)
{
    uint64_t n = ring->size;
    int r = verdict(front);

    require(ring->index < front->queues && !front->started[ring->index] && ring->base == 0);
    require(n != 0 && (n & (n - 1)) == 0 && n <= VIRTIO_QUEUE_SIZE_MAX);
    require(ring->descriptor % 16 == 0 && ring->available % 2 == 0 && ring->used % 4 == 0);
    require(memory_at(memory, ring->descriptor, 16 * n) != NULL);
    require(memory_at(memory, ring->available, 6 + 2 * n) != NULL);
    require(memory_at(memory, ring->used, 6 + 8 * n) != NULL);
    require(ring->kick >= 0 && ring->error >= 0 && ring->call >= -1);
    front->started[ring->index] = r == 0;
    return r;
}

int vhost_user_ring_call(struct vhost_user *front, uint32_t index, int call)
{
    require(index < front->queues && front->started[index] && call >= -1);
    return verdict(front);
}

int vhost_user_ring_stop(struct vhost_user *front, uint32_t index, uint16_t *base)
{
    require(index < front->queues && front->started[index]);
    front->started[index] = false;
    *base = 0;
    return verdict(front);
}

/* ---------------------------------------------------------------- the driver */

struct machine {
    struct bus *bus;
    struct pci_host *host;
    struct irq_router irq;
    struct virtio_pci *device;
    struct guest_virtio guest;
};

static void look(struct machine *m)
{
    guest_virtio_find(&m->guest);
    back.offered = features_offered(&m->guest);
}

static void machine_init(struct machine *m, uint8_t kind)
{
    static const struct vmm_device kinds[] = {
        {.kind = PROCESS_BLK, .queues = 2},
        {.kind = PROCESS_NET, .queues = 5},
        {.kind = PROCESS_RNG, .queues = 1},
        {.kind = PROCESS_NET, .queues = 2},
    };
    const struct vmm_device *config = &kinds[kind % 4];
    struct virtio_failure failure;

    memset(m, 0, sizeof(*m));
    memset(&back, 0, sizeof(back));
    back.queues = config->queues;
    recording_irq_init(&m->irq);
    require(bus_new(&m->bus) == 0 && pci_host_new(m->bus, &m->host) == 0);
    require(virtio_pci_new(m->host, &m->irq, memory, config, 0, -1, &m->device) == 0);
    require(virtio_pci_connect(m->device, &failure) == 0);
    m->guest.bus = m->bus;
    m->guest.slot = 1;
    guest_write(m->bus, guest_ecam(1, PCI_COMMAND), 2, PCI_COMMAND_MEMORY);
    look(m);
}

static void machine_release(struct machine *m)
{
    virtio_pci_free(m->device);
    require(m->irq.mistakes == 0 && m->irq.bells == 0);
    pci_host_free(m->host);
    bus_free(m->bus);
}

/* What a lawful driver would do next, so that the fuzzer need not find it by itself. */
static void lawful(struct machine *m, unsigned what, uint64_t value)
{
    static const unsigned bits[] = {STATUS_ACK, STATUS_DRIVER, STATUS_FEATURES_OK,
                                    STATUS_DRIVER_OK};

    if (what < 4)
        (void)status_add(&m->guest, bits[what]);
    else if (what < 6)
        features_accept(&m->guest, (value & back.offered) | 1ULL << 32);
    else if (what < 8)
        (void)guest_virtio_begin(&m->guest, (value & back.offered) | 1ULL << 32);
    else
        (void)guest_virtio_queue(&m->guest, what % 5, 1u << (value % 9), value & 0x1ffff0, 0x20000,
                                 0x30000);
}

static void step(struct machine *m, const uint8_t *in)
{
    static const unsigned widths[] = {1, 2, 4, 8};
    unsigned size = widths[in[1] % 4], offset = pci_get16(in, 2);
    uint64_t value = pci_get32(in, 4) | (uint64_t)pci_get16(in, 8) << 32;
    uint64_t base = m->guest.common & ~0x7fffULL;

    switch (in[0] % 12) {
    case 0:
    case 1:
    case 2:
        guest_write(m->bus, m->guest.common + offset % 64, size, value);
        break;
    case 3:
    case 4:
    case 5:
        lawful(m, offset % 16, value);
        break;
    case 6:
        guest_write(m->bus, base + offset % 0x8000, size, value);
        (void)guest_read(m->bus, base + (offset ^ in[4]) % 0x8000, size);
        break;
    case 7:
        guest_write(m->bus, guest_ecam(1, offset % PCI_CONFIG_USED), size, value);
        (void)guest_read(m->bus, guest_ecam(1, m->guest.window + 16), size);
        break;
    case 8: /* the window in configuration space */
        guest_write(m->bus, guest_ecam(1, m->guest.window + 8), 4, offset);
        guest_write(m->bus, guest_ecam(1, m->guest.window + 12), 4, size);
        guest_write(m->bus, guest_ecam(1, m->guest.window + 16), 4, value);
        break;
    case 9:
        guest_write(m->bus, guest_ecam(1, PCI_BAR0), 4, value);
        guest_write(m->bus, guest_ecam(1, PCI_COMMAND), 2, PCI_COMMAND_MEMORY);
        guest_virtio_find(&m->guest);
        break;
    case 10:
        guest_write(m->bus, m->guest.common + COMMON_STATUS, 1, 0);
        break;
    default:
        if (in[1] == 1)
            back.fail_next = true;
        else if (in[1] == 2)
            virtio_pci_broken(m->device);
        else if (in[1] == 3) {
            struct virtio_failure failure;
            (void)virtio_pci_error(m->device, &failure);
        }
        break;
    }
    /* Status 0 read: the driver takes its memory back. */
    if (guest_read(m->bus, m->guest.common + COMMON_STATUS, 1) == 0 && !back.ended) {
        for (unsigned i = 0; i < HANDOFF_QUEUES_MAX; i++)
            require(!back.started[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct machine m;

    if (memory == NULL) {
        ram = fd_fixed_memfd("fuzz-ram", MEMORY_SIZE, 0);
        require(ram >= 0 && memory_new(ram, MEMORY_SIZE, &memory) == 0);
    }
    if (size == 0)
        return 0;
    machine_init(&m, data[0]);
    for (size_t i = 1; i + STEP <= size && i < STEP * STEPS; i += STEP)
        step(&m, data + i);
    machine_release(&m);
    return 0;
}
