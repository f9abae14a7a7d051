/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_WORKER_BACKEND_FIXTURE_H
#define CASEMATE_TESTS_WORKER_BACKEND_FIXTURE_H

/*
 * A back-end in this process with a device that remembers, and a front-end at the other end of its
 * socket; new for each test. Include cmocka first.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "hv/worker/inflight.h"
#include "tests/unit/worker/front.h"

#define DEVICE_BIT 5
#define ENTRIES    8
#define DATA       0x100000u

/* A device that remembers what it was told, and keeps what it pops until it may push. */
struct fake {
    struct virtqueue *queue[2];
    unsigned changes[2];
    uint64_t features;
    bool hold;      /* pop, but do not push */
    bool push_only; /* push and die before the flush */
    int first;      /* if not 0: push only this one, whatever came before it */
    uint16_t popped[64];
    unsigned count;
};

struct fixture {
    struct driver_ram ram;
    struct driver_ring ring;
    struct fake fake;
    struct device device;
    struct front front;
    int sockets[2];
    int kick, call;
    int inflight;
};

static struct fixture *f;
static const uint8_t config[6] = {1, 2, 3, 4, 5, 6};

static inline int fake_features(void *self, uint64_t features)
{
    ((struct fake *)self)->features = features;
    return 0;
}

static inline void fake_changed(void *self, unsigned index, struct virtqueue *queue)
{
    struct fake *fake = self;

    /* Told once for each change, never twice the same. */
    assert_true((fake->queue[index] == NULL) != (queue == NULL));
    fake->queue[index] = queue;
    fake->changes[index]++;
}

static inline bool fake_process(void *self, unsigned index, struct virtqueue *queue)
{
    struct fake *fake = self;
    struct virtqueue_chain chain;

    assert_ptr_equal(fake->queue[index], queue);
    while (virtqueue_pop(queue, &chain) == 1) {
        fake->popped[fake->count++ % 64] = chain.head;
        if (!fake->hold && (fake->first == 0 || chain.head == fake->first))
            virtqueue_push(queue, chain.head, 0);
    }
    if (!fake->push_only)
        virtqueue_flush(queue);
    return false;
}

static inline void start_backend(void)
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, f->sockets), 0);
    f->front = (struct front){.socket = f->sockets[0], .backend_socket = f->sockets[1]};
    assert_int_equal(vhost_backend_new(&f->device, RAM_SIZE, f->inflight,
                                       inflight_area_size(2, VIRTQUEUE_SIZE_MAX),
                                       &f->front.backend),
                     0);
}

static inline void stop_backend(void)
{
    vhost_backend_free(f->front.backend);
    fd_close(&f->sockets[0]);
    fd_close(&f->sockets[1]);
}

static inline int setup(void **state)
{
    (void)state;
    f = test_calloc(1, sizeof(*f));
    assert_int_equal(driver_ram_make(&f->ram), 0);
    f->ring = driver_ring_make(&f->ram, 0x1000, ENTRIES);
    f->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    f->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    f->inflight = fd_fixed_memfd("inflight", inflight_area_size(2, VIRTQUEUE_SIZE_MAX), 0);
    f->device = (struct device){
        .self = &f->fake,
        .features = 1ull << DEVICE_BIT,
        .protocol_features = 1ull << VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD,
        .queues = 2,
        .config = config,
        .config_size = sizeof(config),
        .set_features = fake_features,
        .queue_changed = fake_changed,
        .process = fake_process,
    };
    start_backend();
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    stop_backend();
    driver_ram_drop(&f->ram);
    fd_close(&f->kick);
    fd_close(&f->call);
    fd_close(&f->inflight);
    test_free(f);
    return 0;
}

static inline void begin(void)
{
    assert_int_equal(front_begin(&f->front, &f->ram, 0), 0);
}

static inline void run_ring(void)
{
    begin();
    assert_int_equal(front_ring(&f->front, 0, &f->ring, 0, f->kick, f->call), 0);
}

static inline void offer(uint16_t head)
{
    driver_buffer(&f->ring, head, DATA + 64u * head, 64, D_WRITE, 0);
    driver_offer(&f->ring, head);
}

static inline void work(void)
{
    vhost_backend_kicked(f->front.backend, 0, POLLIN);
    while (vhost_backend_process(f->front.backend))
        ;
}

#endif
