/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding guards: those that an earlier casemated started, and those of `casemate run`. Each
 * listens at a station named after its guest's number in the label store.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "hv/daemon/guards.h"

/* A station appears a moment before it listens. */
#define RETRY_MSEC 100
#define RETRIES    50u

struct knock {
    struct host *host;
    struct loop_source *clock;
    unsigned times;
    uint64_t station;
};

/*
 * The other end must be what we are: root, and in our domain. A guard of `casemate run` has the
 * user of the shell that it was started from.
 */
static int check_peer(const struct host *host, int socket, pid_t *pid)
{
    struct access_peer peer;
    int r = access_peer_read(socket, &peer);

    if (r < 0)
        return r;
    if (peer.uid != geteuid() || (host->selinux && !selinux_same_type(peer.context, host->context)))
        return -EPERM;
    *pid = peer.pid;
    return 0;
}

static bool is_known(const struct host *host, pid_t pid)
{
    for (const struct guard *g = host->guards; g != NULL; g = g->next) {
        if (g->pid == pid)
            return true;
    }
    return false;
}

static int connect_to(struct host *host, uint64_t station)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cleanup_fd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct guard *guard;
    pid_t pid;
    int r;

    if (fd < 0)
        return -errno;
    r = text_format(address.sun_path, sizeof(address.sun_path), GUARD_STATIONS "/%llu",
                    (unsigned long long)station);
    if (r < 0)
        return r;
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    r = check_peer(host, fd, &pid);
    if (r < 0)
        return r;
    if (is_known(host, pid))
        return 0;
    r = guard_adopt(host, fd, pid, NULL, (int64_t)station, &guard);
    if (r < 0)
        return r;
    (void)steal_fd(&fd);
    r = guard_ask(guard, GUARD_WATCH, 0, 0, 0);
    if (r < 0)
        guard_forget(guard);
    return r;
}

static void knock(void *context, uint32_t events)
{
    struct knock *k = context;
    int r;

    (void)events;
    loop_remove(&k->clock);
    r = connect_to(k->host, k->station);
    if ((r == -ECONNREFUSED || r == -EAGAIN) && k->times++ < RETRIES &&
        loop_clock(k->host->loop, RETRY_MSEC, knock, k, &k->clock) == 0)
        return;
    /* Nobody listens there: the guard is gone, and its janitor takes the station away. */
    if (r < 0 && r != -ENOENT && r != -ECONNREFUSED)
        host_log(k->host, DAEMON_ERROR, "cannot reach the guard of guest %llu: %s",
                 (unsigned long long)k->station, strerror(-r));
    free(k);
}

static void call_at(struct host *host, const char *name)
{
    struct knock *k;
    uint64_t station;

    if (text_number(name, 1, INT64_MAX, &station) < 0)
        return;
    k = calloc(1, sizeof(*k));
    if (k == NULL)
        return;
    *k = (struct knock){.host = host, .station = station};
    knock(k, 0);
}

static void on_station(void *context, uint32_t events)
{
    struct host *host = context;
    union {
        struct inotify_event event;
        char bytes[4096];
    } buffer;
    ssize_t n = read(host->stations, &buffer, sizeof(buffer));

    (void)events;
    for (char *at = buffer.bytes; n > 0 && at < buffer.bytes + n;) {
        struct inotify_event event;

        memcpy(&event, at, sizeof(event));
        if (event.len > 0)
            call_at(host, at + sizeof(event));
        at += sizeof(event) + event.len;
    }
}

static int make_folder(const char *path, mode_t mode)
{
    if (mkdir(path, mode) < 0 && errno != EEXIST)
        return -errno;
    return 0;
}

int stations_watch(struct host *host)
{
    struct dirent *entry;
    DIR *folder;
    int r = make_folder("/run/casemate", 0755);

    if (r == 0)
        r = make_folder(GUARD_STATIONS, 0700);
    if (r < 0)
        return r;
    host->stations = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (host->stations < 0)
        return -errno;
    /* First the watch, then the look: who comes between is seen twice, and known the second time.
     */
    if (inotify_add_watch(host->stations, GUARD_STATIONS,
                          IN_CREATE | IN_MOVED_TO | IN_ONLYDIR | IN_DONT_FOLLOW) < 0)
        return -errno;
    r = loop_watch(host->loop, host->stations, EPOLLIN, on_station, host, &host->stations_source);
    if (r < 0)
        return r;
    folder = opendir(GUARD_STATIONS);
    if (folder == NULL)
        return -errno;
    while ((entry = readdir(folder)) != NULL)
        call_at(host, entry->d_name);
    (void)closedir(folder);
    return 0;
}

void stations_release(struct host *host)
{
    loop_remove(&host->stations_source);
    fd_close(&host->stations);
}
