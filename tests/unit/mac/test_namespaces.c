/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cmocka.h>

#include "base/fd.h"
#include "mac/namespaces.h"
#include "tests/unit/mac/child.h"

static void need_root(void)
{
    if (geteuid() != 0) {
        print_message("skipped: needs CAP_SYS_ADMIN\n");
        skip();
    }
}

static int in_the_empty_world(const void *argument)
{
    struct stat host, here, dot;
    struct statvfs fs;

    CHILD_CHECK(stat("/", &host) == 0, 1);
    CHILD_CHECK(namespaces_enter_root(*(const int *)argument) == 0, 2);
    CHILD_CHECK(stat("/", &here) == 0 && stat(".", &dot) == 0, 3);
    CHILD_CHECK(here.st_dev != host.st_dev, 4);
    CHILD_CHECK(here.st_dev == dot.st_dev && here.st_ino == dot.st_ino, 5);
    CHILD_CHECK(stat("/..", &dot) == 0 && dot.st_dev == here.st_dev, 6);
    CHILD_CHECK(open("/proc/self/exe", O_RDONLY) < 0 && errno == ENOENT, 7);
    CHILD_CHECK(open("/x", O_WRONLY | O_CREAT, 0600) < 0 && errno == EROFS, 8);
    CHILD_CHECK(mkdir("x", 0700) < 0 && errno == EROFS, 9);
    CHILD_CHECK(statvfs("/", &fs) == 0, 10);
    CHILD_CHECK((fs.f_flag & ST_RDONLY) && (fs.f_flag & ST_NOSUID) && (fs.f_flag & ST_NODEV) &&
                    (fs.f_flag & ST_NOEXEC),
                11);
    return 0;
}

/* One namespace serves any number of processes, and the caller stays where it was. */
static void test_empty_root(void **state)
{
    struct stat before, after;
    int root;

    (void)state;
    need_root();
    assert_int_equal(stat("/", &before), 0);
    root = namespaces_empty_root();
    assert_true(root >= 0);
    assert_true((fcntl(root, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(child_run(in_the_empty_world, &root), 0);
    assert_int_equal(child_run(in_the_empty_world, &root), 0);
    assert_int_equal(stat("/", &after), 0);
    assert_true(before.st_dev == after.st_dev && before.st_ino == after.st_ino);
    fd_close(&root);
}

static int own_namespace(const void *argument)
{
    const int *fds = argument; /* root, report, hold */
    char byte = 0;

    CHILD_CHECK(namespaces_enter_root(fds[0]) == 0, 1);
    CHILD_CHECK(write(fds[1], &byte, 1) == 1, 2);
    CHILD_CHECK(read(fds[2], &byte, 1) == 0, 3);
    return 0;
}

static void test_each_process_has_its_own(void **state)
{
    struct namespaces_ids mine, of[2];
    int report[2], hold[2], fds[3], status;
    pid_t pid[2];
    char byte;

    (void)state;
    need_root();
    fds[0] = namespaces_empty_root();
    assert_true(fds[0] >= 0);
    assert_int_equal(pipe(report), 0);
    assert_int_equal(pipe(hold), 0);
    fds[1] = report[1];
    fds[2] = hold[0];
    for (int i = 0; i < 2; i++) {
        pid[i] = fork();
        if (pid[i] == 0) {
            (void)close(hold[1]);
            _exit(unshare((int)namespaces_clone_flags) == 0 ? own_namespace(fds) : 9);
        }
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(read(report[0], &byte, 1), 1);
    assert_int_equal(namespaces_read(getpid(), &mine), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(namespaces_read(pid[i], &of[i]), 0);
    (void)close(hold[1]);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
        assert_int_equal(status, 0);
        assert_true(of[i].mnt != mine.mnt && of[i].net != mine.net && of[i].ipc != mine.ipc);
        assert_true(of[i].uts != mine.uts && of[i].cgroup != mine.cgroup);
        assert_true(of[i].user == mine.user);
    }
    assert_true(of[0].mnt != of[1].mnt && of[0].net != of[1].net && of[0].ipc != of[1].ipc);
    fd_close(&fds[0]);
    fd_close(&report[0]);
    fd_close(&report[1]);
    fd_close(&hold[0]);
}

static int enters_something_else(const void *argument)
{
    struct stat before, after;

    (void)argument;
    CHILD_CHECK(stat("/etc", &before) == 0, 1);
    CHILD_CHECK(namespaces_enter_root(-1) == -EBADF, 2);
    CHILD_CHECK(namespaces_enter_root(open("/", O_RDONLY | O_CLOEXEC)) == -EINVAL, 3);
    CHILD_CHECK(namespaces_enter_root(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) == -EINVAL,
                4);
    CHILD_CHECK(stat("/etc", &after) == 0 && before.st_ino == after.st_ino, 5);
    return 0;
}

static void test_only_a_mount_namespace(void **state)
{
    (void)state;
    need_root();
    assert_int_equal(child_run(enters_something_else, NULL), 0);
}

static void test_read_of_nobody(void **state)
{
    struct namespaces_ids ids = {.mnt = 77};

    (void)state;
    assert_int_equal(namespaces_read(0, &ids), -ESRCH);
    assert_int_equal(namespaces_read(-1, &ids), -ESRCH);
    assert_int_equal(namespaces_read(0x7ffffffe, &ids), -ENOENT);
    assert_int_equal(ids.mnt, 77); /* untouched */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_root),
        cmocka_unit_test(test_each_process_has_its_own),
        cmocka_unit_test(test_only_a_mount_namespace),
        cmocka_unit_test(test_read_of_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
