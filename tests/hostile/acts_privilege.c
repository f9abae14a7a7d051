/* SPDX-License-Identifier: Apache-2.0 */
/* Its own identity, privileges and confinement: getting back what was taken away. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/hostile/hostile.h"

static int become_root(const struct hostile_world *w, long group)
{
    (void)w;
    return outcome(group ? syscall(SYS_setresgid, 0, 0, 0) : syscall(SYS_setresuid, 0, 0, 0));
}

static int become_victim(const struct hostile_world *w, long unused)
{
    (void)w;
    (void)unused;
    return outcome(syscall(SYS_setresuid, 2000000001, -1, -1));
}

static int groups(const struct hostile_world *w, long unused)
{
    gid_t kvm = 104;

    (void)w;
    (void)unused;
    return outcome(syscall(SYS_setgroups, 1, &kvm));
}

static int capability(const struct hostile_world *w, long unused)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct all[2];

    (void)w;
    (void)unused;
    memset(all, 0, sizeof(all));
    all[0].effective = all[0].permitted = 1u << CAP_DAC_OVERRIDE;
    return outcome(syscall(SYS_capset, &header, all));
}

static int control(const struct hostile_world *w, long option)
{
    (void)w;
    switch (option) {
    case PR_SET_MM:
        return outcome_or(prctl(PR_SET_MM, PR_SET_MM_START_BRK, 0, 0, 0), EINVAL);
    case PR_CAP_AMBIENT:
        return outcome(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
    case PR_SET_SECUREBITS:
        return outcome(prctl(PR_SET_SECUREBITS, 0, 0, 0, 0));
    default:
        return outcome(prctl((int)option, 1, 0, 0, 0));
    }
}

static int more_files(const struct hostile_world *w, long resource)
{
    struct rlimit limit;

    (void)w;
    if (getrlimit((__rlimit_resource_t)resource, &limit) < 0)
        return -errno;
    limit.rlim_max = limit.rlim_cur = 1 << 19;
    return outcome(setrlimit((__rlimit_resource_t)resource, &limit));
}

static int real_time(const struct hostile_world *w, long unused)
{
    struct sched_param first = {.sched_priority = 1};

    (void)w;
    (void)unused;
    if (sched_setscheduler(0, SCHED_FIFO, &first) < 0)
        return -errno;
    first.sched_priority = 0;
    return outcome(sched_setscheduler(0, SCHED_OTHER, &first));
}

static int faster(const struct hostile_world *w, long unused)
{
    (void)w;
    (void)unused;
    return outcome(setpriority(PRIO_PROCESS, 0, -5));
}

static int no_randomisation(const struct hostile_world *w, long unused)
{
    (void)w;
    (void)unused;
    return outcome(personality(ADDR_NO_RANDOMIZE));
}

/* A filter that says yes: a later filter never undoes an earlier one, but it is a call too many. */
static int another_filter(const struct hostile_world *w, long unused)
{
    struct sock_filter yes = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {.len = 1, .filter = &yes};

    (void)w;
    (void)unused;
    return outcome(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

static int write_context(const struct hostile_world *w, long name)
{
    static const char *const names[] = {"current", "exec", "sockcreate", "fscreate", "keycreate"};
    char path[64];
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/self/attr/%s", names[name]);
    fd = open(path, O_RDWR);
    if (fd < 0)
        return -errno;
    return outcome(write(fd, w->victim_context, strlen(w->victim_context) + 1));
}

static int dump_core(const struct hostile_world *w, long unused)
{
    int fd = open("/proc/self/coredump_filter", O_WRONLY);

    (void)w;
    (void)unused;
    return fd < 0 ? -errno : outcome(write(fd, "0x7f", 4));
}

static int traced(const struct hostile_world *w, long unused)
{
    (void)w;
    (void)unused;
    return outcome(syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0));
}

static int forged_frame(const struct hostile_world *w, long unused)
{
    (void)w;
    (void)unused;
    /* A handler: what it takes for rt_sigreturn and a forged frame. */
    return outcome(sigaction(SIGUSR2, &(struct sigaction){.sa_handler = SIG_IGN}, NULL));
}

static int own_mem(const struct hostile_world *w, long unused)
{
    int fd = open("/proc/self/mem", O_RDWR);

    (void)w;
    (void)unused;
    return outcome(fd);
}

static int config(const struct hostile_world *w, long unused)
{
    /* Its sealed configuration: nothing may change what the launcher measured. */
    (void)unused;
    return outcome(pwrite(HANDOFF_FD_CONFIG, &w->magic, sizeof(w->magic), 0));
}

static int config_map(const struct hostile_world *w, long unused)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, HANDOFF_FD_CONFIG, 0);

    (void)w;
    (void)unused;
    return at == MAP_FAILED ? -errno : 0;
}

#define SELF REACH_SELF
static const struct act rows[] = {
    {"setuid-root", "becomes root", SELF, become_root, NULL, 0, 0, 0},
    {"setgid-root", "becomes root's group", SELF, become_root, NULL, 1, 0, 0},
    {"setuid-other", "becomes another guest's uid", SELF, become_victim, NULL, 0, 0, 0},
    {"setgroups", "joins a group", SELF, groups, NULL, 0, 0, 0},
    {"capset", "raises a capability", SELF, capability, NULL, 0, 0, 0},
    {"ambient", "raises an ambient one", SELF, control, NULL, PR_CAP_AMBIENT, 0, 0},
    {"securebits", "unlocks its securebits", SELF, control, NULL, PR_SET_SECUREBITS, 0, 0},
    {"dumpable", "opens its memory to its uid", SELF, control, NULL, PR_SET_DUMPABLE, 0, 0},
    {"prctl-mm", "moves its own memory map", SELF, control, NULL, PR_SET_MM, 0, 0},
    {"rlimit-files", "raises its limit of descriptors", SELF, more_files, NULL, RLIMIT_NOFILE, 0,
     0},
    {"rlimit-core", "allows itself a core dump", SELF, more_files, NULL, RLIMIT_CORE, 0, 0},
    {"core-filter", "wants shared memory in it", SELF, dump_core, NULL, 0, 0, 0},
    {"real-time", "takes a CPU for itself", SELF, real_time, NULL, 0, 0, 0},
    {"nice", "raises its priority", SELF, faster, NULL, 0, 0, 0},
    {"personality", "turns randomisation off", SELF, no_randomisation, NULL, 0, 0, 0},
    {"filter", "installs a filter of its own", SELF, another_filter, NULL, 0, 0, 0},
    {"signal-handler", "installs a signal handler", SELF, forged_frame, NULL, 0, 0, 0},
    {"traceme", "lets itself be traced", SELF, traced, NULL, 0, 0, 0},
    {"own-mem", "writes its code by /proc/self/mem", SELF, own_mem, NULL, 0, 0, 0},
    {"context-current", "changes its context", SELF, write_context, NULL, 0, 0, 0},
    {"context-exec", "chooses the context of its next program", SELF, write_context, NULL, 1, 0, 0},
    {"context-socket", "chooses the context of its sockets", SELF, write_context, NULL, 2, 0, 0},
    {"context-file", "chooses the context of its files", SELF, write_context, NULL, 3, 0, 0},
    {"context-key", "chooses the context of its keys", SELF, write_context, NULL, 4, 0, 0},
    {"config-write", "writes its sealed configuration", SELF, config, NULL, 0, 0, 0},
    {"config-map", "maps it to write", SELF, config_map, NULL, 0, 0, 0},
};
ACT_THEME(acts_privilege, "Its own identity and confinement", rows);
