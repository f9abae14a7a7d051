/* SPDX-License-Identifier: Apache-2.0 */
/* casemate-console with clients' sockets in place of a terminal, under its real filter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/worker/process_fixture.h"

struct console {
    struct worker w;
    int guest;  /* the VMM's end */
    int client; /* the first client's */
};

static void pair(int ends[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
}

static void client_start(struct console *c, uint32_t flags)
{
    struct worker_spec spec = worker_spec_make(PROCESS_CONSOLE);
    int guest[2], client[2];

    spec.config.flags = flags;
    pair(guest);
    pair(client);
    assert_int_equal(fcntl(client[0], F_SETFL, O_RDWR | O_NONBLOCK), 0);
    spec.vhost = guest[1];
    spec.backing = spec.inflight = client[0];
    start(&spec, &c->w);
    fd_close(&guest[1]);
    fd_close(&client[0]);
    c->guest = guest[0];
    c->client = client[1];
}

static void expect(int fd, const char *words)
{
    char text[64] = "";

    assert_int_equal(fd_read_full(fd, text, strlen(words)), 0);
    assert_string_equal(text, words);
}

static void say(int fd, const char *words)
{
    assert_int_equal(fd_write_full(fd, words, strlen(words)), 0);
}

static int next_client(struct console *c)
{
    const struct control_message message = {.type = CONTROL_CLIENT};
    int ends[2];

    pair(ends);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_RDWR | O_NONBLOCK), 0);
    assert_int_equal(fdpass_send(c->w.control, &message, sizeof(message), ends, 1), 0);
    fd_close(&ends[0]);
    return ends[1];
}

static void end(struct console *c)
{
    fd_close(&c->guest);
    assert_int_equal(worker_wait(&c->w), 0);
    fd_close(&c->client);
}

static void client_has_no_escape_key(void **state)
{
    struct console c;

    (void)state;
    client_start(&c, WORKER_FLAG_CLIENT);
    say(c.client, "a\x1dq\x1d\x1d.");
    expect(c.guest, "a\x1dq\x1d\x1d.");
    say(c.guest, "login:");
    expect(c.client, "login:");
    end(&c);
}

/* One goes, the guest talks to nobody, the next one comes: it hears only what is said to it. */
static void client_after_client(void **state)
{
    struct console c;

    (void)state;
    client_start(&c, WORKER_FLAG_CLIENT);
    for (unsigned i = 0; i < 20; i++) {
        say(c.client, "type");
        expect(c.guest, "type");
        say(c.guest, "one");
        expect(c.client, "one");
        fd_close(&c.client);
        for (unsigned n = 0; n < 2000; n++)
            say(c.guest, "nobody listens to me, and nothing waits for anybody");
        c.client = next_client(&c);
        say(c.client, "two"); /* it has been taken when this arrives */
        expect(c.guest, "two");
        say(c.guest, "three");
        for (char last[6] = ""; strcmp(last, "three") != 0;) {
            memmove(last, last + 1, 4);
            assert_int_equal(fd_read_full(c.client, last + 4, 1), 0);
        }
    }
    end(&c);
}

static void client_that_does_not_look(void **state)
{
    static char block[65536];
    struct console c;

    (void)state;
    memset(block, 'x', sizeof(block));
    client_start(&c, WORKER_FLAG_CLIENT);
    for (unsigned i = 0; i < 100; i++) /* far over what sockets hold: none of it blocks */
        assert_int_equal(fd_write_full(c.guest, block, sizeof(block)), 0);
    say(c.client, "still");
    expect(c.guest, "still");
    fd_close(&c.client);
    end(&c);
}

static void only_what_the_launcher_may_say(void **state)
{
    static const struct {
        uint32_t flags, type;
        unsigned fds;
    } cases[] = {
        {0, CONTROL_CLIENT, 1}, /* a relay with a terminal keeps it */
        {0, CONTROL_CLIENT, 0},
        {WORKER_FLAG_CLIENT, CONTROL_CLIENT, 0},
        {WORKER_FLAG_CLIENT, CONTROL_CLIENT, 2},
        {WORKER_FLAG_CLIENT, CONTROL_GO, 1},
        {WORKER_FLAG_CLIENT, CONTROL_READY, 0},
        {WORKER_FLAG_CLIENT, CONTROL_TYPES, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct control_message message = {.type = cases[i].type};
        struct console c;
        int ends[2];

        client_start(&c, cases[i].flags);
        pair(ends);
        assert_int_equal(fdpass_send(c.w.control, &message, sizeof(message), ends, cases[i].fds),
                         0);
        assert_int_not_equal(worker_wait(&c.w), 0);
        fd_close(&ends[0]);
        fd_close(&ends[1]);
        fd_close(&c.guest);
        fd_close(&c.client);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(client_has_no_escape_key),
        T(client_after_client),
        T(client_that_does_not_look),
        T(only_what_the_launcher_may_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
