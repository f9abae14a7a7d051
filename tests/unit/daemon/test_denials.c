/* SPDX-License-Identifier: Apache-2.0 */
/* Denials of guests: how many there are, whose they are, what casemated's reader may say of them,
 * and that a guest's guard is asked once, and again when it could not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hv/daemon/denials.h"
#include "hv/daemon/guards.h"
#include "hv/daemon/guests.h"
#include "policy/image.h"

#define CONTEXT "system_u:system_r:casemate_tenant_0001.rng_t:s0:c17,c203"

static char logged[4096];

static void take_line(void *context, enum daemon_severity severity, const char *line,
                      const struct journal_field *fields, size_t count)
{
    (void)context;
    (void)severity;
    (void)fields;
    (void)count;
    (void)snprintf(logged + strlen(logged), sizeof(logged) - strlen(logged), "%s\n", line);
}

/* ---- counting */

static void test_total(void **state)
{
    struct denial_count c = {0};

    (void)state;
    for (int i = 1; i < 20; i++)
        assert_int_equal(denial_count_add(&c, 1, 0, 20, 0), 0);
    assert_int_equal(denial_count_add(&c, 1, UINT64_MAX, 20, 0), 1);
    assert_int_equal(c.total, 20);
    denial_count_clear(&c);
    assert_int_equal(denial_count_add(&c, 19, 0, 20, 0), 0);
    denial_count_clear(&c);
    assert_int_equal(denial_count_add(&c, 1, 0, 1, 0), 1);
    assert_int_equal(denial_count_add(&c, UINT32_MAX, 0, 1000, 0), 1);
    c.total = UINT64_MAX - 1;
    assert_int_equal(denial_count_add(&c, 7, 0, 1000, 0), 1);
    assert_int_equal(c.total, UINT64_MAX);
    assert_null(c.when); /* without a window nothing has to be kept */
    denial_count_clear(&c);
}

/* Within any 60 seconds: 3 in a minute are too many, 3 in a minute and a bit are not. */
static void test_window(void **state)
{
    struct denial_count c = {0};

    (void)state;
    assert_int_equal(denial_count_add(&c, 1, 1000, 3, 60), 0);
    assert_int_equal(denial_count_add(&c, 1, 30000, 3, 60), 0);
    assert_int_equal(denial_count_add(&c, 1, 61001, 3, 60), 0);
    assert_int_equal(denial_count_add(&c, 1, 90001, 3, 60), 0);
    assert_int_equal(denial_count_add(&c, 1, 121001, 3, 60), 1); /* 61001 .. 121001: a minute */
    denial_count_clear(&c);
    /* slowly for ever is no reason */
    for (uint64_t t = 0; t < 1000; t++)
        assert_int_equal(denial_count_add(&c, 1, t * 30001, 3, 60), 0);
    assert_int_equal(c.total, 1000);
    denial_count_clear(&c);
    /* many at once are many */
    assert_int_equal(denial_count_add(&c, 2, 5, 3, 1), 0);
    assert_int_equal(denial_count_add(&c, 1, 1006, 3, 1), 0);
    assert_int_equal(denial_count_add(&c, UINT32_MAX, 9000, 3, 1), 1);
    denial_count_clear(&c);
    assert_int_equal(denial_count_add(&c, 1, 5, 1, 1), 1);
    denial_count_clear(&c);
}

/* The policy is loaded anew with another number: what is remembered stays, as far as it matters. */
static void test_other_limit(void **state)
{
    struct denial_count c = {0};

    (void)state;
    for (uint64_t t = 0; t < 5; t++)
        assert_int_equal(denial_count_add(&c, 1, t * 10, 1000, 60), 0);
    assert_int_equal(denial_count_add(&c, 1, 60020, 6, 60), 0); /* 0 was before */
    assert_int_equal(denial_count_add(&c, 1, 60030, 4, 60), 1); /* 30, 40, 60020, 60030 */
    denial_count_clear(&c);
    for (uint64_t t = 0; t < 7; t++)
        (void)denial_count_add(&c, 1, t, 5, 60);
    assert_int_equal(denial_count_add(&c, 1, 8, 6, 60), 1); /* five of seven, and this one */
    denial_count_clear(&c);
}

/* ---- whose */

static void fill(struct guest_record *record)
{
    *record = (struct guest_record){.processes = 2, .state = GUEST_STATE_RUNNING};
    record->process[0].pid = 100;
    record->process[1].pid = 101;
    (void)snprintf(record->process[0].context, RECORD_CONTEXT_MAX, "%s", CONTEXT);
    (void)snprintf(record->process[1].context, RECORD_CONTEXT_MAX, "%.*s", 40, CONTEXT);
}

static void test_attribution(void **state)
{
    struct guest_record r;

    (void)state;
    fill(&r);
    assert_true(denial_is_of(&r, 100, CONTEXT));
    /* a packet or a signal from somebody else: its pid, this guest's context; and the reverse */
    assert_false(denial_is_of(&r, 99, CONTEXT));
    assert_false(denial_is_of(&r, 102, CONTEXT));
    assert_false(denial_is_of(&r, 101, CONTEXT));
    assert_false(denial_is_of(&r, 100, CONTEXT "4"));
    assert_false(denial_is_of(&r, 100, "system_u:system_r:casemate_tenant_0001.rng_t:s0:c17,c20"));
    assert_false(denial_is_of(&r, 100, "system_u:system_r:casemate_tenant_0002.rng_t:s0:c17,c203"));
    assert_false(denial_is_of(&r, 100, "system_u:system_r:casemate_tenant_0001.blk_t:s0:c17,c203"));
    assert_false(denial_is_of(&r, 0, CONTEXT));
    assert_false(denial_is_of(&r, -1, CONTEXT));
    /* a process whose context nobody has seen yet is nobody's, and no denial is without one */
    r.process[1].context[0] = '\0';
    assert_false(denial_is_of(&r, 101, ""));
    r.processes = 0; /* it has ended; the pid may be another's by now */
    assert_false(denial_is_of(&r, 100, CONTEXT));
    r.processes = UINT32_MAX;
    assert_true(denial_is_of(&r, 100, CONTEXT));
    assert_false(denial_is_of(&r, 7, CONTEXT));
}

/* ---- what the reader may say */

static struct denials_message good(uint32_t type)
{
    struct denials_message m = {.magic = DENIALS_MAGIC, .version = DENIALS_VERSION, .type = type};

    if (type == DENIALS_DENIED) {
        m.pid = 100;
        m.count = 1;
        (void)snprintf(m.context, sizeof(m.context), "%s", CONTEXT);
    }
    if (type == DENIALS_LOST)
        m.loss = DENIALS_GAP;
    return m;
}

static void test_messages(void **state)
{
    static const uint32_t numbers[] = {1, 2, 3, 4, 127, 255, 0x80000000u, UINT32_MAX};
    struct denials_message m;

    (void)state;
    for (uint32_t type = DENIALS_READY; type < DENIALS_TYPES; type++) {
        m = good(type);
        assert_true(denial_message_ok(&m));
        m.magic ^= 1;
        assert_false(denial_message_ok(&m));
        m = good(type);
        m.version++;
        assert_false(denial_message_ok(&m));
        m = good(type);
        m.reserved = 1;
        assert_false(denial_message_ok(&m));
        m = good(type);
        memset(m.context, 'a', sizeof(m.context));
        assert_false(denial_message_ok(&m));
        m = good(type);
        (void)snprintf(m.context, sizeof(m.context), "%s", type == DENIALS_DENIED ? "" : "x");
        assert_false(denial_message_ok(&m));
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
            m = good(type);
            m.type = numbers[i] < DENIALS_TYPES ? 0 : numbers[i];
            assert_false(denial_message_ok(&m));
            m = good(type);
            m.loss = numbers[i] < DENIALS_LOSSES && type == DENIALS_LOST ? 0 : numbers[i];
            assert_false(denial_message_ok(&m));
            m = good(type);
            m.pid = (int32_t)numbers[i];
            assert_int_equal(denial_message_ok(&m), type == DENIALS_DENIED && m.pid > 0);
            m = good(type);
            m.result = (int32_t)numbers[i];
            assert_int_equal(denial_message_ok(&m), type == DENIALS_READY && m.result < 0);
        }
    }
    m = good(DENIALS_DENIED);
    m.count = 0;
    assert_false(denial_message_ok(&m));
    m = good(DENIALS_READY);
    m.count = 1;
    assert_false(denial_message_ok(&m));
}

/* ---- what comes of it */

struct scene {
    struct daemon_options options;
    struct host host;
    struct guard guard;
    struct guest *web;
    int guards_end;
};

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    int pair[2];

    if (s == NULL ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return -1;
    s->options = (struct daemon_options){.mac = GUEST_MAC_SELINUX, .log = take_line};
    s->host.options = &s->options;
    s->web = guests_add(&s->host, "acme", "web");
    if (s->web == NULL)
        return -1;
    s->guard =
        (struct guard){.host = &s->host, .guest = s->web, .socket = pair[0], .greeted = true};
    s->guards_end = pair[1];
    s->web->guard = &s->guard;
    s->web->record.state = GUEST_STATE_RUNNING;
    logged[0] = '\0';
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;

    s->web->guard = NULL;
    guests_free(&s->host);
    (void)close(s->guard.socket);
    (void)close(s->guards_end);
    free(s);
    return 0;
}

/* What its guard was asked, or 0; and because of how many denials. */
static uint32_t asked(struct scene *s, uint32_t *denials)
{
    struct guard_request request;
    ssize_t n = recv(s->guards_end, &request, sizeof(request), 0);

    if (n != (ssize_t)sizeof(request))
        return 0;
    *denials = request.denials;
    s->guard.pendings = 0;
    return request.type;
}

static void deny(struct scene *s, uint32_t more)
{
    denials_count(&s->host, s->web, more, 0, 20, 0);
}

static void test_asked_once(void **state)
{
    struct scene *s = *state;
    uint32_t denials = 0;

    for (int i = 0; i < 19; i++)
        deny(s, 1);
    assert_int_equal(asked(s, &denials), 0);
    assert_string_equal(logged, "");
    deny(s, 1);
    assert_int_equal(asked(s, &denials), GUARD_QUARANTINE);
    assert_int_equal(denials, 20);
    assert_non_null(strstr(logged, "guest acme/web: SELinux has denied its processes 20 accesses"));
    logged[0] = '\0';
    deny(s, 5);
    assert_int_equal(asked(s, &denials), 0);
    assert_string_equal(logged, "");
    s->web->record.state = GUEST_STATE_QUARANTINED;
    denials_answered(&s->host, s->web, 0);
    deny(s, 500);
    assert_int_equal(asked(s, &denials), 0);
    /* another life */
    denials_ended(s->web);
    s->web->record.state = GUEST_STATE_RUNNING;
    deny(s, 19);
    assert_int_equal(asked(s, &denials), 0);
    deny(s, 1);
    assert_int_equal(asked(s, &denials), GUARD_QUARANTINE);
}

/* Between two boots there is nothing to freeze: it is asked again, and nobody forgets. */
static void test_asked_again(void **state)
{
    struct scene *s = *state;
    uint32_t denials = 0;

    deny(s, 33);
    assert_int_equal(asked(s, &denials), GUARD_QUARANTINE);
    assert_int_equal(denials, 33);
    denials_answered(&s->host, s->web, -EBUSY);
    assert_int_equal(asked(s, &denials), 0);
    denials_known(&s->host, s->web);
    assert_int_equal(asked(s, &denials), GUARD_QUARANTINE);
    denials_answered(&s->host, s->web, -EALREADY);
    denials_known(&s->host, s->web);
    assert_int_equal(asked(s, &denials), 0);
}

/* Its guard has more to do than it may have before it. */
static void test_no_room(void **state)
{
    struct scene *s = *state;
    uint32_t denials = 0;

    s->guard.pendings = GUARD_PENDING_MAX;
    deny(s, 20);
    assert_int_equal(asked(s, &denials), 0);
    s->guard.pendings = 1;
    denials_ask(&s->host, s->web);
    assert_int_equal(asked(s, &denials), GUARD_QUARANTINE);
}

/* A guard that has not said whose it is cannot be told. */
static void test_not_known_yet(void **state)
{
    struct scene *s = *state;
    uint32_t denials = 0;

    s->guard.greeted = false;
    deny(s, 20);
    assert_int_equal(asked(s, &denials), 0);
    s->guard.greeted = true;
    denials_known(&s->host, s->web);
    assert_int_equal(asked(s, &denials), GUARD_QUARANTINE);
}

/* What cannot be frozen must not go on. */
static void test_ended_instead(void **state)
{
    struct scene *s = *state;
    uint32_t denials = 0;

    deny(s, 20);
    assert_int_equal(asked(s, &denials), GUARD_QUARANTINE);
    logged[0] = '\0';
    denials_answered(&s->host, s->web, -EIO);
    assert_int_equal(asked(s, &denials), GUARD_KILL);
    assert_non_null(strstr(logged, "cannot be quarantined, and is ended instead"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_total),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_other_limit),
        cmocka_unit_test(test_attribution),
        cmocka_unit_test(test_messages),
        cmocka_unit_test_setup_teardown(test_asked_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_asked_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_known_yet, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ended_instead, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
