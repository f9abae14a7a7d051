/* SPDX-License-Identifier: Apache-2.0 */
/* A new policy and the guests that run: who may go on, who is stopped, and what the log says. */
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

#include "hv/daemon/guards.h"
#include "hv/daemon/guests.h"
#include "hv/daemon/policy.h"
#include "hv/daemon/request.h"
#include "policy/language/compile.h"

#define ARENA (48u << 20)

static const char source[] =
    "host { mac landlock; }\n"
    "tenant acme { disk \"/srv/acme/**\";\n"
    "  guest web { memory 64M; kernel \"/srv/acme/kernel\"; disk \"/srv/acme/web.img\"; } }\n"
    "tenant initech { disk \"/srv/initech/**\"; }\n";

static char logged[4096], text[POLICY_TEXT_MAX];

static void take_line(void *context, enum daemon_severity severity, const char *line,
                      const struct journal_field *fields, size_t count)
{
    (void)context;
    (void)severity;
    (void)fields;
    (void)count;
    (void)snprintf(logged + strlen(logged), sizeof(logged) - strlen(logged), "%s\n", line);
}

/* A host with one guest that runs, its guard's end of the socket, and a new policy. */
struct scene {
    struct daemon_options options;
    struct host host;
    struct guard guard;
    struct guest *web;
    int guards_end;
    void *memory;
    const struct image *image;
};

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    struct compile_result result;
    struct arena arena;
    int pair[2];

    if (s == NULL)
        return -1;
    s->options = (struct daemon_options){.mac = GUEST_MAC_LANDLOCK, .log = take_line};
    s->host.options = &s->options;
    s->memory = calloc(1, ARENA);
    if (s->memory == NULL || policy_new(&s->host.policy) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return -1;
    arena_init(&arena, s->memory, ARENA);
    if (compile_text(source, strlen(source), &arena, &result) < 0)
        return -1;
    s->image = result.image;
    s->web = guests_add(&s->host, "acme", "web");
    if (s->web == NULL)
        return -1;
    s->guard = (struct guard){.host = &s->host, .guest = s->web, .socket = pair[0]};
    s->guards_end = pair[1];
    s->web->guard = &s->guard;
    s->web->record.state = GUEST_STATE_RUNNING;
    logged[0] = text[0] = '\0';
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;

    s->web->guard = NULL;
    guests_free(&s->host);
    policy_free(&s->host);
    (void)close(s->guard.socket);
    (void)close(s->guards_end);
    free(s->memory);
    free(s);
    return 0;
}

static int admits(struct scene *s, enum policy_running running)
{
    return policy_admits_running(&s->host, s->image, running, text);
}

static void hold(struct scene *s, const char *path)
{
    static struct guest_spec spec;

    spec = (struct guest_spec){.disks = 1};
    (void)snprintf(spec.disk[0].path, sizeof(spec.disk[0].path), "%s", path);
    assert_int_equal(guests_hold(s->web, &spec), 0);
}

static void test_known(void **state)
{
    struct scene *s = *state;

    hold(s, "/srv/acme/web.img");
    assert_int_equal(admits(s, POLICY_RUNNING_REFUSE), 0);
    hold(s, "/srv/initech/db.img");
    assert_int_equal(admits(s, POLICY_RUNNING_REFUSE), -EINVAL);
    assert_non_null(strstr(text, "/srv/initech/db.img"));
}

/* Nobody knows whether what it holds is another tenant's by now. */
static void test_unknown(void **state)
{
    struct scene *s = *state;

    hold(s, "/srv/acme/web.img");
    guests_hold_unknown(s->web);
    assert_int_equal(admits(s, POLICY_RUNNING_REFUSE), -EINVAL);
    assert_non_null(strstr(text, "acme/web runs"));
    assert_non_null(strstr(text, "what it holds is not known"));
    assert_non_null(strstr(text, "--running"));
    assert_int_equal(admits(s, POLICY_RUNNING_KEEP), 0);
    assert_false(s->web->unwanted);
    assert_int_equal(admits(s, POLICY_RUNNING_STOP), 0);
    assert_true(s->web->unwanted);
}

/* What its guard was asked, or 0. */
static uint32_t asked(struct scene *s)
{
    struct guard_request request;
    ssize_t n = recv(s->guards_end, &request, sizeof(request), 0);

    return n == (ssize_t)sizeof(request) ? request.type : 0;
}

static void test_stopped(void **state)
{
    struct scene *s = *state;

    s->web->unwanted = true;
    policy_end_unwanted(&s->host);
    assert_int_equal(asked(s), GUARD_STOP);
    assert_non_null(strstr(logged, "acme/web is told to stop"));
    assert_false(s->web->unwanted);
    logged[0] = '\0';
    policy_end_unwanted(&s->host);
    assert_int_equal(asked(s), 0);
    assert_string_equal(logged, "");
}

/* Evidence stays, and nobody reads that it went. */
static void test_quarantined(void **state)
{
    struct scene *s = *state;

    s->web->record.state = GUEST_STATE_QUARANTINED;
    s->web->unwanted = true;
    policy_end_unwanted(&s->host);
    assert_int_equal(asked(s), 0);
    assert_non_null(strstr(logged, "acme/web stays"));
    assert_null(strstr(logged, "told to stop"));
    assert_null(strstr(logged, "ended"));
    assert_false(s->web->unwanted);
}

/* When its guard is gone, nothing is said to have been stopped. */
static void test_deaf(void **state)
{
    struct scene *s = *state;

    (void)close(s->guards_end);
    s->guards_end = -1;
    s->web->unwanted = true;
    policy_end_unwanted(&s->host);
    assert_non_null(strstr(logged, "cannot stop guest acme/web"));
    assert_null(strstr(logged, "told to stop"));
}

/* Only `policy load` has what lies beside the policy looked at. */
static void test_reload(void **state)
{
    static const char *const why[] = {"is no policy's image", "it is a link"};
    static struct client client;
    char top[] = "/tmp/casemate-reload-XXXXXX", image[64], fresh[64];
    struct scene *s = *state;
    FILE *file;

    assert_non_null(mkdtemp(top));
    (void)snprintf(image, sizeof(image), "%s/image", top);
    (void)snprintf(fresh, sizeof(fresh), "%s/image.new", top);
    file = fopen(image, "we");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(symlink("image", fresh), 0);
    s->options.policy = image;
    for (unsigned i = 0; i < 2; i++) {
        client = (struct client){.host = &s->host, .wire = -1, .report = -1};
        client.operation.request.flags = i == 0 ? 0 : HOST_FLAG_FRESH;
        logged[0] = '\0';
        action_reload(&client, NULL);
        if (strstr(logged, why[i]) == NULL)
            fail_msg("%s", logged);
    }
    (void)unlink(fresh);
    (void)unlink(image);
    assert_int_equal(rmdir(top), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_known, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stopped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_quarantined, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deaf, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reload, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
