/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/daemon/loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"

#define BATCH 32

struct loop_source {
    struct loop *loop;
    struct loop_source *next, *previous;
    int fd;
    bool clock;   /* fd is ours */
    bool removed; /* waits for the end of the batch that may still name it */
    loop_ready ready;
    void *context;
};

struct loop {
    int epoll;
    bool stopped;
    struct loop_source *sources, *removed;
};

int loop_new(struct loop **loop)
{
    struct loop *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return -ENOMEM;
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll < 0) {
        int r = -errno;

        free(l);
        return r;
    }
    *loop = l;
    return 0;
}

static void sweep(struct loop *loop)
{
    while (loop->removed != NULL) {
        struct loop_source *gone = loop->removed;

        loop->removed = gone->next;
        free(gone);
    }
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    while (loop->sources != NULL) {
        struct loop_source *source = loop->sources;

        loop_remove(&source);
    }
    sweep(loop);
    fd_close(&loop->epoll);
    free(loop);
}

int loop_watch(struct loop *loop, int fd, uint32_t events, loop_ready ready, void *context,
               struct loop_source **source)
{
    struct loop_source *s = calloc(1, sizeof(*s));
    struct epoll_event event = {.events = events, .data.ptr = s};

    if (s == NULL)
        return -ENOMEM;
    *s = (struct loop_source){.loop = loop, .fd = fd, .ready = ready, .context = context};
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
        int r = -errno;

        free(s);
        return r;
    }
    s->next = loop->sources;
    if (s->next != NULL)
        s->next->previous = s;
    loop->sources = s;
    *source = s;
    return 0;
}

int loop_change(struct loop_source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};

    return epoll_ctl(source->loop->epoll, EPOLL_CTL_MOD, source->fd, &event) < 0 ? -errno : 0;
}

int loop_clock(struct loop *loop, uint64_t msec, loop_ready ready, void *context,
               struct loop_source **source)
{
    cleanup_fd int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    int r;

    if (fd < 0)
        return -errno;
    r = loop_watch(loop, fd, EPOLLIN, ready, context, source);
    if (r < 0)
        return r;
    (*source)->clock = true;
    (void)steal_fd(&fd);
    loop_clock_set(*source, msec);
    return 0;
}

/* Setting it also takes back that it has rung. */
void loop_clock_set(struct loop_source *source, uint64_t msec)
{
    const struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(msec / 1000), .tv_nsec = (long)(msec % 1000) * 1000000}};

    (void)timerfd_settime(source->fd, 0, &when, NULL); /* fails for bad arguments only */
}

void loop_remove(struct loop_source **source)
{
    struct loop_source *s = *source;
    struct loop *loop;

    if (s == NULL)
        return;
    loop = s->loop;
    *source = NULL;
    (void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, s->fd, NULL);
    if (s->clock)
        fd_close(&s->fd);
    if (s->previous != NULL)
        s->previous->next = s->next;
    else
        loop->sources = s->next;
    if (s->next != NULL)
        s->next->previous = s->previous;
    s->removed = true;
    s->next = loop->removed;
    loop->removed = s;
}

int loop_run(struct loop *loop)
{
    struct epoll_event events[BATCH];

    while (!loop->stopped) {
        int n = epoll_wait(loop->epoll, events, BATCH, -1);

        if (n < 0 && errno != EINTR)
            return -errno;
        for (int i = 0; i < n; i++) {
            struct loop_source *source = events[i].data.ptr;

            if (!source->removed)
                source->ready(source->context, source->clock ? 0 : events[i].events);
        }
        sweep(loop);
    }
    loop->stopped = false;
    return 0;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}
