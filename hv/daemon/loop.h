/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_DAEMON_LOOP_H
#define CASEMATE_HV_DAEMON_LOOP_H

/* Waiting for many descriptors and clocks at once (epoll, timerfd). One thread. */
#include <stdint.h>

struct loop;
struct loop_source;

/* Called with the EPOLL* bits of its descriptor; 0 for a clock. */
typedef void (*loop_ready)(void *context, uint32_t events);

/* 0 or -errno. A loop is released with all its sources; NULL is allowed. */
int loop_new(struct loop **loop);
void loop_free(struct loop *loop);

/*
 * Watch `fd`, which stays the caller's, for `events` (EPOLLIN and so on; EPOLLHUP and EPOLLERR are
 * reported unasked). 0, -ENOMEM, -errno.
 */
int loop_watch(struct loop *loop, int fd, uint32_t events, loop_ready ready, void *context,
               struct loop_source **source);

/* Other events for it. 0 or -errno. */
int loop_change(struct loop_source *source, uint32_t events);

/* A clock that rings once, `msec` from now; 0: when loop_clock_set says. 0, -ENOMEM, -errno. */
int loop_clock(struct loop *loop, uint64_t msec, loop_ready ready, void *context,
               struct loop_source **source);

/*
 * Ring once, `msec` from now; 0: no more. For a clock that does not remove itself when it rings.
 * Takes neither memory nor a descriptor, so it works when both have run out.
 */
void loop_clock_set(struct loop_source *source, uint64_t msec);

/*
 * Stop watching and store NULL. From any callback, its own too: what it has already been reported
 * for is not delivered. NULL in *source is allowed.
 */
void loop_remove(struct loop_source **source);

/* Serve until loop_stop, then again if called again. 0 or -errno. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

#endif
