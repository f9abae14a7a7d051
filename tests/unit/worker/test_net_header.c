/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "hv/worker/net_header.h"

#define BIT(n) (1ull << (n))
#define ALL                                                                                        \
    (BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_HOST_TSO6) |          \
     BIT(VIRTIO_NET_F_HOST_ECN))
#define CSUM VIRTIO_NET_HDR_F_NEEDS_CSUM

static struct virtio_net_hdr_v1 tso(void)
{
    return (struct virtio_net_hdr_v1){.flags = CSUM,
                                      .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
                                      .hdr_len = 54,
                                      .gso_size = 1448,
                                      .csum_start = 34,
                                      .csum_offset = 16};
}

static int check(struct virtio_net_hdr_v1 h, uint64_t features, size_t bytes)
{
    struct virtio_net_hdr_v1 before = h;
    int r = net_header_check(&h, features, bytes);

    if (r < 0)
        assert_memory_equal(&h, &before, sizeof(h));
    return r;
}

static void plain_packets(void **state)
{
    struct virtio_net_hdr_v1 h = {0};

    (void)state;
    assert_int_equal(check(h, 0, 14), 0);
    assert_int_equal(check(h, 0, NET_PACKET_MAX), 0);
    assert_int_equal(check(h, 0, 13), -EINVAL);
    assert_int_equal(check(h, 0, 0), -EINVAL);
    assert_int_equal(check(h, 0, NET_PACKET_MAX + 1), -EINVAL);
    assert_int_equal(check(h, 0, SIZE_MAX), -EINVAL);
}

static void stale_fields_do_not_reach_the_host(void **state)
{
    struct virtio_net_hdr_v1 h = {.flags = 0xfe & ~CSUM,
                                  .hdr_len = 60000,
                                  .gso_size = 60000,
                                  .csum_start = 60000,
                                  .csum_offset = 60000,
                                  .num_buffers = 60000};
    const struct virtio_net_hdr_v1 zero = {0};

    (void)state;
    assert_int_equal(net_header_check(&h, ALL, 60), 0);
    assert_memory_equal(&h, &zero, sizeof(h));
}

static void checksum_fields(void **state)
{
    static const struct {
        uint16_t start, offset;
        size_t bytes;
        int result;
    } cases[] = {
        {34, 16, 60, 0},         {34, 16, 52, 0},         {34, 16, 51, -EINVAL},
        {58, 0, 60, 0},          {59, 0, 60, -EINVAL},    {65535, 65535, 60, -EINVAL},
        {65535, 1, 60, -EINVAL}, {0, 65535, 60, -EINVAL}, {65535, 65535, 65550, -EINVAL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct virtio_net_hdr_v1 h = {
            .flags = CSUM, .csum_start = cases[i].start, .csum_offset = cases[i].offset};

        assert_int_equal(check(h, ALL, cases[i].bytes), cases[i].result);
        assert_int_equal(check(h, ALL & ~BIT(VIRTIO_NET_F_CSUM), cases[i].bytes), -EINVAL);
    }
}

static void segmentation_needs_its_feature(void **state)
{
    static const struct {
        uint8_t type;
        uint64_t needs;
    } cases[] = {
        {VIRTIO_NET_HDR_GSO_TCPV4, BIT(VIRTIO_NET_F_HOST_TSO4)},
        {VIRTIO_NET_HDR_GSO_TCPV6, BIT(VIRTIO_NET_F_HOST_TSO6)},
        {VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, BIT(VIRTIO_NET_F_HOST_TSO4)},
        {VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, BIT(VIRTIO_NET_F_HOST_ECN)},
        {VIRTIO_NET_HDR_GSO_TCPV6 | VIRTIO_NET_HDR_GSO_ECN, BIT(VIRTIO_NET_F_HOST_ECN)},
        {VIRTIO_NET_HDR_GSO_TCPV4, BIT(VIRTIO_NET_F_CSUM)},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct virtio_net_hdr_v1 h = tso();

        h.gso_type = cases[i].type;
        assert_int_equal(check(h, ALL, 3000), 0);
        assert_int_equal(check(h, ALL & ~cases[i].needs, 3000), -EINVAL);
    }
}

static void segmentation_types(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        struct virtio_net_hdr_v1 h = tso();
        bool good = type == 0 || type == 1 || type == 4 || type == 0x81 || type == 0x84;

        h.gso_type = (uint8_t)type;
        assert_int_equal(check(h, UINT64_MAX, 3000), good ? 0 : -EINVAL);
    }
}

static void hostile_segmentation(void **state)
{
    struct virtio_net_hdr_v1 h = tso();

    (void)state;
    h.gso_size = 0;
    assert_int_equal(check(h, ALL, 3000), -EINVAL);
    h = tso();
    h.flags = 0;
    assert_int_equal(check(h, ALL, 3000), -EINVAL);
    h = tso();
    h.hdr_len = 3001;
    assert_int_equal(check(h, ALL, 3000), -EINVAL);
    h.hdr_len = 65535;
    assert_int_equal(check(h, ALL, 3000), -EINVAL);
    h = tso();
    h.csum_start = 2999;
    assert_int_equal(check(h, ALL, 3000), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_packets),      cmocka_unit_test(stale_fields_do_not_reach_the_host),
        cmocka_unit_test(checksum_fields),    cmocka_unit_test(segmentation_needs_its_feature),
        cmocka_unit_test(segmentation_types), cmocka_unit_test(hostile_segmentation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
