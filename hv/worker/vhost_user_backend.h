/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_WORKER_VHOST_USER_BACKEND_H
#define CASEMATE_HV_WORKER_VHOST_USER_BACKEND_H

/*
 * The back-end's side of one vhost-user connection (the vhost-user protocol specification of QEMU's
 * documentation): takes requests, holds memory table and vrings, and calls the device. It trusts
 * neither the front-end nor, through the rings, the guest.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/handoff.h"
#include "hv/worker/device.h"

struct vhost_backend;

/*
 * A back-end for `device`, which must outlive it. It maps at most `memory_limit` bytes of guest
 * memory. `inflight_fd` (borrowed) is a memory file of `inflight_size` bytes for in-flight
 * tracking, or -1 if the device does none. Allocates: before the filter. 0, -EINVAL (a device out
 * of range) or -ENOMEM.
 */
int vhost_backend_new(const struct device *device, uint64_t memory_limit, int inflight_fd,
                      uint64_t inflight_size, struct vhost_backend **backend);

/* Stop the rings, close and unmap all it was sent, free. Calls free(3): for tests. */
void vhost_backend_free(struct vhost_backend *backend);

/*
 * The socket (non-blocking use, borrowed) is readable: take and answer what is there, a bounded
 * number of requests. 0; -EPIPE when the front-end has closed between two requests; else the
 * connection is beyond use: -EPROTO, -EOPNOTSUPP (see vhost_user_decode.h), what an unacknowledged
 * request failed with, or the socket's -errno.
 */
int vhost_backend_receive(struct vhost_backend *backend, int socket);

/* Number of the request that was last looked at, for the report. */
uint32_t vhost_backend_last_request(const struct vhost_backend *backend);

/* The eventfd to wait on for queue `index`, or -1. Borrowed, valid until the next request. */
int vhost_backend_kick_fd(const struct vhost_backend *backend, unsigned index);

/* That eventfd reported `revents`. */
void vhost_backend_kicked(struct vhost_backend *backend, unsigned index, short revents);

/* Let the device work on the queues that have something to do. True: call again, do not wait. */
bool vhost_backend_process(struct vhost_backend *backend);

#endif
