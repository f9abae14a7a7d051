/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs/policy_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attest/digest.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/text.h"

#define FILES_MAX 64
#define NAME_SIZE 64
#define SUMS      "SHA256SUMS"

struct policy_files {
    int directory;
    size_t count, committed;
    struct policy_file file[FILES_MAX];
    char name[FILES_MAX][NAME_SIZE];
};

/* What a base adds: removed where this time there is none. */
static const char *const optional[] = {"policy.33", "file_contexts"};

static int temporary(const char *name, char to[NAME_SIZE + 16])
{
    return text_format(to, NAME_SIZE + 16, ".%s.new", name);
}

int policy_files_begin(const char *directory, struct policy_files **files)
{
    struct policy_files *f;
    int r;

    if (mkdir(directory, 0755) != 0 && errno != EEXIST)
        return -errno;
    f = calloc(1, sizeof(*f));
    if (f == NULL)
        return -ENOMEM;
    f->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->directory < 0) {
        r = -errno;
        free(f);
        return r;
    }
    *files = f;
    return 0;
}

static int write_temporary(struct policy_files *files, const char *name, const struct buf *data)
{
    char path[NAME_SIZE + 16];
    cleanup_fd int fd = -1;
    int r = temporary(name, path);

    if (r < 0)
        return r;
    /* What an interrupted run left; O_EXCL follows no link that somebody put in its place. */
    if (unlinkat(files->directory, path, 0) != 0 && errno != ENOENT)
        return -errno;
    fd = openat(files->directory, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return -errno;
    return fd_write_full(fd, data->data, data->size);
}

static int digest_text(const struct buf *data, char text[65])
{
    uint8_t value[DIGEST_SIZE];
    int r = digest_of(data->data, data->size, value);

    if (r == 0)
        hex_encode(text, value, sizeof(value));
    return r;
}

int policy_files_add(void *context, const char *name, const struct buf *data)
{
    struct policy_files *files = context;
    struct policy_file *file = &files->file[files->count];
    int r;

    if (files->count == FILES_MAX)
        return -E2BIG;
    r = text_copy(files->name[files->count], NAME_SIZE, name);
    if (r == 0)
        r = digest_text(data, file->digest);
    /* Counted first, so that what was begun is removed. */
    if (r == 0) {
        file->name = files->name[files->count++];
        file->size = data->size;
        r = write_temporary(files, name, data);
    }
    return r;
}

static int add_sums(struct policy_files *files)
{
    struct buf sums;
    int r;

    buf_init(&sums, 1U << 16);
    for (size_t i = 0; i < files->count; i++)
        buf_printf(&sums, "%s  %s\n", files->file[i].digest, files->file[i].name);
    r = buf_status(&sums);
    if (r == 0)
        r = policy_files_add(files, SUMS, &sums);
    buf_release(&sums);
    return r;
}

static bool is_among(const struct policy_files *files, const char *name)
{
    for (size_t i = 0; i < files->count; i++) {
        if (strcmp(files->name[i], name) == 0)
            return true;
    }
    return false;
}

int policy_files_commit(struct policy_files *files)
{
    int r = add_sums(files);

    for (; r == 0 && files->committed < files->count; files->committed++) {
        const char *name = files->name[files->committed];
        char path[NAME_SIZE + 16];

        r = temporary(name, path);
        if (r == 0 && renameat(files->directory, path, files->directory, name) != 0)
            r = -errno;
        if (r < 0)
            return r;
    }
    for (size_t i = 0; r == 0 && i < sizeof(optional) / sizeof(optional[0]); i++) {
        if (!is_among(files, optional[i]) && unlinkat(files->directory, optional[i], 0) != 0 &&
            errno != ENOENT)
            r = -errno;
    }
    return r;
}

const struct policy_file *policy_files_at(const struct policy_files *files, size_t index)
{
    return index < files->count ? &files->file[index] : NULL;
}

void policy_files_free(struct policy_files *files)
{
    if (files == NULL)
        return;
    for (size_t i = files->committed; i < files->count; i++) {
        char path[NAME_SIZE + 16];

        if (temporary(files->name[i], path) == 0)
            (void)unlinkat(files->directory, path, 0);
    }
    (void)close(files->directory);
    free(files);
}
