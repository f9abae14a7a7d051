/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real filters against the real kernel: each system call is made by a child that has installed
 * what a process of that kind installs. A child that comes back was allowed the call, one that dies
 * of SIGSYS was not. Arguments are -1 unless a row of the table says otherwise, so that a call that
 * should not have been allowed can do no harm.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/kvm.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "base/buf.h"
#include "hv/handoff.h"
#include "mac/confine_self.h"
#include "mac/filters/filter_table.h"
#include "mac/seccomp.h"
#include "tests/unit/mac/child.h"

#define NUMBERS 461 /* all calls of Linux 6.12 and some to spare */
#define X32     0x40000000L

struct call {
    const struct seccomp_program *programs; /* compiled, in the order of installing */
    unsigned count;
    long number;
    bool int80;
    uint64_t argument[6];
};

static const struct call any_call = {.argument = {-1ULL, -1ULL, -1ULL, -1ULL, -1ULL, -1ULL}};

/* Programs of each kind, compiled once. */
static struct seccomp_program programs[PROCESS_KINDS][SECCOMP_STAGES_MAX];

static int compile_all(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < PROCESS_KINDS; kind++) {
        for (unsigned s = 0; s < seccomp_stages((enum process_kind)kind); s++) {
            int r = seccomp_compile((enum process_kind)kind, s, &programs[kind][s]);

            if (r != 0) {
                print_message("%s stage %u: %s\n", process_kind_name((enum process_kind)kind), s,
                              strerror(-r));
                return -1;
            }
        }
    }
    return 0;
}

static void int80(long number)
{
#ifdef __x86_64__
    long result;

    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(-1L) : "memory");
#endif
}

static int make_call(const void *argument)
{
    const struct call *call = argument;
    const uint64_t *a = call->argument;
    const struct rlimit no_core = {0, 0};

    CHILD_CHECK(setrlimit(RLIMIT_CORE, &no_core) == 0, 90);
    CHILD_CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, 91);
    for (unsigned i = 0; i < call->count; i++)
        CHILD_CHECK(confine_self_filter(call->programs[i].insn, call->programs[i].size) == 0, 92);
    if (call->int80)
        int80(call->number);
    else
        (void)syscall(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
    return 42;
}

static bool was_killed(const struct call *call)
{
    int result = child_run(make_call, call);

    if (result >= 90 && result <= 92)
        fail_msg("the filter could not be installed (%d)", result);
    return result == CHILD_SIGNAL + SIGSYS;
}

static struct call call_of(enum process_kind kind, unsigned stage, long number)
{
    struct call call = any_call;

    call.programs = programs[kind];
    call.count = stage + 1; /* a later stage stands on top of the earlier ones */
    call.number = number;
    return call;
}

static void for_each_stage(void (*check)(enum process_kind kind, unsigned stage))
{
    for (unsigned kind = 0; kind < PROCESS_KINDS; kind++) {
        for (unsigned s = 0; s < seccomp_stages((enum process_kind)kind); s++)
            check((enum process_kind)kind, s);
    }
}

static const char *name_of(enum process_kind kind)
{
    return process_kind_name(kind);
}

/* ---- each row of the tables can be used ---- */

static void check_rows(enum process_kind kind, unsigned stage)
{
    const struct filter_table *table = filter_table_of(kind);

    for (size_t i = 0; i < table->rules; i++) {
        const struct filter_rule *rule = &table->rule[i];
        struct call call = call_of(kind, stage, rule->number);

        if ((rule->stages >> stage & 1u) == 0)
            continue;
        for (unsigned c = 0; c < FILTER_CONDITIONS_MAX && rule->condition[c].mask != 0; c++)
            call.argument[rule->condition[c].argument] = rule->condition[c].value;
        if (was_killed(&call))
            fail_msg("%s stage %u: %s (%s) was killed", name_of(kind), stage, rule->name,
                     rule->reason);
    }
}

static void test_every_row_is_allowed(void **state)
{
    (void)state;
    for_each_stage(check_rows);
}

/* ---- all other numbers are not ---- */

static bool in_table(enum process_kind kind, unsigned stage, long number)
{
    const struct filter_table *table = filter_table_of(kind);

    for (size_t i = 0; i < table->rules; i++) {
        if (table->rule[i].number == number && (table->rule[i].stages >> stage & 1u) != 0)
            return true;
    }
    return false;
}

static void check_numbers(enum process_kind kind, unsigned stage)
{
    for (long number = 0; number < NUMBERS; number++) {
        struct call call = call_of(kind, stage, number);

        if (in_table(kind, stage, number))
            continue;
        /*
         * uretprobe and uprobe: since 6.15 the kernel lets them past every filter, and refuses them
         * itself anywhere but in a trampoline that only a tracer of the host can place.
         */
        if (number == 335 || number == 336)
            continue;
        if (!was_killed(&call))
            fail_msg("%s stage %u: call %ld was not killed", name_of(kind), stage, number);
    }
}

static void test_every_other_number_kills(void **state)
{
    (void)state;
    for_each_stage(check_numbers);
}

/* ---- the other two ways into the kernel ---- */

static void check_entries(enum process_kind kind, unsigned stage)
{
    static const long i386[] = {1, 3, 4, 5, 11, 20, 54, 90, 102, 120, 125, 192, 252, 295, 354, 358};

    for (long number = 0; number < 550; number += number < 20 || number >= 512 ? 1 : 29) {
        struct call call = call_of(kind, stage, X32 | number);

        if (!was_killed(&call))
            fail_msg("%s stage %u: x32 call %ld was not killed", name_of(kind), stage, number);
    }
    for (size_t i = 0; i < sizeof(i386) / sizeof(i386[0]); i++) {
        struct call call = call_of(kind, stage, i386[i]);
        int result;

        call.int80 = true;
        result = child_run(make_call, &call);
        /* SIGSEGV: a kernel without the i386 entry */
        if (result != CHILD_SIGNAL + SIGSYS && result != CHILD_SIGNAL + SIGSEGV)
            fail_msg("%s stage %u: int 0x80 call %ld gave %d", name_of(kind), stage, i386[i],
                     result);
    }
    for (uint32_t number = 0; number < 1024; number++) {
        assert_int_equal(seccomp_can_allow(&programs[kind][stage], AUDIT_ARCH_X86_64, X32 | number),
                         0);
        assert_int_equal(seccomp_can_allow(&programs[kind][stage], AUDIT_ARCH_I386, number), 0);
    }
}

static void test_foreign_entries_kill(void **state)
{
    (void)state;
    for_each_stage(check_entries);
}

/* ---- arguments ---- */

struct argument_case {
    long number;
    uint8_t argument;
    uint64_t value;
    uint8_t argument2;
    uint64_t value2;
};

static void check_arguments(enum process_kind kind, unsigned stage)
{
    static const struct argument_case cases[] = {
        {SYS_mmap, 2, PROT_EXEC, 3, MAP_PRIVATE | MAP_ANONYMOUS},
        {SYS_mmap, 2, PROT_READ | PROT_EXEC, 3, MAP_SHARED},
        {SYS_mmap, 2, PROT_READ | PROT_WRITE | PROT_EXEC, 3, MAP_PRIVATE | MAP_ANONYMOUS},
        {SYS_mmap, 2, 1ULL << 32 | PROT_READ, 3, MAP_SHARED},
        {SYS_write, 0, 9, 2, 9}, /* more than an event */
        {SYS_read, 0, 9, 2, 4096},
        {SYS_sendmsg, 0, 3, 2, MSG_OOB | MSG_NOSIGNAL},
        {SYS_recvmsg, 0, 3, 2, MSG_PEEK},
        {SYS_preadv, 0, 3, 0, 3},
        {SYS_pwritev, 0, 6, 0, 6},
        {SYS_ppoll, 3, 1, 3, 1}, /* would change the signal mask */
        {SYS_mmap, 2, PROT_READ | PROT_WRITE, 3, MAP_SHARED | MAP_FIXED}, /* over its own code */
        {SYS_mmap, 2, PROT_READ | PROT_WRITE, 3, MAP_SHARED | MAP_FIXED_NOREPLACE},
        {SYS_mmap, 2, PROT_READ | PROT_WRITE, 3, MAP_SHARED | MAP_HUGETLB},
        {SYS_mmap, 2, PROT_READ | PROT_WRITE, 3, MAP_SHARED | MAP_LOCKED},
        {SYS_mmap, 2, PROT_READ | PROT_WRITE, 3, 1ULL << 40 | MAP_SHARED},
        {SYS_mprotect, 2, PROT_READ | PROT_EXEC, 2, PROT_READ | PROT_EXEC},
        {SYS_mprotect, 2, PROT_EXEC, 2, PROT_EXEC},
        {SYS_pkey_mprotect, 2, PROT_EXEC, 2, PROT_EXEC},
        {SYS_ioctl, 1, 0x5412 /* TIOCSTI */, 1, 0x5412},
        {SYS_ioctl, 1, 0x541c /* TIOCLINUX */, 1, 0x541c},
        {SYS_ioctl, 1, 0x400454ca /* TUNSETIFF */, 1, 0x400454ca},
        {SYS_ioctl, 1, 0x2285 /* SG_IO */, 1, 0x2285},
        {SYS_ioctl, 1, 0, 1, 0},
        {SYS_futex, 1, 3 /* FUTEX_REQUEUE */, 1, 3},
        {SYS_futex, 1, 6 /* FUTEX_LOCK_PI */, 1, 6},
        {SYS_futex, 1, 11 /* FUTEX_WAIT_REQUEUE_PI */, 1, 11},
        {SYS_futex, 1, 12 | 128, 1, 12 | 128},
        {SYS_fallocate, 1, 0, 1, 0}, /* grows the file */
        {SYS_fallocate, 1, 1 /* KEEP_SIZE: takes space */, 1, 1},
        {SYS_fallocate, 1, 8 /* COLLAPSE_RANGE */, 1, 8},
        {SYS_fallocate, 1, 0x11 /* ZERO_RANGE | KEEP_SIZE: past the limit of size */, 1, 0x11},
        {SYS_seccomp, 0, 0 /* SET_MODE_STRICT */, 1, 0},
        {SYS_seccomp, 0, 1, 1, 8 /* NEW_LISTENER */},
        {SYS_seccomp, 0, 1, 1, 0 /* without TSYNC: only one thread */},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct call call = call_of(kind, stage, cases[i].number);

        call.argument[cases[i].argument] = cases[i].value;
        call.argument[cases[i].argument2] = cases[i].value2;
        if (!was_killed(&call))
            fail_msg("%s stage %u: argument case %zu was not killed", name_of(kind), stage, i);
    }
}

/* The VMM has a socket for each device; a worker has two, and may write messages to no other. */
static void test_worker_sockets(void **state)
{
    static const long numbers[] = {SYS_sendmsg, SYS_recvmsg};

    (void)state;
    for (enum process_kind kind = PROCESS_BLK; kind <= PROCESS_RNG; kind++) {
        for (unsigned i = 0; i < 2; i++) {
            struct call call = call_of(kind, 0, numbers[i]);

            call.argument[0] = 9;
            assert_true(was_killed(&call));
        }
    }
}

static void test_bad_arguments_kill(void **state)
{
    (void)state;
    for_each_stage(check_arguments);
}

/* Every ioctl of KVM that is not on the list, in the three forms that requests have. */
static void check_kvm(enum process_kind kind, unsigned stage)
{
    const struct filter_table *table = filter_table_of(kind);

    for (unsigned long number = 0; number < 256; number++) {
        const unsigned long forms[] = {
            _IO(KVMIO, number),
            _IOW(KVMIO, number, uint64_t),
            _IOR(KVMIO, number, uint64_t),
        };

        for (unsigned f = 0; f < 3; f++) {
            struct call call = call_of(kind, stage, SYS_ioctl);
            bool listed = false;

            for (size_t i = 0; i < table->rules; i++) {
                if (table->rule[i].number == SYS_ioctl &&
                    (table->rule[i].stages >> stage & 1u) != 0 &&
                    table->rule[i].condition[0].value == forms[f])
                    listed = true;
            }
            call.argument[1] = forms[f];
            if (!listed && !was_killed(&call))
                fail_msg("%s stage %u: ioctl %#lx was not killed", name_of(kind), stage, forms[f]);
        }
    }
}

static void test_kvm_ioctls(void **state)
{
    (void)state;
    check_kvm(PROCESS_VMM, 0);
    check_kvm(PROCESS_VMM, 1);
}

/* ---- budgets, and the walk against the table ---- */

static void test_budgets(void **state)
{
    static const struct {
        enum process_kind kind;
        unsigned most;
    } rows[] = {
        {PROCESS_VMM, 20}, {PROCESS_BLK, 14},     {PROCESS_NET, 12},
        {PROCESS_RNG, 12}, {PROCESS_CONSOLE, 10}, {PROCESS_TPM, 16},
    };
    static const long never[] = {
        SYS_open, SYS_openat,  SYS_openat2,  SYS_socket, SYS_connect,        SYS_execve,
        SYS_fork, SYS_vfork,   SYS_clone,    SYS_clone3, SYS_execveat,       SYS_ptrace,
        SYS_bpf,  SYS_prctl,   SYS_mprotect, SYS_dup2,   SYS_io_uring_setup, SYS_io_uring_register,
        SYS_kill, SYS_seccomp,
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct seccomp_program *list[SECCOMP_STAGES_MAX];
        unsigned stages = seccomp_stages(rows[i].kind);
        uint64_t bits[8];
        int count;

        for (unsigned s = 0; s < stages; s++)
            list[s] = &programs[rows[i].kind][s];
        count = seccomp_allowed(list, stages, bits);
        print_message("%s: %d system calls\n", name_of(rows[i].kind), count);
        assert_int_equal(count, seccomp_count(rows[i].kind));
        assert_true(count > 0 && (unsigned)count <= rows[i].most);
        for (long number = 0; number < 512; number++) {
            bool listed = in_table(rows[i].kind, stages - 1, number);

            assert_int_equal(bits[number / 64] >> (number % 64) & 1, listed);
        }
        for (size_t n = 0; n < sizeof(never) / sizeof(never[0]); n++)
            assert_false(in_table(rows[i].kind, stages - 1, never[n]));
    }
}

static void test_stage_order(void **state)
{
    (void)state;
    /* A later stage that allowed more than an earlier one would be a mistake in the table. */
    for (unsigned kind = 0; kind < PROCESS_KINDS; kind++) {
        const struct filter_table *table = filter_table_of((enum process_kind)kind);

        for (size_t i = 0; i < table->rules; i++) {
            assert_true(table->rule[i].stages != 0);
            assert_true(table->rule[i].stages >> table->stages == 0);
            assert_true((table->rule[i].stages & 1u) != 0);
            assert_true(table->rule[i].reason[0] != '\0');
        }
    }
}

static void test_descriptor_numbers(void **state)
{
    (void)state;
    assert_int_equal(FD_CONTROL, HANDOFF_FD_CONTROL);
    assert_int_equal(FD_VHOST, HANDOFF_FD_VHOST);
    assert_int_equal(FD_BACKING, HANDOFF_FD_BACKING);
    assert_int_equal(FD_TERMINAL_IN, HANDOFF_FD_BACKING);
    assert_int_equal(FD_TERMINAL_OUT, HANDOFF_FD_INFLIGHT);
}

static void test_deterministic(void **state)
{
    struct seccomp_program again;

    (void)state;
    for (unsigned kind = 0; kind < PROCESS_KINDS; kind++) {
        memset(&again, 0xff, sizeof(again));
        assert_int_equal(seccomp_compile((enum process_kind)kind, 0, &again), 0);
        assert_memory_equal(&again, &programs[kind][0], sizeof(again));
    }
}

static void test_no_such_filter(void **state)
{
    struct seccomp_program p = {.size = 77};
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    assert_int_equal(seccomp_compile(PROCESS_KINDS, 0, &p), -EINVAL);
    assert_int_equal(seccomp_compile(PROCESS_BLK, 1, &p), -EINVAL);
    assert_int_equal(seccomp_compile(PROCESS_VMM, 2, &p), -EINVAL);
    assert_int_equal(seccomp_describe(PROCESS_VMM, 2, &out), -EINVAL);
    assert_int_equal(p.size, 77); /* untouched */
    assert_int_equal(seccomp_stages(PROCESS_KINDS), 0);
    assert_int_equal(seccomp_count((enum process_kind)999), 0);
    assert_int_equal(seccomp_describe(PROCESS_NET, 0, &out), 0);
    assert_non_null(strstr((char *)out.data, "offloads that the guest negotiated"));
    buf_release(&out);
}

static int installs_without_nnp(const void *argument)
{
    (void)argument;
    CHILD_CHECK(geteuid() != 0 || setuid(65534) == 0, 1);
    CHILD_CHECK(confine_self_filter(programs[0][0].insn, programs[0][0].size) == -EACCES, 2);
    CHILD_CHECK(confine_self_filter(programs[0][0].insn, 0) == -EINVAL, 3);
    CHILD_CHECK(confine_self_filter(programs[0][0].insn, 5000) == -EINVAL, 4);
    return 0;
}

static void test_needs_no_new_privs(void **state)
{
    (void)state;
    assert_int_equal(child_run(installs_without_nnp, NULL), 0);
}

/* ---- from outside, as the start gate does it ---- */

/* By the calls that every filter lets pass: to the launcher's socket, and a wait. */
static int confined_and_waiting(enum process_kind kind)
{
    struct iovec word = {(char[]){"r"}, 1};
    struct msghdr ready = {.msg_iov = &word, .msg_iovlen = 1};
    struct pollfd launcher = {.fd = FD_CONTROL, .events = POLLIN};

    CHILD_CHECK(confine_self_begin() == 0, 1); /* not dumpable: root must still get in */
    CHILD_CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, 2);
    for (unsigned s = 0; s < seccomp_stages(kind); s++)
        CHILD_CHECK(confine_self_filter(programs[kind][s].insn, programs[kind][s].size) == 0, 3);
    CHILD_CHECK(sendmsg(FD_CONTROL, &ready, MSG_NOSIGNAL) == 1, 4);
    /* A look from outside may wake it. */
    while (syscall(SYS_ppoll, &launcher, 1, NULL, NULL, 8) < 0)
        CHILD_CHECK(errno == EINTR, 5);
    return 0;
}

static void check_read_back(enum process_kind kind, unsigned stage)
{
    struct seccomp_program seen = {.size = 77};
    unsigned stages = seccomp_stages(kind);
    int control[2], status;
    char event;
    pid_t pid;

    if (stage != 0)
        return;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, control), 0);
    pid = fork();
    if (pid == 0) {
        int end = fcntl(control[1], F_DUPFD, 10);

        (void)close(control[0]);
        (void)close(control[1]);
        child_exit(dup2(end, FD_CONTROL) < 0 ? 9 : confined_and_waiting(kind));
    }
    (void)close(control[1]);
    assert_int_equal(read(control[0], &event, sizeof(event)), sizeof(event));
    assert_int_equal(ptrace(PTRACE_SEIZE, pid, NULL, NULL), 0);
    assert_int_equal(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL), 0);
    assert_int_equal(waitpid(pid, &status, __WALL), pid);
    assert_true(WIFSTOPPED(status));
    for (unsigned s = 0; s < stages; s++) {
        assert_int_equal(seccomp_read_back(pid, stages - 1 - s, &seen), 0);
        assert_memory_equal(&seen, &programs[kind][s], sizeof(seen));
    }
    seen.size = 77;
    assert_int_equal(seccomp_read_back(pid, stages, &seen), -ENOENT);
    assert_int_equal(seen.size, 77);
    assert_int_equal(ptrace(PTRACE_DETACH, pid, NULL, NULL), 0);
    (void)close(control[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0); /* the look from outside has not disturbed it */
}

static void test_read_back(void **state)
{
    struct seccomp_program seen;

    (void)state;
    assert_int_equal(seccomp_read_back(getpid(), 0, &seen), -ESRCH); /* not stopped, not traced */
    if (geteuid() != 0) {
        print_message("skipped: needs CAP_SYS_ADMIN\n");
        skip();
    }
    for_each_stage(check_read_back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_is_allowed),
        cmocka_unit_test(test_every_other_number_kills),
        cmocka_unit_test(test_foreign_entries_kill),
        cmocka_unit_test(test_bad_arguments_kill),
        cmocka_unit_test(test_worker_sockets),
        cmocka_unit_test(test_kvm_ioctls),
        cmocka_unit_test(test_budgets),
        cmocka_unit_test(test_stage_order),
        cmocka_unit_test(test_descriptor_numbers),
        cmocka_unit_test(test_deterministic),
        cmocka_unit_test(test_no_such_filter),
        cmocka_unit_test(test_needs_no_new_privs),
        cmocka_unit_test(test_read_back),
    };

    return cmocka_run_group_tests(tests, compile_all, NULL);
}
