/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console of a guest without a terminal: a pair of sockets, one end the relay's, the other a
 * client's. The guard keeps the relay's end as well: it shows when the last client has closed its
 * own. Each client gets a pair of its own, so that none reads what was meant for another.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "hv/launch/guard.h"

static const struct process *relay_of(const struct guard *guard)
{
    for (unsigned i = 0; i < guard->count; i++) {
        if (guard->processes[i].kind == PROCESS_CONSOLE)
            return &guard->processes[i];
    }
    return NULL;
}

/* With the context of the relay: casemated's front may use sockets of that, and no other guest. */
int guard_client_socket(struct guard *guard)
{
    const struct process *relay = relay_of(guard);
    int pair[2];

    if (relay == NULL || guard_socket_pair(guard, SOCK_STREAM, relay->context, pair) < 0)
        return -ENOTCONN;
    /* The relay never waits for a client. */
    if (fcntl(pair[0], F_SETFL, O_RDWR | O_NONBLOCK) < 0) {
        int r = -errno;

        fd_close(&pair[0]);
        fd_close(&pair[1]);
        return r;
    }
    fd_close(&guard->client[0]);
    fd_close(&guard->client[1]);
    guard->client[0] = pair[0];
    guard->client[1] = pair[1];
    return 0;
}

/* The relay has the old pair's end: it gets the new one. */
static int replace(struct guard *guard)
{
    static const struct control_message message = {.type = CONTROL_CLIENT};
    const struct process *relay = relay_of(guard);
    int r;

    if (relay == NULL || relay->gone || relay->control < 0 || !guard->running)
        return -ENOTCONN;
    r = guard_client_socket(guard);
    if (r < 0)
        return r;
    /* A relay that was taken over and does not listen must not keep its guard from its work. */
    r = fdpass_send_now(relay->control, &message, sizeof(message), &guard->client[0], 1);
    if (r < 0) /* nobody gets the end of a pair that the relay does not have: the next one tries */
        fd_close(&guard->client[1]);
    return r == -EAGAIN ? -EBUSY : r;
}

int guard_client_take(struct guard *guard, int *fd)
{
    struct pollfd relay_end = {.fd = guard->client[0]};
    int r = 0;

    if (!guard->options->console_client)
        return -ENOTTY;
    if (guard->client[0] < 0)
        return -ENOTCONN; /* the relay has not been started yet */
    if (guard->client[1] < 0) {
        if (poll(&relay_end, 1, 0) == 0)
            return -EBUSY;
        /* A frozen relay would take it later; a flood of clients would fill its queue. */
        r = guard->paused || guard->quarantined ? -EBUSY : replace(guard);
    }
    if (r < 0)
        return r;
    *fd = steal_fd(&guard->client[1]);
    return 0;
}
