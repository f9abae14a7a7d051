/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_VHOST_USER_CONVERSE_H
#define CASEMATE_HV_VMM_VHOST_USER_CONVERSE_H

/* Inside of the vhost-user front-end: one request and its answer, whatever they are about. */
#include <time.h>

#include "hv/vmm/vhost_user.h"

struct vhost_user {
    int socket;
    struct timespec patience; /* what is left of it */
    int ended;                /* 0, or the error that ended the conversation */
    uint32_t last;            /* request */
    uint64_t protocol;        /* protocol features agreed on */
};

/* What a reply has to look like. */
struct vhost_user_expected {
    void *payload;
    size_t size;     /* bytes of payload */
    size_t size_min; /* the least that will do: then the rest of `payload` is zero */
    bool refusable;  /* an empty payload is a refusal, not a breach */
    int *fd;         /* where a descriptor may come: stores it, or -1 */
};

/*
 * One request and, if it has one (`expected`), its reply; else its acknowledgement where that was
 * agreed on. `message` has payload and size; `fds` (`count` of them) are sent along. Whatever goes
 * wrong ends the conversation: there is no way back into step with the other side. Errors as in
 * hv/vmm/vhost_user.h.
 */
int vhost_user_converse(struct vhost_user *front, uint32_t request,
                        struct vhost_user_message *message, const int *fds, size_t count,
                        const struct vhost_user_expected *expected);

/* A reply that came in form but says what it cannot say: ends the conversation with -EBADMSG. */
int vhost_user_breach(struct vhost_user *front);

#endif
