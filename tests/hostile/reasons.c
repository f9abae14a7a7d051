/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line for each cell of the matrix that is open, and for each act that fails without any layer.
 * A name that ends in * stands for all that begin so. The first row that fits counts.
 */
#include <stddef.h>
#include <string.h>

#include "tests/hostile/runner.h"

#define IN(layer)  (1u << LAYER_##layer)
#define SELINUX_IN (IN(SELINUX) | IN(TYPES) | IN(CATEGORIES))
#define NUMBERS_IN (IN(SECCOMP) | IN(LANDLOCK))

/* clang-format off */
static const struct {
    unsigned layers;
    const char *act, *why;
} rows[] = {
    /* seccomp, alone and together with the jail: it knows numbers and not what stands behind them */
    {NUMBERS_IN, "leak-*", "a descriptor that is there is used by a call that the process needs for its own; only SELinux knows whose it is"},
    {NUMBERS_IN, "sent-*", "a descriptor that arrives on the vhost-user socket is received; only SELinux looks at it again"},
    {NUMBERS_IN, "own-disk-map", "mapping a descriptor is how a worker gets guest memory; its own disk, no other"},
    {IN(SECCOMP), "own-disk-grow", "RLIMIT_FSIZE ends at the disk's size, and that is the jail's"},
    {IN(SECCOMP), "credentials-control", "root may name any process as the sender, and in this row it is root; a filter does not see ancillary data"},

    /* SELinux alone: uid 0, all capabilities of the uid, the host's namespaces */
    {SELINUX_IN, "vm-*", "a VM has no label, SELinux has no hook for its requests: the filter is the wall"},
    {SELINUX_IN, "vcpu-*", "a vCPU has no label, SELinux has no hook for its requests: the filter is the wall"},
    {SELINUX_IN, "aio", "asynchronous I/O has no hook; each request is checked as a read or a write"},
    {SELINUX_IN, "covert-sysinfo", "the counters of sysinfo(2) have no hook; nothing of one tenant is in them but its share of the load"},
    {SELINUX_IN, "uname", "uname(2) has no hook; the jail's namespace shows another name"},
    {SELINUX_IN, "pidfd", "a pidfd says that a number is in use; each use of it is checked as the signal or access that it is"},
    {SELINUX_IN, "setuid-root", "in this row it is root already; the policy gives no capability"},
    {SELINUX_IN, "setgid-root", "in this row it is root already; the policy gives no capability"},
    {SELINUX_IN, "securebits", "to set the bits that are set is to change nothing; the policy gives no capability"},
    {SELINUX_IN, "setuid-other", "a uid has no label; what the new one may do is for the policy as before"},
    {SELINUX_IN, "unshare-user", "the class for it (user_namespace, Linux 6.1) is younger than the policy; capabilities in it are refused (cap_userns)"},
    {SELINUX_IN, "clone-user", "the class for it (user_namespace, Linux 6.1) is younger than the policy; capabilities in it are refused (cap_userns)"},
    {SELINUX_IN, "fork", "casemate-vmm has threads, which are the same permission"},
    {SELINUX_IN, "dumpable", "of its own process only; whoever would look is checked"},
    {SELINUX_IN, "traceme", "asks its parent, who is checked when it traces"},
    {SELINUX_IN, "personality", "of its own process only, and it has executed its last program"},
    {SELINUX_IN, "mlock", "root's limit in this row; the jail sets it to nothing"},
    {SELINUX_IN, "modify-ldt", "of its own process only; no hook"},
    {SELINUX_IN, "i386", "the other table of system calls leads to the same hooks"},
    {SELINUX_IN, "x32", "the other numbers lead to the same hooks"},
    {SELINUX_IN, "signal-handler", "of its own process only; no hook"},
    {SELINUX_IN, "userfaultfd*", "of its own memory only"},
    {SELINUX_IN, "own-disk-*", "its own disk, which it may write: the filter lists how, the jail's limit how far"},
    {SELINUX_IN, "own-tap-*", "its own tap; attached once, it stays what it is"},
    {SELINUX_IN, "perf", "counts its own events"},
    {SELINUX_IN, "memfd-secret", "memory of its own; no hook"},

    /* the jail alone: no filter, no label */
    {IN(JAIL), "leak-*", "a descriptor is a right, whoever handed it over; only SELinux asks again"},
    {IN(JAIL), "sent-*", "a descriptor is a right, whoever sent it; only SELinux asks again"},
    {IN(JAIL), "vm-*", "requests to the VM are for the filter to refuse"},
    {IN(JAIL), "vcpu-*", "requests to the vCPU are for the filter to refuse"},
    {IN(JAIL), "kvm-*", "Landlock looks at ioctls of what is opened behind it, /dev/kvm came open; SELinux and seccomp refuse"},
    {IN(JAIL), "own-disk-*", "its own disk; its size is limited, the manner is the filter's and SELinux's"},
    {IN(JAIL), "own-tap-*", "its own tap; seccomp and SELinux (ioctls by number) refuse"},
    {IN(JAIL), "covert-own-space", "of the file system that its own disk is on; seccomp and SELinux refuse"},
    {IN(JAIL), "covert-sysinfo", "counters of the whole machine; seccomp refuses"},
    {IN(JAIL), "uname", "the kernel's version, and the name of a namespace of its own"},
    {IN(JAIL), "socket-*", "a socket in a network namespace without a device, not even a loopback"},
    {IN(JAIL), "netlink-*", "answers for its own empty network namespace"},
    {IN(JAIL), "fork", "another process in the same jail; the cgroup limits how many, seccomp and SELinux refuse"},
    {IN(JAIL), "clone-user", "rights over what is its own: an empty root and an empty network; seccomp refuses"},
    {IN(JAIL), "unshare-user", "rights over what is its own: an empty root and an empty network; seccomp refuses"},
    {IN(JAIL), "exec-memory", "a memory file has no path that Landlock could refuse; the same jail, seccomp and SELinux refuse"},
    {IN(JAIL), "code-*", "memory of its own; SELinux (execmem) and seccomp refuse"},
    {IN(JAIL), "memfd-secret", "memory of its own; seccomp refuses"},
    {IN(JAIL), "userfaultfd", "its own faults in user mode; seccomp and SELinux refuse"},
    {IN(JAIL), "perf", "counts its own events; seccomp and SELinux refuse"},
    {IN(JAIL), "aio", "on its own descriptors; seccomp refuses"},
    {IN(JAIL), "io-uring", "on its own descriptors; seccomp and SELinux refuse"},
    {IN(JAIL), "bpf-*", "where the host lets unprivileged users; seccomp and SELinux refuse"},
    {IN(JAIL), "key-list", "its own keys; seccomp and SELinux refuse"},
    {IN(JAIL), "modify-ldt", "of its own process only; seccomp refuses"},
    {IN(JAIL), "personality", "of its own process only; seccomp refuses"},
    {IN(JAIL), "i386", "Landlock and namespaces hold for that table as well; seccomp refuses it"},
    {IN(JAIL), "x32", "Landlock and namespaces hold for those numbers as well; seccomp refuses them"},
    {IN(JAIL), "filter", "a further filter only takes away; seccomp refuses"},
    {IN(JAIL), "signal-handler", "of its own process only; seccomp refuses, so that no forged frame sets registers"},
    {IN(JAIL), "traceme", "asks its parent, who is the launcher and does not trace it so"},
    {IN(JAIL), "dumpable", "to its own uid, which no other process has"},
    {IN(JAIL), "mlock", "within its limit, which the jail sets to nothing"},
    {IN(JAIL), "kernel-log", "where the host shows it to all; seccomp and SELinux refuse"},
    {IN(JAIL), "affinity-*", "in a process id namespace of its own"},

    /* not real, on this host or on any */
    {IN(NONE), "config-*", "the memory file is sealed: nobody writes it, whoever he is"},
    {IN(NONE), "context-*", "without SELinux there is no context to write"},
    {IN(NONE), "see-context", "without SELinux there is no context to see"},
    {IN(NONE), "selinux-*", "without SELinux there is no such file"},
    {IN(NONE), "x32", "the host's kernel is built without them"},
    {IN(NONE), "prctl-mm", "the range that it names is refused"},
    {IN(NONE), "ambient", "only what is inheritable can be raised, and root inherits nothing"},
    {IN(NONE), "dev-*", "the host has no such device"},
    {IN(NONE), "tpm-store-*", "no guest's TPM is stored there"},
    {IN(NONE), "hosttpm-*", "no casemate-hosttpm has run there"},
    {IN(NONE), "casemated-connect", "no casemated runs there"},
    {IN(NONE), "leak-vm", "KVM lets only the process that made a VM speak to it"},
    {IN(NONE), "own-disk-*", "the file system that the disk lies on cannot"},
    {IN(NONE), "own-tap-attach", "a queue of a tap is attached once and for all"},
    {IN(NONE), "terminal-input", "the console's descriptors are no terminal in this test"},
    {IN(NONE), "vsock-local", "the host has no loopback for vsock"},
    {IN(NONE), "vm-MEMORY_ENCRYPT_OP", "the CPU does not encrypt guests"},
    {IN(NONE), "kvm-MEMORY_ENCRYPT_OP", "the CPU does not encrypt guests"},
    {IN(NONE), "vm-XEN_HVM_CONFIG", "the host's KVM has no Xen guests"},
    {IN(NONE), "vcpu-SMI", "the host's KVM has no system management mode"},
    {IN(NONE), "module*", "the host's kernel has no modules, or is locked down"},
    {IN(NONE), "kexec", "the host's kernel has none, or is locked down"},
    {IN(NONE), "iop*", "the host's kernel has no port access, or is locked down"},
    {IN(NONE), "socket-alg", "the host's kernel has no such sockets"},
    {IN(NONE), "rlimit-files", "the machine withholds the capability from root"},
    {IN(NONE), "setns-host", "the machine withholds it from root"},
    {IN(NONE), "kcore", "the host's kernel does not show it, or is locked down"},
    {IN(NONE), "cgroup-*", "the host has no such control group file"},
    {IN(NONE), "modprobe-path", "the host's kernel has no modules"},
    {IN(NONE), "uevent-helper", "the host's kernel calls none"},
    {IN(NONE), "sysrq", "the host's kernel has none"},
    {IN(NONE), "guards-list", "nothing of ours has run on the host yet"},
    {IN(NONE), "policy-*", "no host policy is installed there"},
    {IN(NONE), "program-write", "our programs are not installed there, or are running"},
    {IN(NONE), "audit-append", "no auditd writes one there"},
    {IN(NONE), "store-*", "the host has no label store yet"},
    {IN(NONE), "slots-open", "the host has no such file"},
    {IN(NONE), "runtime-*", "nothing of ours has run on the host yet"},
    {IN(NONE), "code-stack", "the host's kernel refuses it to all"},
    {IN(NONE), "memfd-secret", "the host's kernel has it switched off"},
    {IN(NONE), "perf*", "the host's kernel has no such counter"},
};
/* clang-format on */

static bool fits(const char *pattern, const char *name)
{
    size_t size = strlen(pattern);

    if (size > 0 && pattern[size - 1] == '*')
        return strncmp(pattern, name, size - 1) == 0;
    return strcmp(pattern, name) == 0;
}

const char *reason_for(const char *act, enum layer layer)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if ((rows[i].layers >> layer & 1) && fits(rows[i].act, act))
            return rows[i].why;
    }
    return NULL;
}
