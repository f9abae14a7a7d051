/* SPDX-License-Identifier: Apache-2.0 */
/* casemate-net itself, under its real filter, with a real tap in a network namespace of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "hv/worker/net_header.h"
#include "tests/unit/worker/process.h"

#define DATA    0x100000u
#define ENTRIES 64
#define HEADER  NET_HEADER_SIZE

static struct driver_ram ram;
static struct driver_ring rx, tx;
static int kicks[2], calls[2], tap = -1, wire = -1;
static const char *why; /* not NULL: the tests cannot run here */

static int open_tap(struct ifreq *ifr)
{
    int header = HEADER, fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    memset(ifr, 0, sizeof(*ifr));
    ifr->ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    strcpy(ifr->ifr_name, "guest0");
    if (ioctl(fd, TUNSETIFF, ifr) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &header) < 0) {
        int saved = errno;

        fd_close(&fd);
        return -saved;
    }
    return fd;
}

/* A packet socket on the host's side of the tap. */
static int open_wire(struct ifreq *ifr)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));

    if (fd < 0 || ioctl(fd, SIOCGIFINDEX, ifr) < 0)
        return -errno;
    address.sll_ifindex = ifr->ifr_ifindex;
    ifr->ifr_flags = IFF_UP;
    if (ioctl(fd, SIOCSIFFLAGS, ifr) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    return fd;
}

static int group_setup(void **state)
{
    struct ifreq ifr;

    (void)state;
    if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
        why = "no network namespace to be had";
    else if ((tap = open_tap(&ifr)) < 0)
        why = "no tap to be had (/dev/net/tun)";
    else if ((wire = open_wire(&ifr)) < 0)
        why = "no packet socket to be had";
    return 0;
}

static int setup(void **state)
{
    (void)state;
    assert_int_equal(driver_ram_make(&ram), 0);
    rx = driver_ring_make(&ram, 0x1000, ENTRIES);
    tx = driver_ring_make(&ram, 0x4000, ENTRIES);
    for (int i = 0; i < 2; i++) {
        kicks[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        calls[i] = eventfd(0, EFD_CLOEXEC);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    driver_ram_drop(&ram);
    for (int i = 0; i < 2; i++) {
        fd_close(&kicks[i]);
        fd_close(&calls[i]);
    }
    return 0;
}

static void begin(struct worker *w)
{
    struct worker_spec spec = worker_spec_make(PROCESS_NET);
    struct control_message m;

    if (why != NULL) {
        print_message("%s\n", why);
        skip();
    }
    spec.backing = tap;
    memcpy(spec.config.mac, "\x02\x00\x00\x00\x00\x01", 6);
    assert_int_equal(worker_start(&spec, w), 0);
    assert_int_equal(worker_message(w, &m), CONTROL_READY);
    /* All that is offered: so offloads are set on the tap, through the filter. */
    assert_int_equal(front_begin(&w->front, &ram, 0), 0);
    assert_int_equal(front_ring(&w->front, 0, &rx, 0, kicks[0], calls[0]), 0);
    assert_int_equal(front_ring(&w->front, 1, &tx, 0, kicks[1], calls[1]), 0);
}

static void end(struct worker *w)
{
    fd_close(&w->front.socket);
    assert_int_equal(worker_wait(w), 0);
}

/* The next frame of our own protocol number on the wire, within 10 s. */
static size_t on_the_wire(uint8_t *frame, size_t room)
{
    for (;;) {
        struct pollfd p = {.fd = wire, .events = POLLIN};
        ssize_t n;

        if (poll(&p, 1, 10000) != 1)
            return 0;
        n = recv(wire, frame, room, MSG_TRUNC);
        if (n >= 14 && frame[12] == 0x88 && frame[13] == 0xb5)
            return (size_t)n;
    }
}

static void frame_make(uint8_t *frame, size_t bytes, uint8_t seed)
{
    memset(frame, 0xff, 6);
    memcpy(frame + 6, "\x02\x00\x00\x00\x00\x01\x88\xb5", 8);
    for (size_t i = 14; i < bytes; i++)
        frame[i] = (uint8_t)(seed + i);
}

static void frames_go_both_ways(void **state)
{
    uint8_t frame[2000], expected[2000];
    uint32_t head = 0, written = 0;
    struct worker w;

    (void)state;
    begin(&w);
    for (uint16_t i = 0; i < 16; i++) {
        driver_buffer(&rx, i, DATA + i * 2048u, 2048, D_WRITE, 0);
        driver_offer(&rx, i);
    }
    front_kick(kicks[0]);
    /* Out. */
    memset(ram.bytes + DATA + 0x20000, 0, HEADER);
    frame_make(ram.bytes + DATA + 0x20000 + HEADER, 1000, 3);
    driver_buffer(&tx, 0, DATA + 0x20000, HEADER + 1000, 0, 0);
    driver_offer(&tx, 0);
    front_kick(kicks[1]);
    assert_true(worker_used(&tx, 1, calls[1]));
    assert_int_equal(on_the_wire(frame, sizeof(frame)), 1000);
    frame_make(expected, 1000, 3);
    assert_memory_equal(frame, expected, 1000);
    /* In; the host may have put frames of its own before it. */
    frame_make(frame, 1514, 9);
    assert_int_equal(send(wire, frame, 1514, 0), 1514);
    for (int i = 0;; i++) {
        assert_true(i < 16);
        assert_true(worker_used(&rx, (uint16_t)(rx.used_idx + 1), calls[0]));
        assert_true(driver_take(&rx, &head, &written));
        if (written == HEADER + 1514)
            break;
    }
    assert_memory_equal(ram.bytes + DATA + head * 2048 + HEADER, frame, 1514);
    end(&w);
}

static void a_segmented_packet_passes_whole(void **state)
{
    static uint8_t frame[10000];
    struct virtio_net_hdr_v1 header = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                       .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
                                       .hdr_len = 54,
                                       .gso_size = 1448,
                                       .csum_start = 34,
                                       .csum_offset = 16};
    uint8_t *packet = ram.bytes + DATA + HEADER;
    struct worker w;

    (void)state;
    begin(&w);
    memcpy(ram.bytes + DATA, &header, HEADER);
    frame_make(packet, 9000, 1);
    memcpy(packet + 12, "\x08\x00\x45\x00", 4); /* IPv4 */
    packet[16] = (9000 - 14) >> 8;
    packet[17] = (9000 - 14) & 0xff;
    memset(packet + 18, 0, 16 + 20);
    packet[22] = 64;
    packet[23] = 6;
    packet[46] = 0x50; /* TCP header of 20 bytes */
    driver_buffer(&tx, 0, DATA, HEADER + 9000, 0, 0);
    driver_offer(&tx, 0);
    /* The same with a checksum outside the packet: never seen. */
    header.csum_start = 8999;
    memcpy(ram.bytes + DATA + 0x10000, &header, HEADER);
    memcpy(ram.bytes + DATA + 0x10000 + HEADER, packet, 9000);
    driver_buffer(&tx, 1, DATA + 0x10000, HEADER + 9000, 0, 0);
    driver_offer(&tx, 1);
    frame_make(ram.bytes + DATA + 0x20000 + HEADER, 77, 3);
    driver_buffer(&tx, 2, DATA + 0x20000, HEADER + 77, 0, 0);
    driver_offer(&tx, 2);
    front_kick(kicks[1]);
    assert_true(worker_used(&tx, 3, calls[1]));
    for (int whole = 0;;) {
        ssize_t n = recv(wire, frame, sizeof(frame), MSG_TRUNC);

        assert_true(n > 0);
        if (n == 9000)
            whole++;
        if (n == 77) {
            assert_int_equal(whole, 1);
            break;
        }
    }
    end(&w);
}

static void the_wrong_tap_is_refused(void **state)
{
    struct worker_spec spec = worker_spec_make(PROCESS_NET);
    struct control_message m;
    int header = 10;
    struct worker w;

    (void)state;
    if (why != NULL) {
        print_message("%s\n", why);
        skip();
    }
    spec.backing = wire;
    assert_int_equal(worker_start(&spec, &w), 0);
    assert_int_equal(worker_message(&w, &m), CONTROL_FAILED);
    assert_int_equal(m.failure, FAILURE_TAP_IO);
    assert_int_equal(worker_wait(&w), 3);
    /* A header of another size would shift every packet. */
    assert_int_equal(ioctl(tap, TUNSETVNETHDRSZ, &header), 0);
    spec.backing = tap;
    assert_int_equal(worker_start(&spec, &w), 0);
    assert_int_equal(worker_message(&w, &m), CONTROL_FAILED);
    assert_int_equal(m.failure, FAILURE_TAP_IO);
    assert_int_equal(worker_wait(&w), 3);
    header = HEADER;
    assert_int_equal(ioctl(tap, TUNSETVNETHDRSZ, &header), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(frames_go_both_ways),
        T(a_segmented_packet_passes_whole),
        T(the_wrong_tap_is_refused),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
