/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "hv/layout.h"
#include "hv/vmm/vhost_user.h"
#include "tests/unit/vmm/back_end.h"

#define MEMORY_SIZE (4ULL << 20)

static struct memory *memory;
static int ram = -1;

static int group_setup(void **state)
{
    (void)state;
    ram = fd_fixed_memfd("test-ram", MEMORY_SIZE, 0);
    return ram < 0 ? ram : memory_new(ram, MEMORY_SIZE, &memory);
}

static unsigned open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned n = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

/* The conversation in the order of its requests; which step failed is in *step. */
static const uint32_t steps[] = {
    VHOST_USER_GET_FEATURES,    VHOST_USER_GET_PROTOCOL_FEATURES,
    VHOST_USER_SET_OWNER,       VHOST_USER_GET_QUEUE_NUM,
    VHOST_USER_GET_CONFIG,      VHOST_USER_SET_MEM_TABLE,
    VHOST_USER_GET_INFLIGHT_FD, VHOST_USER_SET_INFLIGHT_FD,
    VHOST_USER_SET_FEATURES,    VHOST_USER_SET_VRING_NUM,
    VHOST_USER_SET_VRING_BASE,  VHOST_USER_SET_VRING_ADDR,
    VHOST_USER_SET_VRING_CALL,  VHOST_USER_SET_VRING_ERR,
    VHOST_USER_SET_VRING_KICK,  VHOST_USER_SET_VRING_ENABLE,
    VHOST_USER_GET_VRING_BASE,
};

struct outcome {
    uint64_t features, agreed, queues;
    uint8_t config[60];
    uint16_t base;
};

static int converse(struct vhost_user *front, struct outcome *o)
{
    cleanup_fd int kick = eventfd(0, EFD_CLOEXEC);
    const struct vhost_user_ring ring = {.index = 3,
                                         .size = 128,
                                         .base = 5,
                                         .descriptor = 0x10000,
                                         .available = 0x20000,
                                         .used = 0x30000,
                                         .kick = kick,
                                         .call = kick,
                                         .error = kick};
    int r;

    vhost_user_patience(front, 10);
    r = vhost_user_features(front, &o->features);
    if (r == 0)
        r = vhost_user_protocol(
            front,
            1ULL << VHOST_USER_PROTOCOL_F_MQ | 1ULL << VHOST_USER_PROTOCOL_F_REPLY_ACK |
                1ULL << VHOST_USER_PROTOCOL_F_CONFIG | 1ULL << VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD,
            &o->agreed);
    if (r == 0)
        r = vhost_user_set_owner(front);
    if (r == 0)
        r = vhost_user_queue_num(front, &o->queues);
    if (r == 0)
        r = vhost_user_config(front, o->config, sizeof(o->config));
    if (r == 0)
        r = vhost_user_memory_table(front, memory);
    if (r == 0)
        r = vhost_user_inflight(front, 4, 256);
    if (r == 0)
        r = vhost_user_set_features(front, 1ULL << 32);
    if (r == 0)
        r = vhost_user_ring_start(front, &ring);
    if (r == 0)
        r = vhost_user_ring_stop(front, 3, &o->base);
    return r;
}

/* A conversation with `b`, which is freed; `after` may look at what it recorded before. */
static int run(struct back_end *b, struct outcome *o, void (*after)(const struct back_end *b),
               uint32_t *last)
{
    struct vhost_user *front;
    int r;

    assert_int_equal(vhost_user_new(b->front, &front), 0);
    b->front = -1;
    back_end_start(b);
    r = converse(front, o);
    if (last != NULL)
        *last = vhost_user_last(front);
    if (r < 0) {
        unsigned messages = b->messages;
        uint64_t value;

        /* It is over for good, and nothing more is said. */
        assert_int_equal(vhost_user_features(front, &value), -ESHUTDOWN);
        assert_int_equal(vhost_user_ring_call(front, 0, -1), -ESHUTDOWN);
        assert_int_equal(b->messages, messages);
    }
    if (after != NULL)
        after(b);
    vhost_user_free(front);
    assert_int_equal(b->unexpected, 0);
    back_end_free(b);
    return r;
}

static void check_honest(const struct back_end *b)
{
    assert_true(b->owner);
    assert_int_equal(b->memory.regions, 1);
    assert_int_equal(b->memory_fds, 1);
    assert_int_equal(b->memory.region[0].guest, 0);
    assert_int_equal(b->memory.region[0].user, 0);
    assert_int_equal(b->memory.region[0].size, MEMORY_SIZE);
    assert_true(b->inflight_set);
    assert_int_equal(b->inflight.size, 4096);
    assert_int_equal(b->inflight.queues, 4);
    assert_int_equal(b->inflight.queue_size, 256);
    assert_int_equal(b->ring[3].num, 128);
    assert_int_equal(b->ring[3].base, 5);
    assert_int_equal(b->ring[3].addr.descriptor, 0x10000);
    assert_int_equal(b->ring[3].addr.available, 0x20000);
    assert_int_equal(b->ring[3].addr.used, 0x30000);
    assert_int_equal(b->ring[3].addr.flags, 0);
    assert_int_equal(b->ring[3].addr.log, 0);
    assert_true(b->ring[3].error);
    assert_false(b->ring[3].enabled);
    assert_int_equal(b->features_set, 1ULL << 32);
}

static void honest(void **state)
{
    struct back_end *b = back_end_new();
    unsigned before = open_descriptors() - 2;
    struct outcome o;

    (void)state;
    b->stop_base = 0xffff;
    assert_int_equal(run(b, &o, check_honest, NULL), 0);
    assert_int_equal(o.features, UINT64_MAX);
    assert_int_equal(o.queues, 16);
    assert_int_equal(o.base, 0xffff);
    assert_int_equal(o.agreed, 1 << 0 | 1 << 3 | 1 << 9 | 1 << 12);
    for (unsigned i = 0; i < sizeof(o.config); i++)
        assert_int_equal(o.config[i], i + 1);
    assert_int_equal(open_descriptors(), before);
}

/* Without REPLY_ACK nothing is awaited after a SET: standard back-ends exist that lack it. */
static void without_acknowledgements(void **state)
{
    struct back_end *b = back_end_new();
    struct outcome o;

    (void)state;
    b->protocol &= ~(1ULL << VHOST_USER_PROTOCOL_F_REPLY_ACK);
    assert_int_equal(run(b, &o, check_honest, NULL), 0);
}

static int expected_error(enum spoil spoil, uint32_t request)
{
    bool ack = request != VHOST_USER_GET_FEATURES && request != VHOST_USER_GET_PROTOCOL_FEATURES &&
               request != VHOST_USER_GET_QUEUE_NUM && request != VHOST_USER_GET_CONFIG &&
               request != VHOST_USER_GET_INFLIGHT_FD && request != VHOST_USER_GET_VRING_BASE;

    switch (spoil) {
    case SPOIL_CLOSE:
    case SPOIL_SHORT_HEADER:
    case SPOIL_SHORT_PAYLOAD:
        return -EPIPE;
    case SPOIL_EMPTY:
        return request == VHOST_USER_GET_CONFIG ? -EREMOTEIO : -EBADMSG;
    case SPOIL_ONE_FD:
        return request == VHOST_USER_GET_INFLIGHT_FD ? 0 : -EBADMSG;
    case SPOIL_REFUSE:
        if (request == VHOST_USER_GET_CONFIG || request == VHOST_USER_GET_VRING_BASE)
            return -EBADMSG; /* another offset; another queue */
        return ack ? -EREMOTEIO : 0;
    default:
        return -EBADMSG;
    }
}

static void every_step_spoiled_in_every_way(void **state)
{
    unsigned before = open_descriptors();

    (void)state;
    for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
        for (unsigned mode = SPOIL_CLOSE; mode < SPOIL_MODES; mode++) {
            struct back_end *b = back_end_new();
            struct outcome o;
            uint32_t last;
            int wanted = expected_error((enum spoil)mode, steps[s]), got;

            b->spoil_request = steps[s];
            b->spoil = (enum spoil)mode;
            got = run(b, &o, NULL, &last);
            if (got != wanted || (got < 0 && last != steps[s]))
                fail_msg("request %u, mode %u: %d instead of %d, last %u", steps[s], mode, got,
                         wanted, last);
        }
    }
    assert_int_equal(open_descriptors(), before);
}

static void lies_about_the_inflight_area(void **state)
{
    struct back_end *b = back_end_new();
    struct outcome o;
    uint32_t last;

    (void)state;
    b->inflight_no_fd = true;
    assert_int_equal(run(b, &o, NULL, &last), -EBADMSG);
    assert_int_equal(last, VHOST_USER_GET_INFLIGHT_FD);
    b = back_end_new();
    b->inflight_size = 0;
    assert_int_equal(run(b, &o, NULL, NULL), 0);
}

static void lies_about_the_ring(void **state)
{
    struct back_end *b = back_end_new();
    struct outcome o;
    uint32_t last;

    (void)state;
    b->stop_base = 0x10000;
    assert_int_equal(run(b, &o, NULL, &last), -EBADMSG);
    assert_int_equal(last, VHOST_USER_GET_VRING_BASE);
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void silence_costs_the_patience(void **state)
{
    struct back_end *b = back_end_new();
    struct vhost_user *front;
    double start = seconds();
    uint64_t value = 77;

    (void)state;
    b->spoil_request = VHOST_USER_GET_FEATURES;
    b->spoil = SPOIL_SILENT;
    assert_int_equal(vhost_user_new(b->front, &front), 0);
    b->front = -1;
    back_end_start(b);
    vhost_user_patience(front, 1);
    assert_int_equal(vhost_user_features(front, &value), -ETIMEDOUT);
    assert_int_equal(value, 77);
    assert_true(seconds() - start >= 0.9 && seconds() - start < 4);
    vhost_user_free(front);
    back_end_free(b);
}

/* One byte now and then: the time of all waits together is what counts. */
static void *drip(void *context)
{
    int *socket = context;
    struct timespec pause = {.tv_nsec = 300000000};

    for (unsigned i = 0; i < 20; i++) {
        if (send(*socket, "\1", 1, MSG_NOSIGNAL) < 0)
            break;
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static void dripping_costs_no_more(void **state)
{
    struct vhost_user *front;
    double start = seconds();
    pthread_t thread;
    uint64_t value;
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(vhost_user_new(pair[1], &front), 0);
    assert_int_equal(pthread_create(&thread, NULL, drip, &pair[0]), 0);
    vhost_user_patience(front, 1);
    assert_int_equal(vhost_user_features(front, &value), -ETIMEDOUT);
    assert_true(seconds() - start < 2.5);
    vhost_user_free(front);
    pthread_join(thread, NULL);
    close(pair[0]);
}

/* A back-end that does not read must not stop the sender. */
static void full_socket(void **state)
{
    struct vhost_user *front;
    int pair[2], r = 0;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(vhost_user_new(pair[1], &front), 0);
    vhost_user_patience(front, 1);
    for (unsigned i = 0; r == 0 && i < 1000000; i++)
        r = vhost_user_set_owner(front);
    assert_int_equal(r, -ETIMEDOUT);
    vhost_user_free(front);
    close(pair[0]);
}

static void no_patience_no_wait(void **state)
{
    struct vhost_user *front;
    uint64_t value;
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(vhost_user_new(pair[1], &front), 0);
    assert_int_equal(vhost_user_features(front, &value), -ETIMEDOUT);
    vhost_user_free(front);
    close(pair[0]);
}

static void two_ranges_of_memory(void **state)
{
    const uint64_t size = LAYOUT_HOLE_START + (2ULL << 20);
    struct memory *big = NULL;
    struct back_end *b = back_end_new();
    struct vhost_user *front;
    int fd = fd_fixed_memfd("test-big", size, 0);
    int r = fd < 0 ? fd : memory_new(fd, size, &big);

    (void)state;
    if (r < 0) {
        print_message("skipped: no %llu bytes of address space: %d\n", (unsigned long long)size, r);
        back_end_start(b);
        back_end_free(b);
        fd_close(&fd);
        skip();
    }
    assert_int_equal(vhost_user_new(b->front, &front), 0);
    b->front = -1;
    back_end_start(b);
    vhost_user_patience(front, 10);
    assert_int_equal(vhost_user_memory_table(front, big), 0);
    vhost_user_free(front);
    pthread_join(b->thread, NULL);
    assert_int_equal(b->memory.regions, 2);
    assert_int_equal(b->memory_fds, 2);
    assert_int_equal(b->memory.region[1].guest, LAYOUT_HIGH_START);
    assert_int_equal(b->memory.region[1].user, LAYOUT_HIGH_START);
    assert_int_equal(b->memory.region[1].offset, LAYOUT_HOLE_START);
    assert_int_equal(b->memory.region[1].size, 2 << 20);
    assert_int_equal(b->unexpected, 0);
    assert_int_equal(pthread_create(&b->thread, NULL, back_end_run, b), 0);
    back_end_free(b);
    memory_free(big);
    fd_close(&fd);
}

static void wrong_arguments(void **state)
{
    struct vhost_user *front;
    uint8_t bytes[VHOST_USER_CONFIG_MAX + 1];
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(vhost_user_new(pair[1], &front), 0);
    assert_int_equal(vhost_user_config(front, bytes, 0), -EINVAL);
    assert_int_equal(vhost_user_config(front, bytes, sizeof(bytes)), -EINVAL);
    vhost_user_free(front);
    close(pair[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(honest),
        cmocka_unit_test(without_acknowledgements),
        cmocka_unit_test(every_step_spoiled_in_every_way),
        cmocka_unit_test(lies_about_the_inflight_area),
        cmocka_unit_test(lies_about_the_ring),
        cmocka_unit_test(silence_costs_the_patience),
        cmocka_unit_test(dripping_costs_no_more),
        cmocka_unit_test(full_socket),
        cmocka_unit_test(no_patience_no_wait),
        cmocka_unit_test(two_ranges_of_memory),
        cmocka_unit_test(wrong_arguments),
    };

    return cmocka_run_group_tests_name("vhost_user", tests, group_setup, NULL);
}
