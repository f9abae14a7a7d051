/* SPDX-License-Identifier: Apache-2.0 */
/* Interfaces of the kernel that widen what a process can reach or attack. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/hostile/hostile.h"

static int bpf_map(const struct hostile_world *w, long unused)
{
    union bpf_attr attr = {
        .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};

    (void)w;
    (void)unused;
    return outcome(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

static int bpf_program(const struct hostile_world *w, long unused)
{
    struct bpf_insn insns[] = {{.code = 0xb7}, {.code = 0x95}}; /* r0 = 0; exit */
    union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
                           .insns = (uint64_t)(uintptr_t)insns,
                           .insn_cnt = 2,
                           .license = (uint64_t)(uintptr_t) "GPL"};

    (void)w;
    (void)unused;
    return outcome(syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr)));
}

static int perf(const struct hostile_world *w, long other)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
                                   .size = sizeof(attr),
                                   .config = PERF_COUNT_SW_TASK_CLOCK,
                                   .exclude_kernel = 1};

    return outcome(syscall(SYS_perf_event_open, &attr, other ? w->victim : 0, -1, -1, 0));
}

static int user_fault(const struct hostile_world *w, long flags)
{
    (void)w;
    return outcome(syscall(SYS_userfaultfd, flags));
}

static int uring(const struct hostile_world *w, long unused)
{
    uint32_t params[30] = {0};

    (void)w;
    (void)unused;
    return outcome(syscall(SYS_io_uring_setup, 4, params));
}

static int async_io(const struct hostile_world *w, long unused)
{
    unsigned long context = 0;

    (void)w;
    (void)unused;
    return outcome(syscall(SYS_io_setup, 1, &context));
}

/* ENODEV: looked for the file system after the permission. */
static int mount_any(const struct hostile_world *w, long unused)
{
    (void)w;
    (void)unused;
    return outcome_or(mount("none", "/", "no-such-file-system", 0, NULL), ENODEV);
}

static int new_file_system(const struct hostile_world *w, long unused)
{
    (void)w;
    (void)unused;
    return outcome(fsopen("tmpfs", FSOPEN_CLOEXEC));
}

static int copy_tree(const struct hostile_world *w, long unused)
{
    (void)w;
    (void)unused;
    return outcome(open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
}

static int unmount(const struct hostile_world *w, long unused)
{
    (void)w;
    (void)unused;
    /* EINVAL: the root of the caller cannot expire, which is looked at after the permission. */
    return outcome_or(umount2("/", MNT_EXPIRE), EINVAL);
}

static int change_root(const struct hostile_world *w, long unused)
{
    (void)w;
    (void)unused;
    return outcome(chroot("/"));
}

static int pivot(const struct hostile_world *w, long unused)
{
    (void)w;
    (void)unused;
    /* EBUSY: the permission comes first. */
    return outcome_or(syscall(SYS_pivot_root, "/", "/"), EBUSY);
}

static int leave(const struct hostile_world *w, long flags)
{
    (void)w;
    return outcome(unshare((int)flags));
}

static int rejoin(const struct hostile_world *w, long unused)
{
    int fd = open("/proc/1/ns/mnt", O_RDONLY);

    (void)w;
    (void)unused;
    return fd < 0 ? -errno : outcome(setns(fd, CLONE_NEWNS));
}

static int spawn(const struct hostile_world *w, long flags)
{
    long pid = syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);

    (void)w;
    if (pid == 0)
        _exit(0);
    if (pid > 0)
        (void)waitpid((pid_t)pid, NULL, 0);
    return outcome(pid);
}

static int execute(const struct hostile_world *w, long what)
{
    static const char *const paths[] = {"/bin/true", "/proc/self/exe"};
    char *argv[] = {(char[]){"true"}, NULL}, *environment[] = {NULL};
    int fd;

    (void)w;
    if (what == 2) { /* a memory file: code that the host never saw */
        fd = (int)syscall(SYS_memfd_create, "code", 0);
        if (fd < 0)
            return -errno;
        if (write(fd, "no program", 10) < 0 || fchmod(fd, 0755) < 0)
            return -errno;
        return outcome_or(syscall(SYS_execveat, fd, "", argv, environment, AT_EMPTY_PATH), ENOEXEC);
    }
    return outcome(syscall(SYS_execve, paths[what], argv, environment));
}

enum { CODE_ANONYMOUS, CODE_CHANGED, CODE_STACK, CODE_RAM, CODE_FILE };
static int code(const struct hostile_world *w, long what)
{
    char stack[16];
    void *at;
    int fd;

    (void)w;
    switch (what) {
    case CODE_ANONYMOUS:
        at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                  0);
        return at == MAP_FAILED ? -errno : 0;
    case CODE_CHANGED:
        at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return at == MAP_FAILED ? -errno : outcome(mprotect(at, 4096, PROT_READ | PROT_EXEC));
    case CODE_STACK:
        at = (void *)((uintptr_t)stack & ~4095UL); /* NOLINT */
        return outcome(mprotect(at, 4096, PROT_READ | PROT_WRITE | PROT_EXEC));
    case CODE_RAM:
        at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, HANDOFF_FD_RAM, 0);
        return at == MAP_FAILED ? -errno : 0;
    default:
        fd = (int)syscall(SYS_memfd_create, "room", 0);
        if (fd < 0 || ftruncate(fd, 4096) < 0)
            return -errno;
        at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
        return at == MAP_FAILED ? -errno : 0;
    }
}

static int module(const struct hostile_world *w, long how)
{
    (void)w;
    if (how == 2) /* EWOULDBLOCK, ENOENT: there is no such module */
        return outcome_or(syscall(SYS_delete_module, "no_such_module", O_NONBLOCK), ENOENT);
    if (how == 1)
        return outcome_or(syscall(SYS_finit_module, HANDOFF_FD_CONFIG, "", 0), ENOEXEC);
    return outcome_or(syscall(SYS_init_module, "not a module", 12, ""), ENOEXEC);
}

static int kexec(const struct hostile_world *w, long unused)
{
    (void)w;
    (void)unused;
    /* No segment: nothing is loaded. */
    return outcome(syscall(SYS_kexec_load, 0, 0, NULL, 0));
}

static int reboot_not(const struct hostile_world *w, long unused)
{
    (void)w;
    (void)unused;
    /* A wrong magic number, which is looked at after the permission. */
    return outcome_or(syscall(SYS_reboot, 1, 2, 3, NULL), EINVAL);
}

static int swap(const struct hostile_world *w, long unused)
{
    (void)w;
    (void)unused;
    return outcome_or(syscall(SYS_swapon, "/no-such-file", 0), ENOENT);
}

static int kernel_log(const struct hostile_world *w, long unused)
{
    char text[64];

    (void)w;
    (void)unused;
    return outcome(syscall(SYS_syslog, 3, text, sizeof(text)));
}

static int clock_set(const struct hostile_world *w, long unused)
{
    /* Slew by nothing: needs the permission, changes nothing. */
    struct timex_like {
        uint32_t modes;
        uint8_t rest[512];
    } none = {.modes = 0x0001 /* ADJ_OFFSET */};

    (void)w;
    (void)unused;
    return outcome(syscall(SYS_adjtimex, &none));
}

static int host_name(const struct hostile_world *w, long unused)
{
    char name[128];

    (void)w;
    (void)unused;
    if (gethostname(name, sizeof(name)) < 0)
        return -errno;
    return outcome(sethostname(name, strlen(name)));
}

static int ports(const struct hostile_world *w, long level)
{
    (void)w;
    return outcome(level ? syscall(SYS_iopl, 3) : syscall(SYS_ioperm, 0x80, 1, 1));
}

static int segment(const struct hostile_world *w, long unused)
{
    char descriptors[16];

    (void)w;
    (void)unused;
    return outcome(syscall(SYS_modify_ldt, 0, descriptors, sizeof(descriptors)));
}

static int accounting(const struct hostile_world *w, long unused)
{
    (void)w;
    (void)unused;
    return outcome_or(syscall(SYS_acct, "/no-such-file"), ENOENT);
}

static int secret_memory(const struct hostile_world *w, long unused)
{
    (void)w;
    (void)unused;
    return outcome(syscall(SYS_memfd_secret, 0));
}

static int huge_lock(const struct hostile_world *w, long unused)
{
    void *at = mmap(NULL, 1 << 21, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)w;
    (void)unused;
    return at == MAP_FAILED ? -errno : outcome(mlock(at, 1 << 21));
}

static int i386_call(const struct hostile_world *w, long unused)
{
    long r = 20; /* getpid of the i386 table */

    (void)w;
    (void)unused;
    __asm__ volatile("int $0x80" : "+a"(r) : : "r8", "r9", "r10", "r11", "memory");
    return r > 0 ? 0 : (int)r;
}

static int x32_call(const struct hostile_world *w, long unused)
{
    (void)w;
    (void)unused;
    return outcome(syscall(0x40000000 | SYS_getpid));
}

#define SELF REACH_SELF
#define HOST REACH_HOST
static const struct act rows[] = {
    {"bpf-map", "makes a BPF map", SELF, bpf_map, NULL, 0, 0, 0},
    {"bpf-load", "loads a BPF program", SELF, bpf_program, NULL, 0, 0, 0},
    {"perf", "counts its own events", SELF, perf, NULL, 0, 0, 0},
    {"perf-other", "counts the other guest's events", REACH_GUEST, perf, NULL, 1, 0, 0},
    {"userfaultfd", "handles its own page faults", SELF, user_fault, NULL, UFFD_USER_MODE_ONLY, 0,
     0},
    {"userfaultfd-kernel", "those of the kernel too", SELF, user_fault, NULL, 0, 0, 0},
    {"io-uring", "makes an io_uring", SELF, uring, NULL, 0, 0, 0},
    {"aio", "makes a context of asynchronous I/O", SELF, async_io, NULL, 0, 0, 0},
    {"mount", "mounts", HOST, mount_any, NULL, 0, 0, 0},
    {"fsopen", "makes a file system", HOST, new_file_system, NULL, 0, 0, 0},
    {"open-tree", "copies the mount tree", HOST, copy_tree, NULL, 0, 0, 0},
    {"umount", "unmounts", HOST, unmount, NULL, 0, 0, 0},
    {"chroot", "changes its root", SELF, change_root, NULL, 0, 0, 0},
    {"pivot-root", "swaps the root", HOST, pivot, NULL, 0, 0, 0},
    {"unshare-user", "makes a user namespace", SELF, leave, NULL, CLONE_NEWUSER, 0, 0},
    {"unshare-mount", "makes a mount namespace", SELF, leave, NULL, CLONE_NEWNS, 0, 0},
    {"unshare-net", "makes a network namespace", SELF, leave, NULL, CLONE_NEWNET, 0, 0},
    {"setns-host", "enters the host's mount namespace", HOST, rejoin, NULL, 0, 0, 0},
    {"fork", "makes a process", SELF, spawn, NULL, 0, 0, 0},
    {"clone-user", "makes one in a new user namespace", SELF, spawn, NULL, CLONE_NEWUSER, 0, 0},
    {"exec", "executes a program of the host", SELF, execute, NULL, 0, 0, ACT_EXIT},
    {"exec-self", "executes its own program again", SELF, execute, NULL, 1, 0, ACT_EXIT},
    {"exec-memory", "executes a memory file", SELF, execute, NULL, 2, 0, 0},
    {"code-anonymous", "maps memory to write and execute", SELF, code, NULL, CODE_ANONYMOUS, 0, 0},
    {"code-changed", "makes written memory executable", SELF, code, NULL, CODE_CHANGED, 0, 0},
    {"code-stack", "makes its stack executable", SELF, code, NULL, CODE_STACK, 0, 0},
    {"code-ram", "maps guest memory to execute", SELF, code, NULL, CODE_RAM, KIND(PROCESS_VMM), 0},
    {"code-file", "maps a memory file to execute", SELF, code, NULL, CODE_FILE, 0, 0},
    {"module", "loads a kernel module", HOST, module, NULL, 0, 0, 0},
    {"module-file", "loads one from a descriptor", HOST, module, NULL, 1, 0, 0},
    {"module-remove", "removes one", HOST, module, NULL, 2, 0, 0},
    {"kexec", "loads another kernel", HOST, kexec, NULL, 0, 0, 0},
    {"reboot", "reboots", HOST, reboot_not, NULL, 0, 0, 0},
    {"swapon", "swaps to a file", HOST, swap, NULL, 0, 0, 0},
    {"kernel-log", "reads the kernel's log", HOST, kernel_log, NULL, 0, 0, 0},
    {"clock", "adjusts the clock", HOST, clock_set, NULL, 0, 0, 0},
    {"hostname", "names the host", HOST, host_name, NULL, 0, 0, 0},
    {"ioperm", "speaks to an I/O port", HOST, ports, NULL, 0, 0, 0},
    {"iopl", "speaks to all I/O ports", HOST, ports, NULL, 1, 0, 0},
    {"modify-ldt", "reads its descriptor table", SELF, segment, NULL, 0, 0, 0},
    {"acct", "has every process written down", HOST, accounting, NULL, 0, 0, 0},
    {"memfd-secret", "makes memory that the kernel does not see", SELF, secret_memory, NULL, 0, 0,
     0},
    {"mlock", "locks memory", SELF, huge_lock, NULL, 0, 0, 0},
    {"i386", "calls through the i386 entry", SELF, i386_call, NULL, 0, 0, 0},
    {"x32", "calls through the x32 numbers", SELF, x32_call, NULL, 0, 0, 0},
};
ACT_THEME(acts_kernel, "Kernel interfaces", rows);
