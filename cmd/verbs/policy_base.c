/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the files of a base policy. Nothing here looks into them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/verbs/policy_kernel.h"
#include "policy/emit/module.h"

struct reading {
    struct policy_base *base;
    char *message;
    size_t bytes; /* of all files together */
};

static int fail(const struct reading *reading, int r, const char *path, const char *what)
{
    char shown[256];

    (void)text_format(reading->message, POLICY_BASE_MESSAGE_SIZE, "%s '%s': %s", what,
                      text_escape(shown, sizeof(shown), path), strerror(-r));
    return r;
}

static int read_whole(int fd, struct emit_base *file, size_t most)
{
    struct stat st;
    int r;

    if (fstat(fd, &st) != 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if ((uint64_t)st.st_size > most)
        return -EFBIG;
    file->size = (size_t)st.st_size;
    file->data = malloc(file->size + 1);
    if (file->data == NULL)
        return -ENOMEM;
    r = fd_read_full(fd, file->data, file->size);
    return r;
}

/* One file, and its name for messages. */
static int add(struct reading *reading, int directory, const char *path, const char *name)
{
    struct policy_base *base = reading->base;
    struct emit_base *file = &base->file[base->count];
    cleanup_fd int fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int r = fd < 0 ? -errno : base->count == POLICY_BASES_MAX - 1 ? -E2BIG : 0;

    if (r == 0)
        r = read_whole(fd, file, EMIT_KERNEL_MAX - reading->bytes);
    if (r == 0 && (file->name = strdup(name)) == NULL)
        r = -ENOMEM;
    if (r < 0) {
        free(file->data);
        memset(file, 0, sizeof(*file));
        return fail(reading, r, name, "cannot read");
    }
    reading->bytes += file->size;
    base->count++;
    return 0;
}

static int no_dots(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Sorted by bytes, whatever the locale, so that the same files make the same policy. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int by_priority(const struct dirent **a, const struct dirent **b)
{
    long first = strtol((*a)->d_name, NULL, 10), second = strtol((*b)->d_name, NULL, 10);

    return first > second ? -1 : first < second;
}

static void release_list(struct dirent **list, int count)
{
    for (int i = 0; i < count; i++)
        free(list[i]);
    free(list);
}

static bool ends_in_cil(const char *name)
{
    size_t size = strlen(name);

    return size > 4 && strcmp(name + size - 4, ".cil") == 0;
}

static int add_directory(struct reading *reading, int directory, const char *path)
{
    struct dirent **list = NULL;
    int count = scandirat(directory, ".", &list, no_dots, by_name), r = 0;

    if (count < 0)
        return fail(reading, -errno, path, "cannot read");
    for (int i = 0; r == 0 && i < count; i++) {
        if (ends_in_cil(list[i]->d_name))
            r = add(reading, directory, list[i]->d_name, list[i]->d_name);
    }
    release_list(list, count);
    if (r == 0 && reading->base->count == 0)
        r = fail(reading, -ENOENT, path, "no module and no *.cil in");
    return r;
}

/* Ours come from this program; an older one of the same name must not come along. */
static bool is_ours(const char *name)
{
    struct emit_part part;

    for (size_t i = 0; emit_part(i, &part) == 0; i++) {
        if (strcmp(part.name, name) == 0)
            return true;
    }
    return false;
}

static bool is_taken(const struct policy_base *base, const char *name)
{
    for (size_t i = 0; i < base->count; i++) {
        if (strcmp(base->file[i].name, name) == 0)
            return true;
    }
    return false;
}

/* Modules of one priority that no higher one has. */
static int add_priority(struct reading *reading, int store, const char *priority)
{
    cleanup_fd int directory = openat(store, priority, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct dirent **list = NULL;
    int count, r = 0;

    count = directory < 0 ? -1 : scandirat(directory, ".", &list, no_dots, by_name);
    if (count < 0)
        return fail(reading, -errno, priority, "cannot read");
    for (int i = 0; r == 0 && i < count; i++) {
        const char *name = list[i]->d_name;
        char path[512];

        if (is_ours(name) || is_taken(reading->base, name))
            continue;
        if (text_format(path, sizeof(path), "disabled/%s", name) == 0 &&
            faccessat(store, path, F_OK, 0) == 0)
            continue;
        r = text_format(path, sizeof(path), "%s/cil", name);
        r = r < 0 ? fail(reading, r, name, "cannot read") : add(reading, directory, path, name);
    }
    release_list(list, count);
    return r;
}

static int is_priority(const struct dirent *entry)
{
    return entry->d_name[0] != '\0' &&
           strspn(entry->d_name, "0123456789") == strlen(entry->d_name) &&
           strlen(entry->d_name) <= 3;
}

static int file_by_name(const void *a, const void *b)
{
    return strcmp(((const struct emit_base *)a)->name, ((const struct emit_base *)b)->name);
}

/* A module store, if it is one: its directories are priorities. */
static int add_store(struct reading *reading, int directory, const char *path, bool *found)
{
    struct dirent **list = NULL;
    int count = scandirat(directory, ".", &list, is_priority, by_priority), r = 0;

    if (count < 0)
        return fail(reading, -errno, path, "cannot read");
    *found = count > 0;
    for (int i = 0; r == 0 && i < count; i++)
        r = add_priority(reading, directory, list[i]->d_name);
    release_list(list, count);
    qsort(reading->base->file, reading->base->count, sizeof(*reading->base->file), file_by_name);
    return r;
}

int policy_base_read(const char *path, struct policy_base *base,
                     char message[POLICY_BASE_MESSAGE_SIZE])
{
    struct reading reading = {.base = base, .message = message};
    cleanup_fd int directory = -1;
    bool found = false;
    int r;

    base->count = 0;
    base->file = calloc(POLICY_BASES_MAX, sizeof(*base->file));
    if (base->file == NULL)
        return fail(&reading, -ENOMEM, path, "cannot read");
    directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0 && errno == ENOTDIR) {
        r = add(&reading, AT_FDCWD, path, path);
    } else if (directory < 0) {
        r = fail(&reading, -errno, path, "cannot read");
    } else {
        r = add_store(&reading, directory, path, &found);
        if (r == 0 && !found)
            r = add_directory(&reading, directory, path);
    }
    if (r < 0)
        policy_base_release(base);
    return r;
}

void policy_base_release(struct policy_base *base)
{
    for (size_t i = 0; i < base->count; i++) {
        free((void *)(uintptr_t)base->file[i].name);
        free(base->file[i].data);
    }
    free(base->file);
    base->file = NULL;
    base->count = 0;
}
