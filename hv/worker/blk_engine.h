/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_WORKER_BLK_ENGINE_H
#define CASEMATE_HV_WORKER_BLK_ENGINE_H

/*
 * Decoded requests to system calls on the one disk. Batch in, results out: what an engine does in
 * between is its own affair, so another one is another file with this interface.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/worker/blk_request.h"

#define BLK_BATCH_MAX 32u

struct blk_disk {
    int fd;             /* raw file or block device, borrowed */
    bool block_device;  /* discard by ioctl instead of fallocate */
    bool write_through; /* the driver has no FLUSH: each write must be stable when it returns */
    uint8_t serial[BLK_ID_BYTES];
};

/* A request on its way: decoded, then with its VIRTIO_BLK_S_* result. */
struct blk_job {
    struct virtqueue_chain chain;
    struct blk_request request;
    uint8_t result;
    bool done; /* the result is known: the engine leaves it alone */
};

/*
 * Do all jobs (1..BLK_BATCH_MAX) that are not done and set their results. A flush covers every
 * write that comes before it in the batch, and of course all of earlier batches. Requests of one
 * batch are otherwise unordered, as the driver has to expect.
 */
void blk_engine_run(const struct blk_disk *disk, struct blk_job *jobs, size_t count);

#endif
