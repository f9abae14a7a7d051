/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The golden corpus of guest blocks: every tests/golden/guest/pass/NAME.guest must parse to the
 * canonical text in NAME.expected, every fail/NAME.guest must give exactly the messages there, one
 * "line:column: message" a line. With CASEMATE_GOLDEN_UPDATE=1 in the environment the expected
 * files are written anew, for a person to review as a diff. Run from the source tree's top.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "policy/guest.h"

#define MESSAGES   20
#define SOURCE_MAX (4U << 20)
#define CASES_MIN  60

static int read_file(const char *path, struct buf *to)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    char block[4096];
    ssize_t n;

    if (fd < 0)
        return -errno;
    while ((n = read(fd, block, sizeof(block))) > 0)
        buf_append(to, block, (size_t)n);
    return n < 0 ? -errno : buf_status(to);
}

static int write_file(const char *path, const struct buf *from)
{
    cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    return fd < 0 ? -errno : fd_write_full(fd, from->data, from->size);
}

/* What the parser makes of a source: the canonical text, or its messages. */
static int outcome(const struct buf *source, struct buf *out)
{
    struct guest_diagnostic messages[MESSAGES];
    struct guest_spec spec;
    size_t count = MESSAGES;
    int r = guest_parse((const char *)source->data, source->size, &spec, messages, &count);

    if (r == 0) {
        guest_format(&spec, out);
        return 0;
    }
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%u:%u: %s\n", messages[i].line, messages[i].column, messages[i].message);
    return r;
}

/* The canonical text must mean the same: parsed and written again it is itself. */
static bool stable(const struct buf *canonical)
{
    struct buf again;
    bool same;

    buf_init(&again, SOURCE_MAX);
    same = outcome(canonical, &again) == 0 && again.size == canonical->size &&
           memcmp(again.data, canonical->data, again.size) == 0;
    buf_release(&again);
    return same;
}

static bool check_case(const char *path, bool pass)
{
    bool update = getenv("CASEMATE_GOLDEN_UPDATE") != NULL, good = false;
    struct buf source, expected, got;
    char name[512];
    int r;

    buf_init(&source, SOURCE_MAX);
    buf_init(&expected, SOURCE_MAX);
    buf_init(&got, SOURCE_MAX);
    (void)snprintf(name, sizeof(name), "%.*s.expected", (int)(strlen(path) - strlen(".guest")),
                   path);
    if (read_file(path, &source) < 0) {
        print_error("%s: cannot be read\n", path);
        goto out;
    }
    r = outcome(&source, &got);
    if (update && write_file(name, &got) < 0)
        print_error("%s: cannot be written\n", name);
    if ((r == 0) != pass)
        print_error("%s: should %s, returned %d:\n%s", path, pass ? "pass" : "fail", r,
                    (const char *)got.data);
    else if (read_file(name, &expected) < 0)
        print_error("%s: cannot be read\n", name);
    else if (expected.size != got.size || memcmp(expected.data, got.data, got.size) != 0)
        print_error("%s: expected\n%s-- but got\n%s", path, (const char *)expected.data,
                    (const char *)got.data);
    else if (pass && !stable(&got))
        print_error("%s: the canonical text does not parse to itself\n", path);
    else
        good = true;
out:
    buf_release(&source);
    buf_release(&expected);
    buf_release(&got);
    return good;
}

static size_t run_folder(const char *pattern, bool pass)
{
    size_t failed = 0, cases;
    glob_t found;

    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    cases = found.gl_pathc;
    for (size_t i = 0; i < cases; i++)
        failed += !check_case(found.gl_pathv[i], pass);
    globfree(&found);
    print_message("%s: %zu cases, %zu failed\n", pattern, cases, failed);
    assert_int_equal(failed, 0);
    return cases;
}

static size_t passing, failing;

static void test_pass(void **state)
{
    (void)state;
    passing = run_folder("tests/golden/guest/pass/*.guest", true);
}

static void test_fail(void **state)
{
    (void)state;
    failing = run_folder("tests/golden/guest/fail/*.guest", false);
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
        cmocka_unit_test(test_fail),
        cmocka_unit_test(test_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
