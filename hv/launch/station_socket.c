/* SPDX-License-Identifier: Apache-2.0 */
/* The socket of a station: where it is, and who may connect to it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "hv/launch/station_internal.h"
#include "mac/selinux.h"

#define BACKLOG 16

void station_path(int64_t store_id, char path[STATION_PATH_MAX])
{
    (void)text_format(path, STATION_PATH_MAX, "%s/%lld", GUARD_STATIONS, (long long)store_id);
}

void station_remove(int64_t store_id)
{
    char path[STATION_PATH_MAX];

    station_path(store_id, path);
    (void)unlink(path);
}

/* Users, roles and levels differ between an administrator's shell and the service manager. */
int station_check_peer(int socket, bool same_domain)
{
    char own[SELINUX_CONTEXT_MAX], peer[SELINUX_CONTEXT_MAX] = "";
    socklen_t size = sizeof(struct ucred), length = sizeof(peer) - 1;
    struct ucred credentials;

    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0 ||
        size != sizeof(credentials) || credentials.uid != geteuid())
        return -EACCES;
    if (!same_domain)
        return 0;
    if (selinux_get_process(getpid(), own) < 0 ||
        getsockopt(socket, SOL_SOCKET, SO_PEERSEC, peer, &length) < 0)
        return -EACCES;
    return selinux_same_type(own, peer) ? 0 : -EACCES;
}

/* Made, if need be, and nobody else's to write: who could put a socket here would be a guard. */
static int make_directory(const char *path)
{
    cleanup_fd int fd = -1;
    struct stat st;

    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return -errno;
    fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    return st.st_uid == geteuid() && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0 ? 0 : -EPERM;
}

static int make_directories(const char *path)
{
    char directory[PATH_MAX];
    char *slash;
    int r = text_copy(directory, sizeof(directory), path);

    if (r < 0 || directory[0] != '/')
        return -EINVAL;
    slash = strrchr(directory, '/');
    if (slash == directory)
        return -EINVAL;
    *slash = '\0';
    slash = strrchr(directory, '/');
    if (slash != directory) { /* the runtime directory, which others may look into */
        *slash = '\0';
        if (mkdir(directory, 0755) < 0 && errno != EEXIST)
            return -errno;
        r = make_directory(directory);
        *slash = '/';
    }
    return r < 0 ? r : make_directory(directory);
}

int station_listen(struct station *station, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cleanup_fd int fd = -1;
    int r = make_directories(path);

    if (r == 0)
        r = text_copy(address.sun_path, sizeof(address.sun_path), path);
    if (r < 0)
        return r;
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (unlink(path) < 0 && errno != ENOENT)
        return -errno;
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    if (chmod(path, 0600) < 0 || listen(fd, BACKLOG) < 0) {
        r = -errno;
        (void)unlink(path);
        return r;
    }
    (void)text_copy(station->path, sizeof(station->path), path);
    station->listener = steal_fd(&fd);
    return 0;
}
