/* SPDX-License-Identifier: Apache-2.0 */
#include "mac/cgroup_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static const struct {
    unsigned bit;
    const char *v1, *v2;
} controllers[] = {
    {CGROUP_NO_MEMORY, "memory", "memory"}, {CGROUP_NO_CPU, "cpu", "cpu"},
    {CGROUP_NO_PIDS, "pids", "pids"},       {CGROUP_NO_IO, "blkio", "io"},
    {CGROUP_FREEZER, "freezer", "freezer"}, /* no word of v2's: see add_mount */
};
#define CONTROLLERS (sizeof(controllers) / sizeof(controllers[0]))

bool cgroup_name_ok(const char *name)
{
    size_t length = strlen(name);

    if (length == 0 || length > 64 || name[0] == '.')
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-") == length;
}

int cgroup_file_write(int directory, const char *file, const char *text)
{
    cleanup_fd int fd = openat(directory, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    size_t size = strlen(text);
    ssize_t n;

    if (fd < 0)
        return -errno;
    do
        n = write(fd, text, size);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    return (size_t)n == size ? 0 : -EIO;
}

int cgroup_file_printf(int directory, const char *file, const char *format, ...)
{
    char text[128];
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (n < 0 || (size_t)n >= sizeof(text))
        return -EINVAL;
    return cgroup_file_write(directory, file, text);
}

/* A stream on a file or directory below `directory`. */
static FILE *open_stream(int directory, const char *file)
{
    int fd = openat(directory, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    FILE *stream;

    if (fd < 0)
        return NULL;
    stream = fdopen(fd, "re");
    if (!stream)
        close(fd);
    return stream;
}

int cgroup_each_process(int directory, int (*each)(void *context, pid_t pid), void *context)
{
    FILE *stream = open_stream(directory, "cgroup.procs");
    int pid, r = 0;

    if (!stream)
        return -errno;
    while (r == 0 && fscanf(stream, "%d", &pid) == 1)
        r = each(context, pid);
    if (r == 0 && ferror(stream))
        r = -EIO;
    (void)fclose(stream);
    return r;
}

int cgroup_each_child(int directory, int (*each)(void *context, const char *name, int child),
                      void *context)
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream;
    int r = 0;

    if (fd < 0)
        return -errno;
    stream = fdopendir(fd);
    if (!stream) {
        r = -errno;
        close(fd);
        return r;
    }
    while (r == 0) {
        cleanup_fd int child = -1;
        const struct dirent *entry;

        errno = 0;
        entry = readdir(stream);
        if (!entry) {
            r = -errno;
            break;
        }
        if (entry->d_name[0] == '.' || entry->d_type != DT_DIR)
            continue;
        child = openat(directory, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (child >= 0)
            r = each(context, entry->d_name, child);
        else if (errno != ENOENT)
            r = -errno;
    }
    (void)closedir(stream);
    return r;
}

static int found_process(void *context, pid_t pid)
{
    (void)context;
    (void)pid;
    return 1;
}

static int child_populated(void *context, const char *name, int child)
{
    (void)context;
    (void)name;
    return cgroup_each_process(child, found_process, NULL);
}

int cgroup_is_populated(int group)
{
    int r = cgroup_each_process(group, found_process, NULL);

    return r != 0 ? r : cgroup_each_child(group, child_populated, NULL);
}

static int remove_child(void *context, const char *name, int child)
{
    (void)child;
    if (unlinkat(*(const int *)context, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
        return -errno;
    return 0;
}

int cgroup_remove(int base, int group, const char *name)
{
    struct stat ours, named;
    int r = cgroup_each_child(group, remove_child, &group);

    if (r < 0 && r != -ENOENT)
        return r;
    /* A guest that was started since may have the name by now. */
    if (fstat(group, &ours) != 0)
        return -errno;
    if (fstatat(base, name, &named, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : -errno;
    if (ours.st_ino != named.st_ino)
        return 0;
    if (unlinkat(base, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
        return -errno;
    return 0;
}

/* The words in cgroup.controllers of a v2 root as bits. */
static unsigned v2_controllers(int root)
{
    FILE *stream = open_stream(root, "cgroup.controllers");
    unsigned bits = 0;
    char word[32];

    if (!stream)
        return 0;
    while (fscanf(stream, "%31s", word) == 1) {
        for (size_t i = 0; i < CONTROLLERS; i++) {
            if (strcmp(word, controllers[i].v2) == 0)
                bits |= controllers[i].bit;
        }
    }
    (void)fclose(stream);
    return bits;
}

static int add_mount(struct cgroup_hierarchy hierarchy[CGROUP_HIERARCHIES_MAX], unsigned *count,
                     const struct mntent *mount, bool v2, unsigned *taken)
{
    unsigned bits = 0;
    int root;

    for (size_t i = 0; !v2 && i < CONTROLLERS; i++) {
        if (hasmntopt(mount, controllers[i].v1))
            bits |= controllers[i].bit & ~*taken;
    }
    if (!v2 && bits == 0)
        return 0;
    if (*count == CGROUP_HIERARCHIES_MAX)
        return 0;
    root = open(mount->mnt_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return -errno;
    if (v2)
        bits = v2_controllers(root) | CGROUP_FREEZER;
    *taken |= bits;
    hierarchy[(*count)++] = (struct cgroup_hierarchy){
        .v2 = v2, .controllers = bits, .root = root, .base = -1, .group = -1};
    return 0;
}

int cgroup_hierarchies_open(struct cgroup_hierarchy hierarchy[CGROUP_HIERARCHIES_MAX],
                            unsigned *count)
{
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    unsigned found = 0, taken = 0;
    struct mntent entry;
    char text[4096];
    int r = 0;

    if (!mounts)
        return -errno;
    /* v2 first: what it has it does better, and v1 cannot have it as well. */
    for (unsigned version = 2; version >= 1 && r == 0; version--) {
        rewind(mounts);
        while (r == 0 && getmntent_r(mounts, &entry, text, sizeof(text))) {
            bool v2 = version == 2;

            if (strcmp(entry.mnt_type, v2 ? "cgroup2" : "cgroup") != 0)
                continue;
            if (v2 && found > 0)
                continue; /* the same hierarchy, mounted again */
            r = add_mount(hierarchy, &found, &entry, v2, &taken);
        }
    }
    (void)endmntent(mounts);
    if (r < 0) {
        cgroup_hierarchies_close(hierarchy, found);
        return r;
    }
    *count = found;
    return 0;
}

void cgroup_hierarchies_close(struct cgroup_hierarchy *hierarchy, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        fd_close(&hierarchy[i].group);
        fd_close(&hierarchy[i].base);
        fd_close(&hierarchy[i].root);
    }
}
