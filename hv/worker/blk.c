/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/worker/blk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/virtio_blk.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "hv/vhost_user_wire.h"
#include "hv/worker/blk_engine.h"
#include "hv/worker/blk_request.h"

#define BIT(n) (1ull << (n))

/*
 * Bytes after which a batch is run although more requests wait, for results should not lie around;
 * and after which the other queues, and the sockets, get their turn.
 */
#define BATCH_BYTES (1u << 20)
/* The same for small requests, in batches. */
#define BATCHES_PER_TURN 4

struct blk {
    struct blk_disk disk;
    struct blk_limits limits;
    struct virtio_blk_config config;
    struct blk_job jobs[BLK_BATCH_MAX];
};

static int blk_set_features(void *self, uint64_t features)
{
    struct blk *blk = self;

    blk->limits.discard = (features & BIT(VIRTIO_BLK_F_DISCARD)) != 0;
    blk->limits.zero = (features & BIT(VIRTIO_BLK_F_WRITE_ZEROES)) != 0;
    /* 5.2.5.2: a driver that cannot flush must find every write stable. */
    blk->disk.write_through = (features & BIT(VIRTIO_BLK_F_FLUSH)) == 0;
    return 0;
}

/* Bytes that a decoded request can make us move. */
static uint64_t work_of(const struct blk_job *job)
{
    const struct blk_request *request = &job->request;
    uint64_t bytes = 0;

    if (job->done)
        return 0;
    if (request->operation == BLK_READ || request->operation == BLK_WRITE)
        return request->bytes;
    /* A disk that cannot zero by itself is written to. */
    for (unsigned i = 0; request->operation == BLK_ZERO && i < request->ranges; i++)
        bytes += request->range[i].bytes;
    return bytes;
}

/* Pop and decode a batch. Returns its size; *bytes grows; *last is what virtqueue_pop said. */
static size_t collect(struct blk *blk, struct virtqueue *queue, uint64_t *bytes, int *last)
{
    size_t count = 0;

    while (count < BLK_BATCH_MAX && *bytes < BATCH_BYTES) {
        struct blk_job *job = &blk->jobs[count];
        int r;

        *last = virtqueue_pop(queue, &job->chain);
        if (*last != 1)
            break;
        r = blk_request_decode(&blk->limits, &job->chain, &job->request);
        if (r < 0) {
            virtqueue_break(queue);
            *last = r;
            break;
        }
        job->done = r != 0;
        job->result = (uint8_t)r;
        *bytes += work_of(job);
        count++;
    }
    return count;
}

static bool blk_process(void *self, unsigned index, struct virtqueue *queue)
{
    struct blk *blk = self;
    uint64_t bytes = 0;

    (void)index;
    virtqueue_ignore(queue);
    for (int batch = 0; batch < BATCHES_PER_TURN && bytes < BATCH_BYTES; batch++) {
        int last = 1;
        size_t count = collect(blk, queue, &bytes, &last);

        blk_engine_run(&blk->disk, blk->jobs, count);
        for (size_t i = 0; i < count; i++) {
            const struct blk_job *job = &blk->jobs[i];

            *(volatile uint8_t *)job->request.status = job->result;
            virtqueue_push(queue, job->chain.head, job->request.written);
        }
        virtqueue_flush(queue);
        if (last != 1 && !virtqueue_listen(queue))
            return false;
    }
    return true;
}

static int check_backing(const struct worker_config *config, int fd, bool *block_device)
{
    bool readonly = (config->flags & WORKER_FLAG_READONLY) != 0;
    int flags = fcntl(fd, F_GETFL);
    uint64_t size;
    struct stat st;

    if (flags < 0 || fstat(fd, &st) < 0)
        return -errno;
    if ((flags & O_ACCMODE) != (readonly ? O_RDONLY : O_RDWR))
        return -EINVAL;
    *block_device = S_ISBLK(st.st_mode);
    if (*block_device) {
        if (ioctl(fd, BLKGETSIZE64, &size) < 0)
            return -errno;
    } else if (S_ISREG(st.st_mode)) {
        size = (uint64_t)st.st_size;
    } else {
        return -EINVAL;
    }
    return config->capacity <= size ? 0 : -EINVAL;
}

static uint64_t features_of(const struct worker_config *config)
{
    uint64_t features = BIT(VIRTIO_BLK_F_SIZE_MAX) | BIT(VIRTIO_BLK_F_SEG_MAX) |
                        BIT(VIRTIO_BLK_F_BLK_SIZE) | BIT(VIRTIO_BLK_F_FLUSH);

    if (config->queues > 1)
        features |= BIT(VIRTIO_BLK_F_MQ);
    if ((config->flags & WORKER_FLAG_READONLY) != 0)
        return features | BIT(VIRTIO_BLK_F_RO);
    if (config->discard_alignment > 0)
        features |= BIT(VIRTIO_BLK_F_DISCARD);
    return features | BIT(VIRTIO_BLK_F_WRITE_ZEROES);
}

static void fill_config(struct blk *blk, const struct worker_config *config)
{
    struct virtio_blk_config *c = &blk->config;
    uint64_t alignment = config->discard_alignment / BLK_SECTOR;

    c->capacity = blk->limits.sectors;
    c->size_max = BLK_SEGMENT_BYTES;
    c->seg_max = BLK_SEGMENTS_MAX;
    c->blk_size = config->block_size;
    c->num_queues = (uint16_t)config->queues;
    if (blk->limits.readonly)
        return;
    if (config->discard_alignment > 0) {
        c->max_discard_sectors = BLK_DISCARD_SECTORS;
        c->max_discard_seg = BLK_RANGES_MAX;
        c->discard_sector_alignment =
            alignment == 0 || alignment > BLK_DISCARD_SECTORS ? 1 : (uint32_t)alignment;
    }
    c->max_write_zeroes_sectors = BLK_ZERO_SECTORS;
    c->max_write_zeroes_seg = BLK_ZERO_RANGES_MAX;
    c->write_zeroes_may_unmap = 1;
}

int blk_new(const struct worker_config *config, int fd, bool in_flight, struct blk **blk,
            struct device *device)
{
    bool block_device = false;
    struct blk *b;
    int r = check_backing(config, fd, &block_device);

    if (r < 0)
        return r;
    b = calloc(1, sizeof(*b));
    if (b == NULL)
        return -ENOMEM;
    b->disk.fd = fd;
    b->disk.block_device = block_device;
    memcpy(b->disk.serial, config->serial, sizeof(b->disk.serial));
    b->limits.sectors = config->capacity / BLK_SECTOR;
    b->limits.readonly = (config->flags & WORKER_FLAG_READONLY) != 0;
    fill_config(b, config);
    *device = (struct device){
        .self = b,
        .features = features_of(config),
        .protocol_features = in_flight ? BIT(VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD) : 0,
        .queues = config->queues,
        .config = &b->config,
        .config_size = sizeof(b->config),
        .set_features = blk_set_features,
        .process = blk_process,
    };
    *blk = b;
    return 0;
}

void blk_free(struct blk *blk)
{
    free(blk);
}
