/* SPDX-License-Identifier: Apache-2.0 */
/* How a child ended is known, or not taken for good; what it inherits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/child.h"

static pid_t start(void (*work)(void))
{
    pid_t pid = fork();

    if (pid == 0)
        work();
    assert_true(pid > 0);
    return pid;
}

static void end_badly(void)
{
    _exit(7);
}

static void test_wait(void **state)
{
    int status = 0;

    (void)state;
    assert_int_equal(child_wait(start(end_badly), &status), 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    status = 99;
    assert_int_equal(child_wait(getpid(), &status), -ECHILD);
    assert_int_equal(status, 99);
}

static void nothing(int number)
{
    (void)number;
}

static void interrupt(void)
{
    const struct timespec moment = {.tv_nsec = 1000000};

    /* The second comes while the parent waits, or waits for the child to end. */
    for (int i = 0; i < 20; i++) {
        (void)kill(getppid(), SIGUSR1);
        (void)nanosleep(&moment, NULL);
    }
    _exit(8);
}

/* A signal that is handled is no end of a child. */
static void test_interrupted(void **state)
{
    const struct sigaction handle = {.sa_handler = nothing};
    struct sigaction before;
    int status = 0;

    (void)state;
    assert_int_equal(sigaction(SIGUSR1, &handle, &before), 0);
    assert_int_equal(child_wait(start(interrupt), &status), 0);
    assert_int_equal(WEXITSTATUS(status), 8);
    assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
}

/* Where SIGCHLD is ignored a child's failure is lost: an error, until somebody expects children. */
static void test_ignored(void **state)
{
    int status = 99;

    (void)state;
    assert_true(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
    assert_int_equal(child_wait(start(end_badly), &status), -ECHILD);
    assert_int_equal(status, 99);
    assert_int_equal(child_expect(), 0);
    assert_int_equal(child_wait(start(end_badly), &status), 0);
    assert_int_equal(WEXITSTATUS(status), 7);
}

static void look_at_signals(void)
{
    sigset_t blocked;

    (void)sigfillset(&blocked);
    (void)sigprocmask(SIG_BLOCK, &blocked, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    child_reset_signals();
    (void)sigprocmask(SIG_BLOCK, NULL, &blocked);
    for (int s = 1; s < NSIG; s++) {
        struct sigaction action;

        if (sigismember(&blocked, s) == 1 ||
            (sigaction(s, NULL, &action) == 0 && action.sa_handler != SIG_DFL))
            _exit(s);
    }
    _exit(0);
}

static void test_reset(void **state)
{
    int status = 99;

    (void)state;
    assert_int_equal(child_wait(start(look_at_signals), &status), 0);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wait),
        cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_ignored),
        cmocka_unit_test(test_reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
