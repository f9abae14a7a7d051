/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/worker/serve.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

#include "hv/handoff.h"
#include "hv/worker/process.h"
#include "hv/worker/vhost_user_backend.h"

enum { SLOT_CONTROL, SLOT_VHOST, SLOT_KICK };

struct waiting {
    struct pollfd fd[SLOT_KICK + HANDOFF_QUEUES_MAX + DEVICE_POLL_MAX];
    nfds_t count;
};

/* poll(2) ignores negative descriptors, so that every slot keeps its place. */
static void gather(struct waiting *w, const struct device *device, struct vhost_backend *backend)
{
    w->fd[SLOT_CONTROL] = (struct pollfd){.fd = HANDOFF_FD_CONTROL, .events = POLLIN};
    w->fd[SLOT_VHOST] = (struct pollfd){.fd = HANDOFF_FD_VHOST, .events = POLLIN};
    w->count = SLOT_KICK;
    for (unsigned i = 0; i < device->queues; i++)
        w->fd[w->count++] =
            (struct pollfd){.fd = vhost_backend_kick_fd(backend, i), .events = POLLIN};
    for (unsigned i = 0; i < device->polls; i++) {
        short events = device->poll_events(device->self, i);

        w->fd[w->count++] =
            (struct pollfd){.fd = events != 0 ? device->poll_fd[i] : -1, .events = events};
    }
}

/* 0 when the launcher or the front-end has gone, or why it cannot go on. */
static int serve(const struct device *device, struct vhost_backend *backend)
{
    const struct timespec at_once = {0, 0};
    bool go = false, more = false;

    for (;;) {
        struct waiting w;
        int r;

        gather(&w, device, backend);
        r = ppoll(w.fd, w.count, more ? &at_once : NULL, NULL);
        if (r < 0 && errno != EINTR)
            return -errno;
        if (r < 0)
            continue;
        if (w.fd[SLOT_CONTROL].revents != 0) {
            r = process_control(&go);
            if (r < 0)
                return r == -EPIPE ? 0 : r;
        }
        for (unsigned i = 0; i < device->queues; i++)
            if (w.fd[SLOT_KICK + i].revents != 0)
                vhost_backend_kicked(backend, i, w.fd[SLOT_KICK + i].revents);
        for (unsigned i = 0; i < device->polls; i++)
            if (w.fd[SLOT_KICK + device->queues + i].revents != 0)
                device->poll_ready(device->self, i, w.fd[SLOT_KICK + device->queues + i].revents);
        /* Requests last: they may close the descriptors that were looked at above. */
        if (w.fd[SLOT_VHOST].revents != 0) {
            r = vhost_backend_receive(backend, HANDOFF_FD_VHOST);
            if (r < 0)
                return r == -EPIPE ? 0 : r;
        }
        more = vhost_backend_process(backend);
    }
}

int worker_run(const struct device *device, const struct worker_config *config,
               const struct handoff_filters *filters, int inflight_fd, uint64_t inflight_size)
{
    struct vhost_backend *backend = NULL;
    int r = vhost_backend_new(device, config->memory, inflight_fd, inflight_size, &backend);

    if (r < 0) {
        process_failed(FAILURE_NO_MEMORY, (uint64_t)-r, 0, 0);
        return PROCESS_EXIT_SYSTEM;
    }
    r = process_confine(filters);
    if (r < 0) {
        process_failed(FAILURE_FILTER, (uint64_t)-r, 0, 0);
        return PROCESS_EXIT_SYSTEM;
    }
    r = process_ready();
    if (r == 0)
        r = serve(device, backend);
    if (r == 0)
        return PROCESS_EXIT_OK;
    /* The worker does not know its device's number: the launcher knows who sends this. */
    process_failed(FAILURE_VHOST_PROTOCOL, 0, vhost_backend_last_request(backend), (uint64_t)-r);
    return PROCESS_EXIT_SYSTEM;
}
