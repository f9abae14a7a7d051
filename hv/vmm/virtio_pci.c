/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/virtio_pci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "hv/vmm/pci_config.h"
#include "hv/vmm/virtio_state.h"

/* One BAR; each structure has a page, so that none's bounds depend on another's size. */
#define BAR       0u
#define BAR_SIZE  0x8000u
#define PAGE_SIZE 0x1000u
enum page { PAGE_COMMON, PAGE_ISR, PAGE_CONFIG, PAGE_NOTIFY, PAGE_TABLE, PAGE_PBA };

/* Queue i is notified at i * 4 (notify_off_multiplier). */
#define NOTIFY_STEP 4u

/* struct virtio_pci_cap (virtio 1.2, 4.1.4). */
enum { CAP_LENGTH = 2, CAP_TYPE = 3, CAP_BAR = 4, CAP_OFFSET = 8, CAP_SIZE = 12, CAP_END = 16 };
enum { TYPE_COMMON = 1, TYPE_NOTIFY, TYPE_ISR, TYPE_DEVICE, TYPE_PCI };
#define CAP_DATA CAP_END /* of the configuration window, and the notify capability's multiplier */

/* ---------------------------------------------------------------- BAR */

static uint64_t config_read(const struct virtio_pci *device, unsigned offset, unsigned size)
{
    unsigned end = virtio_kind_config_size(device->kind);
    uint64_t value = 0;

    if (offset < end)
        memcpy(&value, device->space + offset, size < end - offset ? size : end - offset);
    return value;
}

static uint64_t isr_read(struct virtio_pci *device, unsigned offset)
{
    uint8_t isr = offset == 0 ? device->isr : 0;

    device->isr &= (uint8_t)~isr; /* reading clears it (4.1.4.5) */
    return isr;
}

/* What KVM does by itself where the doorbell could be added. */
static void notify_write(const struct virtio_pci *device, unsigned offset)
{
    static const uint64_t one = 1;
    ssize_t n;

    if (offset % NOTIFY_STEP != 0 || offset / NOTIFY_STEP >= device->config.queues)
        return;
    n = write(device->queue[offset / NOTIFY_STEP].kick, &one, sizeof(one));
    (void)n; /* EAGAIN: it is signalled already */
}

static uint64_t bar_read(void *context, uint64_t offset, unsigned size)
{
    struct virtio_pci *device = context;
    unsigned within = (unsigned)(offset % PAGE_SIZE);

    switch (offset / PAGE_SIZE) {
    case PAGE_COMMON:
        return virtio_common_read(device, within, size);
    case PAGE_ISR:
        return isr_read(device, within);
    case PAGE_CONFIG:
        return config_read(device, within, size);
    case PAGE_TABLE:
        return msix_table_read(device->msix, within, size);
    case PAGE_PBA:
        return msix_pba_read(device->msix, within, size);
    default:
        return 0;
    }
}

static void bar_write(void *context, uint64_t offset, unsigned size, uint64_t value)
{
    struct virtio_pci *device = context;
    unsigned within = (unsigned)(offset % PAGE_SIZE);

    switch (offset / PAGE_SIZE) {
    case PAGE_COMMON:
        virtio_common_write(device, within, size, value);
        break;
    case PAGE_NOTIFY:
        notify_write(device, within);
        break;
    case PAGE_TABLE:
        msix_table_write(device->msix, within, size, value);
        break;
    default: /* nothing in the device configuration is writable with the features offered */
        break;
    }
}

static const struct bus_ops bar_ops = {bar_read, bar_write};

/* The guest moved the BAR: the doorbells follow. Where KVM refuses one, notify_write serves. */
static void bar_moved(void *context, uint64_t address)
{
    struct virtio_pci *device = context;

    for (unsigned i = 0; i < device->config.queues; i++) {
        struct virtio_queue *queue = &device->queue[i];
        uint64_t doorbell = PAGE_NOTIFY * PAGE_SIZE + NOTIFY_STEP * i;

        if (queue->doorbell)
            (void)irq_doorbell_remove(device->irq, device->bar + doorbell, queue->kick);
        queue->doorbell = address != BUS_UNMAPPED &&
                          irq_doorbell_add(device->irq, address + doorbell, queue->kick) == 0;
    }
    device->bar = address;
}

/* ---------------------------------------------------------------- configuration space */

/*
 * VIRTIO_PCI_CAP_PCI_CFG (4.1.4.9): a window into the BAR for drivers that cannot map it. The guest
 * chooses BAR, offset and length, so they are checked at each access. Returns the length, or 0 when
 * the access does not concern the window's data or the choice is none.
 */
static unsigned window_access(const struct virtio_pci *device, unsigned offset, unsigned size,
                              uint32_t *at)
{
    const uint8_t *cap = pci_device_config(device->pci) + device->window;
    unsigned data = device->window + CAP_DATA;
    uint32_t length = pci_get32(cap, CAP_SIZE);

    *at = pci_get32(cap, CAP_OFFSET);
    if (offset >= data + 4 || offset + size <= data || cap[CAP_BAR] != BAR ||
        (length != 1 && length != 2 && length != 4) || *at % length != 0 ||
        !checked_range(*at, length, BAR_SIZE))
        return 0;
    return length;
}

static void config_before_read(void *context, unsigned offset, unsigned size)
{
    struct virtio_pci *device = context;
    uint32_t at;
    unsigned length = window_access(device, offset, size, &at);

    if (length != 0)
        pci_put32(pci_device_config(device->pci), device->window + CAP_DATA,
                  (uint32_t)bar_read(device, at, length));
}

static void config_written(void *context, unsigned offset, unsigned size)
{
    struct virtio_pci *device = context;
    uint32_t at;
    unsigned length = window_access(device, offset, size, &at);

    msix_config_written(device->msix, offset, size);
    if (length != 0) {
        uint32_t value = pci_get32(pci_device_config(device->pci), device->window + CAP_DATA);

        bar_write(device, at, length, value & (0xffffffffu >> (32 - 8 * length)));
    }
}

static const struct pci_hooks config_hooks = {config_before_read, config_written};

/* A structure's capability; `extra` bytes follow the common part. */
static int add_capability(struct virtio_pci *device, uint8_t type, enum page page, uint32_t size,
                          uint32_t data, unsigned extra)
{
    uint8_t cap[CAP_END + 4] = {0};

    cap[CAP_LENGTH] = (uint8_t)(CAP_END + extra);
    cap[CAP_TYPE] = type;
    cap[CAP_BAR] = BAR;
    pci_put32(cap, CAP_OFFSET, page * PAGE_SIZE);
    pci_put32(cap, CAP_SIZE, size);
    pci_put32(cap, CAP_DATA, data);
    return pci_device_capability(device->pci, PCI_CAP_VENDOR, cap, NULL, CAP_END + extra);
}

static int add_window(struct virtio_pci *device)
{
    static const uint8_t cap[CAP_END + 4] = {[CAP_LENGTH] = CAP_END + 4, [CAP_TYPE] = TYPE_PCI};
    uint8_t writable[CAP_END + 4] = {0};

    writable[CAP_BAR] = 0xff;
    memset(writable + CAP_OFFSET, 0xff, sizeof(writable) - CAP_OFFSET);
    return pci_device_capability(device->pci, PCI_CAP_VENDOR, cap, writable, sizeof(cap));
}

static int add_capabilities(struct virtio_pci *device)
{
    unsigned config_size = virtio_kind_config_size(device->kind);
    int r = add_capability(device, TYPE_COMMON, PAGE_COMMON, VIRTIO_COMMON_SIZE, 0, 0);

    if (r >= 0)
        r = add_capability(device, TYPE_NOTIFY, PAGE_NOTIFY, device->config.queues * NOTIFY_STEP,
                           NOTIFY_STEP, 4);
    if (r >= 0)
        r = add_capability(device, TYPE_ISR, PAGE_ISR, 1, 0, 0);
    if (r >= 0 && config_size > 0)
        r = add_capability(device, TYPE_DEVICE, PAGE_CONFIG, config_size, 0, 0);
    if (r >= 0)
        r = add_window(device);
    if (r < 0)
        return r;
    device->window = (unsigned)r;
    return 0;
}

/* ---------------------------------------------------------------- making */

/* Non-blocking for the same reason as in msix.c: the back-end holds them too. */
static int make_eventfds(struct virtio_pci *device)
{
    device->error = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (device->error < 0)
        return -errno;
    for (unsigned i = 0; i < device->config.queues; i++) {
        device->queue[i].kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (device->queue[i].kick < 0)
            return -errno;
    }
    return 0;
}

static int make_function(struct virtio_pci *device, struct pci_host *host)
{
    const struct pci_identity identity = virtio_kind_identity(device->kind);
    int r = pci_device_new(host, &identity, &device->pci);

    if (r == 0)
        r = msix_new(device->pci, device->irq, BAR, PAGE_TABLE * PAGE_SIZE, PAGE_PBA * PAGE_SIZE,
                     device->config.queues + 1, &device->msix);
    if (r == 0)
        r = add_capabilities(device);
    if (r == 0)
        r = pci_device_bar(device->pci, BAR, BAR_SIZE, &bar_ops, device, bar_moved);
    if (r == 0)
        pci_device_hooks(device->pci, &config_hooks, device);
    return r;
}

int virtio_pci_new(struct pci_host *pci, struct irq_router *irq, struct memory *memory,
                   const struct vmm_device *config, unsigned index, int socket,
                   struct virtio_pci **result)
{
    const struct virtio_kind *kind = virtio_kind_of(config);
    struct virtio_pci *device;
    int r;

    if (kind == NULL)
        return -EINVAL;
    device = calloc(1, sizeof(*device));
    if (device == NULL)
        return -ENOMEM;
    device->kind = kind;
    device->config = *config;
    device->index = index;
    device->irq = irq;
    device->memory = memory;
    device->bar = BUS_UNMAPPED;
    device->error = -1;
    for (unsigned i = 0; i < HANDOFF_QUEUES_MAX; i++)
        device->queue[i].kick = -1;
    virtio_device_clear(device);
    r = make_eventfds(device);
    if (r == 0)
        r = make_function(device, pci);
    if (r == 0)
        r = vhost_user_new(socket, &device->front);
    if (r < 0)
        virtio_pci_free(device);
    else
        *result = device;
    return r;
}

void virtio_pci_free(struct virtio_pci *device)
{
    if (device == NULL)
        return;
    bar_moved(device, BUS_UNMAPPED);
    msix_free(device->msix);
    vhost_user_free(device->front);
    for (unsigned i = 0; i < HANDOFF_QUEUES_MAX; i++)
        fd_close(&device->queue[i].kick);
    fd_close(&device->error);
    free(device);
}

int virtio_pci_socket(const struct virtio_pci *device)
{
    return vhost_user_socket(device->front);
}

int virtio_pci_error_fd(const struct virtio_pci *device)
{
    return device->error;
}
