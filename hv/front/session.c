/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/front/session.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/fd.h"
#include "base/fdpass.h"
#include "hv/front/varlink.h"

#define OUT_MAX      (VARLINK_REPLY_MAX + 65536u)
#define CALL_SECONDS 30 /* from a call's first byte to its last */

struct session {
    int wire, client;
    bool busy;         /* casemated has not answered the call to its end */
    bool client_ended; /* it says no more, but may listen */
    bool client_gone;  /* nor that: what it asked for before is still done */
    int console;       /* a serial port: from now on the connection is its, or -1 */
    uint32_t serial;
    time_t call_began; /* monotonic seconds; 0: no part of a call is there */
    struct varlink_reader reader;
    struct varlink_call call;
    struct varlink_answering answering;
    struct buf out;
    size_t sent; /* of out */
};

static bool again(ssize_t n)
{
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static time_t now(void)
{
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

static bool unsent(const struct session *s)
{
    return s->sent < s->out.size;
}

/* Nothing is appended while something waits, so `out` holds one answer at most. */
static int send_out(struct session *s)
{
    ssize_t n =
        send(s->client, s->out.data + s->sent, s->out.size - s->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0) /* EPIPE: nobody is left to tell */
        return again(n) ? 0 : -ECONNRESET;
    s->sent += (size_t)n;
    if (!unsent(s)) {
        buf_release(&s->out);
        buf_init(&s->out, OUT_MAX);
        s->sent = 0;
    }
    return 0;
}

/* A call that wants no reply gets none, nor does a client that is gone. */
static void keep_or_drop(struct session *s)
{
    if (s->call.oneway || s->client_gone) {
        s->sent = 0;
        buf_release(&s->out);
        buf_init(&s->out, OUT_MAX);
    }
}

static int ask(struct session *s)
{
    s->call.request.serial = ++s->serial;
    varlink_answering_begin(&s->answering, &s->call);
    s->busy = true;
    return fdpass_send(s->wire, &s->call.request, sizeof(s->call.request), NULL, 0);
}

/* Take the next whole call: 1, or 0 if there is none yet. */
static int next_call(struct session *s)
{
    const char *text;
    size_t size;
    int r = varlink_reader_next(&s->reader, &text, &size);

    if (r == 0 && s->reader.size > 0 && s->call_began == 0)
        s->call_began = now();
    if (r <= 0)
        return r;
    r = varlink_decode(text, size, &s->call);
    varlink_reader_drop(&s->reader, size);
    s->call_began = 0;
    if (r < 0)
        return r;
    if (s->call.action == VARLINK_ASK) {
        r = ask(s);
    } else {
        r = varlink_answer(&s->call, &s->out);
        keep_or_drop(s);
    }
    return r < 0 ? r : 1;
}

static void hear_client(struct session *s)
{
    size_t room;
    uint8_t *to = varlink_reader_room(&s->reader, &room);
    ssize_t n = recv(s->client, to, room, MSG_DONTWAIT);

    if (n > 0)
        varlink_reader_filled(&s->reader, (size_t)n);
    else if (!again(n))
        s->client_ended = true;
}

/* Before the reply that it comes with is told. */
static int hear_evidence(struct session *s, const struct host_reply *reply, int *fd)
{
    int r;

    if ((s->call.request.type != HOST_ATTEST && s->call.request.type != HOST_ATTEST_HOST) ||
        reply->type != HOST_REPLY_DONE || reply->status != HOST_OK)
        return 0;
    if (*fd != FRONT_FD_CONSOLE) /* the filter knows it by its number */
        return -EPROTO;
    r = varlink_evidence_file(&s->answering, *fd);
    fd_close(fd);
    return r;
}

static int finish(struct session *s, const struct host_reply *reply, int fd)
{
    bool wanted = s->call.request.type == HOST_CONSOLE && reply->status == HOST_OK;

    varlink_answering_end(&s->answering);
    s->busy = false;
    /* The filter knows a serial port by its number. */
    if (wanted != (fd >= 0) || (fd >= 0 && fd != FRONT_FD_CONSOLE))
        return -EPROTO;
    s->console = fd;
    return 0;
}

static int hear_casemated(struct session *s)
{
    static struct host_reply reply;
    int fds[1] = {-1}, r;
    size_t count = 1;

    r = fdpass_receive(s->wire, &reply, sizeof(reply), fds, &count, MSG_DONTWAIT);
    if (r == -EAGAIN)
        return 0;
    if (r < 0)
        return r;
    if (r == 0)
        return -EPIPE;
    if ((size_t)r != sizeof(reply) || !s->busy)
        return -EPROTO;
    if (count == 0)
        fds[0] = -1;
    r = hear_evidence(s, &reply, &fds[0]);
    if (r == 0)
        r = varlink_reply(&s->answering, &reply, &s->out);
    keep_or_drop(s);
    if (r == 1)
        return finish(s, &reply, fds[0]);
    return r == 0 && fds[0] >= 0 ? -EPROTO : r;
}

/* Seconds until the call that has begun must be there. */
static time_t patience(const struct session *s)
{
    time_t left = s->call_began + CALL_SECONDS - now();

    return left > 0 ? left : 0;
}

/* The client's side of a round: whether it can be heard, and what `events` say. */
static int serve_client(struct session *s, bool hear, short events)
{
    if ((events & POLLERR) != 0 || ((events & POLLHUP) != 0 && !hear)) {
        s->client_ended = s->client_gone = true;
        keep_or_drop(s);
        return 0;
    }
    if (hear && (events & (POLLIN | POLLHUP | POLLRDHUP)) != 0)
        hear_client(s);
    return unsent(s) && (events & POLLOUT) != 0 ? send_out(s) : 0;
}

/* One round: wait, then work on what is there. */
static int turn(struct session *s)
{
    struct timespec limit = {.tv_sec = patience(s)};
    bool hear, waiting = unsent(s);
    struct pollfd fds[2];
    size_t room;
    int r;

    (void)varlink_reader_room(&s->reader, &room);
    hear = room > 0 && !s->client_ended;
    fds[0] = (struct pollfd){
        .fd = s->client_gone ? -1 : s->client,
        .events = (short)((hear ? POLLIN | POLLRDHUP : 0) | (waiting ? POLLOUT : 0))};
    /* While the client is slow, casemated waits with a list and drops events. */
    fds[1] = (struct pollfd){.fd = waiting ? -1 : s->wire, .events = POLLIN};
    r = ppoll(fds, 2, s->call_began != 0 ? &limit : NULL, NULL);
    if (r < 0)
        return errno == EINTR ? 0 : -errno;
    if (r == 0)
        return patience(s) == 0 ? -ETIMEDOUT : 0;
    r = serve_client(s, hear, fds[0].revents);
    if (r < 0 || fds[1].revents == 0)
        return r;
    return hear_casemated(s);
}

static int serve(struct session *s)
{
    for (;;) {
        int r = 0;

        if (!s->busy && !unsent(s)) {
            if (s->console >= 0)
                return session_relay(s->client, s->console, s->reader.bytes,
                                     (unsigned)s->reader.size);
            r = next_call(s);
            if (r < 0)
                return r;
            if (r > 0)
                continue;
            if (s->client_ended)
                return 0;
        }
        /* Who waits for events without end is gone when it says no more. */
        if (s->busy && s->client_ended && s->call.request.type == HOST_EVENTS)
            return 0;
        r = turn(s);
        if (r < 0)
            return r == -ECONNRESET ? 0 : r;
    }
}

int session_serve(int wire, int client)
{
    static struct session session; /* large: one connection a process */
    int r;

    session = (struct session){.wire = wire, .client = client, .console = -1};
    buf_init(&session.out, OUT_MAX);
    r = serve(&session);
    if (session.busy)
        varlink_answering_end(&session.answering);
    buf_release(&session.out);
    return r;
}
