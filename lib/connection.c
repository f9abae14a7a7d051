/* SPDX-License-Identifier: Apache-2.0 */
/* The connection: bytes in and out, framed by NUL as Varlink has it. */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/internal.h"

#ifndef CASEMATE_VERSION
#define CASEMATE_VERSION "0.1"
#endif

const char *casemate_version(void)
{
    return CASEMATE_VERSION;
}

struct casemate *casemate_new(void)
{
    struct casemate *host = calloc(1, sizeof(*host));

    if (host != NULL) {
        host->fd = -1;
        host->timeout = -1;
    }
    return host;
}

void casemate_close(struct casemate *host)
{
    if (host->fd >= 0)
        (void)close(host->fd);
    host->fd = -1;
    free(host->buffer);
    host->buffer = NULL;
    host->size = host->capacity = 0;
}

void casemate_free(struct casemate *host)
{
    if (host == NULL)
        return;
    casemate_close(host);
    free(host);
}

static void forget_error(struct casemate *host)
{
    host->error[0] = '\0';
    host->error_errno = 0;
    host->error_result = CASEMATE_RESULT_UNKNOWN;
}

int cm_fail(struct casemate *host, int code, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(host->error, sizeof(host->error), format, ap);
    va_end(ap);
    for (char *c = host->error; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    }
    return code;
}

static int connect_failed(struct casemate *host, int fd, const char *path, int error)
{
    if (fd >= 0)
        (void)close(fd);
    host->error_errno = error;
    if (error == ENOENT || error == ECONNREFUSED)
        return cm_fail(
            host, CASEMATE_ERROR_CONNECT,
            "casemated does not run: nobody listens on %s; start it with `systemctl start "
            "casemated`, or run casemated as root",
            path);
    if (error == EACCES || error == EPERM)
        return cm_fail(host, CASEMATE_ERROR_CONNECT,
                       "may not connect to casemated at %s: %s; with SELinux, this context must be "
                       "an operator's",
                       path, strerror(error));
    return cm_fail(host, CASEMATE_ERROR_CONNECT, "cannot connect to casemated at %s: %s", path,
                   strerror(error));
}

int casemate_connect(struct casemate *host, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    forget_error(host);
    casemate_close(host);
    if (path == NULL)
        path = CASEMATE_SOCKET;
    if (path[0] == '\0' || strlen(path) >= sizeof(address.sun_path))
        return cm_fail(host, CASEMATE_ERROR_ARGUMENT, "a socket's path has 1 to %zu bytes",
                       sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return connect_failed(host, fd, path, errno);
    while (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        if (errno != EINTR)
            return connect_failed(host, fd, path, errno);
    }
    host->fd = fd;
    return CASEMATE_OK;
}

int casemate_connect_fd(struct casemate *host, int fd)
{
    forget_error(host);
    casemate_close(host);
    if (fd < 0)
        return cm_fail(host, CASEMATE_ERROR_ARGUMENT, "no descriptor");
    host->fd = fd;
    return CASEMATE_OK;
}

void casemate_set_timeout(struct casemate *host, int milliseconds)
{
    host->timeout = milliseconds < 0 ? -1 : milliseconds;
}

const char *casemate_error_text(const struct casemate *host)
{
    return host->error;
}

int casemate_error_errno(const struct casemate *host)
{
    return host->error_errno;
}

int casemate_error_result(const struct casemate *host)
{
    return host->error_result;
}

const char *casemate_error_name(int error)
{
    static const struct {
        int error;
        const char *name;
    } names[] = {
        {CASEMATE_OK, "Ok"},
        {CASEMATE_ERROR_NO_SUCH_GUEST, "NoSuchGuest"},
        {CASEMATE_ERROR_AMBIGUOUS, "AmbiguousGuest"},
        {CASEMATE_ERROR_DENIED, "Denied"},
        {CASEMATE_ERROR_WRONG_STATE, "WrongState"},
        {CASEMATE_ERROR_START_FAILED, "StartFailed"},
        {CASEMATE_ERROR_POLICY_INVALID, "PolicyInvalid"},
        {CASEMATE_ERROR_BUSY, "Busy"},
        {CASEMATE_ERROR_SYSTEM, "System"},
        {CASEMATE_ERROR_OTHER, "Other"},
        {CASEMATE_ERROR_CONNECT, "Connect"},
        {CASEMATE_ERROR_LOST, "Lost"},
        {CASEMATE_ERROR_PROTOCOL, "Protocol"},
        {CASEMATE_ERROR_TIMEOUT, "Timeout"},
        {CASEMATE_ERROR_ARGUMENT, "Argument"},
        {CASEMATE_ERROR_MEMORY, "Memory"},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].error == error)
            return names[i].name;
    }
    return "Unknown";
}

/* ---- bytes */

static int lost(struct casemate *host, int error)
{
    casemate_close(host);
    host->error_errno = error;
    return cm_fail(host, CASEMATE_ERROR_LOST, "casemated closed the connection%s%s",
                   error != 0 ? ": " : "; its journal says why", error != 0 ? strerror(error) : "");
}

static int64_t now(void)
{
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Wait until the socket is ready, at most until `deadline` (negative: for ever). */
static int wait_for(struct casemate *host, short events, int64_t deadline)
{
    struct pollfd poller = {.fd = host->fd, .events = events};

    for (;;) {
        int64_t left = deadline < 0 ? -1 : deadline - now();
        int r;

        if (deadline >= 0 && left < 0)
            left = 0;
        r = poll(&poller, 1, (int)left);
        if (r > 0)
            return CASEMATE_OK;
        if (r < 0 && errno != EINTR)
            return lost(host, errno);
        if (r == 0) {
            casemate_close(host);
            return cm_fail(host, CASEMATE_ERROR_TIMEOUT, "casemated did not answer within %d s",
                           host->timeout / 1000);
        }
    }
}

static int send_all(struct casemate *host, const char *text, size_t size)
{
    const int64_t deadline = host->timeout < 0 ? -1 : now() + host->timeout;

    while (size > 0) {
        ssize_t n = send(host->fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        int r;

        if (n >= 0) {
            text += n;
            size -= (size_t)n;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return lost(host, errno);
        r = wait_for(host, POLLOUT, deadline);
        if (r != CASEMATE_OK)
            return r;
    }
    return CASEMATE_OK;
}

int cm_send(struct casemate *host, const char *method, json_t *parameters, enum cm_call how)
{
    json_t *call = json_object();
    char *text = NULL;
    int r = CASEMATE_ERROR_MEMORY;

    forget_error(host);
    if (host->fd < 0) {
        json_decref(parameters);
        json_decref(call);
        return cm_fail(host, CASEMATE_ERROR_CONNECT, "not connected to casemated");
    }
    if (json_object_set_new(call, "method", json_sprintf(CM_INTERFACE ".%s", method)) < 0 ||
        json_object_set(call, "parameters", parameters) < 0 ||
        (how != CM_CALL_ONCE &&
         json_object_set_new(call, how == CM_CALL_MORE ? "more" : "upgrade", json_true()) < 0))
        (void)cm_fail(host, r, "no memory for a call");
    else
        text = json_dumps(call, JSON_COMPACT);
    json_decref(parameters);
    json_decref(call);
    if (text == NULL)
        return cm_fail(host, r, "no memory for a call");
    r = send_all(host, text, strlen(text) + 1); /* the NUL ends it */
    free(text);
    return r;
}

/* Room for at least one byte more. */
static int make_room(struct casemate *host)
{
    size_t capacity = host->capacity > 0 ? 2 * host->capacity : 4096;
    char *grown;

    if (host->size < host->capacity)
        return CASEMATE_OK;
    if (host->size >= CM_REPLY_MAX) {
        casemate_close(host);
        return cm_fail(host, CASEMATE_ERROR_PROTOCOL, "a reply of over %u bytes", CM_REPLY_MAX);
    }
    grown = realloc(host->buffer, capacity);
    if (grown == NULL) {
        casemate_close(host);
        return cm_fail(host, CASEMATE_ERROR_MEMORY, "no memory for a reply");
    }
    host->buffer = grown;
    host->capacity = capacity;
    return CASEMATE_OK;
}

/*
 * Receive what is there; with `exactly`, not a byte beyond a NUL: what follows is no longer ours
 * but the console's.
 */
static int receive_some(struct casemate *host, bool exactly, int64_t deadline)
{
    char *at;
    size_t room;
    ssize_t n;
    int r = make_room(host);

    if (r == CASEMATE_OK)
        r = wait_for(host, POLLIN, deadline);
    if (r != CASEMATE_OK)
        return r;
    at = host->buffer + host->size;
    room = host->capacity - host->size;
    n = recv(host->fd, at, room, MSG_DONTWAIT | (exactly ? MSG_PEEK : 0));
    if (n > 0 && exactly) {
        const char *end = memchr(at, '\0', (size_t)n);

        n = recv(host->fd, at, end != NULL ? (size_t)(end - at) + 1 : (size_t)n, MSG_DONTWAIT);
    }
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return CASEMATE_OK;
    if (n <= 0)
        return lost(host, n < 0 ? errno : 0);
    host->size += (size_t)n;
    return CASEMATE_OK;
}

int cm_receive(struct casemate *host, enum cm_call how, struct cm_reply *reply)
{
    const int64_t deadline = host->timeout < 0 ? -1 : now() + host->timeout;
    size_t searched = 0, length;
    char *end = NULL;
    int r = CASEMATE_OK;

    if (host->fd < 0)
        return cm_fail(host, CASEMATE_ERROR_LOST, "the connection is closed");
    for (;;) {
        if (host->size > searched)
            end = memchr(host->buffer + searched, '\0', host->size - searched);
        if (end != NULL)
            break;
        searched = host->size;
        r = receive_some(host, how == CM_CALL_UPGRADE, deadline);
        if (r != CASEMATE_OK)
            return r;
    }
    length = (size_t)(end - host->buffer);
    r = cm_decode_reply(host, host->buffer, length, how, reply);
    if (r == CASEMATE_ERROR_PROTOCOL || r == CASEMATE_ERROR_MEMORY) {
        casemate_close(host); /* what follows would be taken for the answer to another call */
        return r;
    }
    host->size -= length + 1;
    memmove(host->buffer, end + 1, host->size);
    return r;
}
