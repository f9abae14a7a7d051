/* SPDX-License-Identifier: Apache-2.0 */
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
#include "hv/launch/input.h"
#include "hv/launch/path.h"

/* What a tenant may do to its tree: links at every place of a path, second names. */
static char top[] = "/tmp/casemate-path-XXXXXX";

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
    cleanup_fd int fd = -1;

    (void)state;
    if (mkdtemp(top) == NULL || mkdir(under("acme"), 0700) < 0 || mkdir(under("other"), 0700) < 0)
        return -1;
    fd = open(under("other/image"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, 4096) < 0)
        return -1;
    return symlink(under("other"), under("acme/directory")) < 0 ||
                   symlink("../other/image", under("acme/file")) < 0 ||
                   symlink("acme", under("tree")) < 0 ||
                   link(under("other/image"), under("acme/name")) < 0
               ? -1
               : 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"acme/directory", "acme/file", "acme/name", "tree",
                                        "other/image"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        (void)unlink(under(names[i]));
    return rmdir(under("acme")) < 0 || rmdir(under("other")) < 0 || rmdir(top) < 0 ? -1 : 0;
}

static int find(const char *name, bool links)
{
    struct stat st;
    cleanup_fd int fd = path_find(under(name), links, &st);

    return fd < 0 ? fd : 0;
}

static void test_links(void **state)
{
    static const char *const through[] = {"acme/directory/image", "acme/file", "tree/name",
                                          "tree/directory/image", "acme/directory"};

    (void)state;
    assert_int_equal(find("other/image", false), 0);
    assert_int_equal(find("acme/name", false), 0);
    for (size_t i = 0; i < sizeof(through) / sizeof(through[0]); i++) {
        assert_int_equal(find(through[i], true), 0);
        assert_int_equal(find(through[i], false), -ELOOP);
    }
}

static int disk(const char *name, bool readonly, bool links)
{
    struct guest_disk spec = {.readonly = readonly, .queues = 1};
    struct input_disk opened = {.fd = -1};
    struct launch_error error = {.result = LAUNCH_OFF};
    int r;

    (void)snprintf(spec.path, sizeof(spec.path), "%s", under(name));
    r = input_disk(&spec, links, &opened, &error);
    fd_close(&opened.fd);
    assert_int_equal(r < 0, error.message[0] != '\0');
    return r;
}

/* Two names: refused to be written by anybody, and to a tenant's guest altogether. */
static void test_names(void **state)
{
    (void)state;
    assert_int_equal(disk("acme/name", true, true), 0);
    assert_true(disk("acme/name", false, true) < 0);
    assert_true(disk("acme/name", true, false) < 0);
    assert_true(disk("acme/name", false, false) < 0);
    assert_int_equal(unlink(under("acme/name")), 0);
    assert_int_equal(disk("other/image", true, false), 0);
    assert_int_equal(disk("other/image", false, false), 0);
    assert_true(disk("acme/file", true, false) < 0);
}

static void test_boot_file(void **state)
{
    struct launch_error error = {.result = LAUNCH_OFF};
    int fd;

    (void)state;
    assert_true(input_boot_file("kernel", under("acme/file"), false, UINT64_MAX, &error) < 0);
    fd = input_boot_file("kernel", under("other/image"), false, UINT64_MAX, &error);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(link(under("other/image"), under("acme/name")), 0);
    assert_true(input_boot_file("kernel", under("acme/name"), false, UINT64_MAX, &error) < 0);
    fd = input_boot_file("kernel", under("acme/name"), true, UINT64_MAX, &error);
    assert_true(fd >= 0);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_boot_file),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
