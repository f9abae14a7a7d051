/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_WORKER_BLK_REQUEST_H
#define CASEMATE_HV_WORKER_BLK_REQUEST_H

/*
 * A block request (virtio 1.2, 5.2.6) from a chain of guest buffers. Decoding only: no file is
 * touched, and of guest memory only the header and the range list are read, once.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/worker/virtqueue.h"

#define BLK_SECTOR          512u
#define BLK_SEGMENTS_MAX    126u       /* of one request, as the configuration space says, */
#define BLK_SEGMENT_BYTES   (1u << 16) /* and bytes of each; their product is what counts */
#define BLK_DATA_BYTES_MAX  (BLK_SEGMENTS_MAX * BLK_SEGMENT_BYTES)
#define BLK_RANGES_MAX      16u        /* of one discard */
#define BLK_ZERO_RANGES_MAX 1u         /* of one write-zeroes, which may have to write them */
#define BLK_DISCARD_SECTORS (1u << 22) /* of one range */
#define BLK_ZERO_SECTORS    (1u << 16)
#define BLK_ID_BYTES        20u

/* What the disk allows. */
struct blk_limits {
    uint64_t sectors;
    bool readonly;
    bool discard; /* VIRTIO_BLK_F_DISCARD was agreed on */
    bool zero;    /* VIRTIO_BLK_F_WRITE_ZEROES was agreed on */
};

enum blk_operation { BLK_READ, BLK_WRITE, BLK_FLUSH, BLK_DISCARD, BLK_ZERO, BLK_GET_ID };

struct blk_range {
    uint64_t offset, bytes; /* within the disk */
    bool unmap;
};

struct blk_request {
    enum blk_operation operation;
    uint64_t offset;   /* READ, WRITE: bytes; offset + bytes is within the disk */
    size_t bytes;      /* READ, WRITE: sectors, at most BLK_DATA_BYTES_MAX; GET_ID: room */
    struct iovec *iov; /* READ, WRITE, GET_ID: the data, inside the chain */
    size_t count;
    unsigned ranges; /* DISCARD, ZERO */
    struct blk_range range[BLK_RANGES_MAX];
    uint8_t *status;  /* where in guest memory the result goes */
    uint32_t written; /* for the used ring */
};

/*
 * Decode `chain` (whose iov is changed). Returns 0: do it; VIRTIO_BLK_S_IOERR or
 * VIRTIO_BLK_S_UNSUPP: only this is to be stored at ->status; -EPROTO: the chain has no room for
 * header or status, which breaks the ring. ->status and ->written are set unless -EPROTO.
 */
int blk_request_decode(const struct blk_limits *limits, struct virtqueue_chain *chain,
                       struct blk_request *request);

#endif
