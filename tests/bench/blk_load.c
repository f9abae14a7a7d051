/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load for a vhost-user-blk back-end, from the place of the guest and its VMM:
 *   blk_load SOCKET DISK read|write BLOCK_BYTES DEPTH SECONDS
 * SOCKET is where a back-end listens, or `-`: casemate-blk is started, confined by its real filter.
 * Random blocks of DISK, DEPTH requests under way, one virtqueue, completion by interrupt (an
 * eventfd). Prints requests per second.
 */
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <time.h>

/* process.h belongs to the unit tests: it reports through cmocka where it has to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/worker/process.h"

#define BIT(n)  (1ull << (n))
#define ENTRIES 256u
#define WARM_UP 0.2 /* seconds that do not count */
#define HEADERS 0x10000u
#define DATA    0x40000u
#define FEATURES                                                                                   \
    (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_BLK_F_FLUSH) |            \
     BIT(VHOST_USER_F_PROTOCOL_FEATURES))
#define PROTOCOL BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK)

struct load {
    struct driver_ram ram;
    struct driver_ring ring;
    struct front front;
    struct worker worker;
    int kick, call;
    uint32_t type, bytes;
    unsigned depth;
    uint64_t blocks, state;
};

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "blk_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof(address.sun_path))
        give_up("the socket's path is too long");
    strcpy(address.sun_path, path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        give_up(path);
    return fd;
}

static void start_casemate(struct load *l, const char *disk)
{
    struct worker_spec spec = worker_spec_make(PROCESS_BLK);
    struct control_message m;
    off_t size;

    spec.backing = open(disk, O_RDWR | O_CLOEXEC);
    size = lseek(spec.backing, 0, SEEK_END);
    if (size < 0)
        give_up(disk);
    spec.config.capacity = (uint64_t)size;
    spec.inflight = fd_fixed_memfd("inflight", HANDOFF_INFLIGHT_BLOCK, 0);
    if (worker_start(&spec, &l->worker) < 0 || worker_message(&l->worker, &m) != CONTROL_READY)
        give_up("casemate-blk does not start");
    l->front = l->worker.front;
}

static void negotiate(struct load *l)
{
    struct vhost_user_memory memory = {
        .regions = 1, .region = {{.guest = RAM_GUEST, .size = RAM_SIZE, .user = RAM_USER}}};
    uint64_t offered = front_get(&l->front, VHOST_USER_GET_FEATURES);
    uint64_t protocol = PROTOCOL;

    if (offered == UINT64_MAX || (offered & FEATURES) != FEATURES)
        give_up("the back-end lacks a feature");
    (void)front_get(&l->front, VHOST_USER_GET_PROTOCOL_FEATURES);
    front_send(&l->front, VHOST_USER_SET_PROTOCOL_FEATURES, VHOST_USER_VERSION, &protocol, 8, NULL,
               0);
    if (front_do(&l->front, VHOST_USER_SET_OWNER, NULL, 0, NULL, 0) != 0 ||
        front_do_u64(&l->front, VHOST_USER_SET_FEATURES, FEATURES) != 0 ||
        front_do(&l->front, VHOST_USER_SET_MEM_TABLE, &memory, VHOST_USER_MEMORY_SIZE(1),
                 &l->ram.fd, 1) != 0 ||
        front_ring(&l->front, 0, &l->ring, 0, l->kick, l->call) != 0)
        give_up("the back-end refuses");
}

/* xorshift: the same blocks for every back-end. */
static uint64_t next_block(struct load *l)
{
    l->state ^= l->state << 13;
    l->state ^= l->state >> 7;
    l->state ^= l->state << 17;
    return l->state % l->blocks;
}

static void offer(struct load *l, unsigned slot)
{
    struct virtio_blk_outhdr header = {.type = l->type, .sector = next_block(l) * (l->bytes / 512)};
    uint16_t head = (uint16_t)(3 * slot);
    unsigned write = l->type == VIRTIO_BLK_T_IN ? D_WRITE : 0;

    memcpy(l->ram.bytes + HEADERS + slot * 64, &header, sizeof(header));
    driver_buffer(&l->ring, head, HEADERS + slot * 64, sizeof(header), D_NEXT,
                  (uint16_t)(head + 1));
    driver_buffer(&l->ring, (uint16_t)(head + 1), DATA + slot * l->bytes, l->bytes, D_NEXT | write,
                  (uint16_t)(head + 2));
    driver_buffer(&l->ring, (uint16_t)(head + 2), HEADERS + slot * 64 + 32, 1, D_WRITE, 0);
    driver_offer(&l->ring, head);
}

/* Kick unless the back-end says that it looks by itself (virtio 1.2, 2.7.10). */
static void kick(struct load *l, uint16_t before)
{
    uint16_t event, now = l->ring.avail_idx;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    event = driver_get16(&l->ring, l->ring.used + 4 + 8 * ENTRIES);
    if ((uint16_t)(now - event - 1) < (uint16_t)(now - before))
        front_kick(l->kick);
}

static double seconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double run(struct load *l, double length)
{
    double start = seconds(), now = start;
    uint64_t done = 0;
    bool warm = false;
    uint16_t before = l->ring.avail_idx;

    for (unsigned i = 0; i < l->depth; i++)
        offer(l, i);
    kick(l, before);
    while (now - start < length) {
        uint32_t head, written;

        if (!worker_used(&l->ring, (uint16_t)(l->ring.used_idx + 1), l->call))
            give_up("no answer in 10 s");
        before = l->ring.avail_idx;
        while (driver_take(&l->ring, &head, &written)) {
            if (head % 3 != 0 || head / 3 >= l->depth ||
                l->ram.bytes[HEADERS + head / 3 * 64 + 32] != VIRTIO_BLK_S_OK)
                give_up("a request failed");
            done++;
            offer(l, head / 3);
        }
        kick(l, before);
        now = seconds();
        if (!warm && now - start > WARM_UP) {
            warm = true;
            start = now;
            done = 0;
        }
    }
    return (double)done / (now - start);
}

int main(int argc, char **argv)
{
    struct load l = {.state = 88172645463325252u, .worker.pid = -1};
    off_t size;
    int fd;

    if (argc != 7)
        give_up("SOCKET DISK read|write BLOCK_BYTES DEPTH SECONDS");
    l.type = strcmp(argv[3], "read") == 0 ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT;
    l.bytes = (uint32_t)strtoul(argv[4], NULL, 10);
    l.depth = (unsigned)strtoul(argv[5], NULL, 10);
    fd = open(argv[2], O_RDONLY | O_CLOEXEC);
    size = lseek(fd, 0, SEEK_END);
    if (size <= 0 || l.bytes < 512 || l.bytes % 512 != 0 || l.depth < 1 || l.depth > ENTRIES / 4 ||
        l.depth * l.bytes > RAM_SIZE - DATA)
        give_up("disk, block size or depth out of range");
    l.blocks = (uint64_t)size / l.bytes;
    if (driver_ram_make(&l.ram) < 0)
        give_up("memory");
    l.ring = driver_ring_make(&l.ram, 0x1000, ENTRIES);
    l.kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    l.call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (strcmp(argv[1], "-") == 0)
        start_casemate(&l, argv[2]);
    else
        l.front.socket = connect_to(argv[1]);
    negotiate(&l);
    printf("%.0f\n", run(&l, strtod(argv[6], NULL)));
    return 0;
}
