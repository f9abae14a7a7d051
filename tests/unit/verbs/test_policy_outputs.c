/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `casemate policy compile` and `show` as they are called: the same bytes from everywhere, and an
 * earlier result that no failure touches.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/verbs/policy.h"
#include "cmd/verbs/verbs.h"

#define WORDS_MAX 12
#define SOURCE    "tests/golden/emit/two.policy"
#define MINIMAL   "tests/host/minimal/base.cil"

static char top[512], scratch[] = "/tmp/casemate-outputs-XXXXXX", said[8192];

static int setup(void **state)
{
    (void)state;
    return getcwd(top, sizeof(top)) == NULL || mkdtemp(scratch) == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    char command[128];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf %s", scratch);
    return system(command);
}

/* `casemate policy WORDS...` from a directory, in a process of its own. Its messages go to `said`.
 */
static int policy(const char *directory, const char *locale, const char *const *words)
{
    char copy[WORDS_MAX][600], *argv[WORDS_MAX + 2] = {(char[]){"policy"}}, path[128];
    int argc = 1, status = 0, fd;
    ssize_t n;
    pid_t pid;

    for (; words[argc - 1] != NULL; argc++) {
        (void)snprintf(copy[argc - 1], sizeof(copy[0]), "%s", words[argc - 1]);
        argv[argc] = copy[argc - 1];
    }
    (void)snprintf(path, sizeof(path), "%s/said", scratch);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0 || dup2(null, 1) < 0 || dup2(fd, 2) < 0 || chdir(directory) != 0)
            _exit(99);
        (void)setenv("LC_ALL", locale, 1);
        (void)setlocale(LC_ALL, "");
        (void)umask(strcmp(locale, "C") == 0 ? 022 : 002);
        _exit(verb_policy(argc, argv));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = read(fd, said, sizeof(said) - 1);
    said[n > 0 ? n : 0] = '\0';
    (void)close(fd);
    return WEXITSTATUS(status);
}

#define POLICY(...) policy(top, "C", (const char *const[]){__VA_ARGS__, NULL})

static const char *in_scratch(const char *name)
{
    static char path[4][128];
    static unsigned next;
    char *to = path[next++ % 4];

    (void)snprintf(to, sizeof(path[0]), "%s/%s", scratch, name);
    return to;
}

static bool same_directories(const char *a, const char *b)
{
    char command[512];

    (void)snprintf(command, sizeof(command), "diff -r %s %s > /dev/null", in_scratch(a),
                   in_scratch(b));
    return system(command) == 0;
}

static void write_source(const char *name, const char *text)
{
    FILE *f = fopen(in_scratch(name), "w");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

static void test_same_from_everywhere(void **state)
{
    char absolute[600];

    (void)state;
    assert_int_equal(POLICY("compile", "-o", in_scratch("a"), SOURCE), 0);
    (void)snprintf(absolute, sizeof(absolute), "%s/" SOURCE, top);
    assert_int_equal(
        policy("/", "tr_TR.UTF-8",
               (const char *const[]){"compile", absolute, "--output", in_scratch("b"), NULL}),
        0);
    assert_true(same_directories("a", "b"));
    /* and over what is there already */
    assert_int_equal(
        policy("tests/golden", "C.UTF-8",
               (const char *const[]){"compile", "emit/two.policy", "-o", in_scratch("b"), NULL}),
        0);
    assert_true(same_directories("a", "b"));
    /* comments and layout are not in it */
    (void)snprintf(absolute, sizeof(absolute), "grep -v '^#' " SOURCE " > %s", in_scratch("plain"));
    assert_int_equal(system(absolute), 0);
    assert_int_equal(POLICY("compile", "-o", in_scratch("b"), in_scratch("plain")), 0);
    assert_true(same_directories("a", "b"));
}

static void test_base(void **state)
{
    struct stat st;

    (void)state;
    assert_int_equal(POLICY("compile", "-o", in_scratch("k1"), "--base", MINIMAL, SOURCE), 0);
    assert_int_equal(stat(in_scratch("k1/policy.33"), &st), 0);
    assert_int_equal(stat(in_scratch("k1/file_contexts"), &st), 0);
    assert_int_equal(POLICY("compile", "-o", in_scratch("k2"), "--base", MINIMAL, SOURCE), 0);
    assert_true(same_directories("k1", "k2"));
    assert_int_equal(POLICY("compile", "-o", in_scratch("k2"), SOURCE), 0);
    assert_int_equal(stat(in_scratch("k2/policy.33"), &st), -1);
}

static void test_failures_touch_nothing(void **state)
{
    static const struct {
        const char *what, *base;
        int status;
        const char *says;
    } rows[] = {
        {"tenant acme { gusts 2; }", NULL, 1, "did you mean 'guests'"},
        {"tenant a { disk \"/srv/x/**\"; } tenant b { disk \"/srv/x/y/*\"; }", NULL, 1, "overlap"},
        {"tenant a { }", "(type a", 1, "does not compile"},
        {"tenant a { }", "(block a (blockinherit a))", 1, "does not compile"},
        {"tenant a { }", "\x8c\xff\x7c\xf9", 1, "binary policy"},
    };

    (void)state;
    assert_int_equal(POLICY("compile", "-o", in_scratch("old"), SOURCE), 0);
    assert_int_equal(POLICY("compile", "-o", in_scratch("now"), SOURCE), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int status;

        write_source("bad.policy", rows[i].what);
        if (rows[i].base != NULL)
            write_source("bad.cil", rows[i].base);
        status = rows[i].base == NULL
                     ? POLICY("compile", "-o", in_scratch("now"), in_scratch("bad.policy"))
                     : POLICY("compile", "-o", in_scratch("now"), "--base", in_scratch("bad.cil"),
                              in_scratch("bad.policy"));
        /* libsepol may as well die of it */
        if (status != rows[i].status && !(rows[i].base != NULL && status == 3))
            fail_msg("%s: %d: %s", rows[i].what, status, said);
        if (strstr(said, rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].what, said);
        assert_true(same_directories("old", "now"));
    }
    assert_int_equal(POLICY("compile", "-o", in_scratch("now"), "--base", "/nonexistent", SOURCE),
                     2);
    assert_true(same_directories("old", "now"));
    assert_int_equal(POLICY("compile", "-o", in_scratch("now"), "/nonexistent"), 2);
    assert_true(same_directories("old", "now"));
}

static void test_usage(void **state)
{
    (void)state;
    assert_int_equal(POLICY("compile", SOURCE), 2);
    assert_non_null(strstr(said, "-o DIR"));
    assert_int_equal(POLICY("compile", "-o"), 2);
    assert_int_equal(POLICY("compile", "-o", in_scratch("x")), 2);
    assert_int_equal(POLICY("compile", "-o", "/dev/null/x", SOURCE), 3);
    assert_int_equal(POLICY("show"), 2);
    assert_int_equal(POLICY("show", SOURCE), 0);
    assert_int_equal(POLICY("show", "--layer", "seccomp", SOURCE), 0);
    assert_int_equal(POLICY("show", "--layer", "kernel", SOURCE), 2);
    assert_non_null(strstr(said, "landlock"));
    assert_int_equal(POLICY("load"), 2);
    assert_int_equal(POLICY("load", "--slots", "1", SOURCE), 2);
    assert_int_equal(POLICY("load", "--slots", "4097", SOURCE), 2);
    assert_int_equal(POLICY("load", "--slots", "-3", SOURCE), 2);
    assert_int_equal(POLICY("load", "/nonexistent"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_from_everywhere),
        cmocka_unit_test(test_base),
        cmocka_unit_test(test_failures_touch_nothing),
        cmocka_unit_test(test_usage),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
