/* SPDX-License-Identifier: Apache-2.0 */
/* Two loads of a policy at once: one of them is told to wait, whoever was killed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cmd/verbs/policy_lock.h"
#include "hv/host_image.h"

static char top[] = "/tmp/casemate-lock-XXXXXX";
static int directory = -1;

static int setup(void **state)
{
    (void)state;
    if (mkdtemp(top) == NULL)
        return -1;
    directory = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return directory >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    (void)unlinkat(directory, HOST_IMAGE_LOCK, 0);
    (void)close(directory);
    return rmdir(top);
}

static void test_two(void **state)
{
    int first = policy_lock(directory);
    struct stat st;

    (void)state;
    assert_true(first >= 0);
    assert_int_equal(fcntl(first, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fstat(first, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(policy_lock(directory), -EAGAIN);
    assert_int_equal(close(first), 0);
    first = policy_lock(directory);
    assert_true(first >= 0);
    assert_int_equal(close(first), 0);
}

/* What asks casemated for a load is at it still; when nobody has the lock any more, it is free. */
static void test_child(void **state)
{
    int lock = policy_lock(directory), status;
    pid_t child;

    (void)state;
    assert_true(lock >= 0);
    child = fork();
    if (child == 0) {
        (void)pause();
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(close(lock), 0);
    assert_int_equal(policy_lock(directory), -EAGAIN);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    lock = policy_lock(directory);
    assert_true(lock >= 0);
    assert_int_equal(close(lock), 0);
}

static void test_hostile(void **state)
{
    (void)state;
    assert_int_equal(unlinkat(directory, HOST_IMAGE_LOCK, 0), 0);
    assert_int_equal(symlinkat("elsewhere", directory, HOST_IMAGE_LOCK), 0);
    assert_int_equal(policy_lock(directory), -ELOOP);
    assert_int_equal(faccessat(directory, "elsewhere", F_OK, 0), -1);
    assert_int_equal(unlinkat(directory, HOST_IMAGE_LOCK, 0), 0);
    assert_int_equal(policy_lock(-1), -EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two),
        cmocka_unit_test(test_child),
        cmocka_unit_test(test_hostile),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
