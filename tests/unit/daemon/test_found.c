/* SPDX-License-Identifier: Apache-2.0 */
/* A guard that was found at its station says what its guest was started with: or it is not
 * believed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "hv/daemon/guards.h"
#include "hv/daemon/guests.h"
#include "hv/launch/guard_process.h"

struct scene {
    struct daemon_options options;
    struct host host;
    struct guard *guard;
    int guards_end;
    bool warned;
};

/* "found guest ..." stops the loop once the answer has been taken. */
static void take_line(void *context, enum daemon_severity severity, const char *line,
                      const struct journal_field *fields, size_t count)
{
    struct scene *s = context;

    (void)severity, (void)fields, (void)count;
    s->warned = s->warned || strstr(line, "does not say what it was started with") != NULL;
    loop_stop(s->host.loop);
}

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    int pair[2];

    assert_non_null(s);
    s->options = (struct daemon_options){.mac = GUEST_MAC_LANDLOCK, .log = take_line, .context = s};
    s->host = (struct host){.options = &s->options, .listener = -1};
    assert_int_equal(loop_new(&s->host.loop), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    s->guards_end = pair[1];
    assert_int_equal(guard_adopt(&s->host, pair[0], 1, NULL, 7, &s->guard), 0);
    assert_int_equal(guard_ask(s->guard, GUARD_WATCH, 0, 0, 0), 0);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;

    guards_leave(&s->host);
    guests_free(&s->host);
    loop_free(s->host.loop);
    fd_close(&s->guards_end);
    free(s);
    return 0;
}

static int start_file(const char *tenant, const char *name)
{
    static struct guest_spec spec;
    const uint8_t shared[GUEST_DISKS_MAX] = {0}, digest[32] = {0};
    const struct guard_policy policy = {.digest = digest};

    guest_spec_init(&spec);
    (void)snprintf(spec.name, sizeof(spec.name), "%s", name);
    (void)snprintf(spec.kernel, sizeof(spec.kernel), "/srv/kernel");
    (void)snprintf(spec.disk[0].path, sizeof(spec.disk[0].path), "/srv/acme/web.img");
    spec.disk[0].queues = 1;
    spec.disks = 1;
    return guard_process_start_file(tenant, &spec, shared, 30, false, &policy);
}

/* The guest of the tenant, once its guard has answered with the file; closed afterwards. */
static struct guest *answered(struct scene *s, const char *tenant, int fd)
{
    static struct guard_message message;
    struct guest *guest;

    message = (struct guard_message){
        .magic = GUARD_MAGIC,
        .version = GUARD_VERSION,
        .type = GUARD_MESSAGE_RECORD,
        .record = {
            .store_id = 7, .name = "web", .state = GUEST_STATE_RUNNING, .mac = GUEST_MAC_LANDLOCK}};
    (void)snprintf(message.record.tenant, sizeof(message.record.tenant), "%s", tenant);
    assert_int_equal(fdpass_send(s->guards_end, &message, sizeof(message), &fd, fd >= 0 ? 1 : 0),
                     0);
    (void)alarm(60);
    assert_int_equal(loop_run(s->host.loop), 0);
    (void)alarm(0);
    fd_close(&fd);
    guest = guests_find(&s->host, tenant, "web");
    assert_non_null(guest);
    assert_ptr_equal(guest->guard, s->guard);
    return guest;
}

static void test_told(void **state)
{
    struct scene *s = *state;
    const struct guest *guest = answered(s, "acme", start_file("acme", "web"));

    assert_false(s->warned);
    assert_int_equal(guest->held_disks, 1);
    assert_int_equal(guest->held_nets, 0);
    assert_string_equal(guest->holds, "/srv/acme/web.img");
}

static void unknown(struct scene *s, int fd)
{
    const struct guest *guest;

    /* What was known of an earlier life says nothing of this one. */
    struct guest *before = guests_add(&s->host, "acme", "web");
    struct guest_spec *spec = calloc(1, sizeof(*spec));

    assert_non_null(before);
    assert_non_null(spec);
    assert_int_equal(guests_hold(before, spec), 0);
    free(spec);
    guest = answered(s, "acme", fd);
    assert_true(s->warned);
    assert_null(guest->holds);
}

static void test_nothing(void **state)
{
    unknown(*state, -1);
}

static void test_anothers(void **state)
{
    unknown(*state, start_file("acme", "db"));
}

static void test_another_tenants(void **state)
{
    unknown(*state, start_file("initech", "web"));
}

/* Who can still write it says what he likes. */
static void test_unsealed(void **state)
{
    cleanup_fd int good = start_file("acme", "web");
    int fd = memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct guard_start start;

    assert_int_equal(fd_pread_full(good, &start, sizeof(start), 0), 0);
    assert_int_equal(fd_write_full(fd, &start, sizeof(start)), 0);
    unknown(*state, fd);
}

static void test_no_file(void **state)
{
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    (void)close(ends[1]);
    unknown(*state, ends[0]);
}

/* `casemate run`: of no policy, so nothing is said of it. */
static void test_of_a_shell(void **state)
{
    struct scene *s = *state;
    const struct guest *guest = answered(s, "host", -1);

    assert_false(s->warned);
    assert_null(guest->holds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_anothers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_another_tenants, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unsealed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_of_a_shell, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
