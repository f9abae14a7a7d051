/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "hv/vmm/pci_config.h"
#include "hv/vmm/virtio_state.h"
#include "mac/process_kind.h"

/* How long the whole negotiation may take. */
#define CONNECT_SECONDS 20u

/* Feature bits: virtio 1.2, 5.1.3 (net), 5.2.3 (blk), 6 (all). */
#define NET_F_CSUM       VIRTIO_BIT(0)
#define NET_F_GUEST_CSUM VIRTIO_BIT(1)
#define NET_F_MAC        VIRTIO_BIT(5)
#define NET_F_GUEST_TSO  (VIRTIO_BIT(7) | VIRTIO_BIT(8) | VIRTIO_BIT(9) | VIRTIO_BIT(10))
#define NET_F_HOST_TSO   (VIRTIO_BIT(11) | VIRTIO_BIT(12) | VIRTIO_BIT(13) | VIRTIO_BIT(14))
#define NET_F_MRG_RXBUF  VIRTIO_BIT(15)
#define NET_F_CTRL_VQ    VIRTIO_BIT(17)
#define NET_F_MQ         VIRTIO_BIT(22)

#define BLK_F_SIZE_MAX     VIRTIO_BIT(1)
#define BLK_F_SEG_MAX      VIRTIO_BIT(2)
#define BLK_F_GEOMETRY     VIRTIO_BIT(4)
#define BLK_F_RO           VIRTIO_BIT(5)
#define BLK_F_BLK_SIZE     VIRTIO_BIT(6)
#define BLK_F_FLUSH        VIRTIO_BIT(9)
#define BLK_F_TOPOLOGY     VIRTIO_BIT(10)
#define BLK_F_MQ           VIRTIO_BIT(12)
#define BLK_F_DISCARD      VIRTIO_BIT(13)
#define BLK_F_WRITE_ZEROES VIRTIO_BIT(14)

#define F_RING_INDIRECT VIRTIO_BIT(28)
#define F_EVENT_INDEX   VIRTIO_BIT(29)
/* What the transport can carry. Not: packed rings, an IOMMU, notification data, queue reset. */
#define F_TRANSPORT (F_RING_INDIRECT | F_EVENT_INDEX | VIRTIO_BIT(VIRTIO_F_VERSION_1))

#define BLK_CONFIG_SIZE       60u /* struct virtio_blk_config without secure erase */
#define BLK_CONFIG_NUM_QUEUES 34u
#define NET_CONFIG_SIZE       10u /* mac, status, max_virtqueue_pairs */
#define NET_CONFIG_PAIRS      8u

/*
 * `features` are the bits that a driver may see if the back-end offers them: each needs something
 * of us (a configuration field, a queue) or is known to need nothing.
 */
struct virtio_kind {
    enum process_kind process;
    uint16_t id;
    uint8_t class_code, subclass;
    uint32_t queues_min;
    uint64_t features;
    unsigned config_size;
    bool asks_config; /* of the back-end; else we know it */
};

static const struct virtio_kind kinds[] = {
    {
        .process = PROCESS_NET,
        .id = 1,
        .class_code = 0x02,
        .queues_min = 2,
        .features = NET_F_CSUM | NET_F_GUEST_CSUM | NET_F_MAC | NET_F_GUEST_TSO | NET_F_HOST_TSO |
                    NET_F_MRG_RXBUF | NET_F_CTRL_VQ | NET_F_MQ,
        .config_size = NET_CONFIG_SIZE,
    },
    {
        .process = PROCESS_BLK,
        .id = 2,
        .class_code = 0x01,
        .queues_min = 1,
        .features = BLK_F_SIZE_MAX | BLK_F_SEG_MAX | BLK_F_GEOMETRY | BLK_F_RO | BLK_F_BLK_SIZE |
                    BLK_F_FLUSH | BLK_F_TOPOLOGY | BLK_F_MQ | BLK_F_DISCARD | BLK_F_WRITE_ZEROES,
        .config_size = BLK_CONFIG_SIZE,
        .asks_config = true,
    },
    {
        .process = PROCESS_RNG,
        .id = 4,
        .class_code = 0x00,
        .subclass = 0xff,
        .queues_min = 1,
    },
};

const struct virtio_kind *virtio_kind_of(const struct vmm_device *config)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if ((uint32_t)kinds[i].process == config->kind && config->queues >= kinds[i].queues_min &&
            config->queues <= HANDOFF_QUEUES_MAX)
            return &kinds[i];
    return NULL;
}

struct pci_identity virtio_kind_identity(const struct virtio_kind *kind)
{
    /* Virtio 1.2, 4.1.2: 0x1040 + id; a revision and subsystem that no legacy driver takes. */
    return (struct pci_identity){
        .vendor = 0x1af4,
        .device = (uint16_t)(0x1040 + kind->id),
        .subsystem_vendor = 0x1af4,
        .subsystem = (uint16_t)(0x1040 + kind->id),
        .class_code = kind->class_code,
        .subclass = kind->subclass,
        .revision = 1,
    };
}

unsigned virtio_kind_config_size(const struct virtio_kind *kind)
{
    return kind->config_size;
}

/*
 * A network device of ours with an odd number of queues has pairs and then the control queue, which
 * casemate-net serves (hv/vhost_user_wire.h). With an even number there is no control queue, so no
 * feature that needs it may be seen, even if the back-end offers it for its front-end to handle.
 */
static bool net_has_control(const struct virtio_pci *device)
{
    return device->config.queues % 2 == 1;
}

bool virtio_features_acceptable(const struct virtio_pci *device, uint64_t features)
{
    if (device->kind->process != PROCESS_NET || (device->offered & NET_F_MQ) == 0)
        return true;
    /*
     * Which queue is the control queue depends on MQ (5.1.2): 2 without, the last one with it. Our
     * back-end knows one place only, so both features come together or not at all.
     */
    return ((features & NET_F_MQ) != 0) == ((features & NET_F_CTRL_VQ) != 0);
}

static uint64_t visible_features(const struct virtio_pci *device, uint64_t of_back_end)
{
    uint64_t features = of_back_end & (device->kind->features | F_TRANSPORT);

    if (device->kind->process == PROCESS_NET) {
        if (!net_has_control(device))
            features &= ~(NET_F_CTRL_VQ | NET_F_MQ);
        if (device->config.queues < 4 || (features & NET_F_CTRL_VQ) == 0)
            features &= ~NET_F_MQ;
        /* The address is in our configuration, whatever the back-end says. */
        features |= NET_F_MAC;
    }
    if (device->kind->process == PROCESS_BLK && device->config.queues == 1)
        features &= ~BLK_F_MQ;
    return features;
}

/* Device configuration; what depends on our own number of queues is ours to say. */
static int fetch_config(struct virtio_pci *device)
{
    uint8_t space[VHOST_USER_CONFIG_MAX] = {0};
    int r = 0;

    if (device->kind->asks_config)
        r = vhost_user_config(device->front, space, device->kind->config_size);
    if (r < 0)
        return r;
    if (device->kind->process == PROCESS_BLK)
        pci_put16(space, BLK_CONFIG_NUM_QUEUES, (uint16_t)device->config.queues);
    if (device->kind->process == PROCESS_NET) {
        memcpy(space, device->config.mac, sizeof(device->config.mac));
        pci_put16(space, NET_CONFIG_PAIRS, (uint16_t)(device->config.queues / 2));
    }
    memcpy(device->space, space, sizeof(space));
    return 0;
}

/* Fewest queues by GET_QUEUE_NUM that will do: for a network back-end some count pairs. */
static uint64_t queues_needed(const struct virtio_pci *device)
{
    return device->kind->process == PROCESS_NET ? device->config.queues / 2 : device->config.queues;
}

#define MISSING (-ENOTSUP)

/* *missing is set with MISSING. */
static int negotiate(struct virtio_pci *device, uint64_t *missing)
{
    const uint64_t wanted =
        VIRTIO_BIT(VHOST_USER_PROTOCOL_F_MQ) | VIRTIO_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
        VIRTIO_BIT(VHOST_USER_PROTOCOL_F_CONFIG) | VIRTIO_BIT(VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD);
    const uint64_t needed =
        VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES) | VIRTIO_BIT(VIRTIO_F_VERSION_1);
    uint64_t features, agreed, queues = 1;
    int r = vhost_user_features(device->front, &features);

    if (r < 0)
        return r;
    *missing = needed & ~features;
    if (*missing != 0)
        return MISSING;
    r = vhost_user_protocol(device->front, wanted, &agreed);
    if (r < 0)
        return r;
    if (device->kind->asks_config)
        *missing = VIRTIO_BIT(VHOST_USER_PROTOCOL_F_CONFIG) & ~agreed;
    if (*missing != 0)
        return MISSING;
    r = vhost_user_set_owner(device->front);
    if (r == 0 && (agreed & VIRTIO_BIT(VHOST_USER_PROTOCOL_F_MQ)) != 0)
        r = vhost_user_queue_num(device->front, &queues);
    if (r < 0)
        return r;
    if (queues < queues_needed(device)) {
        *missing = VIRTIO_BIT(VHOST_USER_PROTOCOL_F_MQ);
        return MISSING;
    }
    r = fetch_config(device);
    if (r == 0)
        r = vhost_user_memory_table(device->front, device->memory);
    if (r == 0 && (agreed & VIRTIO_BIT(VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD)) != 0)
        r = vhost_user_inflight(device->front, (uint16_t)device->config.queues,
                                VIRTIO_QUEUE_SIZE_MAX);
    if (r == 0)
        device->offered = visible_features(device, features);
    return r;
}

int virtio_pci_connect(struct virtio_pci *device, struct virtio_failure *failure)
{
    uint64_t missing = 0;
    int r;

    vhost_user_patience(device->front, CONNECT_SECONDS);
    r = negotiate(device, &missing);
    if (r == 0)
        return 0;
    if (missing != 0)
        *failure = (struct virtio_failure){.failure = FAILURE_VHOST_FEATURE,
                                           .detail = {device->index, missing}};
    else
        *failure = virtio_failure_of(device, r);
    virtio_pci_broken(device);
    return -EPROTO;
}
