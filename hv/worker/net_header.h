/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_WORKER_NET_HEADER_H
#define CASEMATE_HV_WORKER_NET_HEADER_H

/* The header before each packet that the guest sends (virtio 1.2, 5.1.6.2). Pure. */
#include <linux/virtio_net.h>
#include <stddef.h>
#include <stdint.h>

#define NET_HEADER_SIZE 12u    /* struct virtio_net_hdr_v1 */
#define NET_PACKET_MIN  14u    /* an Ethernet header */
#define NET_PACKET_MAX  65550u /* 5.1.6.3.1: 64 KiB of segmented payload and its Ethernet header */

/*
 * Check the guest's header against the packet of `bytes` bytes behind it and the features that were
 * agreed on, and make it one that the host's kernel may have: only known flags, no stale fields.
 * The kernel trusts checksum and segmentation fields to lie within the packet.
 * 0, or -EINVAL: the packet is to be dropped.
 */
int net_header_check(struct virtio_net_hdr_v1 *header, uint64_t features, size_t bytes);

#endif
