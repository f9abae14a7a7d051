/* SPDX-License-Identifier: Apache-2.0 */
/* The launcher, casemated, and what the host keeps: sockets, label store, audit log, policy. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/hostile/hostile.h"

enum {
    FILE_STORE,
    FILE_STORE_LOG,
    FILE_SLOTS,
    FILE_LEDGER,
    FILE_AUDIT,
    FILE_POLICY,
    FILE_PROGRAM,
    FILE_SHADOW,
    FILE_PASSWD,
    FILE_ENFORCE,
    FILE_LOAD,
    FILE_RELABEL,
    FILE_CGROUP,
    FILE_CORE_PATTERN,
    FILE_SYSRQ,
    FILE_KCORE,
    FILE_MODPROBE,
    FILE_HELPER,
    FILE_SELF_CGROUP,
};
static const struct {
    const char *path;
    int flags;
} files[] = {
    [FILE_STORE] = {"/var/lib/casemate/labels.db", O_RDWR},
    [FILE_STORE_LOG] = {"/var/lib/casemate/labels.db-wal", O_RDWR},
    [FILE_SLOTS] = {"/run/casemate/slots", O_RDWR},
    [FILE_LEDGER] = {"/var/lib/casemate/hosttpm/ledger", O_RDWR},
    [FILE_AUDIT] = {"/var/log/audit/audit.log", O_WRONLY | O_APPEND},
    [FILE_POLICY] = {"/etc/casemate/host.policy", O_RDWR},
    [FILE_PROGRAM] = {"/usr/libexec/casemate/casemate-vmm", O_RDWR},
    [FILE_SHADOW] = {"/etc/shadow", O_RDONLY},
    [FILE_PASSWD] = {"/etc/passwd", O_RDONLY},
    [FILE_ENFORCE] = {"/sys/fs/selinux/enforce", O_WRONLY},
    [FILE_LOAD] = {"/sys/fs/selinux/load", O_WRONLY},
    [FILE_RELABEL] = {"/sys/fs/selinux/access", O_RDWR},
    [FILE_CGROUP] = {"/sys/fs/cgroup/cgroup.subtree_control", O_WRONLY},
    [FILE_CORE_PATTERN] = {"/proc/sys/kernel/core_pattern", O_WRONLY},
    [FILE_SYSRQ] = {"/proc/sysrq-trigger", O_WRONLY},
    [FILE_KCORE] = {"/proc/kcore", O_RDONLY},
    [FILE_MODPROBE] = {"/proc/sys/kernel/modprobe", O_WRONLY},
    [FILE_HELPER] = {"/sys/kernel/uevent_helper", O_WRONLY},
    [FILE_SELF_CGROUP] = {"/proc/self/cgroup", O_RDONLY},
};

static int open_file(const struct hostile_world *w, long which)
{
    (void)w;
    return outcome(open(files[which].path, files[which].flags | O_CLOEXEC | O_NONBLOCK));
}

static int drop(const struct hostile_world *w, long which)
{
    static const char *const paths[] = {"/var/lib/casemate/hostile",
                                        "/run/casemate/hostile",
                                        "/etc/casemate/hostile",
                                        "/tmp/hostile",
                                        "/root/hostile",
                                        "/var/lib/casemate/tpm/hostile"};
    int fd;

    (void)w;
    fd = open(paths[which], O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    (void)unlink(paths[which]);
    return 0;
}

static int list(const struct hostile_world *w, long which)
{
    static const char *const paths[] = {"/var/lib/casemate",
                                        "/run/casemate",
                                        "/run/casemate/guards",
                                        "/root",
                                        "/",
                                        "/var/lib/casemate/tpm",
                                        "/var/lib/casemate/hosttpm"};
    struct {
        char bytes[512];
    } entries;
    int fd = open(paths[which], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    long n;

    (void)w;
    if (fd < 0)
        return -errno;
    n = syscall(SYS_getdents64, fd, &entries, sizeof(entries));
    /* Its own root is empty: two names that every directory has. */
    return n < 0 ? -errno : n <= 64 && which == 4 ? -ENOENT : 0;
}

static int call(const struct hostile_world *w, long unused)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX,
                               .sun_path = "/run/casemate/org.casemate.Host"};
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    (void)w;
    (void)unused;
    return s < 0 ? -errno : outcome(connect(s, (struct sockaddr *)&name, sizeof(name)));
}

static int replace_socket(const struct hostile_world *w, long unused)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX,
                               .sun_path = "/run/casemate/org.casemate.Fake"};
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

    (void)w;
    (void)unused;
    if (s < 0)
        return -errno;
    r = outcome(bind(s, (struct sockaddr *)&name, sizeof(name)));
    (void)unlink(name.sun_path);
    return r;
}

static int signal_launcher(const struct hostile_world *w, long number)
{
    return outcome(kill(w->launcher, (int)number));
}

static int trace_launcher(const struct hostile_world *w, long unused)
{
    (void)unused;
    if (syscall(SYS_ptrace, PTRACE_SEIZE, w->launcher, 0, 0) < 0)
        return -errno;
    (void)syscall(SYS_ptrace, PTRACE_DETACH, w->launcher, 0, 0);
    return 0;
}

static int launcher_memory(const struct hostile_world *w, long unused)
{
    (void)unused;
    return open_proc(w->launcher, "mem", O_RDWR) < 0 ? -errno : 0;
}

static int launcher_descriptor(const struct hostile_world *w, long unused)
{
    int pidfd = (int)syscall(SYS_pidfd_open, w->launcher, 0);

    (void)unused;
    return pidfd < 0 ? -errno : outcome(syscall(SYS_pidfd_getfd, pidfd, 1, 0));
}

static int parent_dies(const struct hostile_world *w, long unused)
{
    (void)w;
    (void)unused;
    /* 0: the parent is outside of its namespace. */
    return getppid() == 0 ? -ESRCH : outcome(kill(getppid(), 0));
}

#define HOST REACH_HOST
static const struct act rows[] = {
    {"casemated-connect", "connects to casemated", HOST, call, NULL, 0, 0, 0},
    {"casemated-replace", "puts a socket beside casemated's", HOST, replace_socket, NULL, 0, 0, 0},
    {"store-open", "opens the label store", HOST, open_file, NULL, FILE_STORE, 0, 0},
    {"store-log", "opens the store's log", HOST, open_file, NULL, FILE_STORE_LOG, 0, 0},
    {"store-list", "lists the store's directory", HOST, list, NULL, 0, 0, 0},
    {"store-drop", "makes a file beside it", HOST, drop, NULL, 0, 0, 0},
    {"slots-open", "opens the file of slots", HOST, open_file, NULL, FILE_SLOTS, 0, 0},
    {"tpm-store-list", "lists what guests' TPMs have stored", HOST, list, NULL, 5, 0, 0},
    {"tpm-store-drop", "makes a file among it", HOST, drop, NULL, 5, 0, 0},
    {"hosttpm-list", "lists what casemate-hosttpm keeps", HOST, list, NULL, 6, 0, 0},
    {"hosttpm-ledger", "opens the host's ledger", HOST, open_file, NULL, FILE_LEDGER, 0, 0},
    {"runtime-list", "lists /run/casemate", HOST, list, NULL, 1, 0, 0},
    {"guards-list", "lists the guards' stations", HOST, list, NULL, 2, 0, 0},
    {"runtime-drop", "makes a file in /run/casemate", HOST, drop, NULL, 1, 0, 0},
    {"policy-write", "opens the host policy to write", HOST, open_file, NULL, FILE_POLICY, 0, 0},
    {"policy-drop", "makes a file beside it", HOST, drop, NULL, 2, 0, 0},
    {"program-write", "opens a program of ours to write", HOST, open_file, NULL, FILE_PROGRAM, 0,
     0},
    {"audit-append", "writes into the audit log", HOST, open_file, NULL, FILE_AUDIT, 0, 0},
    {"launcher-signal-0", "asks whether the launcher lives", HOST, signal_launcher, NULL, 0, 0, 0},
    {"launcher-signal", "signals the launcher", HOST, signal_launcher, NULL, SIGURG, 0, 0},
    {"launcher-parent", "signals its parent", HOST, parent_dies, NULL, 0, 0, 0},
    {"launcher-trace", "traces the launcher", HOST, trace_launcher, NULL, 0, 0, 0},
    {"launcher-memory", "opens the launcher's memory", HOST, launcher_memory, NULL, 0, 0, 0},
    {"launcher-descriptor", "takes a descriptor of it", HOST, launcher_descriptor, NULL, 0, 0, 0},
    {"shadow", "reads /etc/shadow", HOST, open_file, NULL, FILE_SHADOW, 0, 0},
    {"passwd", "reads /etc/passwd", HOST, open_file, NULL, FILE_PASSWD, 0, 0},
    {"tmp-drop", "makes a file in /tmp", HOST, drop, NULL, 3, 0, 0},
    {"root-list", "lists /root", HOST, list, NULL, 3, 0, 0},
    {"root-drop", "makes a file in /root", HOST, drop, NULL, 4, 0, 0},
    {"top-list", "lists /", HOST, list, NULL, 4, 0, 0},
    {"selinux-enforce", "opens SELinux's switch", HOST, open_file, NULL, FILE_ENFORCE, 0, 0},
    {"selinux-load", "opens the way to load a policy", HOST, open_file, NULL, FILE_LOAD, 0, 0},
    {"selinux-ask", "asks SELinux what it would allow", HOST, open_file, NULL, FILE_RELABEL, 0, 0},
    {"cgroup-write", "opens the host's cgroup", HOST, open_file, NULL, FILE_CGROUP, 0, 0},
    {"core-pattern", "opens the handler of core dumps", HOST, open_file, NULL, FILE_CORE_PATTERN, 0,
     0},
    {"modprobe-path", "opens the path of modprobe", HOST, open_file, NULL, FILE_MODPROBE, 0, 0},
    {"uevent-helper", "opens the handler of device events", HOST, open_file, NULL, FILE_HELPER, 0,
     0},
    {"sysrq", "opens /proc/sysrq-trigger", HOST, open_file, NULL, FILE_SYSRQ, 0, 0},
    {"kcore", "opens the kernel's memory", HOST, open_file, NULL, FILE_KCORE, 0, 0},
    {"own-cgroup", "reads where it stands in the host", HOST, open_file, NULL, FILE_SELF_CGROUP, 0,
     0},
};
ACT_THEME(acts_host, "The host, casemated and the launcher", rows);
