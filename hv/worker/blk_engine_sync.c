/* SPDX-License-Identifier: Apache-2.0 */
/* The synchronous engine: preadv and pwritev, with neighbouring requests joined into one call. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/virtio_blk.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hv/worker/blk_engine.h"
#include "hv/worker/iov.h"

/* What zeroes are written from where the file system cannot do it. */
#define ZERO_BUFFER   65536u
#define ZERO_SEGMENTS 16u
static const uint8_t zeroes[ZERO_BUFFER];

/* Transfer all of it: short counts go on, the end of the file is an error. */
static int transfer(int fd, bool write, struct iovec *iov, size_t count, uint64_t offset)
{
    while (count > 0) {
        ssize_t n = write ? pwritev(fd, iov, (int)count, (off_t)offset)
                          : preadv(fd, iov, (int)count, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return -EIO; /* somebody has cut the file */
        offset += (uint64_t)n;
        iov_drop_front(&iov, &count, (size_t)n);
    }
    return 0;
}

static int sync_data(int fd)
{
    return fdatasync(fd) < 0 ? -errno : 0;
}

static int allocate(int fd, int mode, const struct blk_range *range)
{
    int r;

    do {
        r = fallocate(fd, mode, (off_t)range->offset, (off_t)range->bytes);
    } while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : 0;
}

static int punch(int fd, const struct blk_range *range)
{
    return allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, range);
}

static int block_ioctl(int fd, unsigned long request, const struct blk_range *range)
{
    uint64_t argument[2] = {range->offset, range->bytes};

    return ioctl(fd, request, argument) < 0 ? -errno : 0;
}

static int discard(const struct blk_disk *disk, const struct blk_range *range)
{
    return disk->block_device ? block_ioctl(disk->fd, BLKDISCARD, range) : punch(disk->fd, range);
}

static int write_zeroes(int fd, const struct blk_range *range)
{
    uint64_t done = 0;

    while (done < range->bytes) {
        struct iovec iov[ZERO_SEGMENTS];
        uint64_t chunk = 0;
        size_t n = 0;
        int r;

        for (; n < ZERO_SEGMENTS && done + chunk < range->bytes; n++) {
            uint64_t left = range->bytes - done - chunk;

            iov[n].iov_base = (void *)(uintptr_t)zeroes; /* only read; the field lacks const */
            iov[n].iov_len = left < ZERO_BUFFER ? (size_t)left : ZERO_BUFFER;
            chunk += iov[n].iov_len;
        }
        r = transfer(fd, true, iov, n, range->offset + done);
        if (r < 0)
            return r;
        done += chunk;
    }
    return 0;
}

static int zero(const struct blk_disk *disk, const struct blk_range *range)
{
    int r = -EOPNOTSUPP;

    if (disk->block_device)
        return block_ioctl(disk->fd, BLKZEROOUT, range);
    if (range->unmap)
        r = punch(disk->fd, range);
    /* No KEEP_SIZE, which our filter refuses; the range lies inside of the file. */
    if (r == -EOPNOTSUPP)
        r = allocate(disk->fd, FALLOC_FL_ZERO_RANGE, range);
    if (r == -EOPNOTSUPP)
        r = write_zeroes(disk->fd, range);
    return r;
}

static int each_range(const struct blk_disk *disk, const struct blk_request *request)
{
    int r = 0;

    for (unsigned i = 0; r == 0 && i < request->ranges; i++) {
        if (request->range[i].bytes == 0)
            continue;
        r = request->operation == BLK_DISCARD ? discard(disk, &request->range[i])
                                              : zero(disk, &request->range[i]);
    }
    if (r == 0 && disk->write_through)
        r = sync_data(disk->fd);
    return r;
}

static int run_one(const struct blk_disk *disk, struct blk_request *request)
{
    int r;

    switch (request->operation) {
    case BLK_READ:
        return transfer(disk->fd, false, request->iov, request->count, request->offset);
    case BLK_WRITE:
        r = transfer(disk->fd, true, request->iov, request->count, request->offset);
        return r == 0 && disk->write_through ? sync_data(disk->fd) : r;
    case BLK_FLUSH:
        return sync_data(disk->fd);
    case BLK_DISCARD:
    case BLK_ZERO:
        return each_range(disk, request);
    case BLK_GET_ID:
        (void)iov_write(request->iov, request->count, 0, disk->serial, sizeof(disk->serial));
        return 0;
    }
    return -EOPNOTSUPP;
}

static uint8_t result_of(int r)
{
    if (r == 0)
        return VIRTIO_BLK_S_OK;
    return r == -EOPNOTSUPP ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR;
}

/* How many jobs from the first on are one contiguous transfer in the same direction. */
static size_t neighbours(const struct blk_job *jobs, size_t count)
{
    const struct blk_request *first = &jobs[0].request;
    size_t segments = first->count, n = 1;

    if (first->operation != BLK_READ && first->operation != BLK_WRITE)
        return 1;
    for (; n < count; n++) {
        const struct blk_request *previous = &jobs[n - 1].request, *next = &jobs[n].request;

        if (jobs[n].done || next->operation != first->operation ||
            next->offset != previous->offset + previous->bytes ||
            segments + next->count > VIRTQUEUE_SEGMENTS_MAX)
            break;
        segments += next->count;
    }
    return n;
}

/* One call for all of them. A failure tells nothing about which: they are then done singly. */
static int run_joined(const struct blk_disk *disk, const struct blk_job *jobs, size_t count)
{
    struct iovec iov[VIRTQUEUE_SEGMENTS_MAX];
    bool write = jobs[0].request.operation == BLK_WRITE;
    size_t segments = 0;
    int r;

    for (size_t i = 0; i < count; i++) {
        memcpy(iov + segments, jobs[i].request.iov, jobs[i].request.count * sizeof(iov[0]));
        segments += jobs[i].request.count;
    }
    r = transfer(disk->fd, write, iov, segments, jobs[0].request.offset);
    return r == 0 && write && disk->write_through ? sync_data(disk->fd) : r;
}

void blk_engine_run(const struct blk_disk *disk, struct blk_job *jobs, size_t count)
{
    for (size_t i = 0; i < count;) {
        size_t n;

        if (jobs[i].done) {
            i++;
            continue;
        }
        n = neighbours(jobs + i, count - i);
        if (n > 1 && run_joined(disk, jobs + i, n) == 0) {
            for (size_t j = i; j < i + n; j++)
                jobs[j].result = VIRTIO_BLK_S_OK;
        } else {
            for (size_t j = i; j < i + n; j++)
                jobs[j].result = result_of(run_one(disk, &jobs[j].request));
        }
        i += n;
    }
}
