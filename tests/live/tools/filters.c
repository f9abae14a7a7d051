/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filters PID...: which system calls the seccomp filters of live processes let through.
 *
 * Trust: a test tool, run as root. It shares no code with mac/: it exists to contradict the start
 * gate if that one is wrong. It stops every thread of each process, has the kernel give the filters
 * back, and follows every way through each program for every number; an argument may have any
 * value. A call counts if for every filter of the thread some way ends in anything but death.
 *
 * One line a process: "PID threads=N filters=N calls=N foreign=N forbidden=NAME,.. : NUMBER ...".
 * `calls` is the union over the threads, `foreign` the calls through the i386 and x32 entries,
 * `forbidden` those that no process of a running guest may have.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define NUMBERS     512u
#define INSNS_MAX   4096u
#define FILTERS_MAX 8u
#define X32_BIT     0x40000000u

struct program {
    unsigned size;
    struct sock_filter insn[INSNS_MAX];
};

struct stack {
    unsigned count;
    struct program program[FILTERS_MAX];
};

/* A word that is known, or could be anything. */
struct word {
    bool known;
    uint32_t value;
};

struct machine {
    struct word a, x, memory[BPF_MEMWORDS];
    uint32_t number, arch;
};

static const struct {
    const char *name;
    unsigned number;
} forbidden[] = {
    {"open", SYS_open},
    {"openat", SYS_openat},
    {"openat2", SYS_openat2},
    {"creat", SYS_creat},
    {"open_by_handle_at", SYS_open_by_handle_at},
    {"socket", SYS_socket},
    {"socketpair", SYS_socketpair},
    {"connect", SYS_connect},
    {"bind", SYS_bind},
    {"execve", SYS_execve},
    {"execveat", SYS_execveat},
    {"fork", SYS_fork},
    {"vfork", SYS_vfork},
    {"clone", SYS_clone},
    {"clone3", SYS_clone3},
    {"ptrace", SYS_ptrace},
    {"process_vm_readv", SYS_process_vm_readv},
    {"process_vm_writev", SYS_process_vm_writev},
    {"bpf", SYS_bpf},
    {"perf_event_open", SYS_perf_event_open},
    {"userfaultfd", SYS_userfaultfd},
    {"io_uring_setup", SYS_io_uring_setup},
    {"io_uring_register", SYS_io_uring_register},
    {"mount", SYS_mount},
    {"unshare", SYS_unshare},
    {"setns", SYS_setns},
    {"prctl", SYS_prctl},
    {"seccomp", SYS_seccomp},
    {"kill", SYS_kill},
    {"memfd_create", SYS_memfd_create},
    {"pidfd_getfd", SYS_pidfd_getfd},
};

static struct word known(uint32_t value)
{
    return (struct word){.known = true, .value = value};
}

static struct word load(const struct machine *m, const struct sock_filter *i)
{
    switch (BPF_MODE(i->code)) {
    case BPF_IMM:
        return known(i->k);
    case BPF_MEM:
        return m->memory[i->k % BPF_MEMWORDS];
    case BPF_LEN:
        return known(sizeof(struct seccomp_data));
    case BPF_ABS:
        if (i->k == offsetof(struct seccomp_data, nr))
            return known(m->number);
        if (i->k == offsetof(struct seccomp_data, arch))
            return known(m->arch);
        break;
    default:
        break;
    }
    return (struct word){.known = false};
}

static struct word calculate(uint16_t code, struct word a, struct word b)
{
    if (!a.known || (!b.known && BPF_OP(code) != BPF_NEG))
        return (struct word){.known = false};
    switch (BPF_OP(code)) {
    case BPF_ADD:
        return known(a.value + b.value);
    case BPF_SUB:
        return known(a.value - b.value);
    case BPF_MUL:
        return known(a.value * b.value);
    case BPF_AND:
        return known(a.value & b.value);
    case BPF_OR:
        return known(a.value | b.value);
    case BPF_XOR:
        return known(a.value ^ b.value);
    case BPF_LSH:
        return known(b.value < 32 ? a.value << b.value : 0);
    case BPF_RSH:
        return known(b.value < 32 ? a.value >> b.value : 0);
    case BPF_NEG:
        return known(0u - a.value);
    default:
        return (struct word){.known = false};
    }
}

static bool compare(uint16_t code, uint32_t a, uint32_t b)
{
    switch (BPF_OP(code)) {
    case BPF_JEQ:
        return a == b;
    case BPF_JGT:
        return a > b;
    case BPF_JGE:
        return a >= b;
    default:
        return (a & b) != 0; /* BPF_JSET */
    }
}

static bool survives(uint32_t action)
{
    switch (action & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_KILL_PROCESS:
    case SECCOMP_RET_KILL_THREAD:
    case SECCOMP_RET_TRAP:
    case SECCOMP_RET_ERRNO:
        return false;
    default:
        return true;
    }
}

/*
 * Depth first, each way on its own. A place where two ways with an unknown word meet is walked
 * twice; `steps` bounds what a strange program could cost, and running out counts as a way through.
 */
static bool way_through(const struct program *p, unsigned pc, struct machine m, unsigned *steps)
{
    while (pc < p->size) {
        const struct sock_filter *i = &p->insn[pc++];
        struct word operand = BPF_SRC(i->code) == BPF_X ? m.x : known(i->k);

        if (*steps == 0)
            return true;
        (*steps)--;
        switch (BPF_CLASS(i->code)) {
        case BPF_LD:
            m.a = load(&m, i);
            break;
        case BPF_LDX:
            m.x = load(&m, i);
            break;
        case BPF_ST:
            m.memory[i->k % BPF_MEMWORDS] = m.a;
            break;
        case BPF_STX:
            m.memory[i->k % BPF_MEMWORDS] = m.x;
            break;
        case BPF_ALU:
            m.a = calculate(i->code, m.a, operand);
            break;
        case BPF_MISC:
            if (BPF_MISCOP(i->code) == BPF_TAX)
                m.x = m.a;
            else
                m.a = m.x;
            break;
        case BPF_RET:
            return BPF_RVAL(i->code) == BPF_A ? !m.a.known || survives(m.a.value) : survives(i->k);
        default: /* BPF_JMP */
            if (BPF_OP(i->code) == BPF_JA) {
                pc += i->k;
            } else if (m.a.known && operand.known) {
                pc += compare(i->code, m.a.value, operand.value) ? i->jt : i->jf;
            } else {
                if (way_through(p, pc + i->jt, m, steps))
                    return true;
                pc += i->jf;
            }
            break;
        }
    }
    return false;
}

static bool allowed(const struct stack *s, uint32_t arch, uint32_t number)
{
    for (unsigned f = 0; f < s->count; f++) {
        struct machine m = {.number = number, .arch = arch};
        unsigned steps = 1000000;

        if (!way_through(&s->program[f], 0, m, &steps))
            return false;
    }
    return true; /* no filter: everything */
}

/* All filters of a stopped thread. */
static int read_filters(pid_t tid, struct stack *s)
{
    for (s->count = 0; s->count < FILTERS_MAX; s->count++) {
        struct program *p = &s->program[s->count];
        long n = ptrace(PTRACE_SECCOMP_GET_FILTER, tid, (void *)(uintptr_t)s->count, NULL);

        if (n < 0 && (errno == ENOENT || errno == EINVAL))
            return 0;
        if (n < 0 || n > (long)INSNS_MAX)
            return -1;
        if (ptrace(PTRACE_SECCOMP_GET_FILTER, tid, (void *)(uintptr_t)s->count, p->insn) != n)
            return -1;
        p->size = (unsigned)n;
    }
    return -1;
}

static int stop(pid_t tid)
{
    int status;

    if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0 || ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0)
        return -1;
    return waitpid(tid, &status, __WALL) == tid && WIFSTOPPED(status) ? 0 : -1;
}

struct seen {
    unsigned threads, filters, calls, foreign;
    bool call[NUMBERS];
};

static int look_at_thread(pid_t tid, struct seen *seen)
{
    static struct stack s;
    const char *step = "stop";
    int r = stop(tid);

    if (r == 0) {
        step = "read the filters of";
        r = read_filters(tid, &s);
    }
    if (r < 0)
        fprintf(stderr, "filters: cannot %s thread %d: %s\n", step, tid, strerror(errno));
    (void)ptrace(PTRACE_DETACH, tid, NULL, NULL);
    if (r < 0)
        return r;
    /* The thread with the fewest filters is the process's weak place. */
    if (seen->threads++ == 0 || s.count < seen->filters)
        seen->filters = s.count;
    for (unsigned n = 0; n < NUMBERS; n++) {
        if (!seen->call[n] && allowed(&s, AUDIT_ARCH_X86_64, n)) {
            seen->call[n] = true;
            seen->calls++;
        }
        seen->foreign += allowed(&s, AUDIT_ARCH_I386, n);
        seen->foreign += allowed(&s, AUDIT_ARCH_X86_64, n | X32_BIT);
    }
    return 0;
}

static void print(pid_t pid, const struct seen *seen)
{
    bool first = true;

    printf("%d threads=%u filters=%u calls=%u foreign=%u forbidden=", pid, seen->threads,
           seen->filters, seen->calls, seen->foreign);
    for (unsigned i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        if (!seen->call[forbidden[i].number])
            continue;
        printf("%s%s", first ? "" : ",", forbidden[i].name);
        first = false;
    }
    printf("%s :", first ? "none" : "");
    for (unsigned n = 0; n < NUMBERS; n++) {
        if (seen->call[n])
            printf(" %u", n);
    }
    printf("\n");
}

static int look(pid_t pid)
{
    struct seen seen = {0};
    const struct dirent *entry;
    char path[64];
    int r = 0;
    DIR *dir;

    (void)snprintf(path, sizeof(path), "/proc/%d/task", pid);
    dir = opendir(path);
    if (dir == NULL) {
        fprintf(stderr, "filters: %s: %s\n", path, strerror(errno));
        return -1;
    }
    while (r == 0 && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.')
            r = look_at_thread((pid_t)strtol(entry->d_name, NULL, 10), &seen);
    }
    (void)closedir(dir);
    if (r == 0)
        print(pid, &seen);
    return r;
}

int main(int argc, char **argv)
{
    int failed = argc < 2;

    for (int i = 1; i < argc; i++)
        failed |= look((pid_t)strtol(argv[i], NULL, 10)) < 0;
    return failed ? 3 : 0;
}
