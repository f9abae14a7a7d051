/* SPDX-License-Identifier: Apache-2.0 */
/* casemate-console itself, under its real filter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/worker/process_fixture.h"

struct console {
    struct worker w;
    int guest;        /* the VMM's end */
    int keys, screen; /* the operator's ends */
};

static void console_start(struct console *c)
{
    struct worker_spec spec = worker_spec_make(PROCESS_CONSOLE);
    int socket[2], keys[2], screen[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socket), 0);
    assert_int_equal(pipe2(keys, O_CLOEXEC), 0);
    assert_int_equal(pipe2(screen, O_CLOEXEC), 0);
    spec.vhost = socket[1];
    spec.backing = keys[0];
    spec.inflight = screen[1];
    start(&spec, &c->w);
    fd_close(&socket[1]);
    fd_close(&keys[0]);
    fd_close(&screen[1]);
    c->guest = socket[0];
    c->keys = keys[1];
    c->screen = screen[0];
}

static void console_carries_both_ways(void **state)
{
    char text[32] = {0};
    struct console c;

    (void)state;
    console_start(&c);
    assert_int_equal(write(c.guest, "login: \x1b[31m", 12), 12);
    assert_int_equal(fd_read_full(c.screen, text, 12), 0);
    assert_string_equal(text, "login: \x1b[31m");
    assert_int_equal(write(c.keys, "ro\x1d\x1dot\r", 7), 7);
    memset(text, 0, sizeof(text));
    assert_int_equal(fd_read_full(c.guest, text, 6), 0);
    assert_string_equal(text, "ro\x1dot\r");
    fd_close(&c.guest);
    assert_int_equal(worker_wait(&c.w), 0);
    fd_close(&c.keys);
    fd_close(&c.screen);
}

static void console_operator_quits(void **state)
{
    struct control_message m;
    char text[8] = {0};
    struct console c;

    (void)state;
    console_start(&c);
    assert_int_equal(write(c.keys, "a\x1d", 2), 2);
    assert_int_equal(write(c.keys, "q", 1), 1);
    assert_int_equal(worker_message(&c.w, &m), CONTROL_OFF);
    assert_int_equal(fd_read_full(c.guest, text, 1), 0);
    /* It goes on: the guest's last words are still to come. */
    assert_int_equal(write(c.guest, "bye", 3), 3);
    assert_int_equal(fd_read_full(c.screen, text, 3), 0);
    assert_string_equal(text, "bye");
    fd_close(&c.w.control);
    assert_int_equal(worker_wait(&c.w), 0);
    fd_close(&c.guest);
    fd_close(&c.keys);
    fd_close(&c.screen);
}

static void console_end(void **state, bool typed)
{
    static uint8_t block[65536], back[65536];
    struct console c;
    size_t sent = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = (uint8_t)(i * 7);
    console_start(&c);
    if (typed) {
        /* The guest has never read what was typed, and its own socket is full of it. */
        assert_int_equal(fcntl(c.keys, F_SETFL, O_NONBLOCK), 0);
        for (int idle = 0; idle < 20;) {
            struct pollfd p = {.fd = c.keys, .events = POLLOUT};

            idle = write(c.keys, block, 4096) > 0 ? 0 : idle + 1;
            (void)poll(&p, 1, 10);
        }
    }
    fd_close(&c.keys); /* end of the operator's input is not the end of anything else */
    /* As much as fits while nobody reads the screen, then the guest is gone. */
    assert_int_equal(fcntl(c.guest, F_SETFL, O_NONBLOCK), 0);
    while (sent < 40 * sizeof(block)) {
        struct pollfd p = {.fd = c.guest, .events = POLLOUT};
        ssize_t n =
            write(c.guest, block + sent % sizeof(block), sizeof(block) - sent % sizeof(block));

        if (n > 0)
            sent += (size_t)n;
        else if (poll(&p, 1, 300) == 0)
            break;
    }
    assert_true(sent > 100000);
    fd_close(&c.guest);
    for (size_t got = 0; got < sent;) {
        size_t n = sent - got < sizeof(back) ? sent - got : sizeof(back);

        assert_int_equal(fd_read_full(c.screen, back, n), 0);
        assert_memory_equal(back, block, n);
        got += n;
    }
    assert_int_equal(worker_wait(&c.w), 0);
    fd_close(&c.screen);
}

static void console_writes_all_at_the_end(void **state)
{
    console_end(state, false);
}

static void console_writes_all_though_input_waits(void **state)
{
    console_end(state, true);
}

static void console_survives_a_closed_screen(void **state)
{
    struct console c;
    char text[2];

    (void)state;
    console_start(&c);
    fd_close(&c.screen);
    for (int i = 0; i < 100; i++)
        assert_int_equal(fd_write_full(c.guest, "0123456789abcdef", 16), 0);
    assert_int_equal(write(c.keys, "x", 1), 1);
    assert_int_equal(fd_read_full(c.guest, text, 1), 0);
    fd_close(&c.guest);
    assert_int_equal(worker_wait(&c.w), 0);
    fd_close(&c.keys);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(console_carries_both_ways),        T(console_operator_quits),
        T(console_writes_all_at_the_end),    T(console_writes_all_though_input_waits),
        T(console_survives_a_closed_screen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
