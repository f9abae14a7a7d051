/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/worker/inflight.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#define FORMAT_VERSION 1u

/*
 * The successor sees what this process had stored when it was killed, in program order; only the
 * compiler could reorder. Every access to the block goes through these.
 */
#define LOAD(place)         __atomic_load_n(&(place), __ATOMIC_RELAXED)
#define STORE(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELAXED)

static void ordered(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

size_t inflight_block_size(uint16_t entries)
{
    size_t size = sizeof(struct vhost_user_inflight_queue) +
                  entries * sizeof(struct vhost_user_inflight_descriptor);

    return (size + 63) & ~(size_t)63;
}

size_t inflight_area_size(unsigned queues, uint16_t entries)
{
    return queues * inflight_block_size(entries);
}

static void initialise(struct inflight *f, uint16_t used)
{
    struct vhost_user_inflight_queue *q = f->block;

    memset(q->descriptor, 0, f->entries * sizeof(q->descriptor[0]));
    STORE(q->features, 0);
    STORE(q->entries, f->entries);
    STORE(q->last_batch_head, 0);
    STORE(q->used_index, used);
    ordered();
    STORE(q->version, FORMAT_VERSION);
    f->counter = 1;
}

/*
 * The predecessor died between making a batch visible and clearing its flags. The list is in
 * memory that the VMM can write: its length is bounded by the ring and each link is checked.
 */
static void finish_last_batch(struct inflight *f, uint16_t used)
{
    struct vhost_user_inflight_queue *q = f->block;
    uint16_t batch = (uint16_t)(used - LOAD(q->used_index));
    uint16_t head = LOAD(q->last_batch_head);

    if (batch <= f->entries) {
        for (uint16_t i = 0; i < batch && head < f->entries; i++) {
            STORE(q->descriptor[head].inflight, 0);
            head = LOAD(q->descriptor[head].next);
        }
    }
    ordered();
    STORE(q->used_index, used);
}

int inflight_recover(struct inflight *inflight, uint16_t used, uint16_t *heads)
{
    struct vhost_user_inflight_queue *q = inflight->block;
    uint64_t counters[VIRTQUEUE_SIZE_MAX];
    uint16_t version = LOAD(q->version);
    uint64_t next = 1;
    int count = 0;

    if (version == 0) {
        initialise(inflight, used);
        return -ENODATA;
    }
    if (version != FORMAT_VERSION || LOAD(q->entries) != inflight->entries ||
        LOAD(q->features) != 0)
        return -EPROTO;
    if (LOAD(q->used_index) != used)
        finish_last_batch(inflight, used);

    /* Insertion sort: at most 1024 entries, once per start, and no allocation. */
    for (uint16_t head = 0; head < inflight->entries; head++) {
        uint64_t counter = LOAD(q->descriptor[head].counter);
        int at = count;

        if (LOAD(q->descriptor[head].inflight) == 0)
            continue;
        while (at > 0 && counters[at - 1] > counter) {
            counters[at] = counters[at - 1];
            heads[at] = heads[at - 1];
            at--;
        }
        counters[at] = counter;
        heads[at] = head;
        count++;
        if (counter >= next)
            next = counter + 1;
    }
    inflight->counter = next;
    return count;
}

void inflight_take(struct inflight *inflight, uint16_t head)
{
    struct vhost_user_inflight_descriptor *d = &inflight->block->descriptor[head];

    STORE(d->counter, inflight->counter++);
    ordered();
    STORE(d->inflight, 1);
    ordered();
}

void inflight_complete(struct inflight *inflight, uint16_t head)
{
    struct vhost_user_inflight_queue *q = inflight->block;

    STORE(q->descriptor[head].next, LOAD(q->last_batch_head));
    ordered();
    STORE(q->last_batch_head, head);
    ordered();
}

void inflight_commit(struct inflight *inflight, const uint16_t *heads, size_t count, uint16_t used)
{
    struct vhost_user_inflight_queue *q = inflight->block;

    ordered();
    for (size_t i = 0; i < count; i++)
        STORE(q->descriptor[heads[i]].inflight, 0);
    ordered();
    STORE(q->used_index, used);
    ordered();
}

void inflight_forget(struct inflight *inflight)
{
    ordered();
    STORE(inflight->block->version, 0);
    ordered();
}
