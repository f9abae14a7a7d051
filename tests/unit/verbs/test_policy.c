/* SPDX-License-Identifier: Apache-2.0 */
/* `casemate policy`: the real child in strict mode, exit statuses, what is printed where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cmd/verbs/policy_compile.h"
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
    static const char *const names[] = {"out", "err", "policy", "again", "link"};

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
    static const char good[] =
        "doc/examples/host.policy: good: 2 tenants, 3 guests, 1 object, digest ";

    (void)state;
    assert_int_equal(run("check", NULL, "doc/examples/host.policy"), 0);
    assert_memory_equal(printed, good, strlen(good));
    assert_int_equal(strlen(printed), strlen(good) + 65);
    assert_string_equal(complained, "");
    /* The README begins with this one, which includes another: by the parent's open. */
    assert_int_equal(run("check", NULL, "doc/examples/first.policy"), 0);
    assert_non_null(strstr(printed, "first.policy: good: 2 tenants, 2 guests, 0 objects"));
    assert_int_equal(run("check", NULL, "tests/golden/host/fail/patterns-nested.policy"), 1);
    assert_string_equal(printed, "");
    assert_string_equal(complained,
                        "tests/golden/host/fail/patterns-nested.policy:5:10: '/srv/initech/**' "
                        "overlaps '/srv/**' of tenant 'acme' (at 2:10): tenants share no file but "
                        "declared objects\n"
                        "        disk \"/srv/initech/**\";\n"
                        "             ^\n");
    assert_int_equal(run("check", "--json", "tests/golden/host/fail/limit-cpus.policy"), 1);
    assert_non_null(strstr(printed, "\"valid\": false"));
    assert_non_null(strstr(printed, "\"line\": 6"));
    assert_string_equal(complained, "");
}

/* What this version cannot enforce is said, and is no success. */
static void test_unenforceable(void **state)
{
    static const char text[] = "tenant a { attest required; }";
    static const char vouched[] =
        "host { mac selinux; host-tpm \"device:/dev/tpmrm0\"; } tenant a { attest required; }";

    (void)state;
    write_file("policy", text, strlen(text));
    assert_int_equal(run("check", NULL, under("policy")), 1);
    assert_non_null(strstr(complained, "tenant 'a' requires attestation"));
    assert_int_equal(run("check", "--json", under("policy")), 1);
    assert_non_null(strstr(printed, "\"unenforceable\": \"tenant 'a'"));
    assert_non_null(strstr(printed, "\"valid\": false"));
    write_file("policy", vouched, strlen(vouched));
    assert_int_equal(run("check", NULL, under("policy")), 0);
}

static void test_fmt(void **state)
{
    static const char part[] = "tenant a{use t( 1,b );disk \"/srv/${x}\"}";

    (void)state;
    assert_int_equal(run("fmt", "--check", "doc/examples/host.policy"), 1);
    assert_string_equal(printed, "");
    assert_int_equal(run("fmt", NULL, "doc/examples/host.policy"), 0);
    assert_non_null(strstr(printed, "    mac selinux;  # landlock on a host without SELinux\n"));
    write_file("policy", printed, strlen(printed));
    assert_int_equal(run("fmt", "--check", under("policy")), 0);
    assert_string_equal(complained, "");
    assert_int_equal(run("fmt", NULL, under("policy")), 0);
    read_back("policy", complained, sizeof(complained));
    assert_string_equal(printed, complained);
    /* A part of a policy, and one with an error that is not fmt's to find, is laid out all the
     * same. */
    write_file("policy", part, strlen(part));
    assert_int_equal(run("fmt", NULL, under("policy")), 0);
    assert_string_equal(printed, "tenant a {\n    use t(1, b);\n    disk \"/srv/${x}\"\n}\n");
    write_file("policy", "tenant a {", 10);
    assert_int_equal(run("fmt", NULL, under("policy")), 1);
    assert_string_equal(printed, "");
    assert_non_null(strstr(complained, ":1:11: the file ends within a block"));
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

static struct compiled *compile_one(const char *text)
{
    const char *path = under("policy");
    struct compiled *compiled = NULL;

    write_file("policy", text, strlen(text));
    assert_int_equal(policy_compile(&path, 1, &compiled), 0);
    return compiled;
}

/* The whole message of a source that has one. */
static void complains(const char *text, const char *wanted)
{
    struct compiled *compiled = compile_one(text);
    struct buf out;

    buf_init(&out, 1 << 16);
    assert_null(compiled_image(compiled));
    assert_int_equal(compiled_messages(compiled), 1);
    compiled_show(compiled, 0, &out);
    assert_int_equal(buf_status(&out), 0);
    if (strstr((const char *)out.data, wanted) == NULL)
        fail_msg("%s", (const char *)out.data);
    buf_release(&out);
    compiled_free(compiled);
}

/* What is included lies below the directory, and is no link. */
static void test_includes(void **state)
{
    struct compiled *compiled;
    struct compiled_place place;

    (void)state;
    write_file("again", "tenant other { }", 16);
    compiled = compile_one("include \"again\";\ntenant a { }");
    assert_non_null(compiled_image(compiled));
    assert_int_equal(image_count(compiled_image(compiled), IMAGE_TENANTS), 2);
    compiled_place(compiled, IMAGE_TENANTS, 1, &place);
    assert_string_equal(place.file, under("again"));
    assert_int_equal(place.column, 8);
    assert_int_equal(compiled_sources(compiled), 2);
    compiled_free(compiled);
    assert_int_equal(symlink("again", under("link")), 0);
    complains("include \"link\";", ":1:9: include 'link' is a link");
    assert_int_equal(unlink(under("link")), 0);
    assert_int_equal(symlink("/", under("link")), 0);
    complains("include \"link/etc/passwd\";", "include 'link/etc/passwd' is a link");
    assert_int_equal(unlink(under("link")), 0);
    assert_int_equal(mkdir(under("link"), 0700), 0);
    complains("include \"link\";", "include 'link' is a directory");
    assert_int_equal(rmdir(under("link")), 0);
    assert_int_equal(mkfifo(under("link"), 0600), 0);
    complains("include \"link\";", "include 'link' cannot be read");
    assert_int_equal(unlink(under("link")), 0);
    complains("include \"../etc/passwd\";", "component");
}

/* What a terminal would obey is not shown, however long the line. */
static void test_excerpts(void **state)
{
    char *text = malloc(10 << 20);

    (void)state;
    complains("tenant a { } # \x1b[2J \xc3\xa9", "    tenant a { } # ?[2J ?\n");
    complains("tenant a { cpus x; } # \xc3\xa9",
              "    tenant a { cpus x; } # ?\n                    ^\n");
    assert_non_null(text);
    memset(text, ' ', (10 << 20) - 1);
    memcpy(text + (5 << 20), "tenant a { cpus x; }", 20);
    text[(10 << 20) - 1] = '\0';
    complains(text, "tenant a { cpus x; }");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),        cmocka_unit_test(test_unenforceable),
        cmocka_unit_test(test_fmt),          cmocka_unit_test(test_use),
        cmocka_unit_test(test_hostile_name), cmocka_unit_test(test_includes),
        cmocka_unit_test(test_excerpts),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
