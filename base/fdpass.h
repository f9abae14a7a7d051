/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_BASE_FDPASS_H
#define CASEMATE_BASE_FDPASS_H

/* Messages with descriptors over Unix sockets (SCM_RIGHTS). */
#include <stddef.h>

/* The most descriptors that one message may carry. */
#define FDPASS_MAX 16

/*
 * Send `size` (> 0) bytes and `count` (0..FDPASS_MAX) descriptors, which stay the caller's. On a
 * stream socket all bytes are sent, the descriptors with the first. 0, -EINVAL, -errno (-EPIPE when
 * the peer is gone; no signal is raised).
 */
int fdpass_send(int socket, const void *data, size_t size, const int *fds, size_t count);

/*
 * The same for a socket that keeps messages whole (SOCK_SEQPACKET, SOCK_DGRAM), without waiting:
 * for a peer that may have stopped reading on purpose. 0; -EAGAIN: there is no room, and nothing
 * was sent; -EINVAL; -EMSGSIZE; -errno.
 */
int fdpass_send_now(int socket, const void *data, size_t size, const int *fds, size_t count);

/*
 * Receive one message (or, on a stream, what is there) of at most `size` bytes into `data`, with at
 * most `*count` descriptors, all close-on-exec. Returns the number of bytes (0: the peer has
 * closed) and stores the number of descriptors, which the caller then owns. Never leaks one: a
 * message with too many descriptors, or one whose descriptors the kernel had to drop (MSG_CTRUNC: a
 * security module refused them, or the table is full), is refused with -EBADMSG and everything
 * closed; so is a datagram longer than `size` (MSG_TRUNC) with -EMSGSIZE. Else -errno; EINTR is
 * retried. `flags` is 0 or MSG_DONTWAIT (then -EAGAIN).
 */
int fdpass_receive(int socket, void *data, size_t size, int *fds, size_t *count, int flags);

#endif
