/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "cmd/verbs/arguments.h"
#include "cmd/verbs/policy_confined.h"

/*
 * The file beside, locked; of who finds it locked the other is at work. One that was renamed since
 * it was opened is the registry itself, and not to be written to.
 */
static int open_beside(const char *name)
{
    for (;;) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        cleanup_fd int fd = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        struct stat mine, there;

        if (fd < 0 || fcntl(fd, F_OFD_SETLK, &lock) < 0 || fstat(fd, &mine) < 0)
            return -errno;
        if (stat(name, &there) == 0 && there.st_ino == mine.st_ino && there.st_dev == mine.st_dev)
            return steal_fd(&fd);
    }
}

static int sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    cleanup_free char *directory = slash == NULL   ? strdup(".")
                                   : slash == path ? strdup("/")
                                                   : strndup(path, (size_t)(slash - path));
    cleanup_fd int fd = -1;

    if (directory == NULL)
        return -ENOMEM;
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* All of it, durable, and then in the place of the old one. */
static int replace(int fd, const char *beside, const char *path, const char *text)
{
    int r = ftruncate(fd, 0) < 0 || fchmod(fd, 0600) < 0 ? -errno : 0;

    if (r == 0)
        r = fd_write_full(fd, text, strlen(text));
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    if (r == 0 && rename(beside, path) < 0)
        r = -errno;
    return r == 0 ? sync_directory(path) : r;
}

static int fail(const char *path, int r)
{
    if (r == -EAGAIN || r == -EACCES)
        complain("%s is being changed by somebody else, or may not be: %s", path, strerror(-r));
    else
        complain("cannot write %s: %s", path, strerror(-r));
    return VERB_SYSTEM;
}

static int read_keys(struct registry *registry)
{
    struct keys_error error = {.text = "it is too long"};
    cleanup_free char *text = NULL;
    size_t size = 0;
    int r = policy_read_file(registry->path, KEYS_TEXT_MAX, &text, &size);

    if (r == -ENOENT) {
        registry->keys = keys_new();
        r = registry->keys != NULL ? 0 : -ENOMEM;
    } else if (r == 0) {
        r = keys_read(text, size, &registry->keys, &error);
        if (r == -EINVAL || r == -EFBIG) {
            complain("%s is no registry of keys: %s", registry->path, error.text);
            return VERB_USAGE;
        }
    }
    if (r == 0)
        return VERB_OK;
    complain("cannot read the registry %s: %s", registry->path, strerror(-r));
    return VERB_SYSTEM;
}

int registry_open(const char *path, struct registry *registry)
{
    *registry = (struct registry){.path = path, .fd = -1};
    if (asprintf(&registry->beside, "%s.new", path) < 0) {
        registry->beside = NULL;
        return fail(path, -ENOMEM);
    }
    registry->fd = open_beside(registry->beside);
    return registry->fd < 0 ? fail(path, registry->fd) : read_keys(registry);
}

int registry_save(struct registry *registry)
{
    json_t *object = keys_json(registry->keys);
    cleanup_free char *text = object != NULL ? json_dumps(object, JSON_INDENT(1)) : NULL;
    int r = -ENOMEM;

    json_decref(object);
    if (text != NULL)
        r = replace(registry->fd, registry->beside, registry->path, text);
    if (r < 0)
        return fail(registry->path, r);
    /* Its name is the registry's now. */
    free(registry->beside);
    registry->beside = NULL;
    return VERB_OK;
}

void registry_close(struct registry *registry)
{
    if (registry->beside != NULL && registry->fd >= 0)
        (void)unlink(registry->beside);
    fd_close(&registry->fd);
    free(registry->beside);
    registry->beside = NULL;
    keys_free(registry->keys);
    registry->keys = NULL;
}

int registry_write_file(const char *path, const char *text)
{
    cleanup_free char *beside = NULL;
    cleanup_fd int fd = -1;
    int r;

    if (asprintf(&beside, "%s.new", path) < 0) {
        beside = NULL;
        return fail(path, -ENOMEM);
    }
    fd = open_beside(beside);
    if (fd < 0)
        return fail(path, fd);
    r = replace(fd, beside, path, text);
    if (r < 0)
        (void)unlink(beside);
    return r < 0 ? fail(path, r) : VERB_OK;
}
