/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hv/worker/vhost_user_decode.h"

#define ALL_STATES (VHOST_STATE_OWNED | VHOST_STATE_FEATURES | VHOST_STATE_MEMORY)
#define ACK        (VHOST_USER_VERSION | VHOST_USER_FLAG_NEED_REPLY)

static struct vhost_user_state full(void)
{
    return (struct vhost_user_state){.reached = ALL_STATES, .protocol = UINT64_MAX, .queues = 2};
}

static int header(const struct vhost_user_state *state, uint32_t request, uint32_t flags,
                  uint32_t size, size_t fds)
{
    struct vhost_user_header h = {request, flags, size};

    return vhost_user_check_header(state, &h, fds);
}

/* What each permitted request looks like. */
static const struct shape {
    uint32_t request, size;
    size_t fds;
    unsigned needs;
} shapes[] = {
    {VHOST_USER_GET_FEATURES, 0, 0, 0},
    {VHOST_USER_SET_FEATURES, 8, 0, VHOST_STATE_OWNED},
    {VHOST_USER_SET_OWNER, 0, 0, 0},
    {VHOST_USER_RESET_OWNER, 0, 0, VHOST_STATE_OWNED},
    {VHOST_USER_SET_MEM_TABLE, 40, 1, VHOST_STATE_OWNED},
    {VHOST_USER_SET_VRING_NUM, 8, 0, VHOST_STATE_OWNED},
    {VHOST_USER_SET_VRING_ADDR, 40, 0, VHOST_STATE_OWNED | VHOST_STATE_MEMORY},
    {VHOST_USER_SET_VRING_BASE, 8, 0, VHOST_STATE_OWNED},
    {VHOST_USER_GET_VRING_BASE, 8, 0, VHOST_STATE_OWNED},
    {VHOST_USER_SET_VRING_KICK, 8, 1, ALL_STATES},
    {VHOST_USER_SET_VRING_CALL, 8, 1, VHOST_STATE_OWNED},
    {VHOST_USER_SET_VRING_ERR, 8, 1, VHOST_STATE_OWNED},
    {VHOST_USER_GET_PROTOCOL_FEATURES, 0, 0, 0},
    {VHOST_USER_SET_PROTOCOL_FEATURES, 8, 0, 0},
    {VHOST_USER_GET_QUEUE_NUM, 0, 0, 0},
    {VHOST_USER_SET_VRING_ENABLE, 8, 0, VHOST_STATE_OWNED},
    {VHOST_USER_GET_CONFIG, 12 + 60, 0, 0},
    {VHOST_USER_SET_CONFIG, 12 + 1, 0, VHOST_STATE_OWNED},
    {VHOST_USER_GET_INFLIGHT_FD, 24, 0, VHOST_STATE_OWNED},
    {VHOST_USER_SET_INFLIGHT_FD, 24, 1, VHOST_STATE_OWNED},
};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static const struct shape *shape_of(uint32_t request)
{
    for (size_t i = 0; i < SHAPES; i++)
        if (shapes[i].request == request)
            return &shapes[i];
    return NULL;
}

static void every_permitted_request_passes(void **state)
{
    struct vhost_user_state s = full();

    (void)state;
    for (size_t i = 0; i < SHAPES; i++)
        assert_int_equal(
            header(&s, shapes[i].request, VHOST_USER_VERSION, shapes[i].size, shapes[i].fds), 0);
}

static void every_other_request_is_refused(void **state)
{
    struct vhost_user_state s = full();

    (void)state;
    for (uint32_t request = 0; request < 4096; request++)
        if (shape_of(request) == NULL)
            assert_int_equal(header(&s, request, VHOST_USER_VERSION, 0, 0), -EOPNOTSUPP);
    assert_int_equal(header(&s, UINT32_MAX, VHOST_USER_VERSION, 0, 0), -EOPNOTSUPP);
    assert_int_equal(header(&s, 0x80000001u, VHOST_USER_VERSION, 0, 0), -EOPNOTSUPP);
}

static void too_early_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++)
        for (unsigned missing = 1; missing <= ALL_STATES; missing <<= 1) {
            struct vhost_user_state s = full();
            int expected = (shapes[i].needs & missing) != 0 ? -EPROTO : 0;

            s.reached &= ~missing;
            assert_int_equal(
                header(&s, shapes[i].request, VHOST_USER_VERSION, shapes[i].size, shapes[i].fds),
                expected);
        }
}

static void wrong_length_is_refused(void **state)
{
    struct vhost_user_state s = full();

    (void)state;
    for (size_t i = 0; i < SHAPES; i++) {
        const struct shape *p = &shapes[i];

        assert_int_equal(header(&s, p->request, VHOST_USER_VERSION, UINT32_MAX, p->fds), -EPROTO);
        assert_int_equal(header(&s, p->request, VHOST_USER_VERSION, 0x80000000u, p->fds), -EPROTO);
        assert_int_equal(header(&s, p->request, VHOST_USER_VERSION, 300, p->fds), -EPROTO);
        if (p->size > 0)
            assert_int_equal(header(&s, p->request, VHOST_USER_VERSION, 0, p->fds), -EPROTO);
        if (p->size == 8)
            assert_int_equal(header(&s, p->request, VHOST_USER_VERSION, 7, p->fds), -EPROTO);
        if (p->size == 8 || p->size == 0)
            assert_int_equal(header(&s, p->request, VHOST_USER_VERSION, p->size + 1, p->fds),
                             -EPROTO);
    }
}

static void too_many_descriptors_are_refused(void **state)
{
    struct vhost_user_state s = full();

    (void)state;
    for (size_t i = 0; i < SHAPES; i++) {
        size_t most = shapes[i].request == VHOST_USER_SET_MEM_TABLE ? 8 : shapes[i].fds;

        assert_int_equal(
            header(&s, shapes[i].request, VHOST_USER_VERSION, shapes[i].size, most + 1), -EPROTO);
    }
}

static void flags_are_checked(void **state)
{
    struct vhost_user_state s = full();

    (void)state;
    assert_int_equal(header(&s, VHOST_USER_SET_OWNER, ACK, 0, 0), 0);
    for (uint32_t flags = 0; flags < 256; flags++)
        if (flags != VHOST_USER_VERSION && flags != ACK)
            assert_int_equal(header(&s, VHOST_USER_SET_OWNER, flags, 0, 0), -EPROTO);
    s.protocol = 0;
    assert_int_equal(header(&s, VHOST_USER_SET_OWNER, ACK, 0, 0), -EPROTO);
}

static void owner_comes_once(void **state)
{
    struct vhost_user_state s = full();

    (void)state;
    s.seen = 1ull << VHOST_USER_SET_OWNER;
    assert_int_equal(header(&s, VHOST_USER_SET_OWNER, VHOST_USER_VERSION, 0, 0), -EPROTO);
    s.seen = ~s.seen;
    for (size_t i = 0; i < SHAPES; i++)
        assert_int_equal(
            header(&s, shapes[i].request, VHOST_USER_VERSION, shapes[i].size, shapes[i].fds), 0);
}

static void protocol_features_are_needed(void **state)
{
    static const struct {
        uint32_t request;
        unsigned bit;
    } needs[] = {
        {VHOST_USER_GET_QUEUE_NUM, VHOST_USER_PROTOCOL_F_MQ},
        {VHOST_USER_GET_CONFIG, VHOST_USER_PROTOCOL_F_CONFIG},
        {VHOST_USER_SET_CONFIG, VHOST_USER_PROTOCOL_F_CONFIG},
        {VHOST_USER_GET_INFLIGHT_FD, VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD},
        {VHOST_USER_SET_INFLIGHT_FD, VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
        const struct shape *p = shape_of(needs[i].request);
        struct vhost_user_state s = full();

        s.protocol = ~(1ull << needs[i].bit);
        assert_int_equal(header(&s, p->request, VHOST_USER_VERSION, p->size, p->fds), -EOPNOTSUPP);
    }
}

static int payload(uint32_t request, uint32_t size, const union vhost_user_payload *p, size_t fds)
{
    struct vhost_user_state s = full();
    struct vhost_user_header h = {request, VHOST_USER_VERSION, size};

    return vhost_user_check_payload(&s, &h, p, fds);
}

static void memory_counts_agree(void **state)
{
    union vhost_user_payload p;

    (void)state;
    memset(&p, 0, sizeof(p));
    for (uint32_t n = 0; n <= 10; n++)
        for (uint32_t size_of = 0; size_of <= 8; size_of++)
            for (size_t fds = 0; fds <= 8; fds++) {
                bool good = n >= 1 && n <= 8 && size_of == n && fds == n;

                p.memory.regions = n;
                assert_int_equal(
                    payload(VHOST_USER_SET_MEM_TABLE, VHOST_USER_MEMORY_SIZE(size_of), &p, fds),
                    good ? 0 : -EPROTO);
            }
    p.memory.regions = UINT32_MAX;
    assert_int_equal(payload(VHOST_USER_SET_MEM_TABLE, 8 + 32, &p, 1), -EPROTO);
    /* 8 + 32 * regions overflows to 8. */
    p.memory.regions = 0x8000000u;
    assert_int_equal(payload(VHOST_USER_SET_MEM_TABLE, 8, &p, 1), -EPROTO);
}

static void queue_index_is_checked(void **state)
{
    static const uint32_t states[] = {VHOST_USER_SET_VRING_NUM, VHOST_USER_SET_VRING_BASE,
                                      VHOST_USER_GET_VRING_BASE, VHOST_USER_SET_VRING_ENABLE};
    static const uint32_t fds[] = {VHOST_USER_SET_VRING_KICK, VHOST_USER_SET_VRING_CALL,
                                   VHOST_USER_SET_VRING_ERR};
    static const uint32_t indices[] = {0, 1, 2, 255, 256, UINT32_MAX};
    union vhost_user_payload p;

    (void)state;
    memset(&p, 0, sizeof(p));
    for (size_t k = 0; k < sizeof(indices) / sizeof(indices[0]); k++) {
        int expected = indices[k] < 2 ? 0 : -EPROTO;

        p.state.index = indices[k];
        for (size_t i = 0; i < 4; i++)
            assert_int_equal(payload(states[i], 8, &p, 0), expected);
        p.addr = (struct vhost_user_vring_addr){.index = indices[k]};
        assert_int_equal(payload(VHOST_USER_SET_VRING_ADDR, 40, &p, 0), expected);
    }
    for (size_t i = 0; i < 3; i++) {
        p.u64 = 1;
        assert_int_equal(payload(fds[i], 8, &p, 1), 0);
        assert_int_equal(payload(fds[i], 8, &p, 0), -EPROTO);
        p.u64 = 1 | VHOST_USER_VRING_NO_FD;
        assert_int_equal(payload(fds[i], 8, &p, 0), 0);
        assert_int_equal(payload(fds[i], 8, &p, 1), -EPROTO);
        p.u64 = 2;
        assert_int_equal(payload(fds[i], 8, &p, 1), -EPROTO);
        p.u64 = 1ull << 32;
        assert_int_equal(payload(fds[i], 8, &p, 1), -EPROTO);
        p.u64 = 0x200;
        assert_int_equal(payload(fds[i], 8, &p, 1), -EPROTO);
    }
    p.addr = (struct vhost_user_vring_addr){.index = 0, .flags = 1};
    assert_int_equal(payload(VHOST_USER_SET_VRING_ADDR, 40, &p, 0), -EPROTO);
}

static void config_range_is_checked(void **state)
{
    static const struct {
        uint32_t offset, size, wire;
        int result;
    } cases[] = {
        {0, 60, 72, 0},
        {0, 256, 268, 0},
        {255, 1, 13, 0},
        {0, 0, 12, -EPROTO},
        {1, 256, 268, -EPROTO},
        {256, 1, 13, -EPROTO},
        {0, 61, 72, -EPROTO},
        {0, 59, 72, -EPROTO},
        {UINT32_MAX, 1, 13, -EPROTO},
        {0, UINT32_MAX, 72, -EPROTO},
        {UINT32_MAX - 58, 60, 72, -EPROTO},
    };
    union vhost_user_payload p;

    (void)state;
    memset(&p, 0, sizeof(p));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        p.config.offset = cases[i].offset;
        p.config.size = cases[i].size;
        assert_int_equal(payload(VHOST_USER_GET_CONFIG, cases[i].wire, &p, 0), cases[i].result);
    }
}

static void inflight_is_checked(void **state)
{
    static const struct {
        uint16_t queues, entries;
        uint32_t wire;
        int result;
    } cases[] = {
        {1, 128, 24, 0},       {2, 1, 20, 0},
        {0, 128, 24, -EPROTO}, {3, 128, 24, -EPROTO},
        {1, 0, 24, -EPROTO},   {1, 128, 21, -EPROTO},
        {1, 128, 23, -EPROTO}, {65535, 65535, 24, -EPROTO},
    };
    union vhost_user_payload p;

    (void)state;
    memset(&p, 0, sizeof(p));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        p.inflight.queues = cases[i].queues;
        p.inflight.queue_size = cases[i].entries;
        assert_int_equal(payload(VHOST_USER_GET_INFLIGHT_FD, cases[i].wire, &p, 0),
                         cases[i].result);
        assert_int_equal(payload(VHOST_USER_SET_INFLIGHT_FD, cases[i].wire, &p, 1),
                         cases[i].result);
        assert_int_equal(payload(VHOST_USER_SET_INFLIGHT_FD, cases[i].wire, &p, 0), -EPROTO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_permitted_request_passes),
        cmocka_unit_test(every_other_request_is_refused),
        cmocka_unit_test(too_early_is_refused),
        cmocka_unit_test(wrong_length_is_refused),
        cmocka_unit_test(too_many_descriptors_are_refused),
        cmocka_unit_test(flags_are_checked),
        cmocka_unit_test(owner_comes_once),
        cmocka_unit_test(protocol_features_are_needed),
        cmocka_unit_test(memory_counts_agree),
        cmocka_unit_test(queue_index_is_checked),
        cmocka_unit_test(config_range_is_checked),
        cmocka_unit_test(inflight_is_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
