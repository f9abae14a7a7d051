/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The golden corpus of hosts' policies, tests/golden/host: see golden.h. What is included lies in
 * its folder include/. Beside the expected results: every image passes image_check, and laying a
 * source out changes neither what it means nor, the second time, itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>

#include "policy/language/compile.h"
#include "policy/language/layout.h"
#include "tests/unit/policy/golden.h"

#define CASES_MIN 150
#define MESSAGES  16

static uint8_t *memory;

static int setup(void **state)
{
    (void)state;
    memory = mmap(NULL, COMPILE_ARENA_SIZE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory != MAP_FAILED ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return munmap(memory, COMPILE_ARENA_SIZE);
}

static struct arena fresh(void)
{
    struct arena arena;

    assert_int_equal(madvise(memory, COMPILE_ARENA_SIZE, MADV_DONTNEED), 0);
    arena_init(&arena, memory, COMPILE_ARENA_SIZE);
    return arena;
}

static int fetch(void *context, uint32_t root, const char *path, void *to, size_t room,
                 size_t *size)
{
    const struct buf *source = context;
    char name[512];
    struct buf file;
    int r = 0;

    assert_int_equal(root, 0);
    buf_init(&file, GOLDEN_SOURCE_MAX);
    if (path[0] == '\0') {
        buf_append(&file, source->data, source->size);
    } else {
        (void)snprintf(name, sizeof(name), "tests/golden/host/include/%s", path);
        r = golden_read(name, &file);
    }
    if (r == 0 && file.size > room)
        r = -EFBIG;
    if (r == 0 && file.size > 0)
        memcpy(to, file.data, file.size);
    *size = file.size;
    buf_release(&file);
    return r;
}

static void show_messages(const struct compile_result *result, struct buf *out)
{
    for (uint32_t i = 0; i < result->messages; i++) {
        const struct guest_diagnostic *d = &result->message[i];

        if (d->source > 0)
            buf_printf(out, "%s:", result->source[d->source].name);
        buf_printf(out, "%u:%u: %s\n", d->line, d->column, d->message);
        for (uint32_t from = d->from; from != 0; from = result->step[from - 1].at.from) {
            const struct compile_step *step = &result->step[from - 1];

            buf_printf(out, "    at %u:%u, with %s%s%s\n", step->at.line, step->at.column,
                       step->value != NULL ? step->name : "template ",
                       step->value != NULL ? " = " : "",
                       step->value != NULL ? step->value : step->name);
        }
    }
}

/* A copy of the image of a source that is good. */
static int image_of(const struct buf *source, struct buf *image)
{
    struct arena arena = fresh();
    struct compile_result result;
    int r = compile(1, fetch, (void *)(uintptr_t)source, &arena, &result);

    if (r == 0)
        buf_append(image, result.image, result.image->size);
    return r;
}

static int lay_out(const struct buf *source, struct buf *to)
{
    struct guest_diagnostic messages[MESSAGES];
    struct diagnostic_list list = {.items = messages, .room = MESSAGES};
    struct arena arena = fresh();
    const char *out;
    size_t size;
    int r = policy_layout((const char *)source->data, source->size, &arena, &list, &out, &size);

    if (r == 0)
        buf_append(to, out, size);
    return r;
}

static bool same(const struct buf *a, const struct buf *b)
{
    return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

/* Laid out it means the same, and laid out again it is the same. */
static bool layout_keeps(const struct buf *source)
{
    struct buf once, twice, before, after;
    bool good;

    buf_init(&once, GOLDEN_SOURCE_MAX);
    buf_init(&twice, GOLDEN_SOURCE_MAX);
    buf_init(&before, IMAGE_SIZE_MAX);
    buf_init(&after, IMAGE_SIZE_MAX);
    good = lay_out(source, &once) == 0 && lay_out(&once, &twice) == 0 && same(&once, &twice) &&
           image_of(source, &before) == 0 && image_of(&once, &after) == 0 && same(&before, &after);
    if (!good)
        print_error("laid out:\n%s-- and again:\n%s", (const char *)once.data,
                    (const char *)twice.data);
    buf_release(&once);
    buf_release(&twice);
    buf_release(&before);
    buf_release(&after);
    return good;
}

static int outcome(const struct buf *source, struct buf *out)
{
    struct arena arena = fresh();
    struct compile_result result;
    struct guest_diagnostic d;
    int r = compile(1, fetch, (void *)(uintptr_t)source, &arena, &result);

    if (r < 0) {
        assert_null(result.image);
        show_messages(&result, out);
        return r;
    }
    r = image_check(result.image, result.image->size, &d);
    if (r < 0) {
        buf_printf(out, "the image is refused: %s\n", d.message);
        return r;
    }
    image_format(result.image, out);
    if (!layout_keeps(source))
        return -EPROTO;
    return 0;
}

static size_t passing, failing;

static void test_pass(void **state)
{
    (void)state;
    passing = golden_folder("tests/golden/host/pass/*.policy", true, outcome);
}

/* The examples in the manual. */
static void test_example(void **state)
{
    static const char *const examples[] = {"doc/examples/host.policy", "doc/examples/many.policy"};
    struct buf source, out;

    (void)state;
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        buf_init(&source, GOLDEN_SOURCE_MAX);
        buf_init(&out, GOLDEN_SOURCE_MAX);
        assert_int_equal(golden_read(examples[i], &source), 0);
        if (outcome(&source, &out) < 0)
            fail_msg("%s: %s", examples[i], (const char *)out.data);
        assert_true(golden_stable(&out, outcome));
        buf_release(&source);
        buf_release(&out);
    }
}

static void test_fail(void **state)
{
    (void)state;
    failing = golden_folder("tests/golden/host/fail/*.policy", false, outcome);
}

/* A corpus that was not found, or half of it, must not look like success. */
static void test_size(void **state)
{
    (void)state;
    assert_true(passing + failing >= CASES_MIN);
    assert_true(failing > passing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pass),
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_fail),
        cmocka_unit_test(test_size),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
