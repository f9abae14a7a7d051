/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/launch/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

#define LINKS_MAX 40 /* as the kernel's own resolution */

struct walk {
    int at;              /* owned: where the walk is */
    char rest[PATH_MAX]; /* what is still to be resolved */
    unsigned links, links_max;
};

static int start_at(struct walk *walk, const char *directory)
{
    int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    fd_close(&walk->at);
    walk->at = fd;
    return 0;
}

/* Take the next component off the rest: false when there is none. */
static bool next_component(struct walk *walk, char component[NAME_MAX + 2])
{
    size_t skip = strspn(walk->rest, "/"), length = strcspn(walk->rest + skip, "/");

    if (length == 0)
        return false;
    if (length > NAME_MAX)
        length = NAME_MAX + 1; /* the kernel will say ENAMETOOLONG */
    memcpy(component, walk->rest + skip, length);
    component[length] = '\0';
    memmove(walk->rest, walk->rest + skip + length, strlen(walk->rest + skip + length) + 1);
    return true;
}

/* Put what the link says in front of the rest. */
static int follow(struct walk *walk, int link, const struct stat *st)
{
    char target[PATH_MAX], rest[PATH_MAX];
    ssize_t n;

    if ((st->st_uid != 0 && st->st_uid != geteuid()) || ++walk->links > walk->links_max)
        return -ELOOP;
    n = readlinkat(link, "", target, sizeof(target));
    if (n < 0)
        return -errno;
    if ((size_t)n >= sizeof(target))
        return -ENAMETOOLONG;
    target[n] = '\0';
    memcpy(rest, walk->rest, sizeof(rest));
    if (text_format(walk->rest, sizeof(walk->rest), "%s%s", target, rest) < 0)
        return -ENAMETOOLONG;
    return target[0] == '/' ? start_at(walk, "/") : 0;
}

static int step(struct walk *walk, const char *component)
{
    cleanup_fd int fd = openat(walk->at, component, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (S_ISLNK(st.st_mode))
        return follow(walk, fd, &st);
    fd_close(&walk->at);
    walk->at = steal_fd(&fd);
    return 0;
}

int path_find(const char *path, bool links, struct stat *st)
{
    struct walk walk = {.at = -1, .links_max = links ? LINKS_MAX : 0};
    char component[NAME_MAX + 2];
    bool directory = path[0] != '\0' && path[strlen(path) - 1] == '/';
    int r = text_copy(walk.rest, sizeof(walk.rest), path);

    if (r == 0)
        r = path[0] == '\0' ? -ENOENT : start_at(&walk, path[0] == '/' ? "/" : ".");
    while (r == 0 && next_component(&walk, component))
        r = step(&walk, component);
    if (r == 0 && fstat(walk.at, st) < 0)
        r = -errno;
    if (r == 0 && directory && !S_ISDIR(st->st_mode))
        r = -ENOTDIR;
    if (r < 0) {
        fd_close(&walk.at);
        return r;
    }
    return walk.at;
}
