/* SPDX-License-Identifier: Apache-2.0 */
/* casemated's socket: on a host that runs out of what it takes to accept, and from a service
 * manager. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "hv/daemon/client.h"
#include "hv/daemon/listen.h"

struct scene {
    char directory[40], path[64];
    struct daemon_options options;
    struct host host;
    struct client other; /* takes the only place there is */
    unsigned failures;   /* to accept, as the log says */
    char heard[512];
    int caller; /* a client's socket */
};

static void log_line(void *context, enum daemon_severity severity, const char *text,
                     const struct journal_field *fields, size_t count)
{
    struct scene *s = context;

    (void)severity, (void)fields, (void)count;
    if (strncmp(text, "cannot accept", 13) != 0)
        return;
    s->failures++;
    loop_stop(s->host.loop);
}

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));

    assert_non_null(s);
    (void)snprintf(s->directory, sizeof(s->directory), "/tmp/casemate-listen-XXXXXX");
    assert_non_null(mkdtemp(s->directory));
    (void)snprintf(s->path, sizeof(s->path), "%s/socket", s->directory);
    s->options = (struct daemon_options){.socket = s->path,
                                         .listener = -1,
                                         .fronts_max = 1,
                                         .fronts_of_user_max = 1,
                                         .log = log_line,
                                         .context = s};
    s->host = (struct host){.options = &s->options, .listener = -1, .clients = &s->other};
    s->other.peer.uid = geteuid();
    assert_int_equal(loop_new(&s->host.loop), 0);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;

    listen_end(&s->host);
    loop_free(s->host.loop);
    fd_close(&s->caller);
    assert_int_equal(rmdir(s->directory), 0);
    free(s);
    return 0;
}

static void call(struct scene *s)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    assert_int_equal(text_copy(address.sun_path, sizeof(address.sun_path), s->path), 0);
    s->caller = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(s->caller >= 0);
    assert_int_equal(
        connect(s->caller, (const struct sockaddr *)&address, (socklen_t)sizeof(address)), 0);
}

static void on_answer(void *context, uint32_t events)
{
    struct scene *s = context;

    (void)events;
    assert_true(recv(s->caller, s->heard, sizeof(s->heard) - 1, MSG_DONTWAIT) > 0);
    loop_stop(s->host.loop);
}

static void run(struct scene *s)
{
    struct loop_source *answer = NULL;

    assert_int_equal(loop_watch(s->host.loop, s->caller, EPOLLIN, on_answer, s, &answer), 0);
    (void)alarm(60);
    assert_int_equal(loop_run(s->host.loop), 0);
    (void)alarm(0);
    loop_remove(&answer);
}

/* No descriptor left, and so none for a clock either: it listens again when there are some. */
static void test_out_of_descriptors(void **state)
{
    struct scene *s = *state;
    struct rlimit before, none;

    assert_int_equal(listen_begin(&s->host), 0);
    call(s);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    run(s);
    assert_int_equal(s->failures, 1);
    assert_string_equal(s->heard, "");
    /* It rests between two attempts: a log could not hold them otherwise. */
    run(s);
    assert_int_equal(s->failures, 2);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    run(s);
    assert_int_equal(s->failures, 2);
    assert_non_null(strstr(s->heard, "org.casemate.Host.Busy"));
}

/* systemd makes listeners that block, and that the programs which it starts inherit. */
static void test_handed_over(void **state)
{
    struct scene *s = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    assert_int_equal(text_copy(address.sun_path, sizeof(address.sun_path), s->path), 0);
    s->options.listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(s->options.listener >= 0);
    assert_int_equal(bind(s->options.listener, (const struct sockaddr *)&address, sizeof(address)),
                     0);
    assert_int_equal(listen(s->options.listener, 8), 0);
    call(s); /* before casemated listens: it waits */
    assert_int_equal(listen_begin(&s->host), 0);
    assert_int_equal(s->host.listener, s->options.listener);
    assert_true(fcntl(s->host.listener, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(s->host.listener, F_GETFD) & FD_CLOEXEC);
    run(s);
    assert_non_null(strstr(s->heard, "org.casemate.Host.Busy"));
    listen_end(&s->host);
    assert_int_equal(unlink(s->path), 0); /* it is not ours to remove */
}

static void test_handed_over_what_is_not_open(void **state)
{
    struct scene *s = *state;

    s->options.listener = 1000;
    assert_int_equal(listen_begin(&s->host), -EBADF);
    assert_int_equal(s->host.listener, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_handed_over, setup, teardown),
        cmocka_unit_test_setup_teardown(test_handed_over_what_is_not_open, setup, teardown),
        cmocka_unit_test_setup_teardown(test_out_of_descriptors, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
