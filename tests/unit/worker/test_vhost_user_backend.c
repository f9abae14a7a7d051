/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
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

static int fake_features(void *self, uint64_t features)
{
    ((struct fake *)self)->features = features;
    return 0;
}

static void fake_changed(void *self, unsigned index, struct virtqueue *queue)
{
    struct fake *fake = self;

    /* Told once for each change, never twice the same. */
    assert_true((fake->queue[index] == NULL) != (queue == NULL));
    fake->queue[index] = queue;
    fake->changes[index]++;
}

static bool fake_process(void *self, unsigned index, struct virtqueue *queue)
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

static void start_backend(void)
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, f->sockets), 0);
    f->front = (struct front){.socket = f->sockets[0], .backend_socket = f->sockets[1]};
    assert_int_equal(vhost_backend_new(&f->device, RAM_SIZE, f->inflight,
                                       inflight_area_size(2, VIRTQUEUE_SIZE_MAX),
                                       &f->front.backend),
                     0);
}

static void stop_backend(void)
{
    vhost_backend_free(f->front.backend);
    fd_close(&f->sockets[0]);
    fd_close(&f->sockets[1]);
}

static int setup(void **state)
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

static int teardown(void **state)
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

static int open_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    assert_non_null(d);
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}

static void begin(void)
{
    assert_int_equal(front_begin(&f->front, &f->ram, 0), 0);
}

static void run_ring(void)
{
    begin();
    assert_int_equal(front_ring(&f->front, 0, &f->ring, 0, f->kick, f->call), 0);
}

static void offer(uint16_t head)
{
    driver_buffer(&f->ring, head, DATA + 64u * head, 64, D_WRITE, 0);
    driver_offer(&f->ring, head);
}

static void work(void)
{
    vhost_backend_kicked(f->front.backend, 0, POLLIN);
    while (vhost_backend_process(f->front.backend))
        ;
}

/* ------------------------------------------------------------------ honest front-ends */

static void negotiation(void **state)
{
    uint64_t features;

    (void)state;
    features = front_get(&f->front, VHOST_USER_GET_FEATURES);
    assert_true(features & (1ull << DEVICE_BIT));
    assert_true(features & (1ull << VIRTIO_F_VERSION_1));
    assert_true(features & (1ull << VIRTIO_RING_F_EVENT_IDX));
    assert_true(features & (1ull << VIRTIO_RING_F_INDIRECT_DESC));
    assert_true(features & (1ull << VHOST_USER_F_PROTOCOL_FEATURES));
    assert_false(features & (1ull << VHOST_F_LOG_ALL));
    begin();
    assert_int_equal(f->fake.features, 1ull << DEVICE_BIT);
    assert_int_equal(front_get(&f->front, VHOST_USER_GET_QUEUE_NUM), 2);
}

static void a_ring_runs_and_stops(void **state)
{
    struct vhost_user_vring_state base = {0, 0};
    uint32_t head, written;

    (void)state;
    run_ring();
    assert_non_null(f->fake.queue[0]);
    assert_null(f->fake.queue[1]);
    offer(3);
    front_kick(f->kick);
    assert_int_equal(vhost_backend_kick_fd(f->front.backend, 1), -1);
    work();
    assert_true(driver_take(&f->ring, &head, &written));
    assert_int_equal(head, 3);
    front_send(&f->front, VHOST_USER_GET_VRING_BASE, VHOST_USER_VERSION, &base, 8, NULL, 0);
    assert_int_equal(front_receive(&f->front, VHOST_USER_GET_VRING_BASE, &base, 8, NULL), 8);
    assert_int_equal(base.num, 1);
    assert_null(f->fake.queue[0]);
    /* Stopped: what is offered now stays where it is, and the kick is not waited for. */
    offer(4);
    while (vhost_backend_process(f->front.backend))
        ;
    assert_false(driver_take(&f->ring, &head, &written));
    assert_int_equal(vhost_backend_kick_fd(f->front.backend, 0), -1);
    /* And again, from where it was. */
    assert_int_equal(front_ring(&f->front, 0, &f->ring, base.num, f->kick, f->call), 0);
    while (vhost_backend_process(f->front.backend))
        ;
    assert_true(driver_take(&f->ring, &head, &written));
    assert_int_equal(head, 4);
}

static void a_lost_kick_does_no_harm(void **state)
{
    uint32_t head, written;

    (void)state;
    offer(0);
    run_ring();
    while (vhost_backend_process(f->front.backend))
        ;
    assert_true(driver_take(&f->ring, &head, &written));
}

static void disabled_rings_rest(void **state)
{
    uint32_t head, written;

    (void)state;
    run_ring();
    assert_int_equal(front_do_state(&f->front, VHOST_USER_SET_VRING_ENABLE, 0, 0), 0);
    assert_null(f->fake.queue[0]);
    offer(0);
    while (vhost_backend_process(f->front.backend))
        ;
    assert_false(driver_take(&f->ring, &head, &written));
    assert_int_equal(front_do_state(&f->front, VHOST_USER_SET_VRING_ENABLE, 0, 1), 0);
    while (vhost_backend_process(f->front.backend))
        ;
    assert_true(driver_take(&f->ring, &head, &written));
}

static void rings_start_enabled_without_protocol_features(void **state)
{
    uint64_t features = 1ull << VIRTIO_F_VERSION_1, value = 0;
    struct vhost_user_vring_addr addr = {
        .descriptor = RAM_USER + f->ring.desc,
        .available = RAM_USER + f->ring.avail,
        .used = RAM_USER + f->ring.used,
    };
    struct vhost_user_vring_state num = {0, ENTRIES};
    struct vhost_user_memory memory = {
        .regions = 1, .region = {{.guest = RAM_GUEST, .size = RAM_SIZE, .user = RAM_USER}}};

    (void)state;
    front_send(&f->front, VHOST_USER_SET_OWNER, 1, NULL, 0, NULL, 0);
    front_send(&f->front, VHOST_USER_SET_FEATURES, 1, &features, 8, NULL, 0);
    front_send(&f->front, VHOST_USER_SET_MEM_TABLE, 1, &memory, 40, &f->ram.fd, 1);
    front_send(&f->front, VHOST_USER_SET_VRING_NUM, 1, &num, 8, NULL, 0);
    front_send(&f->front, VHOST_USER_SET_VRING_ADDR, 1, &addr, sizeof(addr), NULL, 0);
    front_send(&f->front, VHOST_USER_SET_VRING_KICK, 1, &value, 8, &f->kick, 1);
    assert_int_equal(f->front.pumped, 0);
    assert_non_null(f->fake.queue[0]);
}

static void config_is_read(void **state)
{
    struct vhost_user_config c = {.offset = 2, .size = 8};

    (void)state;
    begin();
    front_send(&f->front, VHOST_USER_GET_CONFIG, 1, &c, 20, NULL, 0);
    assert_int_equal(front_receive(&f->front, VHOST_USER_GET_CONFIG, &c, sizeof(c), NULL), 20);
    assert_memory_equal(c.bytes, "\3\4\5\6\0\0\0\0", 8);
    assert_int_equal(front_do(&f->front, VHOST_USER_SET_CONFIG, &c, 20, NULL, 0), 1);
}

static void memory_changes_under_a_running_ring(void **state)
{
    struct vhost_user_memory memory = {
        .regions = 1, .region = {{.guest = RAM_GUEST, .size = RAM_SIZE, .user = RAM_USER}}};
    uint32_t head, written;

    (void)state;
    run_ring();
    assert_int_equal(front_do(&f->front, VHOST_USER_SET_MEM_TABLE, &memory, 40, &f->ram.fd, 1), 0);
    assert_int_equal(f->fake.changes[0], 3);
    offer(1);
    front_kick(f->kick);
    work();
    assert_true(driver_take(&f->ring, &head, &written));
    /* A table without the ring in it breaks the ring, not the worker. */
    memory.region[0].user += RAM_SIZE;
    assert_int_equal(front_do(&f->front, VHOST_USER_SET_MEM_TABLE, &memory, 40, &f->ram.fd, 1), 0);
    assert_null(f->fake.queue[0]);
}

static void messages_in_pieces(void **state)
{
    struct {
        struct vhost_user_header h;
        uint64_t value;
    } __attribute__((packed)) m = {{VHOST_USER_SET_PROTOCOL_FEATURES, 1, 8}, 0};

    (void)state;
    for (size_t i = 0; i < sizeof(m); i++) {
        front_send_raw(&f->front, (uint8_t *)&m + i, 1, NULL, 0);
        assert_int_equal(f->front.pumped, 0);
    }
    assert_int_not_equal(front_get(&f->front, VHOST_USER_GET_FEATURES), UINT64_MAX);
}

static void closing_is_no_error(void **state)
{
    (void)state;
    begin();
    fd_close(&f->sockets[0]);
    front_pump(&f->front);
    assert_int_equal(f->front.pumped, -EPIPE);
}

/* ------------------------------------------------------------------ hostile front-ends */

static void closing_in_the_middle_is_one(void **state)
{
    uint32_t part = VHOST_USER_SET_FEATURES;

    (void)state;
    front_send_raw(&f->front, &part, sizeof(part), NULL, 0);
    fd_close(&f->sockets[0]);
    front_pump(&f->front);
    assert_int_equal(f->front.pumped, -EPROTO);
}

static void descriptors_with_the_payload(void **state)
{
    struct vhost_user_header h = {VHOST_USER_SET_VRING_CALL, 1, 8};
    uint64_t value = 0;
    int before;

    (void)state;
    begin();
    before = open_descriptors();
    front_send_raw(&f->front, &h, sizeof(h), NULL, 0);
    assert_int_equal(f->front.pumped, 0);
    front_send_raw(&f->front, &value, sizeof(value), &f->call, 1);
    assert_int_equal(f->front.pumped, -EBADMSG);
    assert_int_equal(open_descriptors(), before);
}

static void no_descriptor_leaks(void **state)
{
    int fds[8] = {f->ram.fd, f->kick, f->call, f->ram.fd, f->kick, f->call, f->ram.fd, f->kick};
    struct vhost_user_header h = {VHOST_USER_SET_MEM_TABLE, 1, 40};
    uint64_t value = 0;
    int before;

    (void)state;
    begin();
    before = open_descriptors();
    /* More than any message may have: dropped by the kernel's count or by ours. */
    front_send(&f->front, VHOST_USER_SET_VRING_CALL, 1, &value, 8, fds, 8);
    assert_true(f->front.pumped < 0);
    assert_int_equal(open_descriptors(), before);
    /* Eight with the first byte, then eight with the second. */
    stop_backend();
    start_backend();
    before = open_descriptors();
    front_send_raw(&f->front, &h, 1, fds, 8);
    assert_int_equal(f->front.pumped, 0);
    front_send_raw(&f->front, (uint8_t *)&h + 1, 1, fds, 8);
    assert_true(f->front.pumped < 0);
    assert_int_equal(open_descriptors(), before);
    /* Replaced ones are closed. */
    stop_backend();
    start_backend();
    begin();
    assert_int_equal(front_do_fd(&f->front, VHOST_USER_SET_VRING_CALL, 0, f->call), 0);
    before = open_descriptors();
    for (int i = 0; i < 10; i++)
        assert_int_equal(front_do_fd(&f->front, VHOST_USER_SET_VRING_CALL, 0, f->call), 0);
    assert_int_equal(open_descriptors(), before);
    assert_int_equal(front_do_fd(&f->front, VHOST_USER_SET_VRING_CALL, 0x100, -1), 0);
    assert_int_equal(open_descriptors(), before - 1);
}

static void hostile_memory_tables(void **state)
{
    static const struct {
        uint32_t regions;
        struct vhost_user_region region[2];
    } cases[] = {
        {1, {{RAM_GUEST, 0, RAM_USER, 0}}},                     /* empty */
        {1, {{RAM_GUEST, RAM_SIZE + 4096, RAM_USER, 0}}},       /* over the limit */
        {1, {{RAM_GUEST, UINT64_MAX & ~4095ull, RAM_USER, 0}}}, /* far over it */
        {1, {{RAM_GUEST + 1, 4096, RAM_USER, 0}}},              /* not whole pages */
        {1, {{RAM_GUEST, 4095, RAM_USER, 0}}},
        {1, {{RAM_GUEST, 4096, RAM_USER, 1}}},
        {1, {{UINT64_MAX & ~4095ull, 8192, RAM_USER, 0}}}, /* wraps */
        {1, {{RAM_GUEST, 8192, UINT64_MAX & ~4095ull, 0}}},
        {1, {{RAM_GUEST, 8192, RAM_USER, UINT64_MAX & ~4095ull}}},
        {1, {{RAM_GUEST, 8192, RAM_USER, INT64_MAX & ~4095ull}}},         /* negative off_t */
        {2, {{0, 8192, RAM_USER, 0}, {4096, 8192, RAM_USER + 65536, 0}}}, /* overlap */
        {2, {{0, 8192, RAM_USER, 0}, {65536, 8192, RAM_USER + 4096, 0}}}, /* overlap of user */
        {2, {{0, 8192, RAM_USER, 0}, {0, 8192, RAM_USER, 0}}},            /* twice the same */
        {2, {{0, RAM_SIZE, RAM_USER, 0}, {RAM_SIZE, 4096, RAM_USER + RAM_SIZE, 0}}}, /* sum */
    };
    int fds[2] = {f->ram.fd, f->ram.fd};

    (void)state;
    run_ring();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vhost_user_memory memory = {.regions = cases[i].regions};

        memcpy(memory.region, cases[i].region, sizeof(cases[i].region));
        assert_int_equal(front_do(&f->front, VHOST_USER_SET_MEM_TABLE, &memory,
                                  VHOST_USER_MEMORY_SIZE(memory.regions), fds, memory.regions),
                         1);
        /* The old table is in force. */
        assert_non_null(f->fake.queue[0]);
    }
    /* Not a mappable file at all. */
    struct vhost_user_memory memory = {
        .regions = 1, .region = {{.guest = RAM_GUEST, .size = RAM_SIZE, .user = RAM_USER}}};

    assert_int_equal(front_do(&f->front, VHOST_USER_SET_MEM_TABLE, &memory, 40, &f->kick, 1), 1);
}

static void hostile_order(void **state)
{
    uint64_t value = 0;

    (void)state;
    /* A ring before the memory. */
    front_send(&f->front, VHOST_USER_SET_OWNER, 1, NULL, 0, NULL, 0);
    assert_int_equal(f->front.pumped, 0);
    front_send(&f->front, VHOST_USER_SET_VRING_KICK, 1, &value, 8, &f->kick, 1);
    assert_int_equal(f->front.pumped, -EPROTO);
    assert_int_equal(vhost_backend_last_request(f->front.backend), VHOST_USER_SET_VRING_KICK);
}

static void owner_twice(void **state)
{
    (void)state;
    begin();
    front_send(&f->front, VHOST_USER_SET_OWNER, 1, NULL, 0, NULL, 0);
    assert_int_equal(f->front.pumped, -EPROTO);
}

static void unacknowledged_failure_ends_the_connection(void **state)
{
    uint64_t features = 1ull << 63;

    (void)state;
    begin();
    front_send(&f->front, VHOST_USER_SET_FEATURES, 1, &features, 8, NULL, 0);
    assert_int_equal(f->front.pumped, -EINVAL);
}

static void features_not_offered_are_refused(void **state)
{
    uint64_t offered;

    (void)state;
    begin();
    offered = front_get(&f->front, VHOST_USER_GET_FEATURES);
    for (int bit = 0; bit < 64; bit++)
        if ((offered & (1ull << bit)) == 0)
            assert_int_equal(
                front_do_u64(&f->front, VHOST_USER_SET_FEATURES, offered | (1ull << bit)), 1);
    /* Legacy devices are not spoken. */
    assert_int_equal(
        front_do_u64(&f->front, VHOST_USER_SET_FEATURES, offered & ~(1ull << VIRTIO_F_VERSION_1)),
        1);
    assert_int_equal(front_do_u64(&f->front, VHOST_USER_SET_FEATURES, offered), 0);
    assert_int_equal(front_do_u64(&f->front, VHOST_USER_SET_PROTOCOL_FEATURES, UINT64_MAX), 1);
    assert_int_equal(front_do_u64(&f->front, VHOST_USER_SET_PROTOCOL_FEATURES, 1u << 3), 1);
}

static void running_rings_keep_their_settings(void **state)
{
    struct vhost_user_vring_addr addr = {.descriptor = RAM_USER};
    struct vhost_user_inflight area = {.size = 1 << 20, .queues = 1, .queue_size = ENTRIES};
    uint64_t offered;

    (void)state;
    run_ring();
    offered = front_get(&f->front, VHOST_USER_GET_FEATURES);
    assert_int_equal(front_do_state(&f->front, VHOST_USER_SET_VRING_NUM, 0, 4), 1);
    assert_int_equal(front_do_state(&f->front, VHOST_USER_SET_VRING_BASE, 0, 4), 1);
    assert_int_equal(front_do(&f->front, VHOST_USER_SET_VRING_ADDR, &addr, 40, NULL, 0), 1);
    assert_int_equal(front_do_state(&f->front, VHOST_USER_SET_VRING_ENABLE, 0, 2), 1);
    assert_int_equal(
        front_do(&f->front, VHOST_USER_SET_INFLIGHT_FD, &area, sizeof(area), &f->inflight, 1), 1);
    assert_int_equal(front_do_u64(&f->front, VHOST_USER_SET_FEATURES, offered), 0);
    assert_int_equal(front_do_u64(&f->front, VHOST_USER_SET_FEATURES, 1ull << VIRTIO_F_VERSION_1),
                     1);
}

static void rings_outside_memory_do_not_start(void **state)
{
    (void)state;
    begin();
    f->ring.used = RAM_SIZE - 8;
    assert_int_equal(front_ring(&f->front, 0, &f->ring, 0, f->kick, f->call), 1);
    assert_null(f->fake.queue[0]);
    f->ring.used = 0x3000;
    f->ring.entries = 9;
    assert_int_equal(front_ring(&f->front, 0, &f->ring, 0, f->kick, f->call), 1);
    /* Polling is not done here. */
    f->ring.entries = ENTRIES;
    assert_int_equal(front_do_fd(&f->front, VHOST_USER_SET_VRING_KICK, 0x100, -1), 1);
}

static void broken_rings_are_reported_and_left_alone(void **state)
{
    int err = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    uint64_t n = 0;

    (void)state;
    run_ring();
    assert_int_equal(front_do_fd(&f->front, VHOST_USER_SET_VRING_ERR, 0, err), 0);
    driver_buffer(&f->ring, 0, DATA, 4, D_NEXT, 0);
    driver_offer(&f->ring, 0);
    front_kick(f->kick);
    work();
    assert_int_equal(read(err, &n, 8), 8);
    assert_null(f->fake.queue[0]);
    assert_int_equal(vhost_backend_kick_fd(f->front.backend, 0), -1);
    assert_int_equal(driver_used_index(&f->ring), 0);
    fd_close(&err);
}

static void kick_that_is_no_eventfd(void **state)
{
    int ends[2];

    (void)state;
    begin();
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(front_ring(&f->front, 0, &f->ring, 0, ends[0], f->call), 0);
    fd_close(&ends[1]);
    /* End of file for ever: the ring is given up, not polled in a loop. */
    vhost_backend_kicked(f->front.backend, 0, POLLIN | POLLHUP);
    assert_int_equal(vhost_backend_kick_fd(f->front.backend, 0), -1);
    fd_close(&ends[0]);
}

/* ------------------------------------------------------------------ in-flight tracking */

static struct vhost_user_inflight area;

static void inflight_begin(bool fresh)
{
    int fd = f->inflight;

    begin();
    if (fresh) {
        fd = front_inflight(&f->front, 2, ENTRIES, &area);
        assert_true(fd >= 0);
    }
    assert_int_equal(front_do(&f->front, VHOST_USER_SET_INFLIGHT_FD, &area, sizeof(area), &fd, 1),
                     0);
    if (fresh)
        fd_close(&fd);
    assert_int_equal(front_ring(&f->front, 0, &f->ring, 0, f->kick, f->call), 0);
}

static void successor_redoes_what_was_in_flight(void **state)
{
    uint32_t head, written;
    uint64_t n;

    (void)state;
    inflight_begin(true);
    /* Two are done, three are taken in an order of their own, one is not taken yet. */
    offer(0);
    offer(1);
    work();
    f->fake.hold = true;
    offer(6);
    offer(2);
    offer(4);
    front_kick(f->kick);
    work();
    assert_int_equal(f->fake.count, 5);
    stop_backend();
    offer(5);

    assert_int_equal(read(f->call, &n, 8), 8);
    memset(&f->fake, 0, sizeof(f->fake));
    start_backend();
    inflight_begin(false);
    while (vhost_backend_process(f->front.backend))
        ;
    assert_int_equal(f->fake.count, 4);
    assert_int_equal(f->fake.popped[0], 6);
    assert_int_equal(f->fake.popped[1], 2);
    assert_int_equal(f->fake.popped[2], 4);
    assert_int_equal(f->fake.popped[3], 5);
    for (int i = 0; i < 6; i++)
        assert_true(driver_take(&f->ring, &head, &written));
    assert_false(driver_take(&f->ring, &head, &written));
    assert_int_equal(read(f->call, &n, 8), 8);
}

/* Neither the used index nor the order of the available ring tells what is left. */
static void successor_redoes_what_was_overtaken(void **state)
{
    uint32_t head, written;

    (void)state;
    inflight_begin(true);
    f->fake.first = 5;
    offer(3);
    offer(5);
    offer(1);
    work();
    assert_true(driver_take(&f->ring, &head, &written));
    assert_int_equal(head, 5);
    stop_backend();
    memset(&f->fake, 0, sizeof(f->fake));
    start_backend();
    inflight_begin(false);
    while (vhost_backend_process(f->front.backend))
        ;
    assert_int_equal(f->fake.count, 2);
    assert_int_equal(f->fake.popped[0], 3);
    assert_int_equal(f->fake.popped[1], 1);
    assert_true(driver_take(&f->ring, &head, &written));
    assert_true(driver_take(&f->ring, &head, &written));
    assert_false(driver_take(&f->ring, &head, &written));
}

static void visible_batch_is_not_redone(void **state)
{
    struct vhost_user_inflight_queue *q;
    uint8_t *map;

    (void)state;
    inflight_begin(true);
    f->fake.push_only = true; /* in the used ring, not visible: it died before the index */
    offer(3);
    offer(1);
    work();
    map = mmap(NULL, area.size, PROT_READ | PROT_WRITE, MAP_SHARED, f->inflight, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    q = (struct vhost_user_inflight_queue *)(void *)map;
    assert_int_equal(q->descriptor[3].inflight, 1);
    /* As if it had died between the used index and the flags: they are visible. */
    driver_set16(&f->ring, f->ring.used + 2, 2);
    stop_backend();
    memset(&f->fake, 0, sizeof(f->fake));
    start_backend();
    inflight_begin(false);
    while (vhost_backend_process(f->front.backend))
        ;
    assert_int_equal(f->fake.count, 0);
    assert_int_equal(q->descriptor[3].inflight, 0);
    assert_int_equal(q->descriptor[1].inflight, 0);
    assert_int_equal(q->used_index, 2);
    munmap(map, area.size);
}

static void hostile_inflight_blocks(void **state)
{
    struct vhost_user_inflight_queue *q;
    uint8_t *map;

    (void)state;
    inflight_begin(true);
    offer(0);
    work();
    map = mmap(NULL, area.size, PROT_READ | PROT_WRITE, MAP_SHARED, f->inflight, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    q = (struct vhost_user_inflight_queue *)(void *)map;
    for (int i = 0; i < 5; i++) {
        stop_backend();
        memset(&f->fake, 0, sizeof(f->fake));
        memset(map, 0, area.size);
        q->version = 1;
        q->entries = ENTRIES;
        q->used_index = 1;
        if (i == 0)
            q->version = 2;
        if (i == 1)
            q->entries = 65535;
        if (i == 2)
            q->features = 1;
        if (i == 3) { /* a looping list, an index outside, a batch longer than the ring */
            q->used_index = 2;
            q->last_batch_head = 65535;
        }
        if (i == 4) {
            q->used_index = (uint16_t)(1 - ENTRIES);
            q->last_batch_head = 3;
            q->descriptor[3].next = 3;
            q->descriptor[5].inflight = 200;
            driver_buffer(&f->ring, 5, DATA, 64, D_WRITE, 0);
            q->descriptor[5].counter = UINT64_MAX;
        }
        start_backend();
        begin();
        assert_int_equal(
            front_do(&f->front, VHOST_USER_SET_INFLIGHT_FD, &area, sizeof(area), &f->inflight, 1),
            0);
        assert_int_equal(front_ring(&f->front, 0, &f->ring, 0, f->kick, f->call), i < 3 ? 1 : 0);
        while (vhost_backend_process(f->front.backend))
            ;
        assert_int_equal(f->fake.count, i == 4 ? 1 : 0);
    }
    munmap(map, area.size);
}

static void hostile_inflight_areas(void **state)
{
    static const struct vhost_user_inflight cases[] = {
        {.size = 0, .queues = 1, .queue_size = ENTRIES},
        {.size = 100, .queues = 1, .queue_size = ENTRIES},
        {.size = 1 << 20, .queues = 1, .queue_size = 2048},
        {.size = 1 << 20, .offset = 7, .queues = 1, .queue_size = ENTRIES},
        {.size = 1 << 20, .offset = UINT64_MAX, .queues = 1, .queue_size = ENTRIES},
        {.size = UINT64_MAX, .offset = INT64_MAX, .queues = 1, .queue_size = ENTRIES},
    };

    (void)state;
    begin();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(front_do(&f->front, VHOST_USER_SET_INFLIGHT_FD, &cases[i],
                                  sizeof(cases[i]), &f->inflight, 1),
                         1);
    /* An area for rings smaller than the one that starts. */
    area = (struct vhost_user_inflight){.size = 4096, .queues = 1, .queue_size = ENTRIES / 2};
    assert_int_equal(
        front_do(&f->front, VHOST_USER_SET_INFLIGHT_FD, &area, sizeof(area), &f->inflight, 1), 0);
    assert_int_equal(front_ring(&f->front, 0, &f->ring, 0, f->kick, f->call), 1);
    /* More than the file has is not handed out. */
    assert_int_equal(front_inflight(&f->front, 2, 65535, &area), -1);
    assert_int_equal(area.size, 0);
}

static void a_fresh_area_is_zero(void **state)
{
    uint8_t byte = 0xff;
    int fd;

    (void)state;
    begin();
    assert_int_equal(pwrite(f->inflight, &byte, 1, 8), 1);
    fd = front_inflight(&f->front, 1, ENTRIES, &area);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, 8), 1);
    assert_int_equal(byte, 0);
    fd_close(&fd);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(negotiation),
        T(a_ring_runs_and_stops),
        T(a_lost_kick_does_no_harm),
        T(disabled_rings_rest),
        T(rings_start_enabled_without_protocol_features),
        T(config_is_read),
        T(memory_changes_under_a_running_ring),
        T(messages_in_pieces),
        T(closing_is_no_error),
        T(closing_in_the_middle_is_one),
        T(descriptors_with_the_payload),
        T(no_descriptor_leaks),
        T(hostile_memory_tables),
        T(hostile_order),
        T(owner_twice),
        T(unacknowledged_failure_ends_the_connection),
        T(features_not_offered_are_refused),
        T(running_rings_keep_their_settings),
        T(rings_outside_memory_do_not_start),
        T(broken_rings_are_reported_and_left_alone),
        T(kick_that_is_no_eventfd),
        T(successor_redoes_what_was_in_flight),
        T(successor_redoes_what_was_overtaken),
        T(visible_batch_is_not_redone),
        T(hostile_inflight_blocks),
        T(hostile_inflight_areas),
        T(a_fresh_area_is_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
