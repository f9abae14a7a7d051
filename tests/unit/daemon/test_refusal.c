/* SPDX-License-Identifier: Apache-2.0 */
/* What a client is told that asks for what it may not, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "base/text.h"
#include "hv/daemon/client.h"
#include "hv/daemon/guests.h"
#include "hv/daemon/policy.h"
#include "hv/daemon/request.h"

struct scene {
    struct daemon_options options;
    struct host host;
    struct client client;
    int front;
    unsigned denials; /* in the log */
    struct host_reply reply;
};

static void log_line(void *context, enum daemon_severity severity, const char *text,
                     const struct journal_field *fields, size_t count)
{
    struct scene *s = context;

    (void)severity, (void)fields, (void)count;
    s->denials += strncmp(text, "denied: ", 8) == 0;
}

static void on_wire(void *context, uint32_t events)
{
    (void)context, (void)events;
}

static void on_front(void *context, uint32_t events)
{
    struct scene *s = context;

    (void)events;
    loop_stop(s->host.loop);
}

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    int pair[2];

    assert_non_null(s);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    s->options = (struct daemon_options){.log = log_line, .context = s};
    s->host = (struct host){.options = &s->options, .clients = &s->client};
    s->client = (struct client){.host = &s->host, .wire = pair[0], .report = -1};
    s->client.peer.uid = s->client.peer.gid = 4711;
    s->front = pair[1];
    assert_int_equal(loop_new(&s->host.loop), 0);
    assert_int_equal(policy_new(&s->host.policy), 0);
    assert_int_equal(loop_watch(s->host.loop, pair[0], 0, on_wire, s, &s->client.wire_source), 0);
    assert_non_null(guests_add(&s->host, "acme", "web"));
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;

    loop_remove(&s->client.operation.clock);
    loop_remove(&s->client.wire_source);
    policy_free(&s->host);
    guests_free(&s->host);
    loop_free(s->host.loop);
    fd_close(&s->client.wire);
    fd_close(&s->front);
    free(s);
    return 0;
}

static void ask(struct scene *s, uint32_t type, const char *guest)
{
    struct host_request request = {.magic = HOST_MAGIC,
                                   .version = HOST_VERSION,
                                   .type = type,
                                   .serial = 7,
                                   .flags = HOST_FLAG_MORE};

    (void)text_copy(request.guest, sizeof(request.guest), guest);
    request_begin(&s->client, &request);
}

static bool heard(struct scene *s)
{
    return fdpass_receive(s->front, &s->reply, sizeof(s->reply), NULL, NULL, MSG_DONTWAIT) > 0;
}

static void await(struct scene *s)
{
    struct loop_source *front = NULL;

    assert_int_equal(loop_watch(s->host.loop, s->front, EPOLLIN, on_front, s, &front), 0);
    (void)alarm(60);
    assert_int_equal(loop_run(s->host.loop), 0);
    (void)alarm(0);
    loop_remove(&front);
    assert_true(heard(s));
    assert_int_equal(s->reply.type, HOST_REPLY_DONE);
    assert_int_equal(s->reply.serial, 7);
    assert_false(s->client.operation.active);
    assert_false(heard(s));
}

/* That there is such a guest shows in the log alone, and in no other time that the answer takes. */
static void test_other_tenants_guest(void **state)
{
    struct scene *s = *state;
    char text[sizeof(s->reply.text)];

    ask(s, HOST_KILL, "web");
    assert_false(heard(s));
    assert_int_equal(s->denials, 1);
    await(s);
    assert_int_equal(s->reply.status, HOST_NO_SUCH_GUEST);
    (void)text_copy(text, sizeof(text), s->reply.text);
    ask(s, HOST_KILL, "abc");
    assert_false(heard(s));
    assert_int_equal(s->denials, 1);
    await(s);
    assert_int_equal(s->reply.status, HOST_NO_SUCH_GUEST);
    memcpy(strstr(text, "web"), "abc", 3);
    assert_string_equal(s->reply.text, text);
}

/* While its refusal waits, what happens to whom it asked for is not told to it. */
static void test_meanwhile(void **state)
{
    static const uint32_t types[] = {HOST_START, HOST_STOP, HOST_KILL, HOST_SHOW, HOST_RELOAD};
    struct scene *s = *state;
    struct guest *guest = guests_find(&s->host, "acme", "web");
    const struct record_event event = {.type = RECORD_EVENT_RUNNING};

    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        ask(s, types[i], types[i] != HOST_RELOAD ? "web" : "");
        answer_event(&s->host, guest, &event);
        answer_end(&s->host, guest);
        request_continue(&s->client);
        assert_false(heard(s));
        await(s);
        assert_int_equal(s->reply.status,
                         types[i] == HOST_RELOAD ? HOST_DENIED : HOST_NO_SUCH_GUEST);
    }
    assert_int_equal(s->denials, sizeof(types) / sizeof(types[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_other_tenants_guest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_meanwhile, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
