/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/daemon/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "hv/daemon/client.h"

#define BACKLOG     128
#define PAUSE_MSEC  100 /* when there is no descriptor left to accept with */
#define TURN_ACCEPT 16  /* of one turn: guards and other clients come in between */

/*
 * What is answered without a front, as constant bytes: it depends on nothing that the client said.
 * Whoever sends nothing but a call reads it as the answer to that.
 */
#define REFUSAL(error, message)                                                                    \
    "{\"error\":\"org.casemate.Host." error "\",\"parameters\":{\"message\":\"" message "\"}}"
static const char busy[] = REFUSAL("Busy", "too many connections: close one, or try later");
static const char denied[] = REFUSAL("Denied", "you may not connect; this has been recorded");

static void on_pause_over(void *context, uint32_t events)
{
    struct host *host = context;

    (void)events;
    loop_clock_set(host->listener_pause, 0);
    if (loop_change(host->listener_source, EPOLLIN) < 0)
        host_log(host, DAEMON_ERROR, "cannot listen any more");
}

static void take(struct host *host, int socket)
{
    int r = client_admit(host, socket);

    if (r == -EBUSY)
        (void)send(socket, busy, sizeof(busy), MSG_DONTWAIT | MSG_NOSIGNAL);
    else if (r == -EACCES)
        (void)send(socket, denied, sizeof(denied), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void on_listener(void *context, uint32_t events)
{
    struct host *host = context;

    (void)events;
    for (unsigned i = 0; i < TURN_ACCEPT; i++) {
        cleanup_fd int fd = accept4(host->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0) {
            take(host, fd);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            /* The listener stays readable: without a pause this would be all we do. */
            host_log(host, DAEMON_ERROR, "cannot accept a client: %s", strerror(errno));
            if (loop_change(host->listener_source, 0) == 0)
                loop_clock_set(host->listener_pause, PAUSE_MSEC);
        }
        return;
    }
}

static int make_folder(const char *path)
{
    char folder[PATH_MAX], *slash;

    if (text_copy(folder, sizeof(folder), path) < 0)
        return -ENAMETOOLONG;
    slash = strrchr(folder, '/');
    if (slash == NULL || slash == folder)
        return 0;
    *slash = '\0';
    return mkdir(folder, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int make_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    cleanup_fd int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int r;

    if (fd < 0 || probe < 0)
        return -errno;
    r = text_copy(address.sun_path, sizeof(address.sun_path), path);
    if (r == 0)
        r = make_folder(path);
    if (r < 0)
        return r;
    if (connect(probe, (const struct sockaddr *)&address, sizeof(address)) == 0 || errno == EAGAIN)
        return -EADDRINUSE;
    if (errno == ECONNREFUSED && unlink(path) < 0) /* left by one that was killed */
        return -errno;
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || chmod(path, 0666) < 0 ||
        listen(fd, BACKLOG) < 0)
        return -errno;
    return steal_fd(&fd);
}

/* A service manager hands a listener over that blocks and that programs inherit: the second accept
 * of a turn would be the last thing that casemated does. */
static int take_listener(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    return fd;
}

int listen_begin(struct host *host)
{
    bool handed = host->options->listener >= 0;
    int r = handed ? take_listener(host->options->listener) : make_socket(host->options->socket);

    if (r < 0)
        return r;
    host->socket_is_ours = !handed;
    host->listener = r;
    r = loop_clock(host->loop, 0, on_pause_over, host, &host->listener_pause);
    if (r == 0)
        r = loop_watch(host->loop, host->listener, EPOLLIN, on_listener, host,
                       &host->listener_source);
    return r;
}

void listen_end(struct host *host)
{
    loop_remove(&host->listener_source);
    loop_remove(&host->listener_pause);
    if (host->socket_is_ours)
        (void)unlink(host->options->socket);
    fd_close(&host->listener);
}
