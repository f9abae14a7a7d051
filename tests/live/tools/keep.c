/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keep PREFIX COMMAND [ARGUMENT...]: becomes the command, with its standard output, its standard
 * error and descriptor 3 kept in PREFIX.console, PREFIX.err and PREFIX.events. They go there
 * through pipes, as a confined process may not write to just any file, without carriage returns and
 * zero bytes, which a guest's console is full of. When all three are closed, and so all is in the
 * files, there is a word in PREFIX.end.
 *
 * Trust: a test tool. What it copies is a hostile guest's, and it looks for no more than those two
 * bytes in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STREAMS 3

static const char *const suffixes[STREAMS] = {"console", "err", "events"};

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "keep: %s: %s\n", what, strerror(errno));
    exit(127);
}

static int open_kept(const char *prefix, const char *suffix)
{
    char path[4096];
    int fd;

    if (snprintf(path, sizeof(path), "%s.%s", prefix, suffix) >= (int)sizeof(path)) {
        errno = ENAMETOOLONG;
        give_up(prefix);
    }
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        give_up(path);
    return fd;
}

static void write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);

        if (n < 0 && errno != EINTR)
            give_up("write");
        if (n > 0) {
            bytes += n;
            size -= (size_t)n;
        }
    }
}

/* False at the end of the stream. */
static bool copy_some(int from, int to)
{
    char bytes[65536];
    ssize_t n = read(from, bytes, sizeof(bytes));
    size_t kept = 0;

    if (n < 0 && errno == EINTR)
        return true;
    if (n <= 0)
        return false;
    for (ssize_t i = 0; i < n; i++)
        if (bytes[i] != '\r' && bytes[i] != '\0')
            bytes[kept++] = bytes[i];
    write_all(to, bytes, kept);
    return true;
}

static _Noreturn void read_all(const char *prefix, const int from[STREAMS])
{
    struct pollfd polls[STREAMS];
    int to[STREAMS], open_streams = STREAMS;

    for (int i = 0; i < STREAMS; i++) {
        polls[i] = (struct pollfd){.fd = from[i], .events = POLLIN};
        to[i] = open_kept(prefix, suffixes[i]);
    }
    while (open_streams > 0) {
        if (poll(polls, STREAMS, -1) < 0 && errno != EINTR)
            give_up("poll");
        for (int i = 0; i < STREAMS; i++)
            if (polls[i].fd >= 0 && polls[i].revents != 0 && !copy_some(from[i], to[i])) {
                polls[i].fd = -1;
                open_streams--;
            }
    }
    write_all(open_kept(prefix, "end"), "end\n", 4);
    exit(0);
}

int main(int argc, char **argv)
{
    int from[STREAMS], to[STREAMS];
    pid_t child;

    if (argc < 3) {
        fprintf(stderr, "usage: keep PREFIX COMMAND [ARGUMENT...]\n");
        return 2;
    }
    for (int i = 0; i < STREAMS; i++) {
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0)
            give_up("pipe");
        /* out of the way of the command's own three */
        from[i] = fcntl(ends[0], F_DUPFD_CLOEXEC, 10);
        to[i] = fcntl(ends[1], F_DUPFD_CLOEXEC, 10);
        if (from[i] < 0 || to[i] < 0)
            give_up("pipe");
        close(ends[0]);
        close(ends[1]);
    }
    /* The reader is nobody's child: the command would meet it among its own. */
    child = fork();
    if (child == 0) {
        for (int i = 0; i < STREAMS; i++)
            close(to[i]);
        child = fork();
        if (child == 0)
            read_all(argv[1], from);
        _exit(child < 0 ? 1 : 0);
    }
    if (child < 0 || waitpid(child, NULL, 0) < 0)
        give_up("fork");
    for (int i = 0; i < STREAMS; i++)
        if (dup2(to[i], i + 1) < 0)
            give_up("dup2");
    execvp(argv[2], argv + 2);
    give_up(argv[2]);
}
