/* SPDX-License-Identifier: Apache-2.0 */
/* casemate-blk itself, under its real filter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/virtio_blk.h>
#include <time.h>

#include "hv/worker/inflight.h"
#include "tests/unit/worker/process_fixture.h"

#define SECTORS 2048u

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

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(blk_serves),
        T(blk_refuses_the_wrong_disk),
        T(blk_killed_in_the_middle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
