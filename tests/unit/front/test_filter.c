/* SPDX-License-Identifier: Apache-2.0 */
/* The filter under which the front parses a client's bytes: what it lets through, really executed.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/front/session.h"
#include "mac/confine_self.h"
#include "mac/seccomp.h"

static struct seccomp_program filter;

static int compile(void **state)
{
    (void)state;
    return seccomp_compile(PROCESS_FRONT, 0, &filter);
}

/* Twelve system calls, and none that opens, connects, executes, makes or traces anything. */
static void test_budget(void **state)
{
    static const long never[] = {
        SYS_open,           SYS_openat,    SYS_openat2,    SYS_socket,  SYS_connect,
        SYS_bind,           SYS_execve,    SYS_execveat,   SYS_fork,    SYS_vfork,
        SYS_clone,          SYS_clone3,    SYS_ptrace,     SYS_bpf,     SYS_mount,
        SYS_ioctl,          SYS_prctl,     SYS_kill,       SYS_tgkill,  SYS_pidfd_open,
        SYS_mprotect,       SYS_fcntl,     SYS_setsockopt, SYS_read,    SYS_write,
        SYS_io_uring_setup, SYS_seccomp,   SYS_dup,        SYS_accept4, SYS_unshare,
        SYS_setrlimit,      SYS_prlimit64,
    };
    const struct seccomp_program *programs[] = {&filter};
    uint64_t allowed[8];

    (void)state;
    assert_int_equal(seccomp_stages(PROCESS_FRONT), 1);
    assert_int_equal(seccomp_allowed(programs, 1, allowed), 13);
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        assert_false(allowed[never[i] / 64] >> (never[i] % 64) & 1);
}

/* The signal that ends a child that makes this call under the filter; 0: none. */
static int signal_of(long number, const uint64_t a[6])
{
    const struct rlimit no_core = {0, 0};
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        if (setrlimit(RLIMIT_CORE, &no_core) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            confine_self_filter(filter.insn, filter.size) < 0)
            _exit(1);
        (void)syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
        _exit(42);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 42);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

#define LIVES(number, ...) assert_int_equal(signal_of(number, (uint64_t[6]){__VA_ARGS__}), 0)
#define DIES(number, ...)  assert_int_equal(signal_of(number, (uint64_t[6]){__VA_ARGS__}), SIGSYS)

#define SEND    (MSG_DONTWAIT | MSG_NOSIGNAL)
#define PRIVATE (MAP_PRIVATE | MAP_ANONYMOUS)
#define WILD    UINT64_MAX /* an address that nothing is at: the call must fail, not the filter */

/* What the session does, and its bad neighbours. */
static void test_arguments(void **state)
{
    (void)state;
    LIVES(SYS_recvfrom, FRONT_FD_CLIENT, WILD, 1, MSG_DONTWAIT, 0, 0);
    LIVES(SYS_recvfrom, FRONT_FD_CONSOLE, WILD, 1, MSG_DONTWAIT, 0, 0);
    DIES(SYS_recvfrom, FRONT_FD_WIRE, WILD, 1, MSG_DONTWAIT, 0, 0);
    DIES(SYS_recvfrom, FRONT_FD_CLIENT, WILD, 1, 0, 0, 0);
    DIES(SYS_recvfrom, FRONT_FD_CLIENT, WILD, 1, MSG_DONTWAIT, WILD, 0);
    LIVES(SYS_sendto, FRONT_FD_CLIENT, WILD, 1, SEND, 0, 0);
    LIVES(SYS_sendto, FRONT_FD_CONSOLE, WILD, 1, SEND, 0, 0);
    DIES(SYS_sendto, FRONT_FD_WIRE, WILD, 1, SEND, 0, 0);
    DIES(SYS_sendto, 7, WILD, 1, SEND, 0, 0);
    DIES(SYS_sendto, FRONT_FD_CLIENT, WILD, 1, SEND | MSG_OOB, 0, 0);
    DIES(SYS_sendto, FRONT_FD_CLIENT, WILD, 1, SEND, WILD, 16);
    /* Descriptors go neither to the client nor to a guest's port. */
    LIVES(SYS_sendmsg, FRONT_FD_WIRE, WILD, MSG_NOSIGNAL);
    DIES(SYS_sendmsg, FRONT_FD_CLIENT, WILD, MSG_NOSIGNAL);
    DIES(SYS_sendmsg, FRONT_FD_CONSOLE, WILD, MSG_NOSIGNAL);
    LIVES(SYS_recvmsg, FRONT_FD_WIRE, WILD, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    DIES(SYS_recvmsg, FRONT_FD_CLIENT, WILD, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    LIVES(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, PRIVATE, WILD, 0);
    DIES(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, PRIVATE, WILD, 0);
    DIES(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, PRIVATE, WILD, 0);
    DIES(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 0, 0);
    DIES(SYS_mmap, 4096, 4096, PROT_READ | PROT_WRITE, PRIVATE | MAP_FIXED, WILD, 0);
    DIES(SYS_openat, WILD, WILD, 0);
    DIES(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
    DIES(SYS_execve, WILD, 0, 0);
    DIES(SYS_getpid, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_arguments),
    };

    return cmocka_run_group_tests(tests, compile, NULL);
}
