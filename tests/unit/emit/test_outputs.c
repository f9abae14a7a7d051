/* SPDX-License-Identifier: Apache-2.0 */
/* Every output of a policy, as files are made of them, and the texts against tests/golden/emit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mac/seccomp.h"
#include "policy/emit/module.h"
#include "policy/emit/outputs.h"
#include "policy/language/compile.h"

#define SOURCE     "tests/golden/emit/two.policy"
#define EXPECTED   "tests/golden/emit/two.expected"
#define ARENA_SIZE (64U << 20)

static const struct image *image;
static void *room;

static char *read_file(const char *path, size_t *size)
{
    FILE *f = fopen(path, "r");
    char *text = calloc(1, 1U << 20);

    assert_non_null(f);
    assert_non_null(text);
    *size = fread(text, 1, (1U << 20) - 1, f);
    assert_int_equal(fclose(f), 0);
    return text;
}

static int setup(void **state)
{
    static struct compile_result result;
    struct arena arena;
    size_t size = 0;
    char *text = read_file(SOURCE, &size);

    (void)state;
    room = calloc(1, ARENA_SIZE);
    if (room == NULL)
        return -1;
    arena_init(&arena, room, ARENA_SIZE);
    if (compile_text(text, size, &arena, &result) < 0)
        return -1;
    image = result.image;
    free(text);
    return image ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    free(room);
    return 0;
}

static void test_texts(void **state)
{
    struct buf out;
    size_t size = 0;
    char *expected;

    (void)state;
    buf_init(&out, 1U << 20);
    emit_text_tenants(image, &out);
    emit_text_cgroups(image, &out);
    emit_text_module(EMIT_SLOTS_MIN, &out);
    emit_text_landlock(&out);
    assert_int_equal(buf_status(&out), 0);
    if (getenv("CASEMATE_GOLDEN_UPDATE")) {
        FILE *f = fopen(EXPECTED, "w");

        assert_non_null(f);
        assert_int_equal(fwrite(out.data, 1, out.size, f), out.size);
        assert_int_equal(fclose(f), 0);
    }
    expected = read_file(EXPECTED, &size);
    assert_string_equal((const char *)out.data, expected);
    free(expected);
    buf_release(&out);
}

#define SEEN_MAX 40

struct seen {
    size_t count, stop; /* `stop`: fail at this one */
    char name[SEEN_MAX][64];
    uint8_t *data[SEEN_MAX];
    size_t size[SEEN_MAX];
};

static int see(void *context, const char *name, const struct buf *data)
{
    struct seen *s = context;

    if (s->stop != 0 && s->count + 1 == s->stop)
        return -EDQUOT;
    assert_true(s->count < SEEN_MAX);
    (void)snprintf(s->name[s->count], sizeof(s->name[0]), "%s", name);
    s->data[s->count] = malloc(data->size);
    assert_non_null(s->data[s->count]);
    memcpy(s->data[s->count], data->data, data->size);
    s->size[s->count++] = data->size;
    return 0;
}

static void forget(struct seen *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->data[i]);
    free(s);
}

static struct seen *all(unsigned slots)
{
    struct seen *s = calloc(1, sizeof(*s));

    assert_non_null(s);
    assert_int_equal(emit_outputs(image, slots, see, s), 0);
    return s;
}

static int find(const struct seen *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->name[i], name) == 0)
            return (int)i;
    }
    return -1;
}

static void test_same_each_time(void **state)
{
    struct seen *a = all(64), *b = all(64);

    (void)state;
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_string_equal(a->name[i], b->name[i]);
        assert_int_equal(a->size[i], b->size[i]);
        assert_memory_equal(a->data[i], b->data[i], a->size[i]);
        assert_int_equal(find(a, a->name[i]), i);
        assert_null(strchr(a->name[i], '/'));
        assert_true(a->size[i] > 0);
    }
    forget(a);
    forget(b);
}

/* What a file holds is what is loaded: the image's bytes, the module for so many, each filter. */
static void test_contents(void **state)
{
    static const enum process_kind kinds[] = {PROCESS_VMM,   PROCESS_BLK,     PROCESS_NET,
                                              PROCESS_RNG,   PROCESS_CONSOLE, PROCESS_TPM,
                                              PROCESS_FRONT, PROCESS_HOSTTPM, PROCESS_DENIALS};
    struct seen *s = all(97);
    struct seccomp_program *program = malloc(sizeof(*program));
    struct buf module;
    int at = find(s, "host.image");

    (void)state;
    assert_non_null(program);
    assert_int_equal(at, 0); /* the digest of the first is the policy's */
    assert_int_equal(s->size[at], image->size);
    assert_memory_equal(s->data[at], image, image->size);
    buf_init(&module, 1U << 20);
    emit_module(97, &module);
    at = find(s, "casemate.cil");
    assert_true(at >= 0);
    assert_int_equal(s->size[at], module.size);
    assert_memory_equal(s->data[at], module.data, module.size);
    buf_release(&module);
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        for (unsigned stage = 0; stage < seccomp_stages(kinds[k]); stage++) {
            char name[64];

            (void)snprintf(name, sizeof(name), "seccomp-%s-%u.bpf", process_kind_name(kinds[k]),
                           stage);
            at = find(s, name);
            assert_true(at >= 0);
            assert_int_equal(seccomp_compile(kinds[k], stage, program), 0);
            assert_int_equal(s->size[at], program->size * sizeof(program->insn[0]));
            assert_memory_equal(s->data[at], program->insn, s->size[at]);
            memcpy(strrchr(name, '.'), ".txt", 5);
            assert_true(find(s, name) >= 0);
        }
    }
    free(program);
    forget(s);
}

/* Whoever takes them may stop at each; nothing more comes, and the reason is passed on. */
static void test_stopped(void **state)
{
    struct seen *whole = all(64);

    (void)state;
    for (size_t stop = 1; stop <= whole->count; stop++) {
        struct seen *s = calloc(1, sizeof(*s));

        assert_non_null(s);
        s->stop = stop;
        assert_int_equal(emit_outputs(image, 64, see, s), -EDQUOT);
        assert_int_equal(s->count, stop - 1);
        forget(s);
    }
    forget(whole);
}

static void test_bad_slots(void **state)
{
    static const unsigned bad[] = {0, 1, EMIT_SLOTS_MAX + 1, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct seen *s = calloc(1, sizeof(*s));

        assert_non_null(s);
        assert_int_equal(emit_outputs(image, bad[i], see, s), -EINVAL);
        assert_int_equal(find(s, "casemate.cil"), -1);
        forget(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),     cmocka_unit_test(test_same_each_time),
        cmocka_unit_test(test_contents),  cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_bad_slots),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
