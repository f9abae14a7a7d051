/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/worker/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "hv/handoff.h"
#include "hv/worker/process.h"

#define QUEUE_BYTES 16384u
/* No more at once than a pipe that polls writable takes without blocking (PIPE_BUF). */
#define CHUNK 4096u

/* Bytes on their way in one direction. */
struct queue {
    size_t start, end;
    uint8_t bytes[QUEUE_BYTES];
};

struct relay {
    int socket, input, output; /* -1 once closed from the other side */
    int guest;                 /* the socket too, for writing: the guest may end that first */
    const int terminal[2];     /* where input and output are when they are there */
    const bool client;
    struct console_escape escape;
    struct queue to_guest, to_terminal;
};

size_t console_filter(struct console_escape *escape, const uint8_t *typed, size_t size,
                      uint8_t *out, bool *quit)
{
    size_t n = 0;

    for (size_t i = 0; i < size; i++) {
        uint8_t byte = typed[i];

        if (!escape->seen) {
            escape->seen = byte == CONSOLE_ESCAPE;
            if (!escape->seen)
                out[n++] = byte;
            continue;
        }
        escape->seen = false;
        if (byte == 'q') {
            *quit = true;
            continue;
        }
        out[n++] = CONSOLE_ESCAPE;
        if (byte != CONSOLE_ESCAPE)
            out[n++] = byte;
    }
    return n;
}

static size_t queued(const struct queue *q)
{
    return q->end - q->start;
}

/* Room behind the queued bytes, after moving them to the front. */
static size_t room(struct queue *q)
{
    if (q->start > 0) {
        memmove(q->bytes, q->bytes + q->start, queued(q));
        q->end -= q->start;
        q->start = 0;
    }
    return QUEUE_BYTES - q->end;
}

static bool again(ssize_t n)
{
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Write what is queued, as far as it goes now; a failed descriptor is forgotten, its bytes too. */
static void drain(struct queue *q, int *fd)
{
    size_t size = queued(q) < CHUNK ? queued(q) : CHUNK;
    ssize_t n;

    if (size == 0)
        return; /* writing nothing gives 0, which looks like an end */
    n = write(*fd, q->bytes + q->start, size);
    if (n > 0) {
        q->start += (size_t)n;
    } else if (!again(n)) {
        *fd = -1;
        q->start = q->end = 0;
    }
}

static void guest_says(struct relay *relay)
{
    struct queue *q = &relay->to_terminal;
    ssize_t n;

    if (q->end == QUEUE_BYTES)
        return; /* what remains in the socket waits, and is not the end of it */
    n = read(relay->socket, q->bytes + q->end, QUEUE_BYTES - q->end);
    if (n > 0 && relay->output >= 0)
        q->end += (size_t)n;
    else if (n <= 0 && !again(n))
        relay->socket = -1;
}

static int operator_types(struct relay *relay)
{
    struct queue *q = &relay->to_guest;
    uint8_t typed[256];
    bool quit = false;
    ssize_t n = read(relay->input, typed, sizeof(typed));

    if (n <= 0) {
        if (!again(n))
            relay->input = -1;
        return 0;
    }
    if (relay->client) {
        memcpy(q->bytes + q->end, typed, (size_t)n);
        q->end += (size_t)n;
        return 0;
    }
    q->end += console_filter(&relay->escape, typed, (size_t)n, q->bytes + q->end, &quit);
    return quit ? process_tell(CONTROL_OFF) : 0;
}

/* The descriptors keep their numbers: the filter knows no others. */
static int next_client(struct relay *relay, int fd)
{
    for (unsigned i = 0; i < 2; i++) {
        if (dup3(fd, relay->terminal[i], O_CLOEXEC) < 0)
            return -errno;
    }
    (void)close(fd);
    relay->input = relay->terminal[0];
    relay->output = relay->terminal[1];
    relay->to_terminal.start = relay->to_terminal.end = 0; /* said to another */
    return 0;
}

enum { SLOT_CONTROL, SLOT_SOCKET, SLOT_INPUT, SLOT_OUTPUT, SLOTS };

static int hear_launcher(struct relay *relay, bool *go, struct pollfd fds[SLOTS])
{
    int fd = -1, r;

    if (!relay->client)
        return process_control(go);
    r = process_control_client(go, &fd);
    if (r < 0 || fd < 0)
        return r;
    /* What poll saw was the one before: his hang-up would be taken for this one's. */
    fds[SLOT_INPUT].revents = fds[SLOT_OUTPUT].revents = 0;
    return next_client(relay, fd);
}

static void gather(struct relay *relay, struct pollfd fds[SLOTS])
{
    bool more_in = room(&relay->to_guest) > 256, more_out = room(&relay->to_terminal) > 0;
    bool send = queued(&relay->to_guest) > 0, show = queued(&relay->to_terminal) > 0;
    short events = (short)((more_out ? POLLIN : 0) | (send ? POLLOUT : 0));

    fds[SLOT_CONTROL] = (struct pollfd){.fd = HANDOFF_FD_CONTROL, .events = POLLIN};
    /* A hang-up is reported unasked: without room for what is still in the socket, do not look. */
    fds[SLOT_SOCKET] = (struct pollfd){.fd = events != 0 ? relay->socket : -1, .events = events};
    fds[SLOT_INPUT] = (struct pollfd){.fd = more_in ? relay->input : -1, .events = POLLIN};
    fds[SLOT_OUTPUT] = (struct pollfd){.fd = show ? relay->output : -1, .events = POLLOUT};
}

int console_relay(int socket, int input, int output, bool client)
{
    struct relay relay = {.socket = socket,
                          .guest = socket,
                          .input = input,
                          .output = output,
                          .terminal = {input, output},
                          .client = client};
    bool go = false;

    while (relay.socket >= 0 || queued(&relay.to_terminal) > 0) {
        struct pollfd fds[SLOTS];
        int r;

        if (relay.socket < 0 || relay.guest < 0)
            relay.input = -1;
        if (client && room(&relay.to_terminal) == 0)
            relay.to_terminal.end = 0; /* who does not look has not seen it */
        gather(&relay, fds);
        if (ppoll(fds, SLOTS, NULL, NULL) < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        if (fds[SLOT_CONTROL].revents != 0) {
            r = hear_launcher(&relay, &go, fds);
            if (r < 0)
                return r == -EPIPE ? 0 : r;
        }
        if ((fds[SLOT_SOCKET].revents & POLLOUT) != 0)
            drain(&relay.to_guest, &relay.guest);
        if ((fds[SLOT_SOCKET].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
            guest_says(&relay);
        if (fds[SLOT_INPUT].revents != 0) {
            r = operator_types(&relay);
            if (r < 0)
                return r;
        }
        if (fds[SLOT_OUTPUT].revents != 0)
            drain(&relay.to_terminal, &relay.output);
    }
    return 0;
}
