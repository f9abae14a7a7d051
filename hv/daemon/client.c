/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/daemon/client.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "base/text.h"
#include "hv/daemon/authorize.h"
#include "hv/daemon/front.h"
#include "hv/daemon/request.h"

struct client *client_find(const struct host *host, uint64_t number)
{
    for (struct client *c = host->clients; c != NULL; c = c->next) {
        if (c->number == number)
            return c;
    }
    return NULL;
}

static void release(struct client *client)
{
    loop_remove(&client->operation.clock);
    loop_remove(&client->wire_source);
    loop_remove(&client->report_source);
    for (unsigned i = 0; i < client->queued; i++) {
        free(client->queue[i].reply);
        fd_close(&client->queue[i].fd);
    }
    fd_close(&client->wire);
    fd_close(&client->report);
    free(client);
}

void client_drop(struct client *client)
{
    struct host *host = client->host;

    for (struct client **at = &host->clients; *at != NULL; at = &(*at)->next) {
        if (*at == client) {
            *at = client->next;
            break;
        }
    }
    /* Its uid is free for another when it is reaped, not before: see client_child. */
    if (client->front > 0)
        front_forget(host, client->front, client->uid_slot);
    else
        front_uid_release(host, client->uid_slot);
    release(client);
}

void client_drop_all(struct host *host)
{
    while (host->clients != NULL)
        client_drop(host->clients);
}

struct host_reply *client_reply_new(const struct client *client, enum host_reply_type type)
{
    struct host_reply *reply = calloc(1, sizeof(*reply));

    if (reply == NULL)
        return NULL;
    reply->magic = HOST_MAGIC;
    reply->version = HOST_VERSION;
    reply->type = (uint32_t)type;
    reply->serial = client->operation.request.serial;
    return reply;
}

static int send_now(const struct client *client, const struct host_reply *reply, int fd)
{
    return fdpass_send_now(client->wire, reply, sizeof(*reply), &fd, fd >= 0 ? 1 : 0);
}

void client_want_room(struct client *client, bool want)
{
    (void)loop_change(client->wire_source, EPOLLIN | (want ? (uint32_t)EPOLLOUT : 0));
}

int client_try(struct client *client, const struct host_reply *reply)
{
    return client->queued > 0 ? -EAGAIN : send_now(client, reply, -1);
}

void client_send(struct client *client, struct host_reply *reply, int fd)
{
    int r = client->queued > 0 ? -EAGAIN : send_now(client, reply, fd);

    if (r != -EAGAIN) {
        /* A front that is gone is seen by the loop; one that misses a reply would wait for ever. */
        if (r < 0)
            (void)shutdown(client->wire, SHUT_RDWR);
        free(reply);
        return;
    }
    if (client->queued == CLIENT_QUEUE_MAX) {
        host_log(client->host, DAEMON_WARNING, "front %d takes no replies", (int)client->front);
        (void)shutdown(client->wire, SHUT_RDWR);
        free(reply);
        return;
    }
    client->queue[client->queued].reply = reply;
    client->queue[client->queued].fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    client->queued++;
    client_want_room(client, true);
}

static void send_queued(struct client *client)
{
    while (client->queued > 0) {
        if (send_now(client, client->queue[0].reply, client->queue[0].fd) == -EAGAIN)
            return;
        free(client->queue[0].reply);
        fd_close(&client->queue[0].fd);
        client->queued--;
        memmove(client->queue, client->queue + 1, client->queued * sizeof(client->queue[0]));
    }
    client_want_room(client, false);
}

void client_done(struct client *client, enum host_status status, uint32_t result, int fd,
                 const char *format, ...)
{
    struct host_reply *reply = client_reply_new(client, HOST_REPLY_DONE);
    va_list ap;

    if (reply == NULL) {
        (void)shutdown(client->wire, SHUT_RDWR);
        return;
    }
    reply->status = (uint32_t)status;
    reply->result = result;
    va_start(ap, format);
    (void)vsnprintf(reply->text, sizeof(reply->text), format, ap);
    va_end(ap);
    loop_remove(&client->operation.clock);
    client->operation = (struct operation){0};
    client_send(client, reply, fd);
}

/* One request, whole and of the table, or the end of the front: it is not ours to guess. */
static bool take_request(struct client *client)
{
    struct host_request request;
    size_t none = 0;
    int fd, r = fdpass_receive(client->wire, &request, sizeof(request), &fd, &none, MSG_DONTWAIT);

    if (r == -EAGAIN)
        return true;
    if (r == (int)sizeof(request))
        r = request_check(&request, client->operation.active);
    else if (r > 0)
        r = -EBADMSG;
    else if (r == 0 || r == -ECONNRESET) /* it went, with a reply or without */
        return false;
    if (r < 0) {
        host_log(client->host, DAEMON_WARNING,
                 "front %d of uid %u (%s) said what no front says: %s; ended", (int)client->front,
                 client->peer.uid,
                 client->peer.context[0] != '\0' ? client->peer.context : "no context",
                 strerror(-r));
        return false;
    }
    request_begin(client, &request);
    return true;
}

static void on_wire(void *context, uint32_t events)
{
    struct client *client = context;

    if ((events & EPOLLOUT) != 0) {
        send_queued(client);
        if (client->queued == 0)
            request_continue(client);
    }
    /* What a front sent before it went is still done: its client may have wanted no reply. */
    if ((events & EPOLLIN) != 0 ? !take_request(client) : (events & (EPOLLHUP | EPOLLERR)) != 0)
        client_drop(client);
}

/* Nothing came: it runs. Else it could not be confined, and does not. */
static void on_report(void *context, uint32_t events)
{
    struct client *client = context;
    char text[RECORD_TEXT_MAX];

    (void)events;
    loop_remove(&client->report_source);
    if (front_report(client->report, text) < 0) {
        host_log(client->host, DAEMON_ERROR, "cannot start a front: %s", text);
        client_drop(client);
        return;
    }
    fd_close(&client->report);
}

static void read_groups(struct client *client, int socket)
{
    socklen_t size = sizeof(client->groups);

    /* More of them than fit, or an old kernel: then none counts but the first. */
    if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, client->groups, &size) < 0)
        size = 0;
    client->group_count = (unsigned)(size / sizeof(client->groups[0]));
    if (client->group_count < CLIENT_GROUPS_MAX)
        client->groups[client->group_count++] = client->peer.gid;
}

static int within_limits(const struct host *host, uid_t uid)
{
    const struct daemon_options *options = host->options;
    unsigned all = 0, of_user = 0;
    unsigned most = options->fronts_max != 0 ? options->fronts_max : 128;
    unsigned user_most = options->fronts_of_user_max != 0 ? options->fronts_of_user_max : 24;

    for (const struct client *c = host->clients; c != NULL; c = c->next) {
        all++;
        of_user += c->peer.uid == uid ? 1 : 0;
    }
    /* The last eighth is the administrator's. */
    if (uid == 0)
        return all < most ? 0 : -EBUSY;
    return all < most - most / 8 && of_user < user_most ? 0 : -EBUSY;
}

static int watch(struct client *client)
{
    struct host *host = client->host;
    int r = loop_watch(host->loop, client->wire, EPOLLIN, on_wire, client, &client->wire_source);

    if (r == 0)
        r = loop_watch(host->loop, client->report, EPOLLIN, on_report, client,
                       &client->report_source);
    return r;
}

int client_admit(struct host *host, int socket)
{
    struct client *client = calloc(1, sizeof(*client));
    int r;

    if (client == NULL)
        return -ENOMEM;
    client->host = host;
    client->wire = client->report = -1;
    r = access_peer_read(socket, &client->peer);
    if (r == 0)
        r = within_limits(host, client->peer.uid);
    if (r == 0) {
        read_groups(client, socket);
        r = authorize(client, NULL, "casemate_host", "connect", "connect");
    }
    if (r == 0)
        r = front_uid_take(host, &client->uid_slot);
    if (r < 0) {
        free(client);
        return r;
    }
    client->number = ++host->last_client;
    client->next = host->clients;
    host->clients = client;
    r = front_start(client, socket);
    if (r == 0)
        r = watch(client);
    if (r < 0) {
        host_log(host, DAEMON_ERROR, "cannot start a front: %s", strerror(-r));
        client_drop(client);
    }
    return r;
}

bool client_child(struct host *host, pid_t pid, int status)
{
    for (struct client *c = host->clients; c != NULL; c = c->next) {
        if (c->front != pid)
            continue;
        if (WIFSIGNALED(status))
            host_log(host, DAEMON_WARNING, "front %d of uid %u was killed by signal %d%s", (int)pid,
                     c->peer.uid, WTERMSIG(status),
                     WTERMSIG(status) == SIGSYS ? ": it made a system call it must not" : "");
        c->front = 0;
        client_drop(c);
        return true;
    }
    return front_reaped(host, pid);
}
