/* SPDX-License-Identifier: Apache-2.0 */
/* A client's list on a host of many guests: casemated has other things to do meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "hv/daemon/client.h"
#include "hv/daemon/guests.h"
#include "hv/daemon/policy.h"
#include "hv/daemon/request.h"

#define GUESTS 2000

struct scene {
    struct daemon_options options;
    struct host host;
    struct client client;
    int front;
    unsigned turns;
};

static void on_wire(void *context, uint32_t events)
{
    struct scene *s = context;

    (void)events;
    s->turns++;
    client_want_room(&s->client, false);
    request_continue(&s->client);
}

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    int pair[2];

    assert_non_null(s);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    s->host = (struct host){.options = &s->options};
    s->client = (struct client){.host = &s->host, .wire = pair[0], .report = -1};
    s->front = pair[1];
    assert_int_equal(loop_new(&s->host.loop), 0);
    assert_int_equal(policy_new(&s->host.policy), 0);
    assert_int_equal(loop_watch(s->host.loop, pair[0], 0, on_wire, s, &s->client.wire_source), 0);
    for (unsigned i = 0; i < GUESTS; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "g%u", i);
        assert_non_null(guests_add(&s->host, "acme", name));
    }
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;

    loop_remove(&s->client.wire_source);
    policy_free(&s->host);
    guests_free(&s->host);
    loop_free(s->host.loop);
    fd_close(&s->client.wire);
    fd_close(&s->front);
    free(s);
    return 0;
}

/* Read what is there; true with the last reply. */
static bool drain(const struct scene *s, unsigned *guests)
{
    struct host_reply reply;

    while (fdpass_receive(s->front, &reply, sizeof(reply), NULL, NULL, MSG_DONTWAIT) ==
           (int)sizeof(reply)) {
        if (reply.type == HOST_REPLY_DONE)
            return true;
        *guests += 1;
    }
    return false;
}

static void on_front(void *context, uint32_t events)
{
    struct scene *s = context;

    (void)events;
    loop_stop(s->host.loop);
}

/* The whole list: how many guests it had, in how many turns of the loop. */
static unsigned list(struct scene *s)
{
    const struct host_request request = {
        .magic = HOST_MAGIC, .version = HOST_VERSION, .type = HOST_LIST, .serial = 1};
    struct loop_source *front = NULL;
    unsigned guests = 0;

    assert_int_equal(loop_watch(s->host.loop, s->front, EPOLLIN, on_front, s, &front), 0);
    (void)alarm(60);
    request_begin(&s->client, &request);
    while (!drain(s, &guests))
        assert_int_equal(loop_run(s->host.loop), 0);
    (void)alarm(0);
    loop_remove(&front);
    return guests;
}

static void test_root_sees_all(void **state)
{
    struct scene *s = *state;

    assert_int_equal(list(s), GUESTS);
}

/* Nothing is sent for a guest that is not shown, so no full socket ends the turn. */
static void test_who_sees_nothing(void **state)
{
    struct scene *s = *state;

    s->client.peer.uid = s->client.peer.gid = 4711;
    assert_int_equal(list(s), 0);
    assert_true(s->turns >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_root_sees_all, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_sees_nothing, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
