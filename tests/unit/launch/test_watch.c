/* SPDX-License-Identifier: Apache-2.0 */
/* A guard that watches, and processes of its guest that were taken over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "hv/launch/guard.h"

#define ATTEMPTS 4096 /* more than any socket holds of what nobody reads */

struct scene {
    struct guard guard;
    struct guest_spec spec;
    struct launch_options options;
    struct launch_error error;
    int janitor; /* the other end of its socket: closing it says that the janitor has died */
    int process; /* what the process would speak with */
    pid_t pid;
};

/* One process, which waits for its end; what it says, the test says. */
static void start(struct scene *s, enum process_kind kind)
{
    struct process *process = &s->guard.processes[0];
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    s->process = pair[1];
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0) {
        (void)syscall(SYS_close_range, 3, ~0U, 0);
        for (;;)
            (void)pause();
    }
    *process = (struct process){.kind = kind,
                                .pid = s->pid,
                                .pidfd = (int)syscall(SYS_pidfd_open, s->pid, 0),
                                .control = pair[0],
                                .control_peer = -1,
                                .config = -1,
                                .filter = -1,
                                .ready = true};
    assert_true(process->pidfd >= 0);
    s->guard.count = 1;
    s->guard.running = true;
}

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    int pair[2];

    assert_non_null(s);
    guard_init(&s->guard);
    s->guard.spec = &s->spec;
    s->guard.options = &s->options;
    s->guard.error = &s->error;
    s->guard.jail.landlock_only = true;
    s->options.start = -1;
    s->options.console_client = true;
    s->options.signal_fd = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    s->guard.janitor.socket = pair[0];
    s->janitor = pair[1];
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    siginfo_t info;

    (void)kill(s->pid, SIGKILL);
    (void)waitid(P_PID, (id_t)s->pid, &info, WEXITED);
    process_release(&s->guard.processes[0]);
    fd_close(&s->process);
    fd_close(&s->janitor);
    fd_close(&s->guard.janitor.socket);
    fd_close(&s->guard.client[0]);
    fd_close(&s->guard.client[1]);
    fd_close(&s->options.signal_fd);
    free(s);
    return 0;
}

static void say(const struct scene *s, uint32_t type)
{
    const struct control_message message = {.type = type};

    assert_int_equal(fdpass_send(s->process, &message, sizeof(message), NULL, 0), 0);
}

/*
 * Each client that comes has the relay told. One that does not read what it is told must not get
 * its guard to wait for it: nobody could end the guest any more.
 */
static void test_deaf_relay(void **state)
{
    struct scene *s = *state;
    unsigned refused = 0;

    start(s, PROCESS_CONSOLE);
    (void)alarm(60);
    for (unsigned i = 0; i < ATTEMPTS && refused < 3; i++) {
        int fd = -1, r = guard_client_take(&s->guard, &fd);

        if (i == 0 && r == -ENOTCONN) { /* as a boot does */
            assert_int_equal(guard_client_socket(&s->guard), 0);
            continue;
        }
        /* What it cannot be told of, no client gets: it would be a console of nothing. */
        if (r < 0) {
            assert_int_equal(r, -EBUSY);
            assert_int_equal(fd, -1);
            refused++;
        }
        fd_close(&fd);
    }
    (void)alarm(0);
    assert_int_equal(refused, 3);
    /* It listens again: so does the next client have it. */
    for (;;) {
        struct control_message message;
        int told[1];
        size_t count = 1;

        if (fdpass_receive(s->process, &message, sizeof(message), told, &count, MSG_DONTWAIT) < 0)
            break;
        assert_int_equal(count, 1);
        fd_close(&told[0]);
    }
    {
        int fd = -1;

        assert_int_equal(guard_client_take(&s->guard, &fd), 0);
        fd_close(&fd);
    }
}

/* Evidence: a word that was on its way when the guest was frozen neither ends nor resets it. */
static void test_last_word_of_the_quarantined(void **state)
{
    static const uint32_t words[] = {CONTROL_RESET, CONTROL_OFF, CONTROL_CRASH, CONTROL_READY};
    struct scene *s = *state;

    start(s, PROCESS_VMM);
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        say(s, words[i]);
    s->guard.quarantined = true;
    fd_close(&s->janitor); /* what does end it */
    assert_int_equal(guard_supervise(&s->guard), GUARD_FAILED);
    assert_non_null(strstr(s->error.message, "janitor"));
}

/* Nor does one of its processes that the host kills: the others' memory is still to be looked at.
 */
static void test_death_in_quarantine(void **state)
{
    struct scene *s = *state;
    siginfo_t info;

    start(s, PROCESS_BLK);
    say(s, CONTROL_RESET);
    s->guard.quarantined = true;
    (void)kill(s->pid, SIGTERM);
    assert_int_equal(waitid(P_PID, (id_t)s->pid, &info, WEXITED | WNOWAIT), 0);
    fd_close(&s->janitor);
    assert_int_equal(guard_supervise(&s->guard), GUARD_FAILED);
    assert_non_null(strstr(s->error.message, "janitor"));
}

/* Who paused a guest finds it paused; it goes on with what it was about to do. */
static void test_last_word_of_the_paused(void **state)
{
    struct scene *s = *state;
    int pair[2];

    start(s, PROCESS_VMM);
    say(s, CONTROL_RESET);
    s->guard.paused = true;
    fd_close(&s->janitor);
    assert_int_equal(guard_supervise(&s->guard), GUARD_FAILED);
    assert_non_null(strstr(s->error.message, "janitor"));
    fd_close(&s->guard.janitor.socket);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    s->guard.janitor.socket = pair[0];
    s->janitor = pair[1];
    s->guard.paused = false;
    assert_int_equal(guard_supervise(&s->guard), GUARD_RESET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_deaf_relay, setup, teardown),
        cmocka_unit_test_setup_teardown(test_last_word_of_the_quarantined, setup, teardown),
        cmocka_unit_test_setup_teardown(test_death_in_quarantine, setup, teardown),
        cmocka_unit_test_setup_teardown(test_last_word_of_the_paused, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
