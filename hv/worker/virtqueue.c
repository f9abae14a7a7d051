/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/worker/virtqueue.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/checked.h"
#include "hv/worker/virtqueue_ring.h"

/* Layout of virtio 1.2, 2.7.6 and 2.7.8: flags, idx, ring[], event. */
#define RING_FLAGS     0u
#define RING_IDX       2u
#define RING_ENTRIES   4u
#define AVAILABLE_SIZE 2u
#define USED_SIZE      8u

static uint16_t load16(const uint8_t *at, int order)
{
    const uint16_t *p = (const uint16_t *)(const void *)at;

    return order == __ATOMIC_ACQUIRE ? __atomic_load_n(p, __ATOMIC_ACQUIRE)
                                     : __atomic_load_n(p, __ATOMIC_RELAXED);
}

static void store16(uint8_t *at, uint16_t value)
{
    __atomic_store_n((uint16_t *)(void *)at, value, __ATOMIC_RELEASE);
}

static void store32(uint8_t *at, uint32_t value)
{
    __atomic_store_n((uint32_t *)(void *)at, value, __ATOMIC_RELAXED);
}

static uint8_t *used_event(const struct virtqueue *q)
{
    return q->available + RING_ENTRIES + AVAILABLE_SIZE * q->entries;
}

static uint8_t *available_event(const struct virtqueue *q)
{
    return q->used + RING_ENTRIES + USED_SIZE * q->entries;
}

int virtqueue_new(struct virtqueue **queue)
{
    struct virtqueue *q = calloc(1, sizeof(*q));

    if (q == NULL)
        return -ENOMEM;
    q->call = -1;
    *queue = q;
    return 0;
}

void virtqueue_free(struct virtqueue *queue)
{
    free(queue);
}

/* Find the three parts in this process; the event fields behind them are always included. */
static int map(struct virtqueue *q)
{
    size_t n = q->setup.entries;
    uint8_t *d = guestmem_at_user(q->memory, q->setup.descriptor, n * 16);
    uint8_t *a = guestmem_at_user(q->memory, q->setup.available, RING_ENTRIES + n * 2 + 2);
    uint8_t *u = guestmem_at_user(q->memory, q->setup.used, RING_ENTRIES + n * 8 + 2);

    if (d == NULL || a == NULL || u == NULL)
        return -EINVAL;
    if ((uintptr_t)d % 16 != 0 || (uintptr_t)a % 2 != 0 || (uintptr_t)u % 4 != 0)
        return -EINVAL;
    q->descriptor = d;
    q->available = a;
    q->used = u;
    return 0;
}

/* Take over what a predecessor left in flight: *base becomes where the available ring goes on. */
static int recover(struct virtqueue *q, uint16_t *base)
{
    int n = inflight_recover(&q->inflight, q->visible_used, q->recover);

    if (n == -ENODATA)
        return 0;
    if (n < 0)
        return n;
    for (int i = 0; i < n; i++)
        if (q->recover[i] >= q->entries)
            return -EPROTO;
    q->recover_count = (uint16_t)n;
    /* What was ever taken is either in the used ring or in flight. */
    *base = (uint16_t)(q->visible_used + n);
    return 0;
}

static void interrupt(const struct virtqueue *q)
{
    const uint64_t one = 1;

    /* A full or foreign descriptor loses the guest's interrupt, which its VMM asked for. */
    if (q->call >= 0 && write(q->call, &one, sizeof(one)) < 0)
        return;
}

int virtqueue_start(struct virtqueue *queue, const struct virtqueue_setup *setup,
                    const struct guestmem *memory, const struct inflight *inflight, int call)
{
    struct virtqueue fresh = {.setup = *setup, .memory = memory, .call = call};
    uint16_t base = (uint16_t)setup->base;
    int r;

    if (queue->started)
        return -EBUSY;
    if (!checked_power_of_two(setup->entries) || setup->entries > VIRTQUEUE_SIZE_MAX ||
        setup->base > UINT16_MAX)
        return -EINVAL;
    fresh.entries = (uint16_t)setup->entries;
    r = map(&fresh);
    if (r < 0)
        return r;
    fresh.event_idx = (setup->features & (1ull << VIRTIO_RING_F_EVENT_IDX)) != 0;
    fresh.indirect = (setup->features & (1ull << VIRTIO_RING_F_INDIRECT_DESC)) != 0;
    fresh.visible_used = load16(fresh.used + RING_IDX, __ATOMIC_RELAXED);
    fresh.next_used = fresh.visible_used;
    if (inflight != NULL && inflight->block != NULL) {
        if (inflight->entries < fresh.entries || inflight->entries > VIRTQUEUE_SIZE_MAX)
            return -EINVAL;
        fresh.inflight = *inflight;
        r = recover(&fresh, &base);
        if (r < 0)
            return r;
    }
    fresh.next_available = base;
    fresh.started = true;
    *queue = fresh;
    /* A predecessor may have died between making a batch visible and interrupting the guest. */
    interrupt(queue);
    return 0;
}

void virtqueue_set_call(struct virtqueue *queue, int call)
{
    queue->call = call;
    /* What was signalled through the old one may not have arrived; one too many does no harm. */
    if (queue->started)
        interrupt(queue);
}

int virtqueue_remap(struct virtqueue *queue)
{
    int r = queue->started ? map(queue) : 0;

    if (r < 0)
        queue->broken = true;
    return r;
}

uint16_t virtqueue_stop(struct virtqueue *queue)
{
    /* Heads of a predecessor that were never popped (the ring was not enabled) are not done. */
    if (queue->started && queue->inflight.block != NULL && !virtqueue_recovering(queue))
        inflight_forget(&queue->inflight);
    queue->started = false;
    return queue->next_available;
}

bool virtqueue_started(const struct virtqueue *queue)
{
    return queue->started;
}

bool virtqueue_broken(const struct virtqueue *queue)
{
    return queue->broken;
}

uint16_t virtqueue_entries(const struct virtqueue *queue)
{
    return queue->entries;
}

uint16_t virtqueue_outstanding(const struct virtqueue *queue)
{
    return queue->outstanding;
}

bool virtqueue_recovering(const struct virtqueue *queue)
{
    return queue->started && !queue->broken && queue->recover_at < queue->recover_count;
}

void virtqueue_break(struct virtqueue *queue)
{
    queue->broken = true;
}

/* The head of the next chain: 1, 0 (none), -EPROTO. Does not move on. */
static int next_head(const struct virtqueue *q, uint16_t *head)
{
    uint16_t pending;

    if (q->recover_at < q->recover_count) {
        *head = q->recover[q->recover_at];
        return 1;
    }
    pending = (uint16_t)(load16(q->available + RING_IDX, __ATOMIC_ACQUIRE) - q->next_available);
    if (pending == 0)
        return 0;
    if (pending > q->entries)
        return -EPROTO;
    *head = load16(q->available + RING_ENTRIES +
                       AVAILABLE_SIZE * (size_t)(q->next_available % q->entries),
                   __ATOMIC_RELAXED);
    return *head < q->entries ? 1 : -EPROTO;
}

int virtqueue_pop(struct virtqueue *queue, struct virtqueue_chain *chain)
{
    uint16_t head;
    int r;

    if (!queue->started)
        return 0;
    if (queue->broken)
        return -EPROTO;
    r = next_head(queue, &head);
    if (r == 0)
        return 0;
    /* A head made available twice would be freed twice by its owner, and looped in our lists. */
    if (r < 0 || queue->outstanding_head[head] || virtqueue_read_chain(queue, head, chain) < 0) {
        queue->broken = true;
        return -EPROTO;
    }
    if (queue->recover_at < queue->recover_count) {
        queue->recover_at++;
    } else {
        if (queue->inflight.block != NULL)
            inflight_take(&queue->inflight, head);
        queue->next_available++;
    }
    queue->outstanding_head[head] = true;
    queue->outstanding++;
    return 1;
}

void virtqueue_unpop(struct virtqueue *queue, const uint16_t *heads, uint16_t count)
{
    for (uint16_t i = 0; i < count; i++)
        queue->outstanding_head[heads[i]] = false;
    queue->outstanding = (uint16_t)(queue->outstanding - count);
    queue->next_available = (uint16_t)(queue->next_available - count);
}

void virtqueue_push(struct virtqueue *queue, uint16_t head, uint32_t written)
{
    uint8_t *entry;

    if (!queue->started || queue->broken || !queue->outstanding_head[head])
        return;
    entry = queue->used + RING_ENTRIES + USED_SIZE * (size_t)(queue->next_used % queue->entries);
    store32(entry, head);
    store32(entry + 4, written);
    if (queue->inflight.block != NULL)
        inflight_complete(&queue->inflight, head);
    queue->next_used++;
    queue->batch[queue->batch_count++] = head;
}

/* virtio 1.2, 2.7.7.2 and 2.7.10: does the driver want an interrupt for what became visible? */
static bool wants_interrupt(struct virtqueue *q)
{
    uint16_t now = q->visible_used, event, before = q->signalled;
    bool valid = q->signalled_valid;

    if (!q->event_idx)
        return (load16(q->available + RING_FLAGS, __ATOMIC_RELAXED) & VRING_AVAIL_F_NO_INTERRUPT) ==
               0;
    event = load16(used_event(q), __ATOMIC_RELAXED);
    q->signalled = now;
    q->signalled_valid = true;
    return !valid || (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

void virtqueue_flush(struct virtqueue *queue)
{
    if (!queue->started || queue->broken || queue->batch_count == 0)
        return;
    /* Release: the entries and the buffers' contents are visible before the index is. */
    store16(queue->used + RING_IDX, queue->next_used);
    if (queue->inflight.block != NULL)
        inflight_commit(&queue->inflight, queue->batch, queue->batch_count, queue->next_used);
    for (uint16_t i = 0; i < queue->batch_count; i++)
        queue->outstanding_head[queue->batch[i]] = false;
    queue->outstanding = (uint16_t)(queue->outstanding - queue->batch_count);
    queue->batch_count = 0;
    queue->visible_used = queue->next_used;
    /* Our store of the index before our load of what the driver wants: it does the reverse. */
    atomic_thread_fence(memory_order_seq_cst);
    if (wants_interrupt(queue))
        interrupt(queue);
}

void virtqueue_ignore(struct virtqueue *queue)
{
    if (queue->started && !queue->broken && !queue->event_idx)
        store16(queue->used + RING_FLAGS, VRING_USED_F_NO_NOTIFY);
}

bool virtqueue_listen(struct virtqueue *queue)
{
    uint16_t head;

    if (!queue->started || queue->broken)
        return false;
    if (queue->event_idx)
        store16(available_event(queue), queue->next_available);
    else
        store16(queue->used + RING_FLAGS, 0);
    /* Our store of the wish before our load of the index: the driver does the reverse. */
    atomic_thread_fence(memory_order_seq_cst);
    return next_head(queue, &head) != 0;
}
