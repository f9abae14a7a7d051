/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PID 1 of the test host.
 *
 * Trust: everything here is ours and runs in a throw-away virtual machine; nothing is hostile yet.
 * It brings the host into the state that a Debian host with SELinux enforcing would be in, without
 * the seconds that a full init needs: root disk mounted, policy loaded in one write, every node
 * labelled, enforcing. Then it starts the runner in the test domain, becomes init_t itself (so that
 * orphans have the parent that Debian's policy expects) and reaps. On SIGUSR1 it makes place for
 * systemd, which is then PID 1 as on any host, with the units in TESTHOST_UNITS.
 */
#include "testhost.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* QEMU's isa-debug-exit ends the machine at once: byte v here becomes exit status v << 1 | 1. */
#define EXIT_PORT 0xf4

#define TEST_CONTEXT "system_u:system_r:casemate_test_t:s0"
#define INIT_CONTEXT "system_u:system_r:init_t:s0"

/* The console rather than the kernel's log: what is written here has left the machine when tcdrain
 * returns. */
static void say(const char *text)
{
    int fd = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0) {
        dprintf(fd, "testhost: %s\n", text);
        tcdrain(fd);
        close(fd);
    }
}

void end_host(unsigned char code)
{
    sync();
    if (ioperm(EXIT_PORT, 1, 1) == 0) {
        outb(code, EXIT_PORT);
    }
    reboot(RB_AUTOBOOT); /* no debug-exit device: -no-reboot ends QEMU with status 0, which means
                            failure */
    for (;;) {
        pause();
    }
}

void die(const char *what, const char *which)
{
    char text[256];
    snprintf(text, sizeof(text), "cannot %s %s: %s", what, which, strerror(errno));
    say(text);
    end_host(125 >> 1);
}

int open_device(const char *path, int flags)
{
    int watch = inotify_init1(IN_CLOEXEC);
    if (watch < 0 || inotify_add_watch(watch, "/dev", IN_CREATE | IN_ATTRIB) < 0) {
        die("watch", "/dev");
    }
    for (;;) {
        int fd = open(path, flags | O_CLOEXEC);
        if (fd >= 0) {
            close(watch);
            return fd;
        }
        struct pollfd wait = {.fd = watch, .events = POLLIN};
        char events[4096];
        if (errno != ENOENT && errno != ENXIO) {
            die("open", path);
        }
        if (poll(&wait, 1, 30000) <= 0) {
            errno = ETIMEDOUT;
            die("wait for", path);
        }
        if (read(watch, events, sizeof(events)) < 0) {
            die("watch", "/dev");
        }
    }
}

void write_file(const char *path, const void *data, size_t length)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        die("open", path);
    }
    /* One write: the kernel takes a policy only as a whole. */
    if (write(fd, data, length) != (ssize_t)length) {
        die("write", path);
    }
    close(fd);
}

int run_program(char *const argv[], int quiet)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        if (quiet) {
            /* A program that changes domain must not carry our console or pipes along: that would
             * be an AVC. */
            close(0);
            close(1);
            close(2);
        }
        execv(argv[0], argv);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        die("run", argv[0]);
    }
    return status;
}

static void mount_on(const char *type, const char *where, const char *options)
{
    if (mkdir(where, 0755) < 0 && errno != EEXIST) {
        die("make", where);
    }
    if (mount(type, where, type, MS_NOSUID, options) < 0) {
        die("mount", where);
    }
}

static char *read_whole(const char *path, size_t *length)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        die("open", path);
    }
    char *data = malloc((size_t)st.st_size + 1);
    size_t done = 0;
    while (data != NULL && done < (size_t)st.st_size) {
        ssize_t n = read(fd, data + done, (size_t)st.st_size - done);
        if (n <= 0) {
            die("read", path);
        }
        done += (size_t)n;
    }
    if (data == NULL) {
        die("hold", path);
    }
    data[done] = '\0';
    close(fd);
    *length = done;
    return data;
}

static void copy_into_root(const char *from, const char *to)
{
    size_t length;
    char *data = read_whole(from, &length);
    int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, data, length) != (ssize_t)length) {
        die("write", to);
    }
    close(fd);
    free(data);
}

/* A list names the modules' files in the order that satisfies their dependencies. */
static void load_modules(char *list)
{
    char *save = NULL;
    for (char *path = strtok_r(list, "\n", &save); path != NULL;
         path = strtok_r(NULL, "\n", &save)) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            die("open", path);
        }
        if (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST) {
            die("load", path);
        }
        close(fd);
    }
}

/* The root disk becomes /, keeping the initramfs only as the running program. */
static void enter_root(void)
{
    close(open_device("/dev/vda", O_RDONLY));
    mkdir("/newroot", 0755);
    if (mount("/dev/vda", "/newroot", "ext4", MS_NOATIME, NULL) < 0) {
        die("mount", "the root disk");
    }
    /* What the kernel enforces is also what the tools in the host find on the disk. */
    copy_into_root("/policy.33", "/newroot/etc/selinux/default/policy/policy.33");
    copy_into_root("/file_contexts.local",
                   "/newroot/etc/selinux/default/contexts/files/file_contexts.local");
    const char *const moved[] = {"/dev", "/proc", "/sys"};
    for (size_t i = 0; i < sizeof(moved) / sizeof(moved[0]); i++) {
        char target[32];
        snprintf(target, sizeof(target), "/newroot%s", moved[i]);
        if (mount(moved[i], target, NULL, MS_MOVE, NULL) < 0) {
            die("move", moved[i]);
        }
    }
    if (chdir("/newroot") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
        chdir("/") < 0) {
        die("enter", "the root disk");
    }
}

/* Bound before the policy is loaded, so that not one record of this boot is missed. */
static void listen_to_audit(void)
{
    struct sockaddr_nl address = {.nl_family = AF_NETLINK,
                                  .nl_groups = 1U << (AUDIT_NLGRP_READLOG - 1)};
    int size = 8 << 20;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        die("listen to", "audit");
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    if (fd != TESTHOST_AUDIT_FD) {
        if (dup3(fd, TESTHOST_AUDIT_FD, O_CLOEXEC) < 0) {
            die("keep", "the audit socket");
        }
        close(fd);
    }
}

static void mount_file_systems(void)
{
    /* What shells use and devtmpfs does not bring. */
    if (symlink("/proc/self/fd", "/dev/fd") < 0) {
        die("make", "/dev/fd");
    }
    mount_on("devpts", "/dev/pts", "gid=5,mode=620,ptmxmode=666");
    mount_on("tmpfs", "/dev/shm", "mode=1777,rootcontext=system_u:object_r:tmpfs_t:s0");
    mount_on("tmpfs", "/run", "mode=755,rootcontext=system_u:object_r:var_run_t:s0");
    mount_on("tmpfs", "/tmp", "mode=1777,rootcontext=system_u:object_r:tmp_t:s0");
    mount_on("hugetlbfs", "/dev/hugepages", NULL);
    mount_on("mqueue", "/dev/mqueue", NULL);
    mount_on("cgroup2", "/sys/fs/cgroup", "nsdelegate");
    mount_on("securityfs", "/sys/kernel/security", NULL);
    mkdir("/run/lock", 01777);
    static const char controllers[] = "+cpu +memory +pids +io +cpuset +hugetlb";
    write_file("/sys/fs/cgroup/cgroup.subtree_control", controllers, sizeof(controllers) - 1);
}

/* On SIGUSR1. No generators: the units are those that the test chose. */
static void become_systemd(int number)
{
    char *const args[] = {"/lib/systemd/systemd", "--system", "--unit=" TESTHOST_TARGET, NULL};
    char *const environment[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "SYSTEMD_UNIT_PATH=" TESTHOST_UNITS,
        "SYSTEMD_GENERATOR_PATH=/nonexistent",
        "SYSTEMD_ENVIRONMENT_GENERATOR_PATH=/nonexistent",
        NULL,
    };
    (void)number;
    execve(args[0], args, environment);
    die("run", args[0]);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (getpid() != 1) {
        return runner_main();
    }
    size_t policy_length;
    size_t length;
    char *policy = read_whole("/policy.33", &policy_length);
    char *early = read_whole("/modules.early", &length);
    char *late = read_whole("/modules.late", &length);
    /* The initramfs cannot be reached after the change of root: the runner is started from this
     * descriptor. */
    int self = open(argv[0], O_RDONLY | O_CLOEXEC);

    for (int fd = 0; fd <= TESTHOST_AUDIT_FD; fd++) {
        if (fd != self) {
            close(fd);
        }
    }
    if (self <= TESTHOST_AUDIT_FD) {
        int higher = fcntl(self, F_DUPFD_CLOEXEC, TESTHOST_AUDIT_FD + 1);
        close(self);
        self = higher;
    }
    mount_on("devtmpfs", "/dev", NULL);
    mount_on("proc", "/proc", NULL);
    mount_on("sysfs", "/sys", NULL);
    load_modules(early);
    free(early);
    enter_root();
    for (int fd = 0; fd < 3; fd++) {
        if (open("/dev/null", O_RDWR) != fd) {
            die("open", "/dev/null");
        }
    }
    listen_to_audit();
    mount_on("selinuxfs", "/sys/fs/selinux", NULL);
    /* The others link while the policy loads: each takes half a second here, on a CPU of its own.
     */
    pid_t loader = fork();
    if (loader == 0) {
        load_modules(late);
        _exit(0);
    }
    write_file("/sys/fs/selinux/load", policy, policy_length);
    free(policy);
    free(late);
    mount_file_systems();
    int loaded;
    if (loader < 0 || waitpid(loader, &loaded, 0) != loader || loaded != 0) {
        die("load", "the modules");
    }
    char *const label_dev[] = {"/sbin/restorecon", "-R", "-F", "/dev", "/run", NULL};
    if (run_program(label_dev, 1) != 0) {
        errno = EIO;
        die("label", "/dev and /run");
    }
    write_file("/sys/fs/selinux/enforce", "1", 1);

    pid_t runner = fork();
    if (runner == 0) {
        char *const args[] = {"testhost-runner", NULL};
        char *const environment[] = {NULL};
        write_file("/proc/self/attr/current", TEST_CONTEXT, sizeof(TEST_CONTEXT) - 1);
        fcntl(TESTHOST_AUDIT_FD, F_SETFD, 0);
        fexecve(self, args, environment);
        die("start", "the runner");
    }
    close(self);
    close(TESTHOST_AUDIT_FD);
    if (ioperm(EXIT_PORT, 1, 1) < 0) {
        die("reach", "the exit port");
    }
    write_file("/proc/self/attr/current", INIT_CONTEXT, sizeof(INIT_CONTEXT) - 1);
    /* SA_NODEFER: what is executed from it must not have the signal blocked. */
    const struct sigaction action = {.sa_handler = become_systemd, .sa_flags = SA_NODEFER};
    sigaction(SIGUSR1, &action, NULL);
    for (;;) {
        int status;
        pid_t gone = wait(&status);
        if (gone == runner) {
            if (!WIFEXITED(status)) {
                say("the runner was killed");
            }
            end_host(WIFEXITED(status) ? (unsigned char)WEXITSTATUS(status) : 125 >> 1);
        }
    }
}
