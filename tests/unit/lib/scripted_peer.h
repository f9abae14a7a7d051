/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_SCRIPTED_PEER_H
#define CASEMATE_TESTS_SCRIPTED_PEER_H

/*
 * The library against a peer that says what the test tells it to: the replies stand in the socket
 * before the call is made, and what was sent is read afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/casemate.h"

struct scene {
    struct casemate *host;
    int peer;
    char sent[1024]; /* by the library, NUL shown as '|' */
};

#define GUEST_PLAIN                                                                                \
    "\"tenant\":\"acme\",\"name\":\"web\",\"state\":\"running\",\"mac\":\"selinux\",\"cpus\":2,"   \
    "\"memory\":2147483648,\"tenant_slot\":3"
#define PROCESS                                                                                    \
    "{\"kind\":\"blk\",\"index\":1,\"pid\":42,\"uid\":2000000003,\"syscalls\":12,\"threads\":2,"   \
    "\"context\":\"system_u:system_r:casemate_tenant_0003.blk_t:s0:c17,c203\","                    \
    "\"filter_digest\":\"00ff\",\"program_digest\":\"ab\"}"
#define GUEST_FULL                                                                                 \
    "{" GUEST_PLAIN ",\"uuid\":\"01000000-0000-0000-0000-000000000000\",\"categories\":"           \
    "\"c17,c203\",\"context\":\"system_u:system_r:casemate_tenant_0003.vmm_t:s0:c17,c203\","       \
    "\"store_id\":7,\"started\":1700000000,\"guard\":41,\"boots\":1,\"later\":{},"                 \
    "\"processes\":[" PROCESS "]}"
#define REPLY(parameters) "{\"parameters\":" parameters "}"
#define MORE(parameters)  "{\"parameters\":" parameters ",\"continues\":true}"
#define SHOWN(guest)      REPLY("{\"guest\":" guest "}")

static inline int setup(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    int pair[2];

    assert_non_null(s);
    s->host = casemate_new();
    assert_non_null(s->host);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(casemate_connect_fd(s->host, pair[0]), CASEMATE_OK);
    casemate_set_timeout(s->host, 20000);
    s->peer = pair[1];
    *state = s;
    return 0;
}

static inline int teardown(void **state)
{
    struct scene *s = *state;

    casemate_free(s->host);
    if (s->peer >= 0)
        close(s->peer);
    free(s);
    return 0;
}

/* Begin anew, as after a disconnection. */
static inline void again(struct scene *s)
{
    int pair[2];

    if (s->peer >= 0)
        close(s->peer);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(casemate_connect_fd(s->host, pair[0]), CASEMATE_OK);
    s->peer = pair[1];
}

static inline void say_bytes(const struct scene *s, const void *bytes, size_t size)
{
    assert_int_equal(send(s->peer, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
}

static inline void say(const struct scene *s, const char *reply)
{
    say_bytes(s, reply, strlen(reply) + 1);
}

static inline void hang_up(struct scene *s)
{
    close(s->peer);
    s->peer = -1;
}

static inline const char *heard(struct scene *s)
{
    ssize_t n = recv(s->peer, s->sent, sizeof(s->sent) - 1, MSG_DONTWAIT);

    s->sent[n > 0 ? n : 0] = '\0';
    for (ssize_t i = 0; i < n; i++)
        s->sent[i] = s->sent[i] == '\0' ? '|' : s->sent[i];
    return s->sent;
}

static inline int show(struct scene *s)
{
    struct casemate_guest *guest = NULL, *const untouched = (struct casemate_guest *)&guest;
    int r;

    guest = untouched;
    r = casemate_show(s->host, "acme", "web", &guest);
    if (r == CASEMATE_OK)
        casemate_guest_free(guest);
    else
        assert_ptr_equal(guest, untouched);
    return r;
}

struct listener {
    unsigned events, stop_after;
    int last_type;
    int64_t pid;
    char tenant[64];
};

static inline int listen_to(void *context, const struct casemate_event *event)
{
    struct listener *l = context;

    l->events++;
    l->last_type = casemate_event_type(event);
    l->pid = casemate_event_pid(event);
    (void)snprintf(l->tenant, sizeof(l->tenant), "%s",
                   casemate_event_tenant(event) != NULL ? casemate_event_tenant(event) : "-");
    return l->events == l->stop_after;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
