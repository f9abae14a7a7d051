/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_RECORDED_PEER_H
#define CASEMATE_TESTS_RECORDED_PEER_H

/*
 * Plays casemated from a recording: a block of lines for each call, blocks separated by an empty
 * line, one reply a line. "!" hangs up. A line that begins with '>' is said as it is after the
 * reply, by a console.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define RECORDING_MAX 65536

struct recorded {
    char directory[64];
    char socket[96], output[96];
    pid_t peer;
};

/* A whole call was read: true. */
static inline bool recorded_hear(int client)
{
    char byte;
    ssize_t n;

    do {
        n = recv(client, &byte, 1, 0);
    } while (n == 1 && byte != '\0');
    return n == 1;
}

/* Say one block; the rest of the recording, or NULL at its end. */
static inline char *recorded_say(int client, char *text)
{
    while (text != NULL && *text != '\0' && *text != '\n') {
        char *end = strchr(text, '\n');

        if (end != NULL)
            *end = '\0';
        if (strcmp(text, "!") == 0)
            return NULL;
        if (text[0] == '>')
            (void)send(client, text + 1, strlen(text + 1), MSG_NOSIGNAL);
        else
            (void)send(client, text, strlen(text) + 1, MSG_NOSIGNAL);
        text = end != NULL ? end + 1 : NULL;
    }
    return text != NULL && *text == '\n' ? text + 1 : NULL;
}

/* The child. Clients come one after the other, and the recording goes on from one to the next. */
static inline void recorded_play(int listener, const char *path)
{
    static char recording[RECORDING_MAX];
    FILE *file = fopen(path, "re");
    char *text = recording;

    if (file == NULL || fread(recording, 1, sizeof(recording) - 1, file) == 0)
        _exit(98);
    (void)fclose(file);
    while (text != NULL) {
        int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

        while (text != NULL && recorded_hear(client))
            text = recorded_say(client, text);
        (void)close(client);
    }
    _exit(0);
}

static inline int recorded_setup(void **state)
{
    struct recorded *r = calloc(1, sizeof(*r));

    assert_non_null(r);
    (void)strcpy(r->directory, "/tmp/casemate-verbs-XXXXXX");
    assert_non_null(mkdtemp(r->directory));
    (void)snprintf(r->socket, sizeof(r->socket), "%s/socket", r->directory);
    (void)snprintf(r->output, sizeof(r->output), "%s/output", r->directory);
    *state = r;
    return 0;
}

static inline void recorded_end(struct recorded *r)
{
    if (r->peer > 0) {
        (void)kill(r->peer, SIGKILL);
        (void)waitpid(r->peer, NULL, 0);
    }
    r->peer = 0;
    (void)unlink(r->socket);
}

static inline int recorded_teardown(void **state)
{
    struct recorded *r = *state;

    recorded_end(r);
    (void)unlink(r->output);
    (void)rmdir(r->directory);
    free(r);
    return 0;
}

/* Listen, and play tests/golden/cli/NAME.replies to who comes. */
static inline void recorded_start(struct recorded *r, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[256];
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(path, sizeof(path), "tests/golden/cli/%s.replies", name);
    memcpy(address.sun_path, r->socket, strlen(r->socket));
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 4), 0);
    r->peer = fork();
    assert_true(r->peer >= 0);
    if (r->peer == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        recorded_play(listener, path);
    }
    close(listener);
}

/* Run `body` in a child whose output is kept in r->output; its exit status. */
static inline int recorded_run(const struct recorded *r, int (*body)(void *context), void *context)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        int out = open(r->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        int in = open("/dev/null", O_RDONLY | O_CLOEXEC);

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)dup2(in, STDIN_FILENO);
        (void)dup2(out, STDOUT_FILENO);
        (void)dup2(out, STDERR_FILENO);
        (void)setenv("TZ", "UTC", 1);
        status = body(context);
        (void)fflush(NULL);
        _exit(status);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* The output and the status against tests/golden/cli/NAME.expected; written anew when told. */
static inline void recorded_compare(const struct recorded *r, const char *name, int status)
{
    static char found[RECORDING_MAX], wanted[RECORDING_MAX];
    char path[256];
    FILE *file = fopen(r->output, "re");
    size_t size;

    assert_non_null(file);
    size = fread(found, 1, sizeof(found) - 64, file);
    (void)fclose(file);
    (void)snprintf(found + size, sizeof(found) - size, "exit status %d\n", status);
    (void)snprintf(path, sizeof(path), "tests/golden/cli/%s.expected", name);
    if (getenv("CASEMATE_GOLDEN_UPDATE") != NULL) {
        file = fopen(path, "we");
        assert_non_null(file);
        assert_true(fputs(found, file) >= 0);
        assert_int_equal(fclose(file), 0);
        return;
    }
    file = fopen(path, "re");
    assert_non_null(file);
    wanted[fread(wanted, 1, sizeof(wanted) - 1, file)] = '\0';
    (void)fclose(file);
    if (strcmp(found, wanted) != 0)
        fail_msg("%s: found:\n%s", path, found);
}

#endif
