/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdpass.h"

static int pair[2];

/* How many descriptors this process has: what a test leaks shows. */
static size_t open_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t n = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

static int setup_packets(void **state)
{
    (void)state;
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

static int setup_stream(void **state)
{
    (void)state;
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
}

static int teardown(void **state)
{
    (void)state;
    fd_close(&pair[0]);
    fd_close(&pair[1]);
    return 0;
}

static void test_plain(void **state)
{
    char data[8] = "";
    size_t count = 4;
    int fds[4];

    (void)state;
    assert_int_equal(fdpass_send(pair[0], "hello", 5, NULL, 0), 0);
    assert_int_equal(fdpass_receive(pair[1], data, sizeof(data), fds, &count, 0), 5);
    assert_int_equal(count, 0);
    assert_string_equal(data, "hello");
}

static void test_descriptors(void **state)
{
    cleanup_fd int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int sent[FDPASS_MAX], got[FDPASS_MAX];
    size_t count = FDPASS_MAX;
    struct stat a, b;
    char data;

    (void)state;
    for (size_t i = 0; i < FDPASS_MAX; i++)
        sent[i] = null;
    assert_int_equal(fdpass_send(pair[0], "x", 1, sent, FDPASS_MAX), 0);
    assert_int_equal(fdpass_receive(pair[1], &data, 1, got, &count, 0), 1);
    assert_int_equal(count, FDPASS_MAX);
    assert_int_equal(fstat(null, &a), 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(fstat(got[i], &b), 0);
        assert_int_equal(a.st_rdev, b.st_rdev);
        assert_int_equal(fcntl(got[i], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        fd_close(&got[i]);
    }
}

/* One descriptor more than expected: refused, and nothing of it stays open. */
static void test_too_many(void **state)
{
    int sent[3] = {0, 1, 2}, got[2] = {-7, -7};
    size_t count = 2, before = open_fds();
    char data;

    (void)state;
    assert_int_equal(fdpass_send(pair[0], "x", 1, sent, 3), 0);
    assert_int_equal(fdpass_receive(pair[1], &data, 1, got, &count, 0), -EBADMSG);
    assert_int_equal(got[0], -7);
    assert_int_equal(got[1], -7);
    assert_int_equal(count, 2);
    assert_int_equal(open_fds(), before);
}

static void test_unexpected(void **state)
{
    int sent = 0;
    size_t before = open_fds();
    char data;

    (void)state;
    assert_int_equal(fdpass_send(pair[0], "x", 1, &sent, 1), 0);
    assert_int_equal(fdpass_receive(pair[1], &data, 1, NULL, NULL, 0), -EBADMSG);
    assert_int_equal(open_fds(), before);
}

/* More than our own sender would send: the kernel truncates, we refuse. */
static void test_far_too_many(void **state)
{
    enum { MANY = 200 };
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * MANY)];
    } control;
    struct iovec iov = {.iov_base = (char[]){"x"}, .iov_len = 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *cmsg;
    int zero = 0, got[FDPASS_MAX];
    size_t count = FDPASS_MAX, before = open_fds();
    char data;

    (void)state;
    memset(&control, 0, sizeof(control));
    cmsg = &control.align; /* what CMSG_FIRSTHDR gives, never NULL */
    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(int) * MANY);
    for (size_t i = 0; i < MANY; i++)
        memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &zero, sizeof(zero));
    assert_int_equal(sendmsg(pair[0], &msg, 0), 1);
    assert_int_equal(fdpass_receive(pair[1], &data, 1, got, &count, 0), -EBADMSG);
    assert_int_equal(open_fds(), before);
}

/* Other control messages are not descriptors. */
static void test_credentials(void **state)
{
    int on = 1, got[1];
    size_t count = 1, before = open_fds();
    char data;

    (void)state;
    assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
    assert_int_equal(fdpass_send(pair[0], "x", 1, NULL, 0), 0);
    assert_int_equal(fdpass_receive(pair[1], &data, 1, got, &count, 0), 1);
    assert_int_equal(count, 0);
    assert_int_equal(open_fds(), before);
}

static void test_table_full(void **state)
{
    struct rlimit old, tight;
    int sent[4] = {0, 1, 2, 0}, got[4], r;
    size_t count = 4, before = open_fds();
    char data;

    (void)state;
    assert_int_equal(fdpass_send(pair[0], "x", 1, sent, 4), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    tight = old;
    /* Room for two more: the highest of ours is pair[1] or below it in number. */
    tight.rlim_cur = (rlim_t)(pair[1] > pair[0] ? pair[1] : pair[0]) + 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    r = fdpass_receive(pair[1], &data, 1, got, &count, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(r, -EBADMSG);
    assert_int_equal(open_fds(), before);
}

static void test_truncated(void **state)
{
    int sent = 0, got[1];
    size_t count = 1, before = open_fds();
    char data[4];

    (void)state;
    assert_int_equal(fdpass_send(pair[0], "too long", 8, &sent, 1), 0);
    assert_int_equal(fdpass_receive(pair[1], data, sizeof(data), got, &count, 0), -EMSGSIZE);
    assert_int_equal(open_fds(), before);
}

static void test_end(void **state)
{
    char data;

    (void)state;
    assert_int_equal(fdpass_receive(pair[1], &data, 1, NULL, NULL, MSG_DONTWAIT), -EAGAIN);
    fd_close(&pair[0]);
    assert_int_equal(fdpass_receive(pair[1], &data, 1, NULL, NULL, 0), 0);
    assert_int_equal(fdpass_send(pair[1], "x", 1, NULL, 0), -EPIPE);
}

static void test_arguments(void **state)
{
    int fds[FDPASS_MAX + 1] = {0};
    size_t count = FDPASS_MAX + 1;
    char data;
    int bad = 12345;

    (void)state;
    assert_int_equal(fdpass_send(pair[0], "x", 0, NULL, 0), -EINVAL);
    assert_int_equal(fdpass_send(pair[0], "x", 1, fds, FDPASS_MAX + 1), -EINVAL);
    assert_int_equal(fdpass_send(pair[0], "x", 1, &bad, 1), -EBADF);
    assert_int_equal(fdpass_send(-1, "x", 1, NULL, 0), -EBADF);
    assert_int_equal(fdpass_receive(pair[1], &data, 0, NULL, NULL, 0), -EINVAL);
    assert_int_equal(fdpass_receive(pair[1], &data, 1, fds, &count, 0), -EINVAL);
    assert_int_equal(fdpass_receive(-1, &data, 1, NULL, NULL, 0), -EBADF);
}

/* On a stream the descriptors come with the first byte and a message may come in parts. */
static void test_stream(void **state)
{
    int sent = 0, got[1];
    size_t count = 1, none = 0;
    char data[3];

    (void)state;
    assert_int_equal(fdpass_send(pair[0], "abcd", 4, &sent, 1), 0);
    assert_int_equal(fdpass_receive(pair[1], data, 3, got, &count, 0), 3);
    assert_int_equal(count, 1);
    fd_close(&got[0]);
    assert_int_equal(fdpass_receive(pair[1], data, 3, NULL, &none, 0), 1);
    assert_int_equal(data[0], 'd');
}

/* For a peer that does not read: all of a message or nothing of it, and no waiting. */
static void test_now(void **state)
{
    static const char message[1024];
    int r = 0, sent = 0, got[1];
    size_t count = 1;
    char data[sizeof(message)];

    (void)state;
    assert_int_equal(fdpass_send_now(pair[0], message, sizeof(message), &sent, 1), 0);
    (void)alarm(60);
    for (unsigned i = 0; i < 100000 && r == 0; i++)
        r = fdpass_send_now(pair[0], message, sizeof(message), NULL, 0);
    (void)alarm(0);
    assert_int_equal(r, -EAGAIN);
    assert_int_equal(fdpass_receive(pair[1], data, sizeof(data), got, &count, 0), sizeof(data));
    assert_int_equal(count, 1);
    fd_close(&got[0]);
    assert_int_equal(fdpass_send_now(pair[0], message, 0, NULL, 0), -EINVAL);
    assert_int_equal(fdpass_send_now(pair[0], message, 1, got, FDPASS_MAX + 1), -EINVAL);
    fd_close(&pair[1]);
    assert_int_equal(fdpass_send_now(pair[0], message, 1, NULL, 0), -ECONNRESET); /* unread */
    assert_int_equal(fdpass_send_now(pair[0], message, 1, NULL, 0), -EPIPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plain, setup_packets, teardown),
        cmocka_unit_test_setup_teardown(test_descriptors, setup_packets, teardown),
        cmocka_unit_test_setup_teardown(test_too_many, setup_packets, teardown),
        cmocka_unit_test_setup_teardown(test_unexpected, setup_packets, teardown),
        cmocka_unit_test_setup_teardown(test_far_too_many, setup_packets, teardown),
        cmocka_unit_test_setup_teardown(test_credentials, setup_packets, teardown),
        cmocka_unit_test_setup_teardown(test_table_full, setup_packets, teardown),
        cmocka_unit_test_setup_teardown(test_truncated, setup_packets, teardown),
        cmocka_unit_test_setup_teardown(test_end, setup_packets, teardown),
        cmocka_unit_test_setup_teardown(test_arguments, setup_packets, teardown),
        cmocka_unit_test_setup_teardown(test_stream, setup_stream, teardown),
        cmocka_unit_test_setup_teardown(test_now, setup_packets, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
