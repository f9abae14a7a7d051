/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A base and our module through libsepol, in its confined process: what it makes is what the
 * reference compiler makes, and CIL that harms libsepol harms nobody else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bzlib.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "cmd/verbs/policy_kernel.h"
#include "policy/emit/module.h"

#define MINIMAL "tests/host/minimal/base.cil"

static struct policy_base minimal;
static struct buf module;
static char scratch[] = "/tmp/casemate-kernel-XXXXXX";

static int setup(void **state)
{
    char message[POLICY_BASE_MESSAGE_SIZE];

    (void)state;
    buf_init(&module, 1U << 20);
    emit_module(4, &module); /* enough for every rule of it */
    if (mkdtemp(scratch) == NULL || policy_base_read(MINIMAL, &minimal, message) < 0)
        return -1;
    return buf_status(&module);
}

static int teardown(void **state)
{
    char command[128];

    (void)state;
    policy_base_release(&minimal);
    buf_release(&module);
    (void)snprintf(command, sizeof(command), "rm -rf %s", scratch);
    return system(command);
}

static int compile_one(const void *data, size_t size, struct policy_kernel *result)
{
    struct emit_base file = {.name = "test.cil", .data = malloc(size + 1), .size = size};
    const struct policy_base base = {.file = &file, .count = 1};
    int r;

    assert_non_null(file.data);
    memcpy(file.data, data, size);
    r = policy_kernel(&base, &module, result);
    free(file.data);
    return r;
}

static void write_file(const char *name, const void *data, size_t size)
{
    char path[128];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s", scratch, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(fd_write_full(fd, data, size), 0);
    assert_int_equal(close(fd), 0);
}

/* The reference compiler, where it is installed, gives the same bytes for the same CIL. */
static void test_same_as_secilc(void **state)
{
    struct policy_kernel result;
    char command[512], *theirs;
    struct stat st;
    int fd;

    (void)state;
    if (system("command -v secilc > /dev/null 2>&1") != 0) {
        print_message("secilc is not installed\n");
        skip();
    }
    write_file("module.cil", module.data, module.size);
    (void)snprintf(command, sizeof(command),
                   "secilc -m -c 33 -o %s/policy -f %s/contexts " MINIMAL " %s/module.cil", scratch,
                   scratch, scratch);
    assert_int_equal(system(command), 0);
    assert_int_equal(policy_kernel(&minimal, &module, &result), 0);
    (void)snprintf(command, sizeof(command), "%s/policy", scratch);
    fd = open(command, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, result.binary.size);
    theirs = malloc((size_t)st.st_size);
    assert_non_null(theirs);
    assert_int_equal(fd_read_full(fd, theirs, (size_t)st.st_size), 0);
    assert_memory_equal(theirs, result.binary.data, result.binary.size);
    (void)close(fd);
    free(theirs);
    policy_kernel_release(&result);
}

static void test_contexts_are_ours_too(void **state)
{
    struct policy_kernel result;
    struct buf ours;

    (void)state;
    buf_init(&ours, 1U << 16);
    emit_contexts(&ours);
    assert_int_equal(policy_kernel(&minimal, &module, &result), 0);
    buf_append(&result.contexts, "", 1);
    buf_append(&ours, "", 1);
    /* every line of ours is one of libsepol's */
    for (char *line = strtok((char *)ours.data, "\n"); line; line = strtok(NULL, "\n"))
        assert_non_null(strstr((const char *)result.contexts.data, line));
    buf_release(&ours);
    policy_kernel_release(&result);
}

/* Compressed as module stores do it is the same base. A binary is none. */
static void test_forms_of_a_base(void **state)
{
    const struct emit_base *cil = &minimal.file[0];
    struct policy_kernel plain, packed, again;
    unsigned size = (unsigned)cil->size + 1024;
    char *data = malloc(size);

    (void)state;
    assert_non_null(data);
    assert_int_equal(policy_kernel(&minimal, &module, &plain), 0);
    assert_int_equal(BZ2_bzBuffToBuffCompress(data, &size, cil->data, (unsigned)cil->size, 9, 0, 0),
                     BZ_OK);
    assert_int_equal(compile_one(data, size, &packed), 0);
    assert_int_equal(plain.binary.size, packed.binary.size);
    assert_memory_equal(plain.binary.data, packed.binary.data, plain.binary.size);
    /* cut anywhere, it is refused */
    for (unsigned cut = 4; cut < size; cut += size / 5) {
        struct policy_kernel damaged;

        assert_int_equal(compile_one(data, cut, &damaged), -EINVAL);
        assert_non_null(strstr(damaged.text, "damaged"));
        policy_kernel_release(&damaged);
    }
    free(data);
    assert_int_equal(compile_one(plain.binary.data, plain.binary.size, &again), -EINVAL);
    assert_non_null(strstr(again.text, "binary policy"));
    policy_kernel_release(&plain);
    policy_kernel_release(&packed);
    policy_kernel_release(&again);
}

/* As many file contexts as distributions have: what libc needs to sort that many is there, too. */
static void test_many_contexts(void **state)
{
    const struct emit_base *cil = &minimal.file[0];
    struct policy_kernel result;
    struct buf text;

    (void)state;
    buf_init(&text, 4U << 20);
    buf_append(&text, cil->data, cil->size);
    for (unsigned i = 0; i < 8000; i++)
        buf_printf(
            &text,
            "\n(filecon \"/srv/%u(/.*)?\" any (system_u object_r casemate_etc_t ((s0) (s0))))", i);
    assert_int_equal(buf_status(&text), 0);
    assert_int_equal(compile_one(text.data, text.size, &result), 0);
    assert_string_equal(result.text, "");
    buf_append(&result.contexts, "", 1);
    assert_non_null(strstr((const char *)result.contexts.data, "/srv/7999("));
    policy_kernel_release(&result);
    buf_release(&text);
}

static void refused(const void *data, size_t size, const char *what)
{
    struct policy_kernel result;
    int r = compile_one(data, size, &result);

    if (r != -EINVAL && r != -EPROTO)
        fail_msg("%s: %d", what, r);
    if (result.text[0] == '\0')
        fail_msg("%s: nothing is said", what);
    for (const char *at = result.text; *at; at++)
        assert_true(*at == '\n' || (*at >= ' ' && *at <= '~'));
    assert_int_equal(result.binary.size, 0);
    policy_kernel_release(&result);
}

static char *repeated(const char *word, size_t times, size_t *size)
{
    size_t one = strlen(word);
    char *text = malloc(one * times + 1);

    assert_non_null(text);
    for (size_t i = 0; i < times; i++)
        memcpy(text + i * one, word, one);
    text[one * times] = '\0';
    *size = one * times;
    return text;
}

static void test_hostile_text(void **state)
{
    static const struct {
        const char *what, *text;
    } rows[] = {
        {"one parenthesis", "("},
        {"one too many", "(type a))"},
        {"a string without an end", "(type \"a"},
        {"nothing known", "(hack the planet)"},
        {"a block in itself", "(block a (blockinherit a))"},
        {"blocks in each other", "(block a (blockinherit b)) (block b (blockinherit a))"},
        {"a macro that calls itself", "(macro m ((type t)) (call m (t))) (type x) (call m (x))"},
        {"an attribute of itself", "(typeattribute a) (typeattributeset a (not a))"},
        {"an alias of itself", "(typealias a) (typealiasactual a a)"},
        {"a tunable of nothing", "(tunableif x (true (type a)))"},
        {"an in of nothing", "(in nowhere (type a))"},
        {"a list as a name", "(type (a))"},
        {"no argument", "(allow)"},
        {"a category from behind",
         "(category c0) (categoryorder (c0)) (categoryset s (range c5 c1))"},
        {"control characters", "(type \x01\x02\x1b[31m)"},
        {"invalid UTF-8", "(type \xff\xfe\xc3)"},
        {"a type of ours", "(class casemate_host (x))"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        refused(rows[i].text, strlen(rows[i].text), rows[i].what);
    refused("(type a\0b)", 10, "a NUL");
}

static void test_hostile_sizes(void **state)
{
    size_t size;
    char *text;

    (void)state;
    text = repeated("(", 4U << 20, &size);
    refused(text, size, "four million parentheses");
    free(text);
    text = repeated("a", 10U << 20, &size);
    refused(text, size, "10 MiB without a line end");
    free(text);
    text = repeated("(optional o ", 100000, &size);
    refused(text, size, "100,000 blocks within each other");
    free(text);
}

static void tell_nobody(int level, const char *text)
{
    (void)level;
    (void)text;
}

/* A few bytes of bzip2 are megabytes of zeros: what is unpacked has a bound. */
static void test_bomb(void **state)
{
    unsigned packed = 1U << 16;
    char *zeros = calloc(1, 8U << 20), *data = malloc(packed);
    struct emit_base file = {.name = "bomb", .data = data};
    struct buf text;

    (void)state;
    assert_non_null(zeros);
    assert_non_null(data);
    assert_int_equal(BZ2_bzBuffToBuffCompress(data, &packed, zeros, 8U << 20, 9, 0, 0), BZ_OK);
    file.size = packed;
    buf_init(&text, 1U << 20);
    assert_int_equal(emit_base_text(&file, tell_nobody, &text), -EFBIG);
    assert_true(text.size <= 1U << 20);
    buf_release(&text);
    free(zeros);
    free(data);
}

/* A base with one byte changed, wherever that is: compiled or refused, and nothing else happens. */
static void test_damaged_bytes(void **state)
{
    const struct emit_base *cil = &minimal.file[0];
    unsigned seed = 1;

    (void)state;
    for (int i = 0; i < (getenv("CASEMATE_SOAK") ? 2000 : 12); i++) {
        size_t at = (size_t)rand_r(&seed) % cil->size;
        struct policy_kernel result;
        char was = cil->data[at];
        int r;

        cil->data[at] = (char)rand_r(&seed);
        r = policy_kernel(&minimal, &module, &result);
        assert_true(r == 0 || r == -EINVAL || r == -EPROTO);
        assert_true(r == 0 || result.text[0] != '\0');
        policy_kernel_release(&result);
        cil->data[at] = was;
    }
}

/* What a base asserts of transitions goes, at its place; everything else stays, byte for byte. */
static void test_drop_assertions(void **state)
{
    static const struct {
        const char *text, *left;
    } rows[] = {
        {"(neverallow a b (process (transition)))x", "                                       x"},
        {"(neverallow a b\n (process (fork transition)))",
         "               \n                             "},
        {"(neverallow a b (file (read)))", "(neverallow a b (file (read)))"},
        {"(neverallow a b (process (fork)))", "(neverallow a b (process (fork)))"},
        {"; (neverallow a b (process (transition)))", "; (neverallow a b (process (transition)))"},
        {"\"(neverallow a b (process (transition)))\"",
         "\"(neverallow a b (process (transition)))\""},
        {"(neverallow a b (process (transition))", "                                      "},
        {"(neverallow ", "(neverallow "},
        {"(neverallow (process (", "(neverallow (process ("},
        {"(neverallow a ;(process (transition)", "                                    "},
        {"(allow a b (process (transition)))", "(allow a b (process (transition)))"},
        {"\"", "\""},
        {"", ""},
    };
    char text[128];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void)snprintf(text, sizeof(text), "%s", rows[i].text);
        emit_drop_assertions(text, strlen(text));
        assert_string_equal(text, rows[i].left);
    }
}

static void test_bases_on_disk(void **state)
{
    static const char *const missing[] = {"/nonexistent", "/dev/zero", "/dev/null"};
    char message[POLICY_BASE_MESSAGE_SIZE], path[128], command[1024];
    struct policy_base base;

    (void)state;
    for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
        message[0] = '\0';
        assert_true(policy_base_read(missing[i], &base, message) < 0);
        assert_non_null(strstr(message, missing[i]));
    }
    /* a store: the higher priority wins, disabled ones and ours stay out */
    (void)snprintf(command, sizeof(command),
                   "cd %s && mkdir -p s/100/a s/100/b s/100/off s/400/a s/400/casemate-slots "
                   "s/disabled && touch s/disabled/off && echo low > s/100/a/cil && echo b > "
                   "s/100/b/cil && echo high > s/400/a/cil && echo old > s/400/casemate-slots/cil",
                   scratch);
    assert_int_equal(system(command), 0);
    (void)snprintf(path, sizeof(path), "%s/s", scratch);
    assert_int_equal(policy_base_read(path, &base, message), 0);
    assert_int_equal(base.count, 2);
    assert_string_equal(base.file[0].name, "a");
    assert_memory_equal(base.file[0].data, "high\n", 5);
    assert_string_equal(base.file[1].name, "b");
    policy_base_release(&base);
    /* one that has no CIL is not left out in silence */
    (void)snprintf(command, sizeof(command), "mkdir %s/s/100/source", scratch);
    assert_int_equal(system(command), 0);
    assert_int_equal(policy_base_read(path, &base, message), -ENOENT);
    assert_non_null(strstr(message, "source"));
    /* a directory of files, in the order of their names */
    (void)snprintf(command, sizeof(command),
                   "cd %s && mkdir d && echo 2 > d/b.cil && echo 1 > d/a.cil && echo no > d/c.txt",
                   scratch);
    assert_int_equal(system(command), 0);
    (void)snprintf(path, sizeof(path), "%s/d", scratch);
    assert_int_equal(policy_base_read(path, &base, message), 0);
    assert_int_equal(base.count, 2);
    assert_memory_equal(base.file[0].data, "1\n", 2);
    policy_base_release(&base);
    (void)snprintf(command, sizeof(command), "rm %s/d/*.cil", scratch);
    assert_int_equal(system(command), 0);
    assert_int_equal(policy_base_read(path, &base, message), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_secilc),  cmocka_unit_test(test_contexts_are_ours_too),
        cmocka_unit_test(test_forms_of_a_base), cmocka_unit_test(test_many_contexts),
        cmocka_unit_test(test_hostile_text),    cmocka_unit_test(test_hostile_sizes),
        cmocka_unit_test(test_damaged_bytes),   cmocka_unit_test(test_drop_assertions),
        cmocka_unit_test(test_bases_on_disk),   cmocka_unit_test(test_bomb),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
