/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_WORKER_PROCESS_FIXTURE_H
#define CASEMATE_TESTS_WORKER_PROCESS_FIXTURE_H

/* RAM with one ring for a worker that is a process of its own. Include cmocka first. */
#include "tests/unit/worker/process.h"

#define DATA    0x100000u
#define ENTRIES 64

static struct driver_ram ram;
static struct driver_ring ring;
static int kick, call;

static inline int setup(void **state)
{
    (void)state;
    assert_int_equal(driver_ram_make(&ram), 0);
    ring = driver_ring_make(&ram, 0x1000, ENTRIES);
    kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    call = eventfd(0, EFD_CLOEXEC);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    driver_ram_drop(&ram);
    fd_close(&kick);
    fd_close(&call);
    return 0;
}

static inline void start(struct worker_spec *spec, struct worker *worker)
{
    struct control_message m;

    assert_int_equal(worker_start(spec, worker), 0);
    assert_int_equal(worker_message(worker, &m), CONTROL_READY);
}

static inline void refused(struct worker_spec *spec, uint32_t failure, uint64_t error, uint64_t fd)
{
    struct control_message m = {0};
    struct worker w;

    assert_int_equal(worker_start(spec, &w), 0);
    assert_int_equal(worker_message(&w, &m), CONTROL_FAILED);
    assert_int_equal(m.failure, failure);
    assert_int_equal(m.detail[0], error);
    assert_int_equal(m.detail[1], fd);
    assert_int_equal(worker_wait(&w), 3);
}

#endif
