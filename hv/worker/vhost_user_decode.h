/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_WORKER_VHOST_USER_DECODE_H
#define CASEMATE_HV_WORKER_VHOST_USER_DECODE_H

/*
 * Which vhost-user requests a back-end takes, in which state, how often, how long and with how many
 * descriptors: a table. Pure: it acts on nothing. Anything that the table does not permit is fatal
 * for the connection.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/vhost_user_wire.h"

/* How far a connection has come; bits, since front-ends differ in their order. */
#define VHOST_STATE_OWNED    1u /* SET_OWNER */
#define VHOST_STATE_FEATURES 2u /* SET_FEATURES */
#define VHOST_STATE_MEMORY   4u /* SET_MEM_TABLE */

/* What the checks depend on. */
struct vhost_user_state {
    unsigned reached;  /* VHOST_STATE_* */
    uint64_t seen;     /* bit per request that came already */
    uint64_t protocol; /* protocol features agreed on */
    uint32_t queues;   /* of the device */
};

/*
 * Check a header and the number of descriptors that came with it. 0; -EPROTO: version, flags, a
 * length or number of descriptors that the request cannot have, too often or too early;
 * -EOPNOTSUPP: a request that is not spoken here, or belongs to a protocol feature not agreed on.
 */
int vhost_user_check_header(const struct vhost_user_state *state,
                            const struct vhost_user_header *header, size_t fds);

/*
 * Check the payload behind an accepted header: queue index, counts against the length and the
 * descriptors, flags, ranges. 0 or -EPROTO.
 */
int vhost_user_check_payload(const struct vhost_user_state *state,
                             const struct vhost_user_header *header,
                             const union vhost_user_payload *payload, size_t fds);

/* True if the request has a reply of its own (and so no acknowledgement). */
bool vhost_user_has_reply(uint32_t request);

#endif
