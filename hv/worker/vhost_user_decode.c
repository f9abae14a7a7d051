/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/worker/vhost_user_decode.h"

#include <errno.h>

#include "base/checked.h"

/* How a request's payload is checked. */
enum shape {
    SHAPE_NONE,
    SHAPE_U64,
    SHAPE_MEMORY,
    SHAPE_STATE,
    SHAPE_ADDR,
    SHAPE_VRING_FD,
    SHAPE_CONFIG,
    SHAPE_INFLIGHT,
};

#define PERMIT     1u /* spoken here */
#define ONCE       2u /* at most once per connection */
#define REPLIES    4u /* has a reply of its own */
#define ANY_TIME   0u
#define NO_FEATURE 0xffu /* belongs to no protocol feature */

struct rule {
    uint8_t flags;
    uint8_t needs; /* VHOST_STATE_* that must have been reached */
    uint8_t shape;
    uint8_t feature; /* protocol feature's bit number */
    uint8_t fds_max;
    uint32_t size_min, size_max; /* of the payload */
};

#define OWNED         VHOST_STATE_OWNED
#define MEMORY        (VHOST_STATE_OWNED | VHOST_STATE_MEMORY)
#define SIZE_ADDR     ((uint32_t)sizeof(struct vhost_user_vring_addr))
#define SIZE_CONFIG   ((uint32_t)sizeof(struct vhost_user_config))
#define SIZE_INFLIGHT ((uint32_t)sizeof(struct vhost_user_inflight))

/*
 * QEMU asks for features before SET_OWNER, sets the call eventfd before SET_FEATURES, and for a
 * device of several queue pairs repeats what belongs to the device: hence ONCE for SET_OWNER only,
 * and repetitions that would change something under a running ring are refused when acted upon.
 */
static const struct rule rules[] = {
    [VHOST_USER_GET_FEATURES] = {PERMIT | REPLIES, ANY_TIME, SHAPE_NONE, NO_FEATURE, 0, 0, 0},
    [VHOST_USER_SET_FEATURES] = {PERMIT, OWNED, SHAPE_U64, NO_FEATURE, 0, 8, 8},
    [VHOST_USER_SET_OWNER] = {PERMIT | ONCE, ANY_TIME, SHAPE_NONE, NO_FEATURE, 0, 0, 0},
    [VHOST_USER_RESET_OWNER] = {PERMIT, OWNED, SHAPE_NONE, NO_FEATURE, 0, 0, 0},
    [VHOST_USER_SET_MEM_TABLE] = {PERMIT, OWNED, SHAPE_MEMORY, NO_FEATURE, VHOST_USER_REGIONS_MAX,
                                  VHOST_USER_MEMORY_SIZE(1),
                                  VHOST_USER_MEMORY_SIZE(VHOST_USER_REGIONS_MAX)},
    [VHOST_USER_SET_VRING_NUM] = {PERMIT, OWNED, SHAPE_STATE, NO_FEATURE, 0, 8, 8},
    [VHOST_USER_SET_VRING_ADDR] = {PERMIT, MEMORY, SHAPE_ADDR, NO_FEATURE, 0, SIZE_ADDR, SIZE_ADDR},
    [VHOST_USER_SET_VRING_BASE] = {PERMIT, OWNED, SHAPE_STATE, NO_FEATURE, 0, 8, 8},
    [VHOST_USER_GET_VRING_BASE] = {PERMIT | REPLIES, OWNED, SHAPE_STATE, NO_FEATURE, 0, 8, 8},
    [VHOST_USER_SET_VRING_KICK] = {PERMIT, MEMORY | VHOST_STATE_FEATURES, SHAPE_VRING_FD,
                                   NO_FEATURE, 1, 8, 8},
    [VHOST_USER_SET_VRING_CALL] = {PERMIT, OWNED, SHAPE_VRING_FD, NO_FEATURE, 1, 8, 8},
    [VHOST_USER_SET_VRING_ERR] = {PERMIT, OWNED, SHAPE_VRING_FD, NO_FEATURE, 1, 8, 8},
    [VHOST_USER_GET_PROTOCOL_FEATURES] = {PERMIT | REPLIES, ANY_TIME, SHAPE_NONE, NO_FEATURE, 0, 0,
                                          0},
    [VHOST_USER_SET_PROTOCOL_FEATURES] = {PERMIT, ANY_TIME, SHAPE_U64, NO_FEATURE, 0, 8, 8},
    [VHOST_USER_GET_QUEUE_NUM] = {PERMIT | REPLIES, ANY_TIME, SHAPE_NONE, VHOST_USER_PROTOCOL_F_MQ,
                                  0, 0, 0},
    [VHOST_USER_SET_VRING_ENABLE] = {PERMIT, OWNED, SHAPE_STATE, NO_FEATURE, 0, 8, 8},
    [VHOST_USER_GET_CONFIG] = {PERMIT | REPLIES, ANY_TIME, SHAPE_CONFIG,
                               VHOST_USER_PROTOCOL_F_CONFIG, 0, VHOST_USER_CONFIG_HEADER + 1,
                               SIZE_CONFIG},
    [VHOST_USER_SET_CONFIG] = {PERMIT, OWNED, SHAPE_CONFIG, VHOST_USER_PROTOCOL_F_CONFIG, 0,
                               VHOST_USER_CONFIG_HEADER + 1, SIZE_CONFIG},
    [VHOST_USER_GET_INFLIGHT_FD] = {PERMIT | REPLIES, OWNED, SHAPE_INFLIGHT,
                                    VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD, 0,
                                    VHOST_USER_INFLIGHT_SIZE_MIN, SIZE_INFLIGHT},
    [VHOST_USER_SET_INFLIGHT_FD] = {PERMIT, OWNED, SHAPE_INFLIGHT,
                                    VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD, 1,
                                    VHOST_USER_INFLIGHT_SIZE_MIN, SIZE_INFLIGHT},
};

#define RULES (sizeof(rules) / sizeof(rules[0]))

static const struct rule *rule_of(uint32_t request)
{
    if (request >= RULES || (rules[request].flags & PERMIT) == 0)
        return NULL;
    return &rules[request];
}

bool vhost_user_has_reply(uint32_t request)
{
    const struct rule *rule = rule_of(request);

    return rule != NULL && (rule->flags & REPLIES) != 0;
}

int vhost_user_check_header(const struct vhost_user_state *state,
                            const struct vhost_user_header *header, size_t fds)
{
    const struct rule *rule = rule_of(header->request);

    if (rule == NULL)
        return -EOPNOTSUPP;
    if (rule->feature != NO_FEATURE && (state->protocol & (1ull << rule->feature)) == 0)
        return -EOPNOTSUPP;
    if ((header->flags & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION ||
        (header->flags & ~(VHOST_USER_VERSION_MASK | VHOST_USER_FLAG_NEED_REPLY)) != 0)
        return -EPROTO;
    if ((header->flags & VHOST_USER_FLAG_NEED_REPLY) != 0 &&
        (state->protocol & (1ull << VHOST_USER_PROTOCOL_F_REPLY_ACK)) == 0)
        return -EPROTO;
    if (header->size < rule->size_min || header->size > rule->size_max || fds > rule->fds_max)
        return -EPROTO;
    if ((state->reached & rule->needs) != rule->needs)
        return -EPROTO;
    if ((rule->flags & ONCE) != 0 && (state->seen & (1ull << header->request)) != 0)
        return -EPROTO;
    return 0;
}

static bool memory_ok(uint32_t size, const struct vhost_user_memory *memory, size_t fds)
{
    return memory->regions >= 1 && memory->regions <= VHOST_USER_REGIONS_MAX &&
           size == VHOST_USER_MEMORY_SIZE(memory->regions) && fds == memory->regions;
}

static bool vring_fd_ok(const struct vhost_user_state *state, uint64_t value, size_t fds)
{
    size_t expected = (value & VHOST_USER_VRING_NO_FD) != 0 ? 0 : 1;

    return (value & ~(uint64_t)(VHOST_USER_VRING_INDEX_MASK | VHOST_USER_VRING_NO_FD)) == 0 &&
           (value & VHOST_USER_VRING_INDEX_MASK) < state->queues && fds == expected;
}

static bool config_ok(uint32_t size, const struct vhost_user_config *config)
{
    return config->size >= 1 && size - VHOST_USER_CONFIG_HEADER == config->size &&
           checked_range(config->offset, config->size, VHOST_USER_CONFIG_MAX);
}

static bool inflight_ok(const struct vhost_user_state *state,
                        const struct vhost_user_header *header,
                        const struct vhost_user_inflight *inflight, size_t fds)
{
    size_t expected = header->request == VHOST_USER_SET_INFLIGHT_FD ? 1 : 0;

    return (header->size == VHOST_USER_INFLIGHT_SIZE_MIN ||
            header->size == sizeof(struct vhost_user_inflight)) &&
           fds == expected && inflight->queues >= 1 && inflight->queues <= state->queues &&
           inflight->queue_size >= 1;
}

int vhost_user_check_payload(const struct vhost_user_state *state,
                             const struct vhost_user_header *header,
                             const union vhost_user_payload *payload, size_t fds)
{
    const struct rule *rule = rule_of(header->request);
    bool ok = false;

    if (rule == NULL)
        return -EPROTO;
    switch ((enum shape)rule->shape) {
    case SHAPE_NONE:
    case SHAPE_U64:
        ok = true;
        break;
    case SHAPE_MEMORY:
        ok = memory_ok(header->size, &payload->memory, fds);
        break;
    case SHAPE_STATE:
        ok = payload->state.index < state->queues;
        break;
    case SHAPE_ADDR:
        /* Logging belongs to migration: not spoken. */
        ok = payload->addr.index < state->queues && payload->addr.flags == 0;
        break;
    case SHAPE_VRING_FD:
        ok = vring_fd_ok(state, payload->u64, fds);
        break;
    case SHAPE_CONFIG:
        ok = config_ok(header->size, &payload->config);
        break;
    case SHAPE_INFLIGHT:
        ok = inflight_ok(state, header, &payload->inflight, fds);
        break;
    }
    return ok ? 0 : -EPROTO;
}
