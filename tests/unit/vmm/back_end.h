/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_BACK_END_H
#define CASEMATE_TESTS_BACK_END_H

/*
 * The other end of a vhost-user socket, in a thread: honest and recording, until the one request
 * that it was told to spoil.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/fdpass.h"
#include "hv/vhost_user_wire.h"

enum spoil {
    SPOIL_NOTHING,
    SPOIL_CLOSE,         /* end of file instead of an answer */
    SPOIL_SHORT_HEADER,  /* 11 bytes, then end of file */
    SPOIL_SHORT_PAYLOAD, /* one byte less than the header says, then end of file */
    SPOIL_SMALLER,       /* a consistent payload that is one byte short */
    SPOIL_LARGER,        /* and one that is 8 bytes longer */
    SPOIL_HUGE,          /* header.size 0xffffffff */
    SPOIL_EMPTY,         /* header.size 0 */
    SPOIL_REQUEST,       /* answers another question */
    SPOIL_NOT_REPLY,     /* flag missing */
    SPOIL_VERSION,
    SPOIL_FLAG,    /* unknown bit */
    SPOIL_FDS,     /* three descriptors more */
    SPOIL_ONE_FD,  /* one, with an answer that has none */
    SPOIL_MID_FD,  /* one in the middle of the header */
    SPOIL_LATE_FD, /* a descriptor with the payload */
    SPOIL_REFUSE,  /* non-zero acknowledgement */
    SPOIL_MODES,
    SPOIL_SILENT, /* no answer at all, socket open: costs the front-end's patience */
};

struct back_end_ring {
    uint32_t num, base;
    struct vhost_user_vring_addr addr;
    bool kick, call, error, enabled;
    int kick_fd, call_fd;
};

struct back_end {
    /* what it is */
    uint64_t features, protocol, queues;
    uint8_t config[VHOST_USER_CONFIG_MAX];
    uint32_t spoil_request; /* in which answer */
    enum spoil spoil;
    uint64_t inflight_size; /* 0: it has none */
    bool inflight_no_fd;
    uint32_t stop_base;

    /* what it saw */
    unsigned messages;
    uint32_t request[1024];
    uint64_t features_set;
    struct vhost_user_memory memory;
    size_t memory_fds;
    struct vhost_user_inflight inflight;
    bool inflight_set, owner;
    struct back_end_ring ring[16];
    unsigned unexpected;

    int socket, front; /* `front` is for the front-end, whoever takes it stores -1 */
    pthread_t thread;
    uint64_t agreed;
};

static inline bool back_end_receive(int socket, void *data, size_t size, int *fds, size_t *count)
{
    size_t done = 0, none = 0;

    while (done < size) {
        int r = fdpass_receive(socket, (uint8_t *)data + done, size - done, fds,
                               done == 0 && count != NULL ? count : &none, 0);

        if (r <= 0)
            return false;
        none = 0;
        done += (size_t)r;
    }
    return true;
}

/* False when the conversation is over. */
static inline bool back_end_answer(struct back_end *b, uint32_t request, const void *payload,
                                   size_t size, int fd)
{
    uint8_t bytes[sizeof(struct vhost_user_message) + 64] = {0};
    struct vhost_user_header header = {
        .request = request,
        .flags = VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY,
        .size = (uint32_t)size,
    };
    size_t total, fds = fd >= 0 ? 1 : 0;
    int with[4] = {fd, 0, 0, 0};
    enum spoil spoil = request == b->spoil_request ? b->spoil : SPOIL_NOTHING;

    memcpy(bytes + sizeof(header), payload, size);
    total = sizeof(header) + size;
    switch (spoil) {
    case SPOIL_CLOSE:
        return false;
    case SPOIL_SHORT_HEADER:
        total = sizeof(header) - 1;
        break;
    case SPOIL_SHORT_PAYLOAD:
        total--;
        break;
    case SPOIL_SMALLER:
        header.size = size == sizeof(struct vhost_user_inflight) ? VHOST_USER_INFLIGHT_SIZE_MIN - 1
                                                                 : header.size - 1;
        total = sizeof(header) + header.size;
        break;
    case SPOIL_LARGER:
        header.size += 8;
        total += 8;
        break;
    case SPOIL_HUGE:
        header.size = UINT32_MAX;
        break;
    case SPOIL_EMPTY:
        header.size = 0;
        total = sizeof(header);
        break;
    case SPOIL_REQUEST:
        header.request++;
        break;
    case SPOIL_NOT_REPLY:
        header.flags &= ~VHOST_USER_FLAG_REPLY;
        break;
    case SPOIL_VERSION:
        header.flags ^= 3;
        break;
    case SPOIL_FLAG:
        header.flags |= 0x10;
        break;
    case SPOIL_FDS:
        for (size_t i = fds; i < 4; i++)
            with[i] = b->socket;
        fds = 4;
        break;
    case SPOIL_ONE_FD:
        if (fds == 0)
            with[fds++] = b->socket;
        break;
    case SPOIL_MID_FD:
        memcpy(bytes, &header, sizeof(header));
        with[0] = b->socket;
        return fdpass_send(b->socket, bytes, 5, &fd, fds) == 0 &&
               fdpass_send(b->socket, bytes + 5, total - 5, with, 1) == 0;
    case SPOIL_LATE_FD:
        memcpy(bytes, &header, sizeof(header));
        with[0] = b->socket;
        return fdpass_send(b->socket, bytes, sizeof(header), &fd, fds) == 0 &&
               fdpass_send(b->socket, bytes + sizeof(header), size, with, 1) == 0;
    case SPOIL_REFUSE:
        bytes[sizeof(header)] = 1;
        break;
    case SPOIL_SILENT:
        return true;
    default:
        break;
    }
    memcpy(bytes, &header, sizeof(header));
    return fdpass_send(b->socket, bytes, total, with, fds) == 0 && spoil != SPOIL_SHORT_HEADER &&
           spoil != SPOIL_SHORT_PAYLOAD;
}

static inline struct back_end_ring *back_end_ring_of(struct back_end *b, uint64_t index)
{
    if (index < 16)
        return &b->ring[index];
    b->unexpected++;
    return &b->ring[0];
}

/* One request; false when the conversation is over. */
static inline bool back_end_serve(struct back_end *b, struct vhost_user_message *m, int *fds,
                                  size_t count)
{
    union vhost_user_payload p;
    struct back_end_ring *ring;
    uint64_t u64 = 0;
    bool need = (m->header.flags & VHOST_USER_FLAG_NEED_REPLY) != 0;

    memcpy(&p, &m->payload, sizeof(p));
    switch (m->header.request) {
    case VHOST_USER_GET_FEATURES:
        return back_end_answer(b, m->header.request, &b->features, 8, -1);
    case VHOST_USER_GET_PROTOCOL_FEATURES:
        return back_end_answer(b, m->header.request, &b->protocol, 8, -1);
    case VHOST_USER_GET_QUEUE_NUM:
        return back_end_answer(b, m->header.request, &b->queues, 8, -1);
    case VHOST_USER_GET_CONFIG:
        memcpy(p.config.bytes, b->config, sizeof(b->config));
        return back_end_answer(b, m->header.request, &p.config, m->header.size, -1);
    case VHOST_USER_GET_INFLIGHT_FD: {
        int fd = b->inflight_size == 0 || b->inflight_no_fd ? -1 : eventfd(0, EFD_CLOEXEC);
        bool go;

        p.inflight.size = b->inflight_size;
        go = back_end_answer(b, m->header.request, &p.inflight, sizeof(p.inflight), fd);
        fd_close(&fd);
        return go;
    }
    case VHOST_USER_GET_VRING_BASE:
        ring = back_end_ring_of(b, p.state.index);
        ring->enabled = ring->kick = false;
        p.state.num = b->stop_base;
        return back_end_answer(b, m->header.request, &p.state, sizeof(p.state), -1);
    case VHOST_USER_SET_PROTOCOL_FEATURES:
        b->agreed = p.u64;
        break;
    case VHOST_USER_SET_FEATURES:
        b->features_set = p.u64;
        break;
    case VHOST_USER_SET_OWNER:
        b->owner = true;
        break;
    case VHOST_USER_SET_MEM_TABLE:
        b->memory = p.memory;
        b->memory_fds = count;
        if (m->header.size != VHOST_USER_MEMORY_SIZE(p.memory.regions))
            b->unexpected++;
        break;
    case VHOST_USER_SET_INFLIGHT_FD:
        b->inflight = p.inflight;
        b->inflight_set = count == 1;
        break;
    case VHOST_USER_SET_VRING_NUM:
        back_end_ring_of(b, p.state.index)->num = p.state.num;
        break;
    case VHOST_USER_SET_VRING_BASE:
        back_end_ring_of(b, p.state.index)->base = p.state.num;
        break;
    case VHOST_USER_SET_VRING_ENABLE:
        back_end_ring_of(b, p.state.index)->enabled = p.state.num == 1;
        break;
    case VHOST_USER_SET_VRING_ADDR:
        back_end_ring_of(b, p.addr.index)->addr = p.addr;
        break;
    case VHOST_USER_SET_VRING_KICK:
    case VHOST_USER_SET_VRING_CALL:
    case VHOST_USER_SET_VRING_ERR:
        u64 = p.u64;
        ring = back_end_ring_of(b, u64 & VHOST_USER_VRING_INDEX_MASK);
        if (((u64 & VHOST_USER_VRING_NO_FD) == 0) != (count == 1))
            b->unexpected++;
        if (m->header.request == VHOST_USER_SET_VRING_KICK) {
            ring->kick = count == 1;
            fd_close(&ring->kick_fd);
            if (count == 1)
                ring->kick_fd = fds[0], fds[0] = -1;
        } else if (m->header.request == VHOST_USER_SET_VRING_CALL) {
            ring->call = count == 1;
            fd_close(&ring->call_fd);
            if (count == 1)
                ring->call_fd = fds[0], fds[0] = -1;
        } else {
            ring->error = count == 1;
        }
        break;
    default:
        b->unexpected++;
        return false;
    }
    u64 = 0;
    return !need || back_end_answer(b, m->header.request, &u64, 8, -1);
}

static inline void *back_end_run(void *context)
{
    struct back_end *b = context;
    bool go = true;

    while (go) {
        struct vhost_user_message m;
        int fds[FDPASS_MAX];
        size_t count = FDPASS_MAX, none = 0;

        memset(&m, 0, sizeof(m));
        if (!back_end_receive(b->socket, &m.header, sizeof(m.header), fds, &count))
            break;
        go = m.header.size <= sizeof(m.payload) &&
             (m.header.flags & ~VHOST_USER_FLAG_NEED_REPLY) == VHOST_USER_VERSION &&
             (m.header.size == 0 || back_end_receive(b->socket, (uint8_t *)&m + sizeof(m.header),
                                                     m.header.size, NULL, &none));
        if (!go)
            b->unexpected++;
        b->request[b->messages++ % 1024] = m.header.request;
        go = go && back_end_serve(b, &m, fds, count);
        for (size_t i = 0; i < count; i++)
            fd_close(&fds[i]);
    }
    (void)shutdown(b->socket, SHUT_RDWR);
    return NULL;
}

/* An honest back-end that offers all that our front-end asks for; set fields before starting it. */
static inline struct back_end *back_end_new(void)
{
    struct back_end *b = calloc(1, sizeof(*b));
    int pair[2];

    if (b == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        abort();
    b->socket = pair[0];
    b->front = pair[1];
    b->features = UINT64_MAX;
    b->protocol = UINT64_MAX;
    b->queues = 16;
    b->inflight_size = 4096;
    for (unsigned i = 0; i < sizeof(b->config); i++)
        b->config[i] = (uint8_t)(i + 1);
    for (unsigned i = 0; i < 16; i++)
        b->ring[i].kick_fd = b->ring[i].call_fd = -1;
    return b;
}

static inline void back_end_start(struct back_end *b)
{
    if (pthread_create(&b->thread, NULL, back_end_run, b) != 0)
        abort();
}

/* After the front-end has closed, or to end the conversation from this side. */
static inline void back_end_free(struct back_end *b)
{
    (void)shutdown(b->socket, SHUT_RDWR);
    (void)pthread_join(b->thread, NULL);
    for (unsigned i = 0; i < 16; i++) {
        fd_close(&b->ring[i].kick_fd);
        fd_close(&b->ring[i].call_fd);
    }
    fd_close(&b->socket);
    fd_close(&b->front);
    free(b);
}

#endif
