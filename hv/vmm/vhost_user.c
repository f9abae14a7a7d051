/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/vhost_user.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "hv/vmm/vhost_user_converse.h"

int vhost_user_new(int socket, struct vhost_user **front)
{
    struct vhost_user *f = calloc(1, sizeof(*f));

    if (f == NULL)
        return -ENOMEM;
    f->socket = socket;
    *front = f;
    return 0;
}

void vhost_user_free(struct vhost_user *front)
{
    if (front == NULL)
        return;
    fd_close(&front->socket);
    free(front);
}

void vhost_user_patience(struct vhost_user *front, unsigned seconds)
{
    front->patience = (struct timespec){.tv_sec = (time_t)seconds};
}

int vhost_user_socket(const struct vhost_user *front)
{
    return front->socket;
}

uint32_t vhost_user_last(const struct vhost_user *front)
{
    return front->last;
}

void vhost_user_abandon(struct vhost_user *front)
{
    if (front->ended == 0)
        front->ended = -ESHUTDOWN;
}

static int get_u64(struct vhost_user *front, uint32_t request, uint64_t *value)
{
    struct vhost_user_message message = {.header.size = 0};
    uint64_t got;
    const struct vhost_user_expected expected = {
        .payload = &got, .size = sizeof(got), .size_min = sizeof(got)};
    int r = vhost_user_converse(front, request, &message, NULL, 0, &expected);

    if (r == 0)
        *value = got;
    return r;
}

static int set_u64(struct vhost_user *front, uint32_t request, uint64_t value)
{
    struct vhost_user_message message = {.header.size = sizeof(value), .payload.u64 = value};

    return vhost_user_converse(front, request, &message, NULL, 0, NULL);
}

static int set_state(struct vhost_user *front, uint32_t request, uint32_t index, uint32_t num)
{
    struct vhost_user_message message = {
        .header.size = sizeof(message.payload.state),
        .payload.state = {.index = index, .num = num},
    };

    return vhost_user_converse(front, request, &message, NULL, 0, NULL);
}

/* SET_VRING_KICK, CALL, ERR; `fd` -1 says that there is none. */
static int set_eventfd(struct vhost_user *front, uint32_t request, uint32_t index, int fd)
{
    struct vhost_user_message message = {
        .header.size = sizeof(message.payload.u64),
        .payload.u64 =
            (index & VHOST_USER_VRING_INDEX_MASK) | (fd < 0 ? VHOST_USER_VRING_NO_FD : 0),
    };

    return vhost_user_converse(front, request, &message, &fd, fd < 0 ? 0 : 1, NULL);
}

int vhost_user_features(struct vhost_user *front, uint64_t *features)
{
    return get_u64(front, VHOST_USER_GET_FEATURES, features);
}

int vhost_user_protocol(struct vhost_user *front, uint64_t wanted, uint64_t *agreed)
{
    uint64_t offered;
    int r = get_u64(front, VHOST_USER_GET_PROTOCOL_FEATURES, &offered);

    if (r < 0)
        return r;
    r = set_u64(front, VHOST_USER_SET_PROTOCOL_FEATURES, offered & wanted);
    if (r < 0)
        return r;
    front->protocol = offered & wanted;
    *agreed = front->protocol;
    return 0;
}

int vhost_user_set_owner(struct vhost_user *front)
{
    struct vhost_user_message message = {.header.size = 0};

    return vhost_user_converse(front, VHOST_USER_SET_OWNER, &message, NULL, 0, NULL);
}

int vhost_user_set_features(struct vhost_user *front, uint64_t features)
{
    return set_u64(front, VHOST_USER_SET_FEATURES, features);
}

int vhost_user_queue_num(struct vhost_user *front, uint64_t *queues)
{
    return get_u64(front, VHOST_USER_GET_QUEUE_NUM, queues);
}

int vhost_user_memory_table(struct vhost_user *front, const struct memory *memory)
{
    struct vhost_user_message message = {.header.size = 0};
    struct vhost_user_memory table = {0};
    const struct memory_range *range;
    size_t count = memory_ranges(memory, &range);
    int fds[VHOST_USER_REGIONS_MAX];

    if (count == 0 || count > VHOST_USER_REGIONS_MAX)
        return -EINVAL;
    table.regions = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        table.region[i] = (struct vhost_user_region){
            .guest = range[i].guest,
            .size = range[i].size,
            .user = range[i].guest,
            .offset = range[i].offset,
        };
        fds[i] = memory_fd(memory);
    }
    message.header.size = VHOST_USER_MEMORY_SIZE(count);
    message.payload.memory = table;
    return vhost_user_converse(front, VHOST_USER_SET_MEM_TABLE, &message, fds, count, NULL);
}

int vhost_user_config(struct vhost_user *front, void *bytes, size_t size)
{
    struct vhost_user_message message = {.header.size = 0};
    struct vhost_user_config config;
    const struct vhost_user_expected expected = {.payload = &config,
                                                 .size = VHOST_USER_CONFIG_HEADER + size,
                                                 .size_min = VHOST_USER_CONFIG_HEADER + size,
                                                 .refusable = true};
    int r;

    if (size == 0 || size > VHOST_USER_CONFIG_MAX)
        return -EINVAL;
    message.header.size = VHOST_USER_CONFIG_HEADER + (uint32_t)size;
    message.payload.config.size = (uint32_t)size;
    r = vhost_user_converse(front, VHOST_USER_GET_CONFIG, &message, NULL, 0, &expected);
    if (r == 0 && (config.offset != 0 || config.size != size))
        r = vhost_user_breach(front);
    if (r == 0)
        memcpy(bytes, config.bytes, size);
    return r;
}

int vhost_user_inflight(struct vhost_user *front, uint16_t queues, uint16_t queue_size)
{
    struct vhost_user_message message = {
        .header.size = sizeof(message.payload.inflight),
        .payload.inflight = {.queues = queues, .queue_size = queue_size},
    };
    struct vhost_user_inflight area;
    cleanup_fd int fd = -1;
    const struct vhost_user_expected expected = {.payload = &area,
                                                 .size = sizeof(area),
                                                 .size_min = VHOST_USER_INFLIGHT_SIZE_MIN,
                                                 .fd = &fd};
    int r = vhost_user_converse(front, VHOST_USER_GET_INFLIGHT_FD, &message, NULL, 0, &expected);
    uint64_t end;

    if (r < 0)
        return r;
    if (area.size == 0)
        return 0;
    /* The area is never mapped here: it goes back as it came. */
    if (fd < 0 || !checked_add(area.offset, area.size, &end))
        return vhost_user_breach(front);
    message.payload.inflight = (struct vhost_user_inflight){
        .size = area.size, .offset = area.offset, .queues = queues, .queue_size = queue_size};
    return vhost_user_converse(front, VHOST_USER_SET_INFLIGHT_FD, &message, &fd, 1, NULL);
}

static int set_addr(struct vhost_user *front, const struct vhost_user_ring *ring)
{
    struct vhost_user_message message = {
        .header.size = sizeof(message.payload.addr),
        .payload.addr = {.index = ring->index,
                         .descriptor = ring->descriptor,
                         .used = ring->used,
                         .available = ring->available},
    };

    return vhost_user_converse(front, VHOST_USER_SET_VRING_ADDR, &message, NULL, 0, NULL);
}

int vhost_user_ring_start(struct vhost_user *front, const struct vhost_user_ring *ring)
{
    uint32_t index = ring->index;
    int r = set_state(front, VHOST_USER_SET_VRING_NUM, index, ring->size);

    if (r == 0)
        r = set_state(front, VHOST_USER_SET_VRING_BASE, index, ring->base);
    if (r == 0)
        r = set_addr(front, ring);
    if (r == 0)
        r = set_eventfd(front, VHOST_USER_SET_VRING_CALL, index, ring->call);
    if (r == 0)
        r = set_eventfd(front, VHOST_USER_SET_VRING_ERR, index, ring->error);
    if (r == 0)
        r = set_eventfd(front, VHOST_USER_SET_VRING_KICK, index, ring->kick);
    if (r == 0)
        r = set_state(front, VHOST_USER_SET_VRING_ENABLE, index, 1);
    return r;
}

int vhost_user_ring_call(struct vhost_user *front, uint32_t index, int call)
{
    return set_eventfd(front, VHOST_USER_SET_VRING_CALL, index, call);
}

int vhost_user_ring_stop(struct vhost_user *front, uint32_t index, uint16_t *base)
{
    struct vhost_user_message message = {
        .header.size = sizeof(message.payload.state),
        .payload.state = {.index = index},
    };
    struct vhost_user_vring_state state;
    const struct vhost_user_expected expected = {
        .payload = &state, .size = sizeof(state), .size_min = sizeof(state)};
    int r = vhost_user_converse(front, VHOST_USER_GET_VRING_BASE, &message, NULL, 0, &expected);

    if (r == 0 && (state.index != index || state.num > UINT16_MAX))
        r = vhost_user_breach(front);
    if (r == 0)
        *base = (uint16_t)state.num;
    return r;
}
