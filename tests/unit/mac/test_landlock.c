/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "mac/landlock.h"
#include "tests/unit/mac/child.h"

static int need_landlock(void **state)
{
    (void)state;
    if (landlock_abi() == 0) {
        print_message("skipped: this kernel has no Landlock, or it is off\n");
        skip();
    }
    return 0;
}

static int restricted(int exec_fd)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? landlock_restrict_to_exec(exec_fd) : -1;
}

static int touches_no_path(const void *argument)
{
    int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), before = open("/etc/passwd", O_RDONLY);
    char byte;

    (void)argument;
    CHILD_CHECK(restricted(self) == 0, 1);
    CHILD_CHECK(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES, 2);
    CHILD_CHECK(open("/tmp/landlock-test", O_WRONLY | O_CREAT, 0600) < 0 && errno == EACCES, 3);
    CHILD_CHECK(open("/", O_RDONLY | O_DIRECTORY) < 0 && errno == EACCES, 4);
    CHILD_CHECK(mkdir("/tmp/landlock-test", 0700) < 0 && errno == EACCES, 5);
    CHILD_CHECK(unlink("/etc/passwd") < 0 && errno == EACCES, 6);
    CHILD_CHECK(execl("/bin/true", "true", (char *)NULL) < 0 && errno == EACCES, 7);
    /* what it was handed still works */
    CHILD_CHECK(read(before, &byte, 1) == 1, 8);
    return 0;
}

static void test_touches_no_path(void **state)
{
    need_landlock(state);
    assert_int_equal(child_run(touches_no_path, NULL), 0);
}

static int executes(const void *argument)
{
    int true_fd = open("/bin/true", O_RDONLY | O_CLOEXEC);
    int false_fd = open("/bin/false", O_RDONLY | O_CLOEXEC);
    char *argv[] = {(char[]){"x"}, NULL}, *environment[] = {NULL};

    CHILD_CHECK(restricted(*(const int *)argument ? true_fd : false_fd) == 0, 1);
    (void)syscall(SYS_execveat, true_fd, "", argv, environment, AT_EMPTY_PATH);
    return errno == EACCES ? 42 : 2;
}

static void test_executes_only_its_program(void **state)
{
    need_landlock(state);
    /*
     * /bin/true is dynamic: the kernel opens its interpreter, which is outside the rule. So both
     * are refused here; that a static program passes is the next test.
     */
    assert_int_equal(child_run(executes, &(int){1}), 42);
    assert_int_equal(child_run(executes, &(int){0}), 42);
}

/* exit(7) for x86-64 in one ELF segment. */
static const unsigned char tiny[] = {
    0x7f, 'E',  'L',  'F', 2,  1, 1,  0, 0,    0, 0,    0, 0, 0, 0, 0, /* e_ident */
    2,    0,    62,   0,   1,  0, 0,  0, 0x78, 0, 0x40, 0, 0, 0, 0, 0, /* EXEC, x86-64, entry */
    64,   0,    0,    0,   0,  0, 0,  0, 0,    0, 0,    0, 0, 0, 0, 0, /* phoff, shoff */
    0,    0,    0,    0,   64, 0, 56, 0, 1,    0, 0,    0, 0, 0, 0, 0, /* sizes */
    1,    0,    0,    0,   5,  0, 0,  0, 0,    0, 0,    0, 0, 0, 0, 0, /* LOAD, R+X, offset 0 */
    0,    0,    0x40, 0,   0,  0, 0,  0, 0,    0, 0x40, 0, 0, 0, 0, 0, /* addresses */
    0x84, 0,    0,    0,   0,  0, 0,  0, 0x84, 0, 0,    0, 0, 0, 0, 0, /* sizes */
    0,    0x10, 0,    0,   0,  0, 0,  0,                               /* alignment */
    0xbf, 7,    0,    0,   0,                                          /* mov edi, 7 */
    0xb8, 231,  0,    0,   0,                                          /* mov eax, exit_group */
    0x0f, 0x05,                                                        /* syscall */
};

static int executes_file(const void *argument)
{
    const char *path = argument;
    int w = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700), fd;
    char *argv[] = {(char[]){"x"}, NULL}, *environment[] = {NULL};

    CHILD_CHECK(w >= 0 && write(w, tiny, sizeof(tiny)) == (ssize_t)sizeof(tiny), 1);
    (void)close(w);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    (void)unlink(path);
    CHILD_CHECK(fd >= 0 && restricted(fd) == 0, 2);
    (void)syscall(SYS_execveat, fd, "", argv, environment, AT_EMPTY_PATH);
    return 3;
}

static void test_static_program_executes(void **state)
{
    char path[] = "/tmp/landlock-XXXXXX";

    need_landlock(state);
    assert_non_null(mkdtemp(path));
    (void)rmdir(path); /* only its unique name */
    assert_int_equal(child_run(executes_file, path), 7);
}

static int connects(const void *argument)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)argument;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHILD_CHECK(restricted(open("/bin/true", O_RDONLY | O_CLOEXEC)) == 0, 1);
    CHILD_CHECK(s >= 0, 2);
    CHILD_CHECK(connect(s, (struct sockaddr *)&to, sizeof(to)) < 0 && errno == EACCES, 3);
    CHILD_CHECK(bind(s, (struct sockaddr *)&to, sizeof(to)) < 0 && errno == EACCES, 4);
    return 0;
}

static void test_no_tcp(void **state)
{
    need_landlock(state);
    if (landlock_abi() < 4) {
        print_message("skipped: Landlock ABI %d does not know TCP\n", landlock_abi());
        skip();
    }
    assert_int_equal(child_run(connects, NULL), 0);
}

static int signals(const void *argument)
{
    (void)argument;
    CHILD_CHECK(restricted(open("/bin/true", O_RDONLY | O_CLOEXEC)) == 0, 1);
    CHILD_CHECK(kill(getppid(), 0) < 0 && errno == EPERM, 2);
    CHILD_CHECK(kill(getpid(), 0) == 0, 3);
    CHILD_CHECK(syscall(SYS_tgkill, getpid(), gettid(), 0) == 0, 4);
    return 0;
}

static void test_no_foreign_signal(void **state)
{
    need_landlock(state);
    if (landlock_abi() < 6) {
        print_message("skipped: Landlock ABI %d does not know signals\n", landlock_abi());
        skip();
    }
    assert_int_equal(child_run(signals, NULL), 0);
}

static int bad_descriptors(const void *argument)
{
    int pipe_fds[2];

    (void)argument;
    CHILD_CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, 1);
    CHILD_CHECK(landlock_restrict_to_exec(-1) == -EBADF, 2);
    CHILD_CHECK(landlock_restrict_to_exec(999) == -EBADF, 3);
    /* not restricted by a call that failed */
    CHILD_CHECK(open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 && pipe(pipe_fds) == 0, 4);
    return 0;
}

static void test_bad_descriptors(void **state)
{
    need_landlock(state);
    assert_int_equal(child_run(bad_descriptors, NULL), 0);
}

static void test_uncovered(void **state)
{
    (void)state;
    assert_string_equal(landlock_uncovered(6), "");
    assert_string_equal(landlock_uncovered(99), "");
    assert_non_null(strstr(landlock_uncovered(0), "files"));
    assert_non_null(strstr(landlock_uncovered(-5), "files"));
    assert_null(strstr(landlock_uncovered(1), "files"));
    assert_non_null(strstr(landlock_uncovered(2), "truncation"));
    assert_null(strstr(landlock_uncovered(3), "truncation"));
    assert_non_null(strstr(landlock_uncovered(3), "TCP"));
    assert_null(strstr(landlock_uncovered(4), "TCP"));
    assert_string_equal(landlock_uncovered(5), "abstract Unix sockets, signals");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_touches_no_path),
        cmocka_unit_test(test_executes_only_its_program),
        cmocka_unit_test(test_static_program_executes),
        cmocka_unit_test(test_no_tcp),
        cmocka_unit_test(test_no_foreign_signal),
        cmocka_unit_test(test_bad_descriptors),
        cmocka_unit_test(test_uncovered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
