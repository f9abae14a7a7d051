/* SPDX-License-Identifier: Apache-2.0 */
/* `casemate policy`: the real child in strict mode, exit statuses, what is printed where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cmd/verbs/policy_front.h"
#include "cmd/verbs/verbs.h"

static char top[] = "/tmp/casemate-policy-XXXXXX";
static char printed[1 << 16], complained[1 << 16];

static char *under(const char *name)
{
    static char path[4][256];
    static unsigned next;
    char *to = path[next++ % 4];

    (void)snprintf(to, sizeof(path[0]), "%s/%s", top, name);
    return to;
}

static int setup(void **state)
{
    (void)state;
    return mkdtemp(top) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    static const char *const names[] = {"out", "err", "policy", "again"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        (void)unlink(under(names[i]));
    return rmdir(top);
}

static void write_file(const char *name, const char *text, size_t size)
{
    cleanup_fd int fd = open(under(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(fd_write_full(fd, text, size), 0);
}

static void read_back(const char *name, char *to, size_t size)
{
    cleanup_fd int fd = open(under(name), O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, to, size - 1);

    assert_true(n >= 0);
    to[n] = '\0';
}

/* Put `name` in the place of `fd` and return what was there. */
static int redirect(int fd, const char *name)
{
    int saved = dup(fd), file = open(under(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(saved >= 0 && file >= 0);
    assert_int_equal(dup2(file, fd), fd);
    (void)close(file);
    return saved;
}

/* The verb, as from a command line; what it writes ends up in `printed` and `complained`. */
static int run(const char *verb, const char *option, const char *path)
{
    char words[4][256], *argv[5] = {words[0], words[1], words[2], words[3], NULL};
    int argc = 0, out, err, status;

    (void)snprintf(words[argc++], sizeof(words[0]), "policy");
    (void)snprintf(words[argc++], sizeof(words[0]), "%s", verb);
    if (option != NULL)
        (void)snprintf(words[argc++], sizeof(words[0]), "%s", option);
    if (path != NULL)
        (void)snprintf(words[argc++], sizeof(words[0]), "%s", path);
    argv[argc] = NULL;
    (void)fflush(stdout);
    out = redirect(STDOUT_FILENO, "out");
    err = redirect(STDERR_FILENO, "err");
    status = verb_policy(argc, argv);
    (void)fflush(stdout);
    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(err, STDERR_FILENO);
    (void)close(out);
    (void)close(err);
    read_back("out", printed, sizeof(printed));
    read_back("err", complained, sizeof(complained));
    return status;
}

static void test_check(void **state)
{
    (void)state;
    assert_int_equal(run("check", NULL, "doc/examples/host.policy"), 0);
    assert_string_equal(printed, "doc/examples/host.policy: good: 2 tenants, 3 guests, 1 object\n");
    assert_string_equal(complained, "");
    assert_int_equal(run("check", NULL, "tests/golden/host/fail/patterns-nested.policy"), 1);
    assert_string_equal(printed, "");
    assert_string_equal(complained,
                        "tests/golden/host/fail/patterns-nested.policy:5:10: '/srv/initech/**' "
                        "overlaps '/srv/**' of tenant 'acme' (at 2:10): tenants share no file but "
                        "declared objects\n");
    assert_int_equal(run("check", "--json", "tests/golden/host/fail/limit-cpus.policy"), 1);
    assert_non_null(strstr(printed, "\"valid\": false"));
    assert_non_null(strstr(printed, "\"line\": 6"));
    assert_string_equal(complained, "");
}

static void test_fmt(void **state)
{
    (void)state;
    assert_int_equal(run("fmt", "--check", "doc/examples/host.policy"), 1);
    assert_string_equal(printed, "");
    assert_int_equal(run("fmt", NULL, "doc/examples/host.policy"), 0);
    write_file("policy", printed, strlen(printed));
    assert_int_equal(run("fmt", "--check", under("policy")), 0);
    assert_string_equal(complained, "");
    assert_int_equal(run("fmt", NULL, under("policy")), 0);
    read_back("policy", complained, sizeof(complained));
    assert_string_equal(printed, complained);
    assert_int_equal(run("fmt", NULL, "tests/golden/host/fail/misspelt.policy"), 1);
    assert_string_equal(printed, "");
    assert_non_null(strstr(complained, ":1:1: unknown statement 'tennant'"));
}

static void test_use(void **state)
{
    (void)state;
    assert_int_equal(run("check", NULL, NULL), 2);
    assert_int_equal(run("check", NULL, under("nothing")), 2);
    assert_int_equal(run("check", NULL, top), 2);
    assert_int_equal(run("check", "--frob", "doc/examples/host.policy"), 2);
    assert_int_equal(run("fmt", "--json", "doc/examples/host.policy"), 2);
    assert_int_equal(run("frob", NULL, "doc/examples/host.policy"), 2);
    assert_int_equal(run("--help", NULL, NULL), 0);
    assert_non_null(strstr(printed, "check"));
}

/* A name that moves the cursor is not passed on to a terminal. */
static void test_hostile_name(void **state)
{
    (void)state;
    assert_int_equal(run("check", NULL, under("a\x1b[2J\n")), 2);
    assert_null(strchr(complained, '\x1b'));
    assert_string_equal(strchr(complained, '\n'), "\n");
}

static void test_front(void **state)
{
    static const char empty[] = "", bad[] = "tenant a { disk \"/a/../b\"; }";
    char *huge = calloc(1, HOST_SOURCE_MAX + 1);
    struct policy_answer *answer = NULL;

    (void)state;
    assert_non_null(huge);
    assert_int_equal(policy_front(empty, 0, &answer), 0);
    assert_int_equal(answer->diagnostics, 0);
    policy_front_release(answer);
    assert_int_equal(policy_front(bad, strlen(bad), &answer), 0);
    assert_int_equal(answer->diagnostics, 1);
    assert_int_equal(answer->diagnostic[0].column, 17);
    policy_front_release(answer);
    assert_int_equal(policy_front(huge, HOST_SOURCE_MAX, &answer), 0);
    assert_true(answer->diagnostics > 0);
    policy_front_release(answer);
    assert_int_equal(policy_front(huge, HOST_SOURCE_MAX + 1, &answer), 0);
    assert_int_equal(answer->diagnostics, 1);
    policy_front_release(answer);
    policy_front_release(NULL);
    free(huge);
}

/* A parser that breaks is a parser that died, whatever it has written by then. */
static void test_front_dies(void **state)
{
    struct policy_answer *answer = NULL;

    (void)state;
    assert_int_equal(policy_front((const char *)8, 100, &answer), -EPROTO);
    assert_null(answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check), cmocka_unit_test(test_fmt),
        cmocka_unit_test(test_use),   cmocka_unit_test(test_hostile_name),
        cmocka_unit_test(test_front), cmocka_unit_test(test_front_dies),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
