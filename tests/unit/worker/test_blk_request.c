/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/virtio_blk.h>
#include <string.h>

#include "hv/worker/blk_request.h"

#define SECTORS 1000u

static uint8_t memory[1u << 16];
static struct virtqueue_chain chain;
static struct blk_request request;
static struct blk_limits limits;

static int setup(void **state)
{
    (void)state;
    memset(memory, 0, sizeof(memory));
    limits = (struct blk_limits){.sectors = SECTORS, .discard = true, .zero = true};
    return 0;
}

/* A chain of the given lengths: `readable` of them first. Data lies in `memory` one by one. */
static void make(size_t readable, size_t writable, const size_t *lengths)
{
    uint8_t *at = memory;

    memset(&chain, 0, sizeof(chain));
    chain.readable = readable;
    chain.writable = writable;
    for (size_t i = 0; i < readable + writable; i++) {
        chain.iov[i] = (struct iovec){at, lengths[i]};
        at += lengths[i];
        if (i < readable)
            chain.readable_bytes += lengths[i];
        else
            chain.writable_bytes += lengths[i];
    }
}

static void header(uint32_t type, uint64_t sector)
{
    struct virtio_blk_outhdr h = {.type = type, .sector = sector};

    memcpy(memory, &h, sizeof(h));
}

static int decode(void)
{
    return blk_request_decode(&limits, &chain, &request);
}

static void usual_read(void **state)
{
    (void)state;
    make(1, 2, (size_t[]){16, 4096, 1});
    header(VIRTIO_BLK_T_IN, 7);
    assert_int_equal(decode(), 0);
    assert_int_equal(request.operation, BLK_READ);
    assert_int_equal(request.offset, 7 * 512);
    assert_int_equal(request.bytes, 4096);
    assert_int_equal(request.count, 1);
    assert_ptr_equal(request.iov->iov_base, memory + 16);
    assert_ptr_equal(request.status, memory + 16 + 4096);
    assert_int_equal(request.written, 4097);
}

static void any_framing(void **state)
{
    (void)state;
    /* 2.7.4: header in pieces, data and status in one buffer. */
    make(3, 1, (size_t[]){3, 10, 3, 513});
    header(VIRTIO_BLK_T_IN, 0);
    assert_int_equal(decode(), 0);
    assert_int_equal(request.bytes, 512);
    assert_ptr_equal(request.status, memory + 16 + 512);
    /* Header and data in one. */
    make(1, 1, (size_t[]){16 + 1024, 1});
    header(VIRTIO_BLK_T_OUT, 0);
    assert_int_equal(decode(), 0);
    assert_int_equal(request.operation, BLK_WRITE);
    assert_int_equal(request.bytes, 1024);
    assert_ptr_equal(request.iov->iov_base, memory + 16);
    assert_int_equal(request.written, 1);
}

static void no_room_for_header_or_status(void **state)
{
    (void)state;
    make(1, 1, (size_t[]){15, 513});
    assert_int_equal(decode(), -EPROTO);
    make(0, 1, (size_t[]){513});
    assert_int_equal(decode(), -EPROTO);
    make(1, 0, (size_t[]){16});
    assert_int_equal(decode(), -EPROTO);
    make(0, 0, NULL);
    assert_int_equal(decode(), -EPROTO);
}

/* seg_max times size_max of the configuration space, however it is cut. */
static void more_than_was_offered(void **state)
{
    static const uint32_t types[] = {VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT};
    const size_t most = 126u * 65536u;

    (void)state;
    limits.sectors = 1u << 21;
    for (unsigned i = 0; i < 2; i++) {
        bool in = types[i] == VIRTIO_BLK_T_IN;

        for (unsigned more = 0; more < 2; more++) {
            make(in ? 1 : 2, in ? 2 : 1, (size_t[]){16, most + more * 512u, 1});
            /* Decoding touches no data: there need not be any. */
            header(types[i], 0);
            assert_int_equal(decode(), more == 0 ? 0 : VIRTIO_BLK_S_IOERR);
        }
    }
}

static void outside_the_disk(void **state)
{
    static const struct {
        uint64_t sector;
        size_t bytes;
        int result;
    } cases[] = {
        {SECTORS - 1, 512, 0},
        {SECTORS - 1, 1024, VIRTIO_BLK_S_IOERR},
        {SECTORS, 512, VIRTIO_BLK_S_IOERR},
        {UINT64_MAX, 512, VIRTIO_BLK_S_IOERR},
        {UINT64_MAX / 512 + 1, 512, VIRTIO_BLK_S_IOERR}, /* byte offset wraps to 0 */
        {UINT64_MAX / 512, 1024, VIRTIO_BLK_S_IOERR},
        {0, 511, VIRTIO_BLK_S_IOERR},
        {0, 513, VIRTIO_BLK_S_IOERR},
        {0, 0, VIRTIO_BLK_S_IOERR},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        make(1, 1, (size_t[]){16, cases[i].bytes + 1});
        header(VIRTIO_BLK_T_IN, cases[i].sector);
        assert_int_equal(decode(), cases[i].result);
        make(2, 1, (size_t[]){16, cases[i].bytes, 1});
        header(VIRTIO_BLK_T_OUT, cases[i].sector);
        assert_int_equal(decode(), cases[i].result);
        assert_ptr_equal(request.status, memory + 16 + cases[i].bytes);
    }
}

static void readonly_disk(void **state)
{
    static const uint32_t changing[] = {VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_DISCARD,
                                        VIRTIO_BLK_T_WRITE_ZEROES};

    (void)state;
    limits.readonly = true;
    for (size_t i = 0; i < 3; i++) {
        make(2, 1, (size_t[]){16, 512, 1});
        header(changing[i], 0);
        assert_int_equal(decode(), VIRTIO_BLK_S_IOERR);
    }
    make(1, 2, (size_t[]){16, 512, 1});
    header(VIRTIO_BLK_T_IN, 0);
    assert_int_equal(decode(), 0);
}

static void unknown_types(void **state)
{
    static const uint32_t known[] = {VIRTIO_BLK_T_IN,      VIRTIO_BLK_T_OUT,
                                     VIRTIO_BLK_T_FLUSH,   VIRTIO_BLK_T_GET_ID,
                                     VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES};

    (void)state;
    for (uint32_t type = 0; type < 300; type++) {
        bool is_known = false;

        for (size_t i = 0; i < 6; i++)
            is_known |= known[i] == type;
        if (is_known)
            continue;
        make(1, 1, (size_t[]){16, 513});
        header(type, 0);
        assert_int_equal(decode(), VIRTIO_BLK_S_UNSUPP);
    }
    header(VIRTIO_BLK_T_OUT | VIRTIO_BLK_T_BARRIER, 0);
    make(1, 1, (size_t[]){16 + 512, 1});
    assert_int_equal(decode(), VIRTIO_BLK_S_UNSUPP);
}

static void flush_and_id(void **state)
{
    (void)state;
    make(1, 1, (size_t[]){16, 1});
    header(VIRTIO_BLK_T_FLUSH, 0);
    assert_int_equal(decode(), 0);
    assert_int_equal(request.operation, BLK_FLUSH);
    make(1, 2, (size_t[]){16, 20, 1});
    header(VIRTIO_BLK_T_GET_ID, 0);
    assert_int_equal(decode(), 0);
    assert_int_equal(request.bytes, 20);
    make(1, 2, (size_t[]){16, 19, 1});
    header(VIRTIO_BLK_T_GET_ID, 0);
    assert_int_equal(decode(), VIRTIO_BLK_S_IOERR);
}

static int ranges(uint32_t type, const struct virtio_blk_discard_write_zeroes *list, size_t count,
                  size_t cut)
{
    size_t bytes = count * sizeof(*list) - cut;

    make(2, 1, (size_t[]){16, bytes, 1});
    header(type, 0);
    memcpy(memory + 16, list, bytes);
    return decode();
}

static void range_lists(void **state)
{
    struct virtio_blk_discard_write_zeroes list[BLK_RANGES_MAX + 1];

    (void)state;
    for (size_t i = 0; i <= BLK_RANGES_MAX; i++)
        list[i] = (struct virtio_blk_discard_write_zeroes){.sector = i, .num_sectors = 1};
    assert_int_equal(ranges(VIRTIO_BLK_T_DISCARD, list, BLK_RANGES_MAX, 0), 0);
    assert_int_equal(request.ranges, BLK_RANGES_MAX);
    assert_int_equal(request.range[3].offset, 3 * 512);
    assert_int_equal(request.range[3].bytes, 512);
    assert_int_equal(ranges(VIRTIO_BLK_T_DISCARD, list, BLK_RANGES_MAX + 1, 0), VIRTIO_BLK_S_IOERR);
    assert_int_equal(ranges(VIRTIO_BLK_T_DISCARD, list, 1, 16), VIRTIO_BLK_S_IOERR);
    assert_int_equal(ranges(VIRTIO_BLK_T_DISCARD, list, 2, 1), VIRTIO_BLK_S_IOERR);
    assert_int_equal(ranges(VIRTIO_BLK_T_WRITE_ZEROES, list, 2, 0), VIRTIO_BLK_S_IOERR);
    assert_int_equal(ranges(VIRTIO_BLK_T_WRITE_ZEROES, list, 1, 0), 0);
    assert_false(request.range[0].unmap);
    list[0].flags = VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
    assert_int_equal(ranges(VIRTIO_BLK_T_WRITE_ZEROES, list, 1, 0), 0);
    assert_true(request.range[0].unmap);
    assert_int_equal(ranges(VIRTIO_BLK_T_DISCARD, list, 1, 0), VIRTIO_BLK_S_UNSUPP);
    list[0].flags = 2;
    assert_int_equal(ranges(VIRTIO_BLK_T_WRITE_ZEROES, list, 1, 0), VIRTIO_BLK_S_UNSUPP);
    limits.discard = limits.zero = false;
    list[0].flags = 0;
    assert_int_equal(ranges(VIRTIO_BLK_T_WRITE_ZEROES, list, 1, 0), VIRTIO_BLK_S_UNSUPP);
    assert_int_equal(ranges(VIRTIO_BLK_T_DISCARD, list, 1, 0), VIRTIO_BLK_S_UNSUPP);
}

static void hostile_ranges(void **state)
{
    static const struct virtio_blk_discard_write_zeroes cases[] = {
        {.sector = SECTORS, .num_sectors = 1},
        {.sector = SECTORS - 1, .num_sectors = 2},
        {.sector = 0, .num_sectors = SECTORS + 1},
        {.sector = 0, .num_sectors = UINT32_MAX},
        {.sector = UINT64_MAX, .num_sectors = 1},
        {.sector = UINT64_MAX, .num_sectors = 2},
        {.sector = UINT64_MAX / 512 + 1, .num_sectors = 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(ranges(VIRTIO_BLK_T_DISCARD, &cases[i], 1, 0), VIRTIO_BLK_S_IOERR);
        assert_int_equal(ranges(VIRTIO_BLK_T_WRITE_ZEROES, &cases[i], 1, 0), VIRTIO_BLK_S_IOERR);
    }
    limits.sectors = UINT64_MAX / 512;
    assert_int_equal(
        ranges(VIRTIO_BLK_T_WRITE_ZEROES,
               &(struct virtio_blk_discard_write_zeroes){.num_sectors = BLK_ZERO_SECTORS + 1}, 1,
               0),
        VIRTIO_BLK_S_IOERR);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(usual_read),
        T(any_framing),
        T(no_room_for_header_or_status),
        T(more_than_was_offered),
        T(outside_the_disk),
        T(readonly_disk),
        T(unknown_types),
        T(flush_and_id),
        T(range_lists),
        T(hostile_ranges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
