/* SPDX-License-Identifier: Apache-2.0 */
/* How long one turn of the disk can last: the front-end waits for its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/virtio_blk.h>

#include "hv/vhost_user_wire.h"
#include "hv/worker/blk.h"
#include "tests/unit/worker/driver.h"

#define ENTRIES    64
#define DISK_BYTES (64u << 20)
#define HEADERS    0x10000u
#define STATUS     0x18000u
#define DATA       0x100000u

struct fixture {
    struct driver_ram ram;
    struct guestmem *memory;
    struct driver_ring ring;
    struct virtqueue *queue;
    struct blk *blk;
    struct device device;
    int disk;
};

static struct fixture *f;

static int setup(void **state)
{
    struct worker_config config = {.queues = 1, .capacity = DISK_BYTES, .block_size = 512};
    struct guestmem_region region = driver_region();
    struct virtqueue_setup setup = {.entries = ENTRIES};

    (void)state;
    f = test_calloc(1, sizeof(*f));
    f->disk = memfd_create("disk", MFD_CLOEXEC);
    assert_int_equal(ftruncate(f->disk, DISK_BYTES), 0);
    assert_int_equal(driver_ram_make(&f->ram), 0);
    assert_int_equal(guestmem_new(RAM_SIZE, &f->memory), 0);
    assert_int_equal(guestmem_set(f->memory, &region, &f->ram.fd, 1), 0);
    assert_int_equal(blk_new(&config, f->disk, false, &f->blk, &f->device), 0);
    assert_int_equal(f->device.set_features(f->device.self, f->device.features), 0);
    f->ring = driver_ring_make(&f->ram, 0x1000, ENTRIES);
    setup.descriptor = RAM_USER + f->ring.desc;
    setup.available = RAM_USER + f->ring.avail;
    setup.used = RAM_USER + f->ring.used;
    assert_int_equal(virtqueue_new(&f->queue), 0);
    assert_int_equal(virtqueue_start(f->queue, &setup, f->memory, NULL, -1), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    blk_free(f->blk);
    virtqueue_free(f->queue);
    guestmem_free(f->memory);
    driver_ram_drop(&f->ram);
    fd_close(&f->disk);
    test_free(f);
    return 0;
}

/* Request `i`, all of them over the same data. */
static void offer(unsigned i, uint32_t type, uint32_t bytes)
{
    struct virtio_blk_outhdr header = {.type = type};
    uint16_t head = (uint16_t)(3 * i);

    memcpy(f->ram.bytes + HEADERS + 64 * i, &header, sizeof(header));
    driver_buffer(&f->ring, head, HEADERS + 64 * i, sizeof(header), D_NEXT, (uint16_t)(head + 1));
    driver_buffer(&f->ring, (uint16_t)(head + 1), DATA, bytes,
                  D_NEXT | (type == VIRTIO_BLK_T_IN ? D_WRITE : 0), (uint16_t)(head + 2));
    driver_buffer(&f->ring, (uint16_t)(head + 2), STATUS + i, 1, D_WRITE, 0);
    driver_offer(&f->ring, head);
}

/* Work until all are done; every turn does at least one and at most `most`. */
static void turns_do_at_most(unsigned most)
{
    uint32_t head, written;
    bool more = true;

    while (more) {
        unsigned done = 0;

        more = f->device.process(f->device.self, 0, f->queue);
        for (; driver_take(&f->ring, &head, &written); done++)
            assert_int_equal(f->ram.bytes[STATUS + head / 3], VIRTIO_BLK_S_OK);
        assert_in_range(done, more ? 1 : 0, most);
    }
    assert_int_equal(f->ring.used_idx, f->ring.avail_idx);
}

static void large_requests(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 12; i++)
        offer(i, i % 2 == 0 ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT, 1u << 20);
    turns_do_at_most(1);
}

/* Small, and yet the disk may have to be written for each. */
static void large_ranges_of_zeroes(void **state)
{
    struct virtio_blk_discard_write_zeroes range = {.num_sectors = 1u << 16};

    (void)state;
    memcpy(f->ram.bytes + DATA, &range, sizeof(range));
    for (unsigned i = 0; i < 4; i++)
        offer(i, VIRTIO_BLK_T_WRITE_ZEROES, sizeof(range));
    turns_do_at_most(1);
}

static void small_requests_go_together(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++)
        offer(i, VIRTIO_BLK_T_IN, 4096);
    assert_false(f->device.process(f->device.self, 0, f->queue));
    assert_int_equal(driver_used_index(&f->ring), 20);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(large_requests),
        T(large_ranges_of_zeroes),
        T(small_requests_go_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
