/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define ALL_SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static void test_close(void **state)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), number = fd;

    (void)state;
    assert_true(fd >= 0);
    errno = EXDEV;
    fd_close(&fd);
    assert_int_equal(fd, -1);
    assert_int_equal(fcntl(number, F_GETFD), -1);
    errno = EXDEV;
    fd_close(&fd);
    assert_int_equal(errno, EXDEV);
}

static void test_cleanup(void **state)
{
    int number, kept;

    (void)state;
    {
        cleanup_fd int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        cleanup_fd int other = open("/dev/null", O_RDONLY | O_CLOEXEC);
        cleanup_free char *text = strdup("x");

        assert_non_null(text);
        number = fd;
        kept = steal_fd(&other);
        assert_int_equal(other, -1);
    }
    assert_int_equal(fcntl(number, F_GETFD), -1);
    assert_true(fcntl(kept, F_GETFD) >= 0);
    fd_close(&kept);
}

static void test_read_short(void **state)
{
    int pipe_fds[2];
    char data[8] = "zzzzzzz";

    (void)state;
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    assert_int_equal(fd_write_full(pipe_fds[1], "abcd", 4), 0);
    assert_int_equal(fd_read_full(pipe_fds[0], data, 2), 0);
    assert_memory_equal(data, "abz", 3);
    fd_close(&pipe_fds[1]);
    assert_int_equal(fd_read_full(pipe_fds[0], data, 3), -ENODATA);
    assert_int_equal(fd_read_full(pipe_fds[0], data, 0), 0);
    assert_int_equal(fd_read_full(pipe_fds[0], data, 1), -ENODATA);
    fd_close(&pipe_fds[0]);
    assert_int_equal(fd_read_full(-1, data, 1), -EBADF);
    assert_int_equal(fd_write_full(-1, data, 1), -EBADF);
}

/* What comes in pieces is read to the end, and no further than there is room. */
static void test_read_most(void **state)
{
    int pipe_fds[2];
    char data[8] = "zzzzzzz";

    (void)state;
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    assert_int_equal(fd_write_full(pipe_fds[1], "abcdef", 6), 0);
    assert_int_equal(fd_read_most(pipe_fds[0], data, 4), 4);
    assert_memory_equal(data, "abcdz", 5);
    assert_int_equal(fd_read_most(pipe_fds[0], data, 0), 0);
    fd_close(&pipe_fds[1]);
    assert_int_equal(fd_read_most(pipe_fds[0], data, sizeof(data)), 2);
    assert_memory_equal(data, "efcdz", 5);
    assert_int_equal(fd_read_most(pipe_fds[0], data, sizeof(data)), 0);
    fd_close(&pipe_fds[0]);
    assert_int_equal(fd_read_most(-1, data, 1), -EBADF);
}

static void test_pread(void **state)
{
    cleanup_fd int fd = fd_sealed_memfd("test", "0123456789", 10);
    char data[4];

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(fd_pread_full(fd, data, 4, 6), 0);
    assert_memory_equal(data, "6789", 4);
    assert_int_equal(fd_pread_full(fd, data, 4, 7), -ENODATA);
    assert_int_equal(fd_pread_full(fd, data, 1, 1ULL << 40), -ENODATA);
    assert_int_equal(fd_pread_full(fd, data, 1, INT64_MAX), -EOVERFLOW);
    assert_int_equal(fd_pread_full(fd, data, 1, UINT64_MAX), -EOVERFLOW);
    assert_int_equal(fd_pread_full(fd, data, 1, 1ULL << 63), -EOVERFLOW);
    assert_int_equal(fd_pread_full(fd, data, SIZE_MAX, 0), -EOVERFLOW);
}

/* What is measured is what is used: nobody who holds the file can change it any more. */
static void test_sealed(void **state)
{
    cleanup_fd int fd = fd_sealed_memfd("test", "data", 4);
    char data[5] = "";

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(fd_require_seals(fd, ALL_SEALS), 0);
    assert_int_equal(write(fd, "x", 1), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(ftruncate(fd, 100), -1);
    assert_ptr_equal(mmap(NULL, 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fd_read_full(fd, data, 4), 0);
    assert_string_equal(data, "data");
}

static void test_sealed_empty(void **state)
{
    cleanup_fd int fd = fd_sealed_memfd("test", "", 0);
    struct stat st;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(fd_require_seals(fd, ALL_SEALS), 0);
}

/* No holder can shrink guest memory under another's mapping. */
static void test_fixed(void **state)
{
    cleanup_fd int fd = fd_fixed_memfd("test", 8192, 0);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(fd_require_seals(fd, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    assert_int_equal(fd_require_seals(fd, ALL_SEALS), -EPERM);
    assert_int_equal(ftruncate(fd, 4096), -1);
    assert_int_equal(ftruncate(fd, 16384), -1);
    assert_int_equal(pwrite(fd, "x", 1, 0), 1);
    assert_int_equal(fd_fixed_memfd("test", UINT64_MAX, 0), -EOVERFLOW);
    assert_int_equal(fd_fixed_memfd("test", 4096, 0x40000000), -EINVAL);
}

static void test_require_seals(void **state)
{
    cleanup_fd int plain = open("/dev/null", O_RDONLY | O_CLOEXEC);
    cleanup_fd int open_memfd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    (void)state;
    assert_int_equal(fd_require_seals(plain, F_SEAL_WRITE), -EINVAL);
    assert_int_equal(fd_require_seals(open_memfd, F_SEAL_WRITE), -EPERM);
    assert_int_equal(fd_require_seals(open_memfd, 0), 0);
    assert_int_equal(fd_require_seals(-1, 0), -EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_close),         cmocka_unit_test(test_cleanup),
        cmocka_unit_test(test_read_short),    cmocka_unit_test(test_read_most),
        cmocka_unit_test(test_pread),         cmocka_unit_test(test_sealed),
        cmocka_unit_test(test_sealed_empty),  cmocka_unit_test(test_fixed),
        cmocka_unit_test(test_require_seals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
