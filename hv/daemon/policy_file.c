/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/daemon/policy_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "hv/daemon/policy_file_internal.h"

#define NEW ".new"

bool policy_file_roots(const struct stat *st)
{
    return st->st_uid == geteuid() && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static int open_directory(const char *path, struct policy_file *file, char text[POLICY_TEXT_MAX])
{
    const char *slash = strrchr(path, '/');
    char directory[PATH_MAX];
    struct stat st;

    if (slash == NULL || text_copy(file->name, sizeof(file->name), slash + 1) < 0 ||
        text_format(directory, sizeof(directory), "%.*s", slash == path ? 1 : (int)(slash - path),
                    path) < 0)
        return -ENAMETOOLONG;
    file->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file->directory < 0)
        return -errno;
    if (fstat(file->directory, &st) < 0)
        return -errno;
    if (policy_file_roots(&st))
        return 0;
    (void)text_format(text, POLICY_TEXT_MAX, "%s is not a directory that only root can write to",
                      directory);
    return -EPERM;
}

int policy_file_at(const struct policy_file *file, const char *name)
{
    int fd =
        openat(file->directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

    return fd >= 0 ? fd : -errno;
}

/* The new one's name. */
static int new_name(const struct policy_file *file, char name[NAME_MAX + 1])
{
    return text_format(name, NAME_MAX + 1, "%s%s", file->name, NEW);
}

static int open_one(struct policy_file *file, bool fresh)
{
    char name[NAME_MAX + 1];
    int fd = -ENOENT;

    if (fresh && new_name(file, name) == 0) {
        fd = policy_file_at(file, name);
        file->candidate = fd != -ENOENT;
    }
    return fd == -ENOENT && !file->candidate ? policy_file_at(file, file->name) : fd;
}

/* Into memory that nobody can change: neither we nor who has the file open still. */
static int seal(int fd, size_t size, struct policy_file *file)
{
    cleanup_free void *bytes = malloc(size);
    cleanup_fd int memory = -1;
    void *mapped;
    int r;

    if (bytes == NULL)
        return -ENOMEM;
    r = fd_pread_full(fd, bytes, size, 0);
    if (r < 0)
        return r;
    memory = fd_sealed_memfd("casemate-policy", bytes, size);
    if (memory < 0)
        return memory;
    mapped = mmap(NULL, size, PROT_READ, MAP_SHARED, memory, 0);
    if (mapped == MAP_FAILED)
        return -errno;
    file->image = mapped;
    file->mapped = size;
    return 0;
}

static int read_file(int fd, const char *path, struct policy_file *file, char text[POLICY_TEXT_MAX])
{
    struct guest_diagnostic d;
    struct stat st;
    int r;

    if (fstat(fd, &st) < 0)
        return -errno;
    file->dev = st.st_dev;
    file->ino = st.st_ino;
    if (!S_ISREG(st.st_mode) || !policy_file_roots(&st)) {
        (void)text_format(text, POLICY_TEXT_MAX, "%s is not a file that only root can write to",
                          path);
        return -EPERM;
    }
    if (st.st_size < (off_t)sizeof(struct image) || st.st_size > (off_t)IMAGE_SIZE_MAX) {
        (void)text_format(text, POLICY_TEXT_MAX,
                          "%s is no policy's image: make one with `casemate policy load`", path);
        return -EINVAL;
    }
    r = seal(fd, (size_t)st.st_size, file);
    if (r < 0)
        return r;
    r = image_check(file->image, file->mapped, &d);
    if (r == -EINVAL)
        (void)text_format(text, POLICY_TEXT_MAX, "%s: %s", path, d.message);
    return r;
}

int policy_file_open(const char *path, bool fresh, struct policy_file *file,
                     char text[POLICY_TEXT_MAX])
{
    cleanup_fd int fd = -1;
    int r;

    *file = (struct policy_file){.directory = -1};
    r = open_directory(path, file, text);
    if (r == 0) {
        fd = open_one(file, fresh);
        r = fd < 0 ? fd : read_file(fd, path, file, text);
    }
    if (r == -ENOENT && !file->candidate) {
        file->image = image_none();
        return 0;
    }
    if (r < 0 && text[0] == '\0')
        (void)text_format(text, POLICY_TEXT_MAX, "cannot read %s: %s", path,
                          r == -ELOOP ? "it is a link" : strerror(-r));
    return r;
}

int policy_file_same(const struct policy_file *file, const char *name, dev_t dev, ino_t ino)
{
    struct stat st;

    if (fstatat(file->directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? -ESTALE : -errno;
    return st.st_dev == dev && st.st_ino == ino ? 0 : -ESTALE;
}

int policy_file_take(struct policy_file *file)
{
    char name[NAME_MAX + 1];
    int r;

    if (!file->candidate)
        return 0;
    r = new_name(file, name);
    if (r == 0)
        r = policy_file_same(file, name, file->dev, file->ino);
    if (r < 0)
        return r;
    if (renameat(file->directory, name, file->directory, file->name) < 0)
        return -errno;
    file->candidate = false;
    /* Of two names one is first: a certificate beside an image of which it is not is not used. */
    if (policy_file_take_proof(file) < 0)
        return 1;
    /* Its bytes were on the disk before it was named to us; now its name has to be. */
    return fsync(file->directory) < 0 && errno != EINVAL ? 1 : 0;
}

void policy_file_refuse(struct policy_file *file)
{
    char name[NAME_MAX + 1];

    if (file->candidate && new_name(file, name) == 0 &&
        policy_file_same(file, name, file->dev, file->ino) == 0)
        (void)unlinkat(file->directory, name, 0);
    file->candidate = false;
    policy_file_refuse_proof(file);
}

void policy_file_close(struct policy_file *file)
{
    if (file->mapped > 0)
        (void)munmap((void *)(uintptr_t)file->image, file->mapped);
    fd_close(&file->directory);
    *file = (struct policy_file){.directory = -1};
}
