/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_VHOST_USER_H
#define CASEMATE_HV_VMM_VHOST_USER_H

/*
 * Front-end of the vhost-user protocol (hv/vhost_user_wire.h). The back-end is taken for
 * compromised: each reply's request number, flags, size and descriptors are checked, and all waits
 * of an operation together are no longer than vhost_user_patience said, however the back-end drips
 * its bytes. The first failure ends the conversation: every later call fails at once without
 * touching the socket.
 *
 * Errors of all calls: -EPIPE (the back-end has closed its end), -ETIMEDOUT (it does not answer or
 * does not read), -EBADMSG (a reply that breaks the protocol), -EREMOTEIO (it refused a request),
 * -ESHUTDOWN (an earlier call failed), else -errno of ppoll(2), sendmsg(2), recvmsg(2).
 *
 * Locking: none; one conversation at a time (the caller has the bus lock or is alone).
 * System calls: ppoll, sendmsg, recvmsg, close. Nothing is allocated after vhost_user_new.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/vhost_user_wire.h"
#include "hv/vmm/memory.h"

struct vhost_user;

/* `socket` becomes the front-end's on success. 0 or -ENOMEM. */
int vhost_user_new(int socket, struct vhost_user **front);

/* Close the socket. NULL is allowed. */
void vhost_user_free(struct vhost_user *front);

/*
 * How long the calls that follow may wait, all together, until this is called again. None may
 * before the first time.
 */
void vhost_user_patience(struct vhost_user *front, unsigned seconds);

/* The socket, borrowed. */
int vhost_user_socket(const struct vhost_user *front);

/* The request of the last call (enum vhost_user_request): which one failed. */
uint32_t vhost_user_last(const struct vhost_user *front);

/* End the conversation from here: later calls return -ESHUTDOWN. */
void vhost_user_abandon(struct vhost_user *front);

/* GET_FEATURES: what the back-end offers. */
int vhost_user_features(struct vhost_user *front, uint64_t *features);

/*
 * GET_PROTOCOL_FEATURES and SET_PROTOCOL_FEATURES of those in `wanted`; *agreed is what both have.
 * Only after GET_FEATURES showed VHOST_USER_F_PROTOCOL_FEATURES.
 */
int vhost_user_protocol(struct vhost_user *front, uint64_t wanted, uint64_t *agreed);

/* SET_OWNER; SET_FEATURES with what was negotiated. */
int vhost_user_set_owner(struct vhost_user *front);
int vhost_user_set_features(struct vhost_user *front, uint64_t features);

/* GET_QUEUE_NUM. Needs VHOST_USER_PROTOCOL_F_MQ. */
int vhost_user_queue_num(struct vhost_user *front, uint64_t *queues);

/* SET_MEM_TABLE: all of guest RAM; addresses of rings are guest-physical from then on. */
int vhost_user_memory_table(struct vhost_user *front, const struct memory *memory);

/*
 * GET_CONFIG: `size` (1..VHOST_USER_CONFIG_MAX) bytes from the start of the device configuration.
 * Needs VHOST_USER_PROTOCOL_F_CONFIG. -EREMOTEIO when the back-end has no such range.
 */
int vhost_user_config(struct vhost_user *front, void *bytes, size_t size);

/*
 * GET_INFLIGHT_FD and SET_INFLIGHT_FD: have the back-end track requests in flight in an area that
 * outlives it. Needs VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD. A back-end that has none (area of 0
 * bytes) is left without.
 */
int vhost_user_inflight(struct vhost_user *front, uint16_t queues, uint16_t queue_size);

struct vhost_user_ring {
    uint32_t index;
    uint16_t size;                        /* entries */
    uint16_t base;                        /* next index of the available ring */
    uint64_t descriptor, available, used; /* guest-physical */
    int kick, call, error;                /* eventfds; call may be -1: do not interrupt */
};

/* SET_VRING_NUM, BASE, ADDR, CALL, ERR, KICK, ENABLE: the back-end serves the queue from now on. */
int vhost_user_ring_start(struct vhost_user *front, const struct vhost_user_ring *ring);

/* SET_VRING_CALL: interrupt through another eventfd, or -1: not at all. */
int vhost_user_ring_call(struct vhost_user *front, uint32_t index, int call);

/*
 * GET_VRING_BASE: when this returns 0 the back-end touches neither the queue nor its buffers any
 * more. No SET_VRING_ENABLE 0 before it: a disabled queue's requests in flight would be left. *base
 * is the index to go on from. The back-end answers when its last request is done, and a disk can be
 * slow.
 */
int vhost_user_ring_stop(struct vhost_user *front, uint32_t index, uint16_t *base);

#endif
