/* SPDX-License-Identifier: Apache-2.0 */
/* How workers start and end: casemate-rng itself, under its real filter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/worker/process_fixture.h"

static void go(struct worker *worker)
{
    struct control_message m = {.type = CONTROL_GO};

    assert_int_equal(send(worker->control, &m, sizeof(m), 0), sizeof(m));
}

static void rng_fills_buffers(void **state)
{
    struct worker_spec spec = worker_spec_make(PROCESS_RNG);
    uint32_t head, written, sum = 0;
    struct worker w;

    (void)state;
    start(&spec, &w);
    /* Negotiation comes before the gate opens. */
    assert_int_equal(front_begin(&w.front, &ram, 0), 0);
    assert_int_equal(front_ring(&w.front, 0, &ring, 0, kick, call), 0);
    go(&w);
    driver_buffer(&ring, 0, DATA, 4096, D_WRITE | D_NEXT, 1);
    driver_buffer(&ring, 1, DATA + 8192, 200000, D_WRITE, 0);
    driver_buffer(&ring, 2, DATA + 0x80000, 3, D_WRITE, 0);
    driver_buffer(&ring, 3, DATA + 0x90000, 3, 0, 0); /* nothing to write to: 0 bytes */
    driver_offer(&ring, 0);
    driver_offer(&ring, 2);
    driver_offer(&ring, 3);
    front_kick(kick);
    assert_true(worker_used(&ring, 3, call));
    assert_true(driver_take(&ring, &head, &written));
    assert_int_equal(head, 0);
    assert_int_equal(written, 65536);
    for (unsigned i = 0; i < 4096; i++)
        sum += ram.bytes[DATA + i];
    assert_in_range(sum, 4096 * 110, 4096 * 145);
    assert_int_equal(ram.bytes[DATA + 8192 + 65536 - 4096], 0);
    assert_true(driver_take(&ring, &head, &written));
    assert_int_equal(written, 3);
    assert_int_equal(ram.bytes[DATA + 0x80003], 0);
    assert_true(driver_take(&ring, &head, &written));
    assert_int_equal(written, 0);
    fd_close(&w.front.socket);
    assert_int_equal(worker_wait(&w), 0);
}

static void launcher_gone_means_exit(void **state)
{
    struct worker_spec spec = worker_spec_make(PROCESS_RNG);
    struct worker w;

    (void)state;
    start(&spec, &w);
    assert_int_equal(front_begin(&w.front, &ram, 0), 0);
    fd_close(&w.control);
    assert_int_equal(worker_wait(&w), 0);
}

static void launcher_says_nonsense(void **state)
{
    static const uint32_t types[] = {0, CONTROL_READY, CONTROL_POWER_BUTTON, CONTROL_TYPES,
                                     UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct worker_spec spec = worker_spec_make(PROCESS_RNG);
        struct control_message m = {.type = types[i]};
        struct worker w;

        start(&spec, &w);
        assert_int_equal(send(w.control, &m, sizeof(m), 0), sizeof(m));
        assert_int_equal(worker_wait(&w), 3);
    }
}

static void launcher_says_go_once(void **state)
{
    struct worker_spec spec = worker_spec_make(PROCESS_RNG);
    struct worker w;

    (void)state;
    start(&spec, &w);
    go(&w);
    assert_int_equal(front_begin(&w.front, &ram, 0), 0);
    go(&w);
    assert_int_equal(worker_wait(&w), 3);
}

static void front_end_breaks_the_protocol(void **state)
{
    struct worker_spec spec = worker_spec_make(PROCESS_RNG);
    struct control_message m;
    struct worker w;

    (void)state;
    start(&spec, &w);
    front_send(&w.front, 99, VHOST_USER_VERSION, NULL, 0, NULL, 0);
    assert_int_equal(worker_message(&w, &m), CONTROL_FAILED);
    assert_int_equal(m.failure, FAILURE_VHOST_PROTOCOL);
    assert_int_equal(m.detail[1], 99);
    assert_int_equal(m.detail[2], EOPNOTSUPP);
    assert_int_equal(worker_wait(&w), 3);
}

static void bad_configurations(void **state)
{
    struct worker_spec spec;

    (void)state;
#define REFUSED(kind_, field, value)                                                               \
    do {                                                                                           \
        spec = worker_spec_make(kind_);                                                            \
        spec.config.field = (value);                                                               \
        refused(&spec, FAILURE_HANDOFF, EINVAL, HANDOFF_FD_CONFIG);                                \
    } while (0)
    REFUSED(PROCESS_RNG, magic, 0);
    REFUSED(PROCESS_RNG, version, 2);
    REFUSED(PROCESS_RNG, queues, 0);
    REFUSED(PROCESS_RNG, queues, HANDOFF_QUEUES_MAX + 1);
    REFUSED(PROCESS_RNG, memory, 0);
    REFUSED(PROCESS_RNG, memory, UINT64_MAX);
    REFUSED(PROCESS_RNG, flags, 2);
    REFUSED(PROCESS_BLK, block_size, 256);
    REFUSED(PROCESS_BLK, block_size, 8192);
    REFUSED(PROCESS_BLK, block_size, 1000);
    REFUSED(PROCESS_BLK, capacity, UINT64_MAX);
#undef REFUSED
}

static void unsealed_or_short_hand_off(void **state)
{
    struct worker_spec spec = worker_spec_make(PROCESS_RNG);
    struct handoff_filters *filters = test_calloc(1, sizeof(*filters));

    (void)state;
    spec.config_fd = fd_fixed_memfd("config", sizeof(spec.config), 0);
    refused(&spec, FAILURE_HANDOFF, EPERM, HANDOFF_FD_CONFIG);
    fd_close(&spec.config_fd);
    spec.config_fd = fd_sealed_memfd("config", &spec.config, sizeof(spec.config) - 1);
    refused(&spec, FAILURE_HANDOFF, ENODATA, HANDOFF_FD_CONFIG);
    fd_close(&spec.config_fd);

    spec = worker_spec_make(PROCESS_RNG);
    filters->magic = HANDOFF_MAGIC;
    for (uint32_t i = 0; i < 4; i++) {
        static const uint32_t counts[4] = {0, 3, 1, 1}, insns[4] = {1, 1, 0, 1025};

        filters->count = counts[i];
        filters->filter[0].insns = insns[i];
        spec.filter_fd = fd_sealed_memfd("filter", filters, sizeof(*filters));
        refused(&spec, FAILURE_HANDOFF, EINVAL, HANDOFF_FD_FILTER);
        fd_close(&spec.filter_fd);
    }
    /* A program that the kernel refuses: it falls off its end. */
    filters->filter[0].insns = 1;
    filters->count = 1;
    spec.filter_fd = fd_sealed_memfd("filter", filters, sizeof(*filters));
    refused(&spec, FAILURE_FILTER, EINVAL, 0);
    fd_close(&spec.filter_fd);
    test_free(filters);
}

static void wrong_program(void **state)
{
    struct worker_spec rng = worker_spec_make(PROCESS_RNG), blk = worker_spec_make(PROCESS_BLK);

    (void)state;
    blk.config_fd = fd_sealed_memfd("config", &rng.config, sizeof(rng.config));
    refused(&blk, FAILURE_HANDOFF, EINVAL, HANDOFF_FD_CONFIG);
    fd_close(&blk.config_fd);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(rng_fills_buffers),
        T(launcher_gone_means_exit),
        T(launcher_says_nonsense),
        T(launcher_says_go_once),
        T(front_end_breaks_the_protocol),
        T(bad_configurations),
        T(unsealed_or_short_hand_off),
        T(wrong_program),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
