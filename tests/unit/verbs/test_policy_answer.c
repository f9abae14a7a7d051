/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a compiler that was taken over leaves in the memory that it shares with us. Includes the
 * file under test, whose checks are its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/verbs/policy_compile.c"

struct scene {
    struct compiled compiled;
    uint8_t *memory; /* the arena */
};

static const char source[] = "tenant acme { }\n";

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    char file[] = "/tmp/casemate-answer-XXXXXX";
    const char *files[] = {file};
    struct source_request request = {.root = 0, .room = sizeof(source)};
    int fd = mkstemp(file), pair[2];

    assert_non_null(s);
    assert_true(fd >= 0);
    assert_int_equal(fd_write_full(fd, source, sizeof(source) - 1), 0);
    (void)close(fd);
    assert_int_equal(policy_sources_open(files, 1, &s->compiled.sources), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(fd_write_full(pair[0], &request, sizeof(request)), 0);
    assert_int_equal(shutdown(pair[0], SHUT_WR), 0);
    assert_int_equal(policy_sources_serve(s->compiled.sources, pair[1]), 0);
    assert_int_equal(policy_sources_count(s->compiled.sources), 1);
    (void)close(pair[0]);
    (void)close(pair[1]);
    (void)unlink(file);
    s->compiled.answer = mmap(NULL, MAPPING, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(s->compiled.answer != MAP_FAILED);
    s->memory = (uint8_t *)s->compiled.answer + ARENA_OFFSET;
    s->compiled.answer->done = 1;
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;

    policy_sources_close(s->compiled.sources);
    (void)munmap(s->compiled.answer, MAPPING);
    free(s);
    return 0;
}

/* One message at `at` and one step at `step`, each good for itself. */
static void leave(struct scene *s, size_t at, size_t step)
{
    struct compile_result *r = &s->compiled.answer->result;
    struct guest_diagnostic *d = (void *)(s->memory + at);
    struct compile_step *first = (void *)(s->memory + step);

    memset(d, 0, sizeof(*d));
    d->line = d->column = d->from = 1;
    *first = (struct compile_step){.at = {.line = 1, .column = 1}, .name = (char *)s->memory};
    r->messages = r->steps = 1;
    r->message = d;
    r->step = first;
}

static void test_good(void **state)
{
    struct scene *s = *state;
    struct buf out;

    leave(s, 4096, 8192);
    assert_int_equal(check_answer(&s->compiled), 0);
    buf_init(&out, 65536);
    compiled_show(&s->compiled, 0, &out);
    assert_true(out.size > 0);
    buf_release(&out);
}

/*
 * A message whose text is a step's pointers: made printable for a terminal, they point elsewhere.
 * Such an answer may be refused, or be shown without harm: what leads out of the memory, it is not.
 */
static void test_step_in_message(void **state)
{
    struct scene *s = *state;
    const struct compile_result *r = &s->compiled.answer->result;
    struct compile_step *step = (void *)(s->memory + 4096);
    bool changed = false;

    for (size_t at = 0x10101; at < 0x2000000; at += 0x10101) {
        memset(s->memory + 4096, 0, sizeof(struct guest_diagnostic));
        leave(s, 4096, 4096);
        step->at = (struct source_spot){.line = 1}; /* as a message: column 1 of source 0 */
        step->name = (char *)s->memory + at;        /* no byte of it but the highest is 0 */
        if (check_answer(&s->compiled) == 0)
            assert_true(text_inside(s->compiled.answer, r->step[0].name));
        changed = changed || step->name != (char *)s->memory + at;
    }
    assert_true(changed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_good, setup, teardown),
        cmocka_unit_test_setup_teardown(test_step_in_message, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
