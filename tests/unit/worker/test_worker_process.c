/* SPDX-License-Identifier: Apache-2.0 */
/* The programs casemate-rng, -blk and -console themselves, under their real filters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/virtio_blk.h>
#include <sys/stat.h>
#include <time.h>

#include "hv/worker/inflight.h"
#include "tests/unit/worker/process.h"

#define DATA    0x100000u
#define ENTRIES 64
#define SECTORS 2048u

static struct driver_ram ram;
static struct driver_ring ring;
static int kick, call;

static int setup(void **state)
{
    (void)state;
    assert_int_equal(driver_ram_make(&ram), 0);
    ring = driver_ring_make(&ram, 0x1000, ENTRIES);
    kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    call = eventfd(0, EFD_CLOEXEC);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    driver_ram_drop(&ram);
    fd_close(&kick);
    fd_close(&call);
    return 0;
}

static void start(struct worker_spec *spec, struct worker *worker)
{
    struct control_message m;

    assert_int_equal(worker_start(spec, worker), 0);
    assert_int_equal(worker_message(worker, &m), CONTROL_READY);
}

static void go(struct worker *worker)
{
    struct control_message m = {.type = CONTROL_GO};

    assert_int_equal(send(worker->control, &m, sizeof(m), 0), sizeof(m));
}

/* ------------------------------------------------------------------ start and end */

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

static void refused(struct worker_spec *spec, uint32_t failure, uint64_t error, uint64_t fd)
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

/* ------------------------------------------------------------------ blk */

static int disk_make(uint32_t sectors)
{
    int fd = memfd_create("disk", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)sectors * 512), 0);
    return fd;
}

static struct worker_spec blk_spec(int disk, int inflight)
{
    struct worker_spec spec = worker_spec_make(PROCESS_BLK);

    spec.config.capacity = SECTORS * 512ull;
    spec.config.discard_alignment = 4096;
    memcpy(spec.config.serial, "serial-number", 13);
    spec.backing = disk;
    spec.inflight = inflight;
    return spec;
}

/* Request in slot `i` (of ENTRIES / 3): header, data, status in RAM. Chain head 3 * i. */
static uint32_t blk_data(unsigned i)
{
    return DATA + i * 0x4000u + 0x1000u;
}

static uint8_t *blk_status(unsigned i)
{
    return ram.bytes + DATA + i * 0x4000u + 0x800u;
}

static void blk_offer_at(unsigned i, uint32_t type, uint64_t sector, uint32_t data, uint32_t bytes)
{
    struct virtio_blk_outhdr header = {.type = type, .sector = sector};
    bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
    uint16_t head = (uint16_t)(3 * i), next = (uint16_t)(bytes > 0 ? head + 1 : head + 2);

    memcpy(ram.bytes + DATA + i * 0x4000u, &header, sizeof(header));
    *blk_status(i) = 0xee;
    driver_buffer(&ring, head, DATA + i * 0x4000u, sizeof(header), D_NEXT, next);
    driver_buffer(&ring, (uint16_t)(head + 1), data, bytes, D_NEXT | (in ? D_WRITE : 0),
                  (uint16_t)(head + 2));
    driver_buffer(&ring, (uint16_t)(head + 2), DATA + i * 0x4000u + 0x800u, 1, D_WRITE, 0);
    driver_offer(&ring, head);
}

static void blk_offer(unsigned i, uint32_t type, uint64_t sector, uint32_t bytes)
{
    blk_offer_at(i, type, sector, blk_data(i), bytes);
}

/* One request from start to end; its status. */
static uint8_t blk_do(uint32_t type, uint64_t sector, uint32_t bytes)
{
    uint32_t head, written;

    blk_offer(0, type, sector, bytes);
    front_kick(kick);
    assert_true(worker_used(&ring, ring.avail_idx, call));
    assert_true(driver_take(&ring, &head, &written));
    return *blk_status(0);
}

static void blk_serves(void **state)
{
    struct virtio_blk_discard_write_zeroes range = {.sector = 8, .num_sectors = 8};
    struct vhost_user_config c = {.size = 60};
    struct virtio_blk_config config;
    int disk = disk_make(SECTORS);
    struct worker_spec spec = blk_spec(disk, -1);
    uint8_t bytes[512], zero[4096] = {0};
    struct worker w;

    (void)state;
    start(&spec, &w);
    assert_int_equal(front_begin(&w.front, &ram, 0), 0);
    front_send(&w.front, VHOST_USER_GET_CONFIG, 1, &c, 72, NULL, 0);
    assert_int_equal(front_receive(&w.front, VHOST_USER_GET_CONFIG, &c, sizeof(c), NULL), 72);
    memcpy(&config, c.bytes, sizeof(config));
    assert_int_equal(config.capacity, SECTORS);
    assert_int_equal(config.blk_size, 512);
    assert_int_equal(config.discard_sector_alignment, 8);
    assert_int_equal(front_ring(&w.front, 0, &ring, 0, kick, call), 0);

    memset(ram.bytes + blk_data(0), 0xa5, 4096);
    assert_int_equal(blk_do(VIRTIO_BLK_T_OUT, 8, 4096), VIRTIO_BLK_S_OK);
    assert_int_equal(pread(disk, bytes, 512, 8 * 512), 512);
    assert_int_equal(bytes[511], 0xa5);
    memset(ram.bytes + blk_data(0), 0, 4096);
    assert_int_equal(blk_do(VIRTIO_BLK_T_IN, 8, 4096), VIRTIO_BLK_S_OK);
    assert_int_equal(ram.bytes[blk_data(0) + 4095], 0xa5);
    assert_int_equal(blk_do(VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
    assert_int_equal(blk_do(VIRTIO_BLK_T_GET_ID, 0, 20), VIRTIO_BLK_S_OK);
    assert_string_equal((char *)ram.bytes + blk_data(0), "serial-number");
    memcpy(ram.bytes + blk_data(0), &range, sizeof(range));
    assert_int_equal(blk_do(VIRTIO_BLK_T_DISCARD, 0, sizeof(range)), VIRTIO_BLK_S_OK);
    assert_int_equal(pread(disk, bytes, 512, 8 * 512), 512);
    assert_memory_equal(bytes, zero, 512);
    memset(ram.bytes + blk_data(0), 0xa5, 4096);
    assert_int_equal(blk_do(VIRTIO_BLK_T_OUT, 8, 4096), VIRTIO_BLK_S_OK);
    range.num_sectors = 1;
    memcpy(ram.bytes + blk_data(0), &range, sizeof(range));
    assert_int_equal(blk_do(VIRTIO_BLK_T_WRITE_ZEROES, 0, sizeof(range)), VIRTIO_BLK_S_OK);
    assert_int_equal(pread(disk, bytes, 512, 8 * 512), 512);
    assert_memory_equal(bytes, zero, 512);
    assert_int_equal(pread(disk, bytes, 512, 9 * 512), 512);
    assert_int_equal(bytes[0], 0xa5);
    range.flags = VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
    range.sector = 9;
    memcpy(ram.bytes + blk_data(0), &range, sizeof(range));
    assert_int_equal(blk_do(VIRTIO_BLK_T_WRITE_ZEROES, 0, sizeof(range)), VIRTIO_BLK_S_OK);
    assert_int_equal(pread(disk, bytes, 512, 9 * 512), 512);
    assert_memory_equal(bytes, zero, 512);
    assert_int_equal(blk_do(VIRTIO_BLK_T_IN, SECTORS, 512), VIRTIO_BLK_S_IOERR);
    assert_int_equal(blk_do(VIRTIO_BLK_T_OUT, SECTORS - 1, 1024), VIRTIO_BLK_S_IOERR);
    assert_int_equal(blk_do(77, 0, 0), VIRTIO_BLK_S_UNSUPP);
    /* The file is cut behind its back: an error for the guest, not the end of the worker. */
    assert_int_equal(ftruncate(disk, 0), 0);
    assert_int_equal(blk_do(VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_IOERR);
    fd_close(&w.front.socket);
    assert_int_equal(worker_wait(&w), 0);
    fd_close(&disk);
}

static void blk_refuses_the_wrong_disk(void **state)
{
    struct worker_spec spec;
    int disk = disk_make(SECTORS), ends[2];

    (void)state;
    spec = blk_spec(disk, -1);
    spec.config.capacity += 512;
    refused(&spec, FAILURE_DISK_IO, EINVAL, 0);
    /* Read-only, but opened for writing: more than it may have. */
    spec = blk_spec(disk, -1);
    spec.config.flags = WORKER_FLAG_READONLY;
    refused(&spec, FAILURE_DISK_IO, EINVAL, 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    spec = blk_spec(ends[0], -1);
    refused(&spec, FAILURE_DISK_IO, EINVAL, 0);
    spec = blk_spec(-1, -1);
    refused(&spec, FAILURE_DISK_IO, EBADF, 0);
    /* In-flight memory that somebody could cut. */
    spec = blk_spec(disk, disk);
    refused(&spec, FAILURE_HANDOFF, EPERM, HANDOFF_FD_INFLIGHT);
    fd_close(&ends[0]);
    fd_close(&ends[1]);
    fd_close(&disk);
}

static void blk_connect(struct worker *w, struct vhost_user_inflight *area, int inflight,
                        bool first)
{
    int fd = inflight;

    assert_int_equal(front_begin(&w->front, &ram, 0), 0);
    if (first) {
        fd = front_inflight(&w->front, 1, ENTRIES, area);
        assert_true(fd >= 0);
    }
    assert_int_equal(front_do(&w->front, VHOST_USER_SET_INFLIGHT_FD, area, sizeof(*area), &fd, 1),
                     0);
    if (first)
        fd_close(&fd);
    assert_int_equal(front_ring(&w->front, 0, &ring, driver_used_index(&ring), kick, call), 0);
}

static bool any_in_flight(int fd)
{
    uint8_t block[HANDOFF_INFLIGHT_BLOCK];
    const struct vhost_user_inflight_queue *q = (const void *)block;

    assert_int_equal(pread(fd, block, sizeof(block), 0), sizeof(block));
    for (unsigned i = 0; i < ENTRIES; i++)
        if (q->descriptor[i].inflight != 0)
            return true;
    return false;
}

/*
 * Writes are offered all the time, and the worker is killed again and again with some of them
 * taken. None may be lost, none may be reported twice, and each block holds what was written last.
 */
static void blk_killed_in_the_middle(void **state)
{
    enum { SLOTS = 20, KILLS = 40, REQUESTS = 3000 };
    int disk = disk_make(SECTORS), inflight;
    uint32_t expected[SLOTS * 8] = {0}, serial = 0, done = 0;
    bool busy[SLOTS + 1] = {false};
    struct vhost_user_inflight area;
    struct worker_spec spec;
    struct worker w;
    unsigned kills = 0, caught = 0;
    struct timespec nap = {0, 0};

    (void)state;
    inflight = fd_fixed_memfd("inflight", HANDOFF_INFLIGHT_BLOCK, 0);
    spec = blk_spec(disk, inflight);
    start(&spec, &w);
    blk_connect(&w, &area, inflight, true);
    while (done < REQUESTS) {
        uint32_t head, written;

        for (unsigned i = 0; i < SLOTS && serial < REQUESTS; i++) {
            unsigned block = i * 8 + serial % 8;
            uint32_t *at = (uint32_t *)(void *)(ram.bytes + blk_data(i));

            /* Some stay idle, so that a successor that redoes too much is found out. */
            if (busy[i] || (i * 7 + serial + kills) % 3 == 0)
                continue;
            busy[i] = true;
            expected[block] = ++serial;
            for (unsigned k = 0; k < 1024; k++)
                at[k] = serial;
            blk_offer(i, VIRTIO_BLK_T_OUT, block * 8ull, 4096);
        }
        if (!busy[SLOTS]) {
            /* The whole disk read at once, so that a batch takes its time. */
            busy[SLOTS] = true;
            blk_offer_at(SLOTS, VIRTIO_BLK_T_IN, 0, 0x200000, SECTORS * 512);
        }
        front_kick(kick);
        if (kills < KILLS && done > kills * (REQUESTS / KILLS / 2)) {
            /* Sweep over the time that a batch takes. Asleep, so that the worker gets the core. */
            nap.tv_nsec = 10000 * (long)kills;
            (void)nanosleep(&nap, NULL);
            assert_int_equal(kill(w.pid, SIGKILL), 0);
            assert_int_equal(worker_wait(&w), 256 + SIGKILL);
            kills++;
            caught += any_in_flight(inflight);
            start(&spec, &w);
            blk_connect(&w, &area, inflight, false);
        }
        if (ring.used_idx != ring.avail_idx)
            assert_true(worker_used(&ring, (uint16_t)(ring.used_idx + 1), call));
        while (driver_take(&ring, &head, &written)) {
            assert_int_equal(head % 3, 0);
            assert_true(head / 3 <= SLOTS && busy[head / 3]);
            assert_int_equal(*blk_status(head / 3), VIRTIO_BLK_S_OK);
            busy[head / 3] = false;
            done += head / 3 < SLOTS;
        }
    }
    assert_int_equal(done, REQUESTS);
    assert_int_equal(kills, KILLS);
    print_message("%u of %u kills left writes in flight\n", caught, kills);
    for (unsigned block = 0; block < SLOTS * 8; block++) {
        uint32_t data[1024];

        assert_int_equal(pread(disk, data, sizeof(data), block * 4096), sizeof(data));
        assert_int_equal(data[0], expected[block]);
        assert_int_equal(data[1023], expected[block]);
    }
    fd_close(&w.front.socket);
    assert_int_equal(worker_wait(&w), 0);
    fd_close(&inflight);
    fd_close(&disk);
}

/* ------------------------------------------------------------------ console */

struct console {
    struct worker w;
    int guest;        /* the VMM's end */
    int keys, screen; /* the operator's ends */
};

static void console_start(struct console *c)
{
    struct worker_spec spec = worker_spec_make(PROCESS_CONSOLE);
    int socket[2], keys[2], screen[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socket), 0);
    assert_int_equal(pipe2(keys, O_CLOEXEC), 0);
    assert_int_equal(pipe2(screen, O_CLOEXEC), 0);
    spec.vhost = socket[1];
    spec.backing = keys[0];
    spec.inflight = screen[1];
    start(&spec, &c->w);
    fd_close(&socket[1]);
    fd_close(&keys[0]);
    fd_close(&screen[1]);
    c->guest = socket[0];
    c->keys = keys[1];
    c->screen = screen[0];
}

static void console_carries_both_ways(void **state)
{
    char text[32] = {0};
    struct console c;

    (void)state;
    console_start(&c);
    assert_int_equal(write(c.guest, "login: \x1b[31m", 12), 12);
    assert_int_equal(fd_read_full(c.screen, text, 12), 0);
    assert_string_equal(text, "login: \x1b[31m");
    assert_int_equal(write(c.keys, "ro\x1d\x1dot\r", 7), 7);
    memset(text, 0, sizeof(text));
    assert_int_equal(fd_read_full(c.guest, text, 6), 0);
    assert_string_equal(text, "ro\x1dot\r");
    fd_close(&c.guest);
    assert_int_equal(worker_wait(&c.w), 0);
    fd_close(&c.keys);
    fd_close(&c.screen);
}

static void console_operator_quits(void **state)
{
    struct control_message m;
    char text[8] = {0};
    struct console c;

    (void)state;
    console_start(&c);
    assert_int_equal(write(c.keys, "a\x1d", 2), 2);
    assert_int_equal(write(c.keys, "q", 1), 1);
    assert_int_equal(worker_message(&c.w, &m), CONTROL_OFF);
    assert_int_equal(fd_read_full(c.guest, text, 1), 0);
    /* It goes on: the guest's last words are still to come. */
    assert_int_equal(write(c.guest, "bye", 3), 3);
    assert_int_equal(fd_read_full(c.screen, text, 3), 0);
    assert_string_equal(text, "bye");
    fd_close(&c.w.control);
    assert_int_equal(worker_wait(&c.w), 0);
    fd_close(&c.guest);
    fd_close(&c.keys);
    fd_close(&c.screen);
}

static void console_end(void **state, bool typed)
{
    static uint8_t block[65536], back[65536];
    struct console c;
    size_t sent = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = (uint8_t)(i * 7);
    console_start(&c);
    if (typed) {
        /* The guest has never read what was typed, and its own socket is full of it. */
        assert_int_equal(fcntl(c.keys, F_SETFL, O_NONBLOCK), 0);
        for (int idle = 0; idle < 20;) {
            struct pollfd p = {.fd = c.keys, .events = POLLOUT};

            idle = write(c.keys, block, 4096) > 0 ? 0 : idle + 1;
            (void)poll(&p, 1, 10);
        }
    }
    fd_close(&c.keys); /* end of the operator's input is not the end of anything else */
    /* As much as fits while nobody reads the screen, then the guest is gone. */
    assert_int_equal(fcntl(c.guest, F_SETFL, O_NONBLOCK), 0);
    while (sent < 40 * sizeof(block)) {
        struct pollfd p = {.fd = c.guest, .events = POLLOUT};
        ssize_t n =
            write(c.guest, block + sent % sizeof(block), sizeof(block) - sent % sizeof(block));

        if (n > 0)
            sent += (size_t)n;
        else if (poll(&p, 1, 300) == 0)
            break;
    }
    assert_true(sent > 100000);
    fd_close(&c.guest);
    for (size_t got = 0; got < sent;) {
        size_t n = sent - got < sizeof(back) ? sent - got : sizeof(back);

        assert_int_equal(fd_read_full(c.screen, back, n), 0);
        assert_memory_equal(back, block, n);
        got += n;
    }
    assert_int_equal(worker_wait(&c.w), 0);
    fd_close(&c.screen);
}

static void console_writes_all_at_the_end(void **state)
{
    console_end(state, false);
}

static void console_writes_all_though_input_waits(void **state)
{
    console_end(state, true);
}

static void console_survives_a_closed_screen(void **state)
{
    struct console c;
    char text[2];

    (void)state;
    console_start(&c);
    fd_close(&c.screen);
    for (int i = 0; i < 100; i++)
        assert_int_equal(fd_write_full(c.guest, "0123456789abcdef", 16), 0);
    assert_int_equal(write(c.keys, "x", 1), 1);
    assert_int_equal(fd_read_full(c.guest, text, 1), 0);
    fd_close(&c.guest);
    assert_int_equal(worker_wait(&c.w), 0);
    fd_close(&c.keys);
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
        T(blk_serves),
        T(blk_refuses_the_wrong_disk),
        T(blk_killed_in_the_middle),
        T(console_carries_both_ways),
        T(console_operator_quits),
        T(console_writes_all_at_the_end),
        T(console_writes_all_though_input_waits),
        T(console_survives_a_closed_screen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
