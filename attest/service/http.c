/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/service/http.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "attest/service/http_internal.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/fdpass.h"
#include "base/text.h"

#define ROOM_FIRST   65536u /* bytes for a body, before it is known to be longer */
#define WAIT_REQUEST 3u     /* seconds for an answer of the signer, */
#define WAIT_BODY    40u    /* and of both: twice what one piece of evidence may take */
#define TLS_ONLY_13  "NORMAL:-VERS-ALL:+VERS-TLS1.3"

enum { EXIT_OK = 0, EXIT_SYSTEM = 3 };

static uint64_t seconds_now(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec;
}

static void unlink_waiting(struct http *http, struct exchange *exchange)
{
    for (struct exchange **at = &http->waiting; *at != NULL; at = &(*at)->next) {
        if (*at == exchange) {
            *at = exchange->next;
            break;
        }
    }
    exchange->waiting = false;
}

static void completed(void *context, struct MHD_Connection *connection, void **own,
                      enum MHD_RequestTerminationCode code)
{
    struct exchange *exchange = *own;

    (void)connection;
    (void)code;
    if (exchange == NULL)
        return;
    if (exchange->waiting)
        unlink_waiting(context, exchange);
    free(exchange->answer);
    free(exchange->body);
    free(exchange);
    *own = NULL;
}

/* Keep what has come of a body; one that is too large is read on and not kept. */
static enum MHD_Result take_upload(struct exchange *exchange, const char *data, size_t size)
{
    if (exchange->too_large || size > SERVICE_BODY_MAX - exchange->size) {
        exchange->too_large = true;
        return MHD_YES;
    }
    if (exchange->size + size > exchange->room) {
        size_t room = exchange->room == 0 ? ROOM_FIRST : 2 * exchange->room;
        char *more;

        while (room < exchange->size + size)
            room *= 2;
        more = realloc(exchange->body, room);
        if (more == NULL)
            return MHD_NO;
        exchange->body = more;
        exchange->room = room;
    }
    memcpy(exchange->body + exchange->size, data, size);
    exchange->size += size;
    return MHD_YES;
}

/* Without waiting: a process that does not keep up makes this one say so, and not stop. */
static int pass_body(struct http *http, const struct exchange *exchange, uint32_t purpose)
{
    struct service_body body = {
        .id = exchange->id, .size = (uint32_t)exchange->size, .purpose = purpose};
    cleanup_fd int fd = fd_sealed_memfd("evidence", exchange->body, exchange->size);

    return fd < 0 ? fd : fdpass_send_now(http->options->appraiser, &body, sizeof(body), &fd, 1);
}

static int pass_request(struct http *http, const struct exchange *exchange, uint32_t type,
                        const char *client)
{
    struct service_request request = {.id = exchange->id, .type = type};

    (void)text_copy(request.client, sizeof(request.client), client);
    (void)text_copy(request.tenant, sizeof(request.tenant), exchange->tenant);
    (void)text_copy(request.name, sizeof(request.name), exchange->name);
    return fdpass_send_now(http->options->signer, &request, sizeof(request), NULL, 0);
}

static bool passes_body(enum route route)
{
    return route == ROUTE_EVIDENCE || route == ROUTE_RELEASE;
}

/* Ask who knows, and put the client's connection aside until the answer. */
static enum MHD_Result ask(struct http *http, enum route route, struct exchange *exchange,
                           const char *client)
{
    static const uint32_t types[] = {
        [ROUTE_NONCE] = SERVICE_NONCE,
        [ROUTE_RESULT] = SERVICE_RESULT,
        [ROUTE_HEALTH] = SERVICE_COUNTS,
        [ROUTE_METRICS] = SERVICE_COUNTS,
    };
    int r;

    exchange->id = ++http->next_id;
    r = route == ROUTE_EVIDENCE  ? pass_body(http, exchange, SERVICE_JUDGE)
        : route == ROUTE_RELEASE ? pass_body(http, exchange, SERVICE_RELEASE)
                                 : pass_request(http, exchange, types[route], client);
    free(exchange->body);
    exchange->body = NULL;
    if (r < 0) {
        http->counters.busy++;
        return http_complain(exchange->connection, MHD_HTTP_SERVICE_UNAVAILABLE, "busy",
                             "more is asked than can be answered: try again later");
    }
    exchange->waiting = true;
    /* Evidence takes its time; that somebody is there is said at once, or is not so. */
    exchange->deadline = seconds_now() + (passes_body(route) ? WAIT_BODY : WAIT_REQUEST);
    exchange->next = http->waiting;
    http->waiting = exchange;
    MHD_suspend_connection(exchange->connection);
    return MHD_YES;
}

static enum MHD_Result dispatch(struct http *http, enum route route, struct exchange *exchange)
{
    char client[SERVICE_CLIENT_MAX];

    http->counters.requests++;
    if (route == ROUTE_NONE)
        return http_complain(exchange->connection, MHD_HTTP_NOT_FOUND, "no-such-path",
                             "see the service's OpenAPI description");
    if (route == ROUTE_METHOD)
        return http_complain(exchange->connection, MHD_HTTP_METHOD_NOT_ALLOWED, "method",
                             "this path takes another method");
    if (!http_client(http, exchange->connection, client))
        return http_complain(exchange->connection, MHD_HTTP_UNAUTHORIZED, "client-certificate",
                             "show a client certificate of this service's authority");
    if (route == ROUTE_JWKS)
        return http_say(exchange->connection, MHD_HTTP_OK, "application/jwk-set+json",
                        http->options->jwks);
    if (exchange->too_large)
        return http_complain(exchange->connection, MHD_HTTP_CONTENT_TOO_LARGE, "too-large",
                             "evidence is at most 8 MiB");
    if (passes_body(route) && exchange->size == 0)
        return http_complain(exchange->connection, MHD_HTTP_BAD_REQUEST, "form",
                             "there is no evidence in the body");
    return ask(http, route, exchange, client);
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **own)
{
    struct http *http = context;
    struct exchange *exchange = *own;
    enum route route;

    (void)version;
    if (exchange == NULL) { /* its headers */
        exchange = calloc(1, sizeof(*exchange));
        if (exchange == NULL)
            return MHD_NO;
        exchange->connection = connection;
        *own = exchange;
        return MHD_YES;
    }
    if (*upload_size > 0) {
        enum MHD_Result result = take_upload(exchange, upload, *upload_size);

        *upload_size = 0;
        return result;
    }
    route = http_route(method, path, exchange->tenant, exchange->name);
    return exchange->answer != NULL ? http_answer(http, route, exchange)
                                    : dispatch(http, route, exchange);
}

/* 0; -EPIPE: the signer has ended; -errno. */
static int take_answer(struct http *http)
{
    cleanup_free struct service_answer *answer = calloc(1, sizeof(*answer));
    int n;

    if (answer == NULL)
        return -ENOMEM;
    n = fdpass_receive(http->options->signer, answer, sizeof(*answer), NULL, NULL, MSG_DONTWAIT);
    if (n <= 0)
        return n == 0 ? -EPIPE : n == -EAGAIN ? 0 : n;
    if (n != (int)sizeof(*answer))
        return -EPROTO;
    /* Nobody may wait any more: a client that has gone. */
    for (struct exchange *exchange = http->waiting; exchange != NULL; exchange = exchange->next) {
        if (exchange->id != answer->id)
            continue;
        unlink_waiting(http, exchange);
        answer->token.token[EAR_TOKEN_MAX - 1] = '\0';
        exchange->answer = steal_pointer(&answer);
        MHD_resume_connection(exchange->connection);
        break;
    }
    return 0;
}

/* Who has waited for too long is told so; an answer that comes yet is nobody's. */
static int give_up(struct http *http)
{
    const uint64_t now = seconds_now();
    struct exchange *next;

    for (struct exchange *exchange = http->waiting; exchange != NULL; exchange = next) {
        next = exchange->next;
        if (exchange->deadline > now)
            continue;
        exchange->answer = calloc(1, sizeof(*exchange->answer));
        if (exchange->answer == NULL)
            return -ENOMEM;
        exchange->answer->status = -ETIMEDOUT;
        http->counters.stalled++;
        unlink_waiting(http, exchange);
        MHD_resume_connection(exchange->connection);
    }
    return 0;
}

static struct MHD_Daemon *start(struct http *http)
{
    const struct http_options *o = http->options;
    struct MHD_OptionItem items[] = {
        {MHD_OPTION_LISTEN_SOCKET, o->listen, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)o->connections, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)o->timeout, NULL},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)completed, http},
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)o->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)o->key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_ONLY_13},
        /* Last: an end in its place when nobody's certificate is asked for. */
        {o->client_ca != NULL ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0,
         (void *)(uintptr_t)o->client_ca},
        {MHD_OPTION_END, 0, NULL},
    };

    return MHD_start_daemon(MHD_USE_TLS | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
                            handle, http, MHD_OPTION_ARRAY, items, MHD_OPTION_END);
}

static int wait_and_run(struct http *http, int epoll)
{
    struct pollfd polled[2] = {{.fd = epoll, .events = POLLIN},
                               {.fd = http->options->signer, .events = POLLIN}};
    MHD_UNSIGNED_LONG_LONG least = 0;
    int wait = -1, r = 0;

    if (MHD_get_timeout(http->daemon, &least) == MHD_YES)
        wait = least > 1000 ? 1000 : (int)least;
    else if (http->waiting != NULL)
        wait = 1000;
    if (poll(polled, 2, wait) < 0)
        return errno == EINTR ? 0 : -errno;
    if (polled[1].revents != 0)
        r = take_answer(http);
    if (r == 0)
        r = give_up(http);
    if (r == 0 && MHD_run(http->daemon) != MHD_YES)
        r = -EIO;
    return r;
}

int http_run(const struct http_options *options, int (*ready)(void))
{
    struct http http = {.options = options};
    const union MHD_DaemonInfo *info;
    int r;

    http.daemon = start(&http);
    if (http.daemon == NULL)
        return EXIT_SYSTEM;
    info = MHD_get_daemon_info(http.daemon, MHD_DAEMON_INFO_EPOLL_FD);
    r = info == NULL ? -EIO : ready();
    while (r == 0)
        r = wait_and_run(&http, info->epoll_fd);
    /* What waits can be answered no more: the process ends, and with it every connection. */
    return r == -EPIPE ? EXIT_OK : EXIT_SYSTEM;
}
