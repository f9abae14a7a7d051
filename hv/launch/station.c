/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/launch/station.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "base/text.h"
#include "hv/launch/station_internal.h"

#define SECONDS_MAX 86400u

static void drop(struct connection *connection)
{
    fd_close(&connection->fd);
    *connection = (struct connection){.fd = -1};
}

int station_new(int inherited, bool same_domain, struct station **station)
{
    struct station *made;
    int r;

    if (inherited >= 0) {
        r = station_check_peer(inherited, same_domain);
        if (r < 0)
            return r;
    }
    made = calloc(1, sizeof(*made));
    if (made == NULL)
        return -ENOMEM;
    made->listener = -1;
    made->same_domain = same_domain;
    for (unsigned i = 0; i < STATION_CONNECTIONS; i++)
        made->connection[i].fd = -1;
    if (inherited >= 0)
        made->connection[0] = (struct connection){.fd = inherited, .watching = true};
    *station = made;
    return 0;
}

static struct connection *free_connection(struct station *station)
{
    for (unsigned i = 0; i < STATION_CONNECTIONS; i++) {
        if (station->connection[i].fd < 0)
            return &station->connection[i];
    }
    return NULL;
}

void station_prepare(const struct station *station, struct pollfd polls[STATION_POLLS])
{
    bool room = false;

    for (unsigned i = 0; i < STATION_CONNECTIONS; i++) {
        int fd = station != NULL ? station->connection[i].fd : -1;

        polls[1 + i] = (struct pollfd){.fd = fd, .events = POLLIN};
        room = room || fd < 0;
    }
    polls[0] =
        (struct pollfd){.fd = station != NULL && room ? station->listener : -1, .events = POLLIN};
}

static int send_to(struct connection *connection, struct guard_message *message, int fd)
{
    int r;

    message->magic = GUARD_MAGIC;
    message->version = GUARD_VERSION;
    message->dropped = connection->dropped;
    r = fdpass_send_now(connection->fd, message, sizeof(*message), &fd, fd >= 0 ? 1 : 0);
    if (r == 0)
        connection->dropped = 0;
    return r;
}

static bool is_good(const struct guard_request *request)
{
    return request->magic == GUARD_MAGIC && request->version == GUARD_VERSION &&
           request->type >= GUARD_SHOW && request->type < GUARD_REQUESTS &&
           request->seconds <= SECONDS_MAX &&
           (request->type == GUARD_QUARANTINE || request->denials == 0) &&
           request->nonce_size <= REQUEST_NONCE_MAX &&
           (request->type == GUARD_ATTEST ? request->nonce_size >= REQUEST_NONCE_MIN
                                          : request->nonce_size == 0);
}

/* One request; whoever sends anything else, or does not take the answer, is left. */
static void serve_one(struct connection *connection, struct guard_message *message,
                      station_answer *answer, void *context)
{
    struct guard_request request;
    cleanup_fd int fd = -1;
    int n = fdpass_receive(connection->fd, &request, sizeof(request), NULL, NULL, MSG_DONTWAIT);

    if (n == -EAGAIN)
        return;
    if (n != (int)sizeof(request) || !is_good(&request)) {
        drop(connection);
        return;
    }
    *message = (struct guard_message){.type = GUARD_MESSAGE_STATUS};
    answer(context, &request, message, &fd);
    if (request.type == GUARD_WATCH && message->status == 0)
        connection->watching = true;
    if (send_to(connection, message, fd) < 0)
        drop(connection);
}

static void accept_one(struct station *station)
{
    struct connection *connection = free_connection(station);
    cleanup_fd int fd = -1;

    if (connection == NULL)
        return;
    fd = accept4(station->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0 && station_check_peer(fd, station->same_domain) == 0)
        *connection = (struct connection){.fd = steal_fd(&fd)};
}

void station_serve(struct station *station, const struct pollfd polls[STATION_POLLS],
                   station_answer *answer, void *context)
{
    if (station == NULL)
        return;
    for (unsigned i = 0; i < STATION_CONNECTIONS; i++) {
        struct connection *connection = &station->connection[i];

        if (polls[1 + i].revents != 0 && connection->fd >= 0 && connection->fd == polls[1 + i].fd)
            serve_one(connection, &station->answer, answer, context);
    }
    if (polls[0].revents != 0)
        accept_one(station);
}

void station_tell(struct station *station, const struct record_event *event)
{
    for (unsigned i = 0; station != NULL && i < STATION_CONNECTIONS; i++) {
        struct connection *connection = &station->connection[i];
        int r;

        if (connection->fd < 0 || !connection->watching)
            continue;
        station->event = (struct guard_message){.type = GUARD_MESSAGE_EVENT, .event = *event};
        r = send_to(connection, &station->event, -1);
        if (r == -EAGAIN && connection->dropped < UINT32_MAX)
            connection->dropped++;
        else if (r < 0 && r != -EAGAIN)
            drop(connection);
    }
}

void station_unlisten(struct station *station)
{
    if (station == NULL || station->listener < 0)
        return;
    (void)unlink(station->path);
    fd_close(&station->listener);
}

void station_close(struct station *station)
{
    if (station == NULL)
        return;
    for (unsigned i = 0; i < STATION_CONNECTIONS; i++)
        drop(&station->connection[i]);
    station_unlisten(station);
    free(station);
}
