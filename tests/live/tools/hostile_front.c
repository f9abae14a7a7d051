/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile_front: stands in for casemate-front, as if a client had taken one over. The client's
 * first byte says which act to try on casemated; "ok" goes back for a request that was answered.
 *
 * Trust: a test tool, jailed by casemated like the real one, but for the filter that it does not
 * install.
 */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fdpass.h"
#include "hv/host_wire.h"

#define WIRE   3
#define CLIENT 6

static void say(const struct host_request *request, size_t size)
{
    (void)send(WIRE, request, size, MSG_NOSIGNAL);
}

/* Asks what may be asked; 0 when it was answered. */
static int ask_well(const struct host_request *request)
{
    static struct host_reply reply;

    say(request, sizeof(*request));
    do {
        if (recv(WIRE, &reply, sizeof(reply), 0) != (ssize_t)sizeof(reply))
            return -1;
    } while (reply.type != HOST_REPLY_DONE);
    return 0;
}

static void act(char which, struct host_request *request)
{
    static char large[65536];
    int fds[2] = {CLIENT, CLIENT};

    switch (which) {
    case '0':
        (void)send(CLIENT, ask_well(request) == 0 ? "ok" : "no", 2, MSG_NOSIGNAL);
        return;
    case 's': /* short */
        say(request, sizeof(*request) - 1);
        break;
    case 'l': /* long */
        (void)send(WIRE, large, sizeof(large), MSG_NOSIGNAL);
        break;
    case 'm':
        request->magic++;
        say(request, sizeof(*request));
        break;
    case 't':
        request->type = 0xffffffff;
        say(request, sizeof(*request));
        break;
    case 'n': /* a name without an end */
        request->type = HOST_SHOW;
        memset(request->guest, 'a', sizeof(request->guest));
        say(request, sizeof(*request));
        break;
    case 'b': /* again while it is busy */
        request->type = HOST_EVENTS;
        request->flags = HOST_FLAG_MORE;
        say(request, sizeof(*request));
        say(request, sizeof(*request));
        break;
    case 'd': /* descriptors */
        (void)fdpass_send(WIRE, request, sizeof(*request), fds, 2);
        break;
    case 'f': /* a flood whose answers nobody reads */
        for (unsigned i = 0; i < 100000; i++)
            if (send(WIRE, request, sizeof(*request), MSG_NOSIGNAL) < 0)
                break;
        break;
    default:
        return;
    }
    /* Until casemated ends it. */
    for (;;)
        (void)poll(NULL, 0, -1);
}

int main(void)
{
    struct host_request request = {.magic = HOST_MAGIC, .version = HOST_VERSION, .type = HOST_INFO};
    struct pollfd client = {.fd = CLIENT, .events = POLLIN};
    char which;

    if (poll(&client, 1, -1) == 1 && read(CLIENT, &which, 1) == 1)
        act(which, &request);
    return 0;
}
