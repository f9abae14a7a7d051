/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs/policy_sources.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

#define BLOCK       65536u
#define EXCERPT_MAX 100u /* characters of a line that are shown */
#define BEFORE      60u  /* of them before the column, in a long line */

struct root {
    const char *file;
    int fd;        /* or -errno */
    int directory; /* O_PATH, or -1 */
};

struct source {
    uint32_t root;
    char *path; /* owned */
    struct buf text;
};

struct policy_sources {
    struct root *roots;
    size_t root_count;
    struct source *sources;
    size_t count;
    uint64_t bytes;
};

static int open_directory(const char *file)
{
    const char *slash = strrchr(file, '/');
    cleanup_free char *name =
        slash != NULL ? strndup(file, (size_t)(slash + 1 - file)) : strdup(".");

    return name != NULL ? open(name, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
}

int policy_sources_open(const char *const *files, size_t count, struct policy_sources **out)
{
    struct policy_sources *s;

    if (count == 0 || count > COMPILE_ROOTS_MAX)
        return -EINVAL;
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        return -ENOMEM;
    s->roots = calloc(count, sizeof(*s->roots));
    s->sources = calloc(COMPILE_SOURCES_MAX, sizeof(*s->sources));
    if (s->roots == NULL || s->sources == NULL) {
        policy_sources_close(s);
        return -ENOMEM;
    }
    for (; s->root_count < count; s->root_count++) {
        struct root *root = &s->roots[s->root_count];

        root->file = files[s->root_count];
        root->fd = open(root->file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (root->fd < 0)
            root->fd = -errno;
        root->directory = open_directory(root->file);
    }
    *out = s;
    return 0;
}

void policy_sources_close(struct policy_sources *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->root_count; i++) {
        fd_close(&s->roots[i].fd);
        fd_close(&s->roots[i].directory);
    }
    for (size_t i = 0; i < s->count; i++) {
        free(s->sources[i].path);
        buf_release(&s->sources[i].text);
    }
    free(s->roots);
    free(s->sources);
    free(s);
}

size_t policy_sources_count(const struct policy_sources *s)
{
    return s->count;
}

/* An included file: below the root's directory, through no link, and a file. */
static int open_below(const struct root *root, const char *path)
{
    const struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                                 .resolve =
                                     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    struct stat st;
    int fd;

    if (root->directory < 0)
        return -ENOENT;
    fd = (int)syscall(SYS_openat2, root->directory, path, &how, sizeof(how));
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        (void)close(fd);
        return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
    }
    return fd;
}

static int read_all(int fd, uint64_t room, struct buf *to)
{
    char block[BLOCK];
    ssize_t n;

    buf_init(to, (size_t)room);
    do {
        n = fd_read_most(fd, block, sizeof(block));
        if (n > 0)
            buf_append(to, block, (size_t)n);
    } while (n == (ssize_t)sizeof(block) && buf_status(to) == 0);
    return n < 0 ? (int)n : buf_status(to);
}

static int deliver(struct policy_sources *s, const struct source_request *request)
{
    struct source *source = &s->sources[s->count];
    cleanup_fd int below = -1;
    struct root *root;
    int fd, r;

    if (request->root >= s->root_count || s->count == COMPILE_SOURCES_MAX ||
        memchr(request->path, '\0', sizeof(request->path)) == NULL ||
        request->room > COMPILE_SOURCE_MAX || s->bytes > COMPILE_SOURCES_BYTES)
        return -EPROTO;
    root = &s->roots[request->root];
    if (request->path[0] != '\0')
        below = open_below(root, request->path);
    fd = request->path[0] != '\0' ? below : root->fd;
    if (fd < 0 && request->path[0] != '\0')
        return fd;
    *source = (struct source){.root = request->root, .path = strdup(request->path)};
    r = source->path == NULL ? -ENOMEM : fd < 0 ? fd : read_all(fd, request->room, &source->text);
    /* A file that was named but cannot be read is one for messages. */
    if (r < 0 && source->path != NULL && request->path[0] == '\0') {
        buf_release(&source->text);
        s->count++;
        return r;
    }
    if (r < 0) {
        free(source->path);
        buf_release(&source->text);
        *source = (struct source){.path = NULL};
        return r;
    }
    s->bytes += source->text.size;
    s->count++;
    return 0;
}

int policy_sources_serve(void *sources, int socket)
{
    struct policy_sources *s = sources;

    for (;;) {
        struct source_request request;
        struct source_reply reply = {.size = 0};
        int r = fd_read_full(socket, &request, sizeof(request));

        if (r == -ENODATA)
            return 0; /* its end; whether a good one its status says */
        if (r < 0)
            return -EPROTO;
        reply.status = deliver(s, &request);
        if (reply.status == -EPROTO)
            return -EPROTO;
        if (reply.status == 0)
            reply.size = (uint32_t)s->sources[s->count - 1].text.size;
        r = fd_write_full(socket, &reply, sizeof(reply));
        if (r == 0 && reply.size > 0)
            r = fd_write_full(socket, s->sources[s->count - 1].text.data, reply.size);
        if (r < 0)
            return -EPROTO;
    }
}

const char *policy_sources_text(const struct policy_sources *s, size_t index, size_t *size,
                                char file[COMPILED_FILE_SIZE])
{
    const struct source *source = &s->sources[index];
    const char *root = s->roots[source->root].file, *slash = strrchr(root, '/');
    int r;

    if (source->path[0] == '\0')
        r = text_copy(file, COMPILED_FILE_SIZE, root);
    else
        r = text_format(file, COMPILED_FILE_SIZE, "%.*s%s",
                        slash != NULL ? (int)(slash + 1 - root) : 0, root, source->path);
    if (r < 0)
        (void)text_copy(file, COMPILED_FILE_SIZE, "(a very long name)");
    *size = source->text.size;
    return (const char *)source->text.data;
}

/* The begin of a line, and its end. */
static const char *find_line(const char *text, size_t size, uint32_t line, const char **end)
{
    const char *at = text, *stop = text + size, *next;

    for (; line > 1; line--) {
        next = at < stop ? memchr(at, '\n', (size_t)(stop - at)) : NULL;
        if (next == NULL)
            return NULL;
        at = next + 1;
    }
    next = at < stop ? memchr(at, '\n', (size_t)(stop - at)) : NULL;
    *end = next != NULL ? next : stop;
    return at;
}

static bool begins_character(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

void policy_sources_excerpt(const struct policy_sources *s, size_t index, uint32_t line,
                            uint32_t column, struct buf *out)
{
    const struct source *source = &s->sources[index];
    uint32_t first = column > EXCERPT_MAX ? column - BEFORE : 1, at = 0;
    const char *end = NULL, *text = NULL;

    if (index < s->count && source->text.size > 0 && line > 0)
        text = find_line((const char *)source->text.data, source->text.size, line, &end);
    if (text == NULL)
        return;
    buf_printf(out, "    %s", first > 1 ? "..." : "");
    for (; text < end; text++) {
        if (!begins_character(*text))
            continue;
        at++;
        if (at >= first + EXCERPT_MAX)
            break;
        if (at >= first && !(*text == '\r' && text + 1 == end))
            buf_printf(out, "%c", *text == '\t' ? ' ' : *text < 0x20 || *text > 0x7e ? '?' : *text);
    }
    buf_printf(out, "\n    %*s^\n", (int)(column - first + (first > 1 ? 3 : 0)), "");
}
