/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VHOST_USER_WIRE_H
#define CASEMATE_HV_VHOST_USER_WIRE_H

/*
 * The vhost-user protocol as it is on the wire, shared by the front-end (hv/vmm) and the back-ends
 * (hv/worker); source: the vhost-user protocol specification of QEMU's documentation. Stream
 * socket, both ends on one machine, so all integers are in its byte order (little-endian here).
 * Only what Casemate speaks has a struct; the other requests have a number, so that they can be
 * refused by name. Either end is hostile to the other: sizes, flags and descriptor counts are
 * checked against what is said here before anything is used.
 *
 * A message is the header, then header.size bytes of payload. Descriptors come with the header's
 * first byte. A reply has the request's number, VHOST_USER_VERSION and VHOST_USER_FLAG_REPLY.
 *
 * What our front-end does:
 *   GET_FEATURES, GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES, SET_OWNER, GET_QUEUE_NUM if MQ,
 *   GET_CONFIG if CONFIG, SET_MEM_TABLE, GET_INFLIGHT_FD and SET_INFLIGHT_FD if INFLIGHT_SHMFD
 *     (queue_size there is the largest that the guest may choose), before the start gate;
 *   SET_FEATURES, then for each queue that the driver enabled SET_VRING_NUM, SET_VRING_BASE,
 *     SET_VRING_ADDR, SET_VRING_CALL, SET_VRING_ERR, SET_VRING_KICK, SET_VRING_ENABLE 1, at
 *     DRIVER_OK;
 *   GET_VRING_BASE for each started queue when the driver resets the device: after its reply the
 *     back-end touches neither the ring nor its buffers.
 * Each request without a reply of its own carries VHOST_USER_FLAG_NEED_REPLY once REPLY_ACK is
 * agreed on, and the front-end waits for the answer before the next one.
 *
 * One extension between our two programs: a casemate-net with more than one queue pair serves the
 * control virtqueue itself, as the last queue (index 2 * pairs), and then offers
 * VIRTIO_NET_F_CTRL_VQ and VIRTIO_NET_F_MQ; with one pair it offers neither. Other front-ends keep
 * that queue to themselves, and do not acknowledge these bits unless they handle it.
 */
#include <stdint.h>

enum vhost_user_request {
    VHOST_USER_GET_FEATURES = 1,           /* -> u64 */
    VHOST_USER_SET_FEATURES = 2,           /* u64 */
    VHOST_USER_SET_OWNER = 3,              /* nothing */
    VHOST_USER_RESET_OWNER = 4,            /* obsolete */
    VHOST_USER_SET_MEM_TABLE = 5,          /* memory, one descriptor per region */
    VHOST_USER_SET_LOG_BASE = 6,           /* migration: not spoken */
    VHOST_USER_SET_LOG_FD = 7,             /* migration: not spoken */
    VHOST_USER_SET_VRING_NUM = 8,          /* state: num = entries */
    VHOST_USER_SET_VRING_ADDR = 9,         /* addr */
    VHOST_USER_SET_VRING_BASE = 10,        /* state: num = next available index */
    VHOST_USER_GET_VRING_BASE = 11,        /* state -> state; stops the ring */
    VHOST_USER_SET_VRING_KICK = 12,        /* u64, VHOST_USER_VRING_*, one eventfd; starts it */
    VHOST_USER_SET_VRING_CALL = 13,        /* u64, VHOST_USER_VRING_*, one eventfd */
    VHOST_USER_SET_VRING_ERR = 14,         /* u64, VHOST_USER_VRING_*, one eventfd */
    VHOST_USER_GET_PROTOCOL_FEATURES = 15, /* -> u64 */
    VHOST_USER_SET_PROTOCOL_FEATURES = 16, /* u64 */
    VHOST_USER_GET_QUEUE_NUM = 17,         /* -> u64; MQ */
    VHOST_USER_SET_VRING_ENABLE = 18,      /* state: num = 0 or 1 */
    VHOST_USER_SEND_RARP = 19,
    VHOST_USER_NET_SET_MTU = 20,
    VHOST_USER_SET_BACKEND_REQ_FD = 21,
    VHOST_USER_IOTLB_MSG = 22,
    VHOST_USER_SET_VRING_ENDIAN = 23,
    VHOST_USER_GET_CONFIG = 24, /* config -> config; CONFIG */
    VHOST_USER_SET_CONFIG = 25, /* config; CONFIG */
    VHOST_USER_CREATE_CRYPTO_SESSION = 26,
    VHOST_USER_CLOSE_CRYPTO_SESSION = 27,
    VHOST_USER_POSTCOPY_ADVISE = 28,
    VHOST_USER_POSTCOPY_LISTEN = 29,
    VHOST_USER_POSTCOPY_END = 30,
    VHOST_USER_GET_INFLIGHT_FD = 31, /* inflight -> inflight, one descriptor; INFLIGHT_SHMFD */
    VHOST_USER_SET_INFLIGHT_FD = 32, /* inflight, one descriptor; INFLIGHT_SHMFD */
    VHOST_USER_GPU_SET_SOCKET = 33,
    VHOST_USER_RESET_DEVICE = 34,
    VHOST_USER_VRING_KICK = 35,
    VHOST_USER_GET_MAX_MEM_SLOTS = 36,
    VHOST_USER_ADD_MEM_REG = 37,
    VHOST_USER_REM_MEM_REG = 38,
    VHOST_USER_SET_STATUS = 39,
    VHOST_USER_GET_STATUS = 40,
};

/* Header flags. */
#define VHOST_USER_VERSION_MASK    0x3u
#define VHOST_USER_VERSION         0x1u
#define VHOST_USER_FLAG_REPLY      0x4u /* this is a reply */
#define VHOST_USER_FLAG_NEED_REPLY 0x8u /* REPLY_ACK: answer with a u64, 0 = done, else refused */
#define VHOST_USER_FLAGS_KNOWN     0xfu

/* Bit of GET_FEATURES that is not the device's: protocol features can be negotiated. */
#define VHOST_USER_F_PROTOCOL_FEATURES 30
/* Bit of GET_FEATURES: dirty logging for migration; never offered nor accepted here. */
#define VHOST_F_LOG_ALL 26

/* Protocol features: bit numbers. */
#define VHOST_USER_PROTOCOL_F_MQ             0
#define VHOST_USER_PROTOCOL_F_LOG_SHMFD      1
#define VHOST_USER_PROTOCOL_F_RARP           2
#define VHOST_USER_PROTOCOL_F_REPLY_ACK      3
#define VHOST_USER_PROTOCOL_F_MTU            4
#define VHOST_USER_PROTOCOL_F_BACKEND_REQ    5
#define VHOST_USER_PROTOCOL_F_CONFIG         9
#define VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD 12
#define VHOST_USER_PROTOCOL_F_RESET_DEVICE   13
#define VHOST_USER_PROTOCOL_F_STATUS         16

/* SET_VRING_KICK, CALL, ERR: the u64. */
#define VHOST_USER_VRING_INDEX_MASK 0xffu
#define VHOST_USER_VRING_NO_FD      0x100u /* no descriptor comes with it: poll, or do not signal */

#define VHOST_USER_REGIONS_MAX 8u   /* of SET_MEM_TABLE */
#define VHOST_USER_CONFIG_MAX  256u /* bytes of device configuration */

struct vhost_user_header {
    uint32_t request; /* enum vhost_user_request */
    uint32_t flags;   /* VHOST_USER_VERSION | VHOST_USER_FLAG_* */
    uint32_t size;    /* bytes of payload that follow */
};

struct vhost_user_region {
    uint64_t guest;  /* guest-physical address */
    uint64_t size;   /* bytes */
    uint64_t user;   /* front-end's virtual address: only a name space for SET_VRING_ADDR */
    uint64_t offset; /* of the region's first byte in its descriptor */
};

/*
 * SET_MEM_TABLE. The payload on the wire ends with the last region: 8 + 32 * regions bytes. Our
 * front-end sends the guest-physical address as `user` too, since no process of ours has a reason
 * to learn another's address space.
 */
struct vhost_user_memory {
    uint32_t regions; /* 1..VHOST_USER_REGIONS_MAX */
    uint32_t padding;
    struct vhost_user_region region[VHOST_USER_REGIONS_MAX];
};

#define VHOST_USER_MEMORY_SIZE(regions)                                                            \
    (8u + (uint32_t)sizeof(struct vhost_user_region) * (uint32_t)(regions))

struct vhost_user_vring_state {
    uint32_t index;
    uint32_t num;
};

struct vhost_user_vring_addr {
    uint32_t index;
    uint32_t flags;      /* bit 0: log writes to the used ring; 0 here */
    uint64_t descriptor; /* in the name space of vhost_user_region.user */
    uint64_t used;
    uint64_t available;
    uint64_t log; /* guest-physical address of the used ring for logging; 0 here */
};

/*
 * GET_CONFIG, SET_CONFIG. Request and reply have the same size on the wire: 12 + size bytes. A
 * back-end that cannot serve the range answers with a payload of zero bytes.
 */
struct vhost_user_config {
    uint32_t offset;
    uint32_t size;  /* 1..VHOST_USER_CONFIG_MAX, offset + size at most that too */
    uint32_t flags; /* 0: any range; 1: only what migration may write */
    uint8_t bytes[VHOST_USER_CONFIG_MAX];
};

#define VHOST_USER_CONFIG_HEADER 12u

/*
 * GET_INFLIGHT_FD, SET_INFLIGHT_FD. 20 bytes by the specification; most front-ends (and this one)
 * send the 24 of a C struct with its tail padding, and a back-end takes either and answers alike.
 */
struct vhost_user_inflight {
    uint64_t size;       /* bytes of the area */
    uint64_t offset;     /* of the area in the descriptor */
    uint16_t queues;     /* number of queues */
    uint16_t queue_size; /* entries of each */
    uint32_t padding;
};

#define VHOST_USER_INFLIGHT_SIZE_MIN 20u

/*
 * What is in the area for split virtqueues, one block per queue, each padded to a multiple of
 * 64 bytes: written by the back-end only, so that its successor can redo what it had taken from the
 * available ring and not put into the used ring.
 */
struct vhost_user_inflight_descriptor {
    uint8_t inflight; /* 1 while the chain with this head is being worked on */
    uint8_t padding[5];
    uint16_t next;    /* chain of a batch of completed heads */
    uint64_t counter; /* order in which heads were taken */
};

struct vhost_user_inflight_queue {
    uint64_t features;
    uint16_t version; /* 1; 0 = never used */
    uint16_t entries; /* of descriptor[] */
    uint16_t last_batch_head;
    uint16_t used_index; /* used->idx as of the last complete batch */
    struct vhost_user_inflight_descriptor descriptor[];
};

union vhost_user_payload {
    uint64_t u64;
    struct vhost_user_memory memory;
    struct vhost_user_vring_state state;
    struct vhost_user_vring_addr addr;
    struct vhost_user_config config;
    struct vhost_user_inflight inflight;
};

/* Header and payload are adjacent on the wire: the struct is for one sendmsg of both. */
struct vhost_user_message {
    struct vhost_user_header header;
    union vhost_user_payload payload;
} __attribute__((packed, aligned(4)));

_Static_assert(sizeof(struct vhost_user_header) == 12, "wire format");
_Static_assert(sizeof(struct vhost_user_region) == 32, "wire format");
_Static_assert(sizeof(struct vhost_user_memory) == 8 + 32 * VHOST_USER_REGIONS_MAX, "wire format");
_Static_assert(sizeof(struct vhost_user_vring_addr) == 40, "wire format");
_Static_assert(sizeof(struct vhost_user_config) == 12 + VHOST_USER_CONFIG_MAX, "wire format");
_Static_assert(sizeof(struct vhost_user_inflight) == 24, "wire format");
_Static_assert(sizeof(struct vhost_user_inflight_descriptor) == 16, "wire format");
_Static_assert(sizeof(struct vhost_user_inflight_queue) == 16, "wire format");
_Static_assert(__builtin_offsetof(struct vhost_user_message, payload) == 12, "wire format");

#endif
