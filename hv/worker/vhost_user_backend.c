/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/worker/vhost_user_backend.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/fdpass.h"
#include "hv/vhost_user_wire.h"
#include "hv/worker/vhost_user_decode.h"
#include "hv/worker/vhost_user_ring.h"

#define BIT(n) (1ull << (n))

/* What every device here offers beside its own bits. */
#define TRANSPORT_FEATURES                                                                         \
    (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_RING_F_INDIRECT_DESC) |   \
     BIT(VHOST_USER_F_PROTOCOL_FEATURES))
#define PROTOCOL_FEATURES                                                                          \
    (BIT(VHOST_USER_PROTOCOL_F_MQ) | BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |                        \
     BIT(VHOST_USER_PROTOCOL_F_CONFIG))

/* Requests answered before the rings get their turn. */
#define REQUESTS_PER_TURN 64

struct vhost_backend {
    const struct device *device;
    struct guestmem *memory;
    struct vhost_user_state state;
    uint64_t features; /* agreed on */
    struct worker_ring ring[HANDOFF_QUEUES_MAX];
    /* in-flight tracking */
    int inflight_fd;
    uint64_t inflight_size;
    uint8_t *area; /* mapped by SET_INFLIGHT_FD, or NULL */
    size_t area_size;
    uint16_t area_queues, area_entries;
    /* the request that is being received */
    struct vhost_user_message message;
    size_t have; /* bytes of it */
    int fds[VHOST_USER_REGIONS_MAX];
    size_t fd_count;
    uint32_t last_request;
};

int vhost_backend_new(const struct device *device, uint64_t memory_limit, int inflight_fd,
                      uint64_t inflight_size, struct vhost_backend **backend)
{
    struct vhost_backend *b;
    int r;

    if (device->queues == 0 || device->queues > HANDOFF_QUEUES_MAX ||
        device->config_size > VHOST_USER_CONFIG_MAX || device->polls > DEVICE_POLL_MAX)
        return -EINVAL;
    b = calloc(1, sizeof(*b));
    if (b == NULL)
        return -ENOMEM;
    b->device = device;
    b->state.queues = device->queues;
    b->inflight_fd = inflight_fd;
    b->inflight_size = inflight_size;
    r = guestmem_new(memory_limit, &b->memory);
    for (unsigned i = 0; r == 0 && i < device->queues; i++)
        r = worker_ring_init(&b->ring[i]);
    if (r < 0) {
        vhost_backend_free(b);
        return r;
    }
    *backend = b;
    return 0;
}

static void drop_fds(struct vhost_backend *b)
{
    for (size_t i = 0; i < b->fd_count; i++)
        fd_close(&b->fds[i]);
    b->fd_count = 0;
}

void vhost_backend_free(struct vhost_backend *backend)
{
    if (backend == NULL)
        return;
    for (unsigned i = 0; i < backend->device->queues; i++) {
        if (backend->ring[i].queue == NULL)
            continue;
        worker_ring_suspend(&backend->ring[i], backend->device, i);
        worker_ring_release(&backend->ring[i]);
    }
    if (backend->area != NULL)
        (void)munmap(backend->area, backend->area_size);
    drop_fds(backend);
    guestmem_free(backend->memory);
    free(backend);
}

static bool any_started(const struct vhost_backend *b)
{
    for (unsigned i = 0; i < b->device->queues; i++)
        if (virtqueue_started(b->ring[i].queue))
            return true;
    return false;
}

/* ------------------------------------------------------------------ acting on requests */

static uint64_t offered(const struct vhost_backend *b)
{
    return b->device->features | TRANSPORT_FEATURES;
}

static uint64_t offered_protocol(const struct vhost_backend *b)
{
    return b->device->protocol_features | PROTOCOL_FEATURES;
}

static int set_features(struct vhost_backend *b, uint64_t features)
{
    const struct device *d = b->device;
    int r = 0;

    if ((features & ~offered(b)) != 0 || (features & BIT(VIRTIO_F_VERSION_1)) == 0)
        return -EINVAL;
    if (any_started(b))
        return features == b->features ? 0 : -EBUSY;
    if (d->set_features != NULL)
        r = d->set_features(d->self, features & d->features);
    if (r < 0)
        return r;
    b->features = features;
    b->state.reached |= VHOST_STATE_FEATURES;
    /* Without protocol features there is no SET_VRING_ENABLE: rings start enabled. */
    if ((features & BIT(VHOST_USER_F_PROTOCOL_FEATURES)) == 0)
        for (unsigned i = 0; i < d->queues; i++)
            b->ring[i].enabled = true;
    return 0;
}

static int set_protocol_features(struct vhost_backend *b, uint64_t features)
{
    bool again = (b->state.seen & BIT(VHOST_USER_SET_PROTOCOL_FEATURES)) != 0;

    if ((features & ~offered_protocol(b)) != 0 || (again && features != b->state.protocol))
        return -EINVAL;
    b->state.protocol = features;
    return 0;
}

static int set_mem_table(struct vhost_backend *b, const struct vhost_user_memory *memory)
{
    struct guestmem_region regions[VHOST_USER_REGIONS_MAX];
    int r;

    for (uint32_t i = 0; i < memory->regions; i++)
        regions[i] = (struct guestmem_region){
            .guest = memory->region[i].guest,
            .size = memory->region[i].size,
            .user = memory->region[i].user,
            .offset = memory->region[i].offset,
        };
    /* Nobody may hold a pointer into the old mappings when they go. */
    for (unsigned i = 0; i < b->device->queues; i++)
        worker_ring_suspend(&b->ring[i], b->device, i);
    r = guestmem_set(b->memory, regions, b->fds, memory->regions);
    for (unsigned i = 0; i < b->device->queues; i++) {
        if (r == 0)
            worker_ring_remap(&b->ring[i]);
        worker_ring_update(&b->ring[i], b->device, i);
    }
    if (r == 0)
        b->state.reached |= VHOST_STATE_MEMORY;
    return r;
}

static int set_vring_addr(struct vhost_backend *b, const struct vhost_user_vring_addr *addr)
{
    struct worker_ring *ring = &b->ring[addr->index];

    if (virtqueue_started(ring->queue))
        return -EBUSY;
    ring->setup.descriptor = addr->descriptor;
    ring->setup.available = addr->available;
    ring->setup.used = addr->used;
    ring->addressed = true;
    return 0;
}

static int set_vring_kick(struct vhost_backend *b, uint64_t value)
{
    unsigned index = (unsigned)(value & VHOST_USER_VRING_INDEX_MASK);
    struct worker_ring *ring = &b->ring[index];
    struct inflight inflight = {.entries = b->area_entries};
    int r;

    if (b->fd_count == 0)
        return -EOPNOTSUPP; /* polling a ring burns a core: not done here */
    worker_ring_set_kick(ring, b->fds[0]);
    b->fd_count = 0;
    if (virtqueue_started(ring->queue))
        return 0;
    if (b->area != NULL && index < b->area_queues)
        inflight.block =
            (struct vhost_user_inflight_queue *)(void *)(b->area + index * inflight_block_size(
                                                                               b->area_entries));
    r = worker_ring_start(ring, b->memory, &inflight, b->features);
    if (r == 0)
        worker_ring_update(ring, b->device, index);
    return r;
}

/* SET_VRING_CALL and SET_VRING_ERR: no descriptor means none. */
static int take_fd(struct vhost_backend *b, uint64_t value, void (*set)(struct worker_ring *, int))
{
    int fd = b->fd_count > 0 ? b->fds[0] : -1;

    b->fd_count = 0;
    set(&b->ring[value & VHOST_USER_VRING_INDEX_MASK], fd);
    return 0;
}

static int set_inflight(struct vhost_backend *b, const struct vhost_user_inflight *inflight)
{
    size_t size = inflight_area_size(inflight->queues, inflight->queue_size);
    void *area;

    if (any_started(b))
        return -EBUSY;
    if (inflight->queue_size > VIRTQUEUE_SIZE_MAX || inflight->size < size ||
        inflight->offset > INT64_MAX - size)
        return -EINVAL;
    area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, b->fds[0], (off_t)inflight->offset);
    if (area == MAP_FAILED)
        return -errno;
    if (b->area != NULL)
        (void)munmap(b->area, b->area_size);
    b->area = area;
    b->area_size = size;
    b->area_queues = inflight->queues;
    b->area_entries = inflight->queue_size;
    return 0;
}

/*
 * A front-end that asks wants a fresh area (one that goes on with an old one sets that one): our
 * memory file is zeroed. Nothing is handed out while rings run, or if the file is too small.
 */
static int get_inflight(struct vhost_backend *b, struct vhost_user_inflight *inflight)
{
    size_t size = inflight_area_size(inflight->queues, inflight->queue_size);
    void *area;

    if (any_started(b))
        return -EBUSY;
    if (b->inflight_fd < 0 || inflight->queue_size > VIRTQUEUE_SIZE_MAX || size > b->inflight_size)
        return -EINVAL;
    area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, b->inflight_fd, 0);
    if (area == MAP_FAILED)
        return -errno;
    memset(area, 0, size);
    (void)munmap(area, size);
    inflight->size = size;
    inflight->offset = 0;
    return 0;
}

static int set_vring_state(struct vhost_backend *b, uint32_t request,
                           const struct vhost_user_vring_state *state)
{
    struct worker_ring *ring = &b->ring[state->index];

    if (request == VHOST_USER_SET_VRING_ENABLE) {
        if (state->num > 1)
            return -EINVAL;
        ring->enabled = state->num == 1;
        worker_ring_update(ring, b->device, state->index);
        return 0;
    }
    if (virtqueue_started(ring->queue))
        return -EBUSY;
    if (request == VHOST_USER_SET_VRING_NUM)
        ring->setup.entries = state->num;
    else
        ring->setup.base = state->num;
    return 0;
}

static int reset_owner(struct vhost_backend *b)
{
    for (unsigned i = 0; i < b->device->queues; i++) {
        b->ring[i].enabled = false;
        worker_ring_update(&b->ring[i], b->device, i);
    }
    return 0;
}

/* Requests without a reply of their own. */
static int act(struct vhost_backend *b, uint32_t request, const union vhost_user_payload *p)
{
    switch (request) {
    case VHOST_USER_SET_FEATURES:
        return set_features(b, p->u64);
    case VHOST_USER_SET_PROTOCOL_FEATURES:
        return set_protocol_features(b, p->u64);
    case VHOST_USER_SET_OWNER:
        b->state.reached |= VHOST_STATE_OWNED;
        return 0;
    case VHOST_USER_RESET_OWNER:
        return reset_owner(b);
    case VHOST_USER_SET_MEM_TABLE:
        return set_mem_table(b, &p->memory);
    case VHOST_USER_SET_VRING_NUM:
    case VHOST_USER_SET_VRING_BASE:
    case VHOST_USER_SET_VRING_ENABLE:
        return set_vring_state(b, request, &p->state);
    case VHOST_USER_SET_VRING_ADDR:
        return set_vring_addr(b, &p->addr);
    case VHOST_USER_SET_VRING_KICK:
        return set_vring_kick(b, p->u64);
    case VHOST_USER_SET_VRING_CALL:
        return take_fd(b, p->u64, worker_ring_set_call);
    case VHOST_USER_SET_VRING_ERR:
        return take_fd(b, p->u64, worker_ring_set_err);
    case VHOST_USER_SET_INFLIGHT_FD:
        return set_inflight(b, &p->inflight);
    case VHOST_USER_SET_CONFIG:
        return -EPERM; /* nothing here is writable */
    default:
        return -EOPNOTSUPP;
    }
}

/* Requests that are answered: the payload becomes the answer. *fd is sent along, or stays -1. */
static uint32_t answer(struct vhost_backend *b, uint32_t request, uint32_t size,
                       union vhost_user_payload *p, int *fd)
{
    const struct device *d = b->device;

    switch (request) {
    case VHOST_USER_GET_FEATURES:
        p->u64 = offered(b);
        return sizeof(p->u64);
    case VHOST_USER_GET_PROTOCOL_FEATURES:
        p->u64 = offered_protocol(b);
        return sizeof(p->u64);
    case VHOST_USER_GET_QUEUE_NUM:
        p->u64 = d->queues;
        return sizeof(p->u64);
    case VHOST_USER_GET_VRING_BASE:
        worker_ring_stop(&b->ring[p->state.index], d, p->state.index);
        p->state.num = b->ring[p->state.index].setup.base;
        return sizeof(p->state);
    case VHOST_USER_GET_CONFIG:
        /* Fields behind what this device has read as zero. */
        memset(p->config.bytes, 0, sizeof(p->config.bytes));
        if (p->config.offset < d->config_size) {
            size_t n = d->config_size - p->config.offset;

            memcpy(p->config.bytes, (const uint8_t *)d->config + p->config.offset,
                   n < p->config.size ? n : p->config.size);
        }
        return size;
    case VHOST_USER_GET_INFLIGHT_FD:
        if (get_inflight(b, &p->inflight) == 0)
            *fd = b->inflight_fd;
        else
            p->inflight.size = 0;
        return size;
    default:
        return 0;
    }
}

/* ------------------------------------------------------------------ the connection */

static int reply(int socket, uint32_t request, const union vhost_user_payload *payload,
                 uint32_t size, int fd)
{
    struct vhost_user_message m = {
        .header = {.request = request,
                   .flags = VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY,
                   .size = size},
    };

    memcpy((uint8_t *)&m + sizeof(m.header), payload, size);
    return fdpass_send(socket, &m, sizeof(m.header) + size, &fd, fd >= 0 ? 1 : 0);
}

static int dispatch(struct vhost_backend *b, int socket)
{
    struct vhost_user_header h = b->message.header;
    union vhost_user_payload p;
    int r, fd = -1;

    memset(&p, 0, sizeof(p));
    memcpy(&p, (const uint8_t *)&b->message + sizeof(h), h.size);
    r = vhost_user_check_payload(&b->state, &h, &p, b->fd_count);
    if (r < 0)
        return r;
    if (vhost_user_has_reply(h.request)) {
        uint32_t size = answer(b, h.request, h.size, &p, &fd);

        r = reply(socket, h.request, &p, size, fd);
    } else {
        /* The sender sees a refusal, if it asked to; if not, it must not go on believing. */
        r = act(b, h.request, &p);
        if ((h.flags & VHOST_USER_FLAG_NEED_REPLY) != 0) {
            p.u64 = r < 0 ? 1u : 0u;
            r = reply(socket, h.request, &p, sizeof(p.u64), -1);
        }
    }
    b->state.seen |= BIT(h.request);
    return r;
}

/* Read on. 1: more of the same request is there, 0: not now, 2: the request is complete. */
static int receive_part(struct vhost_backend *b, int socket)
{
    const size_t header = sizeof(struct vhost_user_header);
    size_t want = b->have < header ? header : header + b->message.header.size;
    size_t room = b->have < header ? VHOST_USER_REGIONS_MAX - b->fd_count : 0;
    int n;

    /* Descriptors come with the header; any with the payload are refused by fdpass_receive. */
    n = fdpass_receive(socket, (uint8_t *)&b->message + b->have, want - b->have,
                       b->fds + b->fd_count, &room, MSG_DONTWAIT);
    if (n == -EAGAIN)
        return 0;
    if (n == 0 || n == -ECONNRESET)
        return b->have == 0 ? -EPIPE : -EPROTO;
    if (n < 0)
        return n;
    b->fd_count += room;
    b->have += (size_t)n;
    if (b->have < want)
        return 1;
    if (want == header) {
        b->last_request = b->message.header.request;
        n = vhost_user_check_header(&b->state, &b->message.header, b->fd_count);
        if (n < 0)
            return n;
    }
    return b->have == header + b->message.header.size ? 2 : 1;
}

int vhost_backend_receive(struct vhost_backend *backend, int socket)
{
    for (int done = 0; done < REQUESTS_PER_TURN;) {
        int r = receive_part(backend, socket);

        if (r == 1)
            continue;
        if (r == 2) {
            r = dispatch(backend, socket);
            backend->have = 0;
            done++;
        } else if (r == 0) {
            return 0;
        }
        if (r < 0 || backend->have == 0)
            drop_fds(backend);
        if (r < 0)
            return r;
    }
    return 0;
}

uint32_t vhost_backend_last_request(const struct vhost_backend *backend)
{
    return backend->last_request;
}

int vhost_backend_kick_fd(const struct vhost_backend *backend, unsigned index)
{
    return backend->ring[index].active ? backend->ring[index].kick : -1;
}

void vhost_backend_kicked(struct vhost_backend *backend, unsigned index, short revents)
{
    struct worker_ring *ring = &backend->ring[index];
    uint64_t count;
    ssize_t n = 0;

    if ((revents & POLLIN) != 0) {
        n = read(ring->kick, &count, sizeof(count));
        if (n > 0)
            ring->pending = true;
        if (n > 0 || (n < 0 && errno == EAGAIN))
            return;
    }
    /* An eventfd neither ends nor fails; what does would wake us for ever. */
    virtqueue_break(ring->queue);
    worker_ring_update(ring, backend->device, index);
}

bool vhost_backend_process(struct vhost_backend *backend)
{
    bool more = false;

    for (unsigned i = 0; i < backend->device->queues; i++)
        more |= worker_ring_process(&backend->ring[i], backend->device, i);
    return more;
}
