/* SPDX-License-Identifier: Apache-2.0 */
/* Children in which hostile bytes are looked at: how they end, and what their end may not do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "cmd/verbs/arguments.h"
#include "cmd/verbs/confined_child.h"
#include "cmd/verbs/policy_confined.h"

/* A compiler that breaks is one that died, whatever it has written by then. */
static void break_down(void *context, int socket)
{
    (void)socket;
    *(volatile int *)context = 1;
    __builtin_trap();
}

static void disobey(void *context, int socket)
{
    (void)socket;
    *(volatile int *)context = 2;
    (void)open("/etc/passwd", O_RDONLY);
    *(volatile int *)context = 3;
}

static void test_child_dies(void **state)
{
    int *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_ptr_not_equal(shared, MAP_FAILED);
    assert_int_equal(confined_child(break_down, shared, NULL, NULL), -EPROTO);
    assert_int_equal(*shared, 1);
    assert_int_equal(confined_child(disobey, shared, NULL, NULL), -EPROTO);
    assert_int_equal(*shared, 2);
    assert_int_equal(munmap(shared, sizeof(*shared)), 0);
}

static void ask_and_die(void *context, int socket)
{
    (void)context;
    (void)!write(socket, "?", 1);
    __builtin_trap();
}

/* Answers when nobody is there to read it any more. */
static int answer_late(void *context, int socket)
{
    struct pollfd gone = {.fd = socket, .events = POLLRDHUP};
    char question;

    (void)context;
    if (fd_read_full(socket, &question, 1) < 0 || poll(&gone, 1, 10000) != 1)
        return -ETIME;
    return fd_write_full(socket, "!", 1);
}

/* Who asks and dies takes nobody along: a broken pipe is one of the errors. */
static void test_asks_and_dies(void **state)
{
    struct sigaction action;

    (void)state;
    assert_int_equal(confined_child(ask_and_die, NULL, answer_late, NULL), -EPIPE);
    assert_int_equal(sigaction(SIGPIPE, NULL, &action), 0);
    assert_ptr_equal(action.sa_handler, SIG_DFL);
}

static void good_work(void *context, int socket)
{
    (void)context;
    (void)socket;
}

static int refuse(void *context)
{
    (void)context;
    return VERB_DENIED;
}

/* Where SIGCHLD is ignored nobody knows whether what was looked at is good: then it is not. */
static void test_unknown_end(void **state)
{
    (void)state;
    assert_int_equal(confined_child(good_work, NULL, NULL, NULL), 0);
    assert_int_equal(policy_confined(refuse, NULL), VERB_DENIED);
    assert_true(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
    assert_int_equal(confined_child(good_work, NULL, NULL, NULL), -ECHILD);
    assert_int_equal(policy_confined(refuse, NULL), VERB_SYSTEM);
    assert_int_equal(child_expect(), 0);
    assert_int_equal(policy_confined(refuse, NULL), VERB_DENIED);
}

/* Says that it is there, and ends by nothing of its own. */
static int stay(void *context)
{
    volatile bool staying = true;

    (void)context;
    (void)!write(STDOUT_FILENO, "x", 1);
    while (staying)
        continue;
    return VERB_OK;
}

/* What looks at hostile bytes ends with the verb that wants to know, killed or not. */
static void test_parent_dies(void **state)
{
    int ends[2], status;
    char byte;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    (void)fflush(NULL); /* else the child says what we had to say, too */
    pid = fork();
    if (pid == 0) {
        if (dup2(ends[1], STDOUT_FILENO) < 0)
            _exit(1);
        _exit(policy_confined(stay, NULL));
    }
    assert_true(pid > 0);
    (void)close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(child_wait(pid, &status), 0);
    /* Its end of the pipe is the last one. */
    assert_int_equal(poll(&(struct pollfd){.fd = ends[0], .events = POLLIN}, 1, 10000), 1);
    assert_int_equal(read(ends[0], &byte, 1), 0);
    (void)close(ends[0]);
}

#ifndef SANITIZED
/* More memory than there is to have fails, and the machine's own is not touched. */
static int take_memory(void *context)
{
    (void)context;
    return mmap(NULL, 16UL << 30, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED
               ? VERB_DENIED
               : VERB_OK;
}
#endif

static void test_memory(void **state)
{
    (void)state;
#ifndef SANITIZED
    assert_int_equal(policy_confined(take_memory, NULL), VERB_DENIED);
#else
    print_message("a sanitizer needs more address space than is given here\n");
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_child_dies),  cmocka_unit_test(test_asks_and_dies),
        cmocka_unit_test(test_unknown_end), cmocka_unit_test(test_parent_dies),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
