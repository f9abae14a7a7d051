/* SPDX-License-Identifier: Apache-2.0 */
/* The process that reads evidence, with its children under their filter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attest/service/appraiser.h"
#include "attest/service/wire.h"
#include "base/fdpass.h"
#include "tests/unit/verify/world.h"

struct scene {
    struct world *world;
    char *text; /* of good evidence */
    int bodies, verdicts;
    pid_t pid;
};

static void start(struct scene *s)
{
    int bodies[2], verdicts[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, bodies), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, verdicts), 0);
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0) {
        const struct references references = {
            .list = &s->world->reference, .count = 1, .keys = s->world->keys};
        struct appraiser *appraiser;

        (void)close(bodies[0]);
        (void)close(verdicts[0]);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            appraiser_prepare(&references, &appraiser) < 0)
            _exit(99);
        _exit(appraiser_run(bodies[1], verdicts[1], appraiser));
    }
    fd_close(&bodies[1]);
    fd_close(&verdicts[1]);
    s->bodies = bodies[0];
    s->verdicts = verdicts[0];
}

static void send_text(const struct scene *s, uint64_t id, const char *text, size_t size)
{
    const struct service_body body = {.id = id, .size = (uint32_t)size};
    int fd = fd_sealed_memfd("evidence", text, size);

    assert_true(fd >= 0);
    assert_int_equal(fdpass_send(s->bodies, &body, sizeof(body), &fd, 1), 0);
    fd_close(&fd);
}

static void heard(const struct scene *s, uint64_t id, enum refusal refusal)
{
    static struct service_verdict said;

    assert_int_equal(fdpass_receive(s->verdicts, &said, sizeof(said), NULL, NULL, 0), sizeof(said));
    assert_int_equal(said.id, id);
    assert_true(verdict_valid(&said.verdict));
    if (said.verdict.refusal != (uint32_t)refusal)
        fail_msg("%s (%s), not %s", refusal_word((enum refusal)said.verdict.refusal),
                 said.verdict.detail, refusal_word(refusal));
}

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    json_t *object;

    assert_non_null(s);
    s->world = world_new();
    assert_int_equal(evidence_encode(&s->world->evidence, &object), 0);
    s->text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    start(s);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    int status = -1;

    (void)close(s->bodies);
    (void)close(s->verdicts);
    assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
    assert_true(WIFEXITED(status));
    world_free(s->world);
    free(s->text);
    free(s);
    return 0;
}

/* All that an appraisal does is on the children's list, the first time and later. */
static void test_good(void **state)
{
    struct scene *s = *state;

    for (uint64_t id = 1; id <= 3; id++) {
        send_text(s, id, s->text, strlen(s->text));
        heard(s, id, REFUSE_NONE);
    }
}

/* What one child was given is nothing to the next. */
static void test_bad_between(void **state)
{
    struct scene *s = *state;
    char *changed = strdup(s->text), *signature;

    assert_non_null(changed);
    send_text(s, 1, "{", 1);
    heard(s, 1, REFUSE_FORM);
    signature = strstr(changed, "\"signature\":\"");
    assert_non_null(signature);
    signature += strlen("\"signature\":\"") + 20;
    *signature = *signature == 'A' ? 'B' : 'A';
    send_text(s, 2, changed, strlen(changed));
    heard(s, 2, REFUSE_SIGNATURE);
    send_text(s, 3, s->text, strlen(s->text));
    heard(s, 3, REFUSE_NONE);
    send_text(s, 4, changed, strlen(changed));
    heard(s, 4, REFUSE_SIGNATURE);
    free(changed);
}

/* Of the largest that the network may send: its memory is enough for that. */
static void test_large(void **state)
{
    struct scene *s = *state;
    const size_t size = strlen(s->text);
    char *large = malloc(SERVICE_BODY_MAX);

    assert_non_null(large);
    memset(large, ' ', SERVICE_BODY_MAX);
    memcpy(large, s->text, size);
    send_text(s, 1, large, SERVICE_BODY_MAX);
    heard(s, 1, REFUSE_NONE);
    memset(large, 'A', SERVICE_BODY_MAX);
    memcpy(large, "{\"boot_log\":\"", 13);
    memcpy(large + SERVICE_BODY_MAX - 2, "\"}", 2);
    send_text(s, 2, large, SERVICE_BODY_MAX);
    heard(s, 2, REFUSE_FORM);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_good, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_between, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_large, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
