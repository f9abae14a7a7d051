/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_WORKER_QUEUE_FIXTURE_H
#define CASEMATE_TESTS_WORKER_QUEUE_FIXTURE_H

/* A started virtqueue of 8 entries in a RAM of its own, new for each test. Include cmocka first. */
#include <linux/virtio_ring.h>
#include <sys/eventfd.h>

#include "hv/worker/virtqueue.h"
#include "tests/unit/worker/driver.h"

#define ENTRIES  8
#define FEATURES ((1ull << VIRTIO_RING_F_EVENT_IDX) | (1ull << VIRTIO_RING_F_INDIRECT_DESC))
#define DATA     0x100000u /* offset of buffers in RAM */

struct fixture {
    struct driver_ram ram;
    struct driver_ring ring;
    struct guestmem *memory;
    struct virtqueue *queue;
    struct virtqueue_setup setup;
    struct virtqueue_chain chain;
    int call;
};

static struct fixture *f; /* one per test, by setup and teardown */

static inline int setup_with(uint64_t features)
{
    struct guestmem_region region = driver_region();

    f = test_calloc(1, sizeof(*f));
    assert_int_equal(driver_ram_make(&f->ram), 0);
    assert_int_equal(guestmem_new(RAM_SIZE, &f->memory), 0);
    assert_int_equal(guestmem_set(f->memory, &region, &f->ram.fd, 1), 0);
    assert_int_equal(virtqueue_new(&f->queue), 0);
    f->ring = driver_ring_make(&f->ram, 0x1000, ENTRIES);
    f->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    f->setup = (struct virtqueue_setup){
        .entries = ENTRIES,
        .descriptor = RAM_USER + f->ring.desc,
        .available = RAM_USER + f->ring.avail,
        .used = RAM_USER + f->ring.used,
        .features = features,
    };
    assert_int_equal(virtqueue_start(f->queue, &f->setup, f->memory, NULL, f->call), 0);
    return 0;
}

static inline int setup(void **state)
{
    (void)state;
    return setup_with(FEATURES);
}

static inline int setup_plain(void **state)
{
    (void)state;
    return setup_with(0);
}

static inline int teardown(void **state)
{
    (void)state;
    virtqueue_free(f->queue);
    guestmem_free(f->memory);
    driver_ram_drop(&f->ram);
    fd_close(&f->call);
    test_free(f);
    return 0;
}

#endif
