/* SPDX-License-Identifier: Apache-2.0 */
/* Outputs take their places all together, or the earlier ones stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/verbs/policy_files.h"

struct place {
    char top[64], out[80];
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return -1;
    (void)snprintf(p->top, sizeof(p->top), "/tmp/casemate-files-XXXXXX");
    if (mkdtemp(p->top) == NULL)
        return -1;
    (void)snprintf(p->out, sizeof(p->out), "%s/out", p->top);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    char path[512];
    DIR *d = opendir(p->out);

    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        (void)snprintf(path, sizeof(path), "%s/%s", p->out, e->d_name);
        if (e->d_name[0] != '.' || strlen(e->d_name) > 2)
            (void)(unlink(path) == 0 || rmdir(path) == 0);
    }
    if (d != NULL)
        (void)closedir(d);
    (void)rmdir(p->out);
    (void)rmdir(p->top);
    free(p);
    return 0;
}

static int add(struct policy_files *files, const char *name, const char *text)
{
    struct buf data;
    int r;

    buf_init(&data, 1U << 16);
    buf_append(&data, text, strlen(text));
    r = policy_files_add(files, name, &data);
    buf_release(&data);
    return r;
}

static void holds(const struct place *p, const char *name, const char *text)
{
    char path[160], found[256] = "";
    FILE *f;

    (void)snprintf(path, sizeof(path), "%s/%s", p->out, name);
    f = fopen(path, "r");
    if (text == NULL) {
        assert_null(f);
        return;
    }
    assert_non_null(f);
    found[fread(found, 1, sizeof(found) - 1, f)] = '\0';
    (void)fclose(f);
    assert_string_equal(found, text);
}

static void write_all(const struct place *p, const char *kernel, const char *text)
{
    struct policy_files *files = NULL;

    assert_int_equal(policy_files_begin(p->out, &files), 0);
    assert_int_equal(add(files, "host.image", text), 0);
    if (kernel != NULL)
        assert_int_equal(add(files, "policy.33", kernel), 0);
    assert_int_equal(policy_files_commit(files), 0);
    assert_non_null(policy_files_at(files, 0));
    assert_null(policy_files_at(files, 9));
    policy_files_free(files);
}

static void test_commit(void **state)
{
    struct place *p = *state;

    write_all(p, "kernel", "abc");
    holds(p, "host.image", "abc");
    holds(p, "policy.33", "kernel");
    /* a later one without a base leaves no kernel policy that does not belong to it */
    write_all(p, NULL, "abc");
    holds(p, "policy.33", NULL);
    /* FIPS 180-4's example */
    holds(p, "SHA256SUMS",
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  host.image\n");
}

static void test_given_up(void **state)
{
    struct place *p = *state;
    struct policy_files *files = NULL;

    write_all(p, "kernel", "old");
    assert_int_equal(policy_files_begin(p->out, &files), 0);
    assert_int_equal(add(files, "host.image", "new"), 0);
    assert_int_equal(add(files, "policy.33", "new"), 0);
    policy_files_free(files);
    holds(p, "host.image", "old");
    holds(p, "policy.33", "kernel");
    holds(p, ".host.image.new", NULL);
    holds(p, ".policy.33.new", NULL);
}

/* Who may write there cannot have us write elsewhere. */
static void test_links(void **state)
{
    struct place *p = *state;
    struct policy_files *files = NULL;
    char link[128], victim[128];
    struct stat st;

    write_all(p, NULL, "old");
    (void)snprintf(link, sizeof(link), "%s/.host.image.new", p->out);
    (void)snprintf(victim, sizeof(victim), "%s/victim", p->out);
    assert_int_equal(symlink(victim, link), 0);
    write_all(p, NULL, "new");
    holds(p, "host.image", "new");
    assert_int_equal(lstat(victim, &st), -1);
    /* one that cannot be removed is an error, and the others stay */
    assert_int_equal(mkdir(link, 0700), 0);
    assert_int_equal(policy_files_begin(p->out, &files), 0);
    assert_true(add(files, "host.image", "newer") < 0);
    policy_files_free(files);
    holds(p, "host.image", "new");
}

static void test_refused(void **state)
{
    struct place *p = *state;
    struct policy_files *files = NULL;
    char name[80] = "";

    assert_true(policy_files_begin("/nonexistent/out", &files) < 0);
    assert_int_equal(policy_files_begin("/dev/null", &files), -ENOTDIR);
    assert_null(files);
    policy_files_free(files);
    assert_int_equal(policy_files_begin(p->out, &files), 0);
    memset(name, 'x', sizeof(name) - 1);
    assert_int_equal(add(files, name, "x"), -ENAMETOOLONG);
    for (unsigned i = 0; i < 64; i++) {
        (void)snprintf(name, sizeof(name), "f%u", i);
        assert_int_equal(add(files, name, "x"), 0);
    }
    assert_int_equal(add(files, "more", "x"), -E2BIG);
    policy_files_free(files);
    holds(p, "f0", NULL);
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        IN_PLACE(test_commit),
        IN_PLACE(test_given_up),
        IN_PLACE(test_links),
        IN_PLACE(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
