/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runner: runs one job in the test host, in the test domain, and sends back what came of it.
 *
 * Trust: it runs what the person at the outer side asked for, with every permission of the
 * throw-away host. Four virtio ports lead out: the job's stdout and stderr as they come, signs of
 * life and its exit code, and a tar of what it left in $RESULTS. Audit records are appended to
 * $RESULTS/audit.log as they come, in the form that ausearch reads.
 */
#include "testhost.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/random.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PORT_STDOUT  "/dev/vport2p1"
#define PORT_STDERR  "/dev/vport2p2"
#define PORT_CONTROL "/dev/vport2p3"
#define PORT_RESULTS "/dev/vport2p4"
#define DATA_DISK    "/dev/vdb"
#define AUDIT_LOG    TESTHOST_RESULTS "/audit.log"

/* MAX_AUDIT_MESSAGE_LENGTH of the kernel, with its header and our NUL. */
#define AUDIT_MESSAGE_MAX (8970 + NLMSG_HDRLEN + 64)

/* The last record of a run: when it has come back through the kernel's queue, all before it have as
 * well. */
#define LAST_RECORD "testhost: end of the job"

static const char *audit_type(unsigned int type, char unknown[32])
{
    static const struct {
        unsigned int type;
        const char *name;
    } names[] = {
        {AUDIT_USER, "USER"},
        {AUDIT_AVC, "AVC"},
        {AUDIT_SELINUX_ERR, "SELINUX_ERR"},
        {AUDIT_SECCOMP, "SECCOMP"},
        {AUDIT_SYSCALL, "SYSCALL"},
        {AUDIT_PROCTITLE, "PROCTITLE"},
        {AUDIT_PATH, "PATH"},
        {AUDIT_CWD, "CWD"},
        {AUDIT_EXECVE, "EXECVE"},
        {AUDIT_SOCKADDR, "SOCKADDR"},
        {AUDIT_OBJ_PID, "OBJ_PID"},
        {AUDIT_MMAP, "MMAP"},
        {AUDIT_FD_PAIR, "FD_PAIR"},
        {AUDIT_EOE, "EOE"},
        {AUDIT_MAC_POLICY_LOAD, "MAC_POLICY_LOAD"},
        {AUDIT_MAC_STATUS, "MAC_STATUS"},
        {AUDIT_MAC_CONFIG_CHANGE, "MAC_CONFIG_CHANGE"},
        {AUDIT_CONFIG_CHANGE, "CONFIG_CHANGE"},
        {AUDIT_KERN_MODULE, "KERN_MODULE"},
        {AUDIT_ANOM_PROMISCUOUS, "ANOM_PROMISCUOUS"},
        {AUDIT_ANOM_ABEND, "ANOM_ABEND"},
        {AUDIT_NETFILTER_CFG, "NETFILTER_CFG"},
        {AUDIT_EVENT_LISTENER, "EVENT_LISTENER"},
        {AUDIT_BPF, "BPF"},
        {AUDIT_USER_AVC, "USER_AVC"},
        {AUDIT_KERNEL, "KERNEL"},
        {2500, "VIRT_CONTROL"},
        {2501, "VIRT_RESOURCE"},
        {2502, "VIRT_MACHINE_ID"},
        {1127, "USYS_CONFIG"},
        {1137, "TRUSTED_APP"},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].type == type) {
            return names[i].name;
        }
    }
    snprintf(unknown, 32, "UNKNOWN[%u]", type);
    return unknown;
}

/* Appends the records that wait on the socket. Returns 1 when the last record of the run was among
 * them. */
static int copy_audit(int log)
{
    union {
        struct nlmsghdr header;
        char bytes[AUDIT_MESSAGE_MAX];
    } message;
    int last = 0;
    for (;;) {
        ssize_t n = recv(TESTHOST_AUDIT_FD, &message, sizeof(message) - 1, MSG_DONTWAIT);
        if (n < 0 && errno == ENOBUFS) {
            dprintf(log, "type=DAEMON_ERR msg=audit(0.000:0): testhost: audit records were lost\n");
            continue;
        }
        if (n < (ssize_t)NLMSG_HDRLEN) {
            return last;
        }
        char unknown[32];
        message.bytes[n] = '\0';
        char *text = NLMSG_DATA(&message.header);
        text[strcspn(text, "\n")] = '\0';
        dprintf(log, "type=%s msg=%s\n", audit_type(message.header.nlmsg_type, unknown), text);
        last |= strstr(text, LAST_RECORD) != NULL;
    }
}

/* A user record of our own goes through the same queue as the kernel's. */
static void finish_audit(int log)
{
    struct {
        struct nlmsghdr header;
        char text[sizeof(LAST_RECORD)];
    } request = {.header = {.nlmsg_len = sizeof(request),
                            .nlmsg_type = AUDIT_USER,
                            .nlmsg_flags = NLM_F_REQUEST},
                 .text = LAST_RECORD};
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
    if (fd < 0 ||
        sendto(fd, &request, sizeof(request), 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0) {
        die("send", "the last audit record");
    }
    struct pollfd wait = {.fd = TESTHOST_AUDIT_FD, .events = POLLIN};
    while (!copy_audit(log) && poll(&wait, 1, 5000) > 0) {
    }
    close(fd);
}

static void write_port(int port, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t n = write(port, data, length);
        if (n < 0) {
            die("write", "a port");
        }
        data += n;
        length -= (size_t)n;
    }
}

/* Passes on what a pipe holds now. Returns 0 at its end of file. */
static int pump(int from, int to)
{
    static char buffer[65536];
    for (;;) {
        ssize_t n = read(from, buffer, sizeof(buffer));
        if (n < 0) {
            return 1;
        }
        if (n == 0) {
            return 0;
        }
        write_port(to, buffer, (size_t)n);
    }
}

static void bring_up_loopback(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0) {
        die("bring up", "lo");
    }
    close(fd);
}

/*
 * Everything before this may lie in a snapshot that many runs go on from. Only now is the data disk
 * this run's own, and so are the time and what the kernel's random numbers start from.
 */
static void wait_for_job(int control)
{
    char go;
    write_port(control, "ready\n", 6);
    if (read(control, &go, 1) != 1) {
        die("wait for", "the job");
    }
    int disk = open_device(DATA_DISK, O_RDONLY);
    if (ioctl(disk, BLKFLSBUF, 0) < 0) {
        die("read afresh", DATA_DISK);
    }
    close(disk);
}

static void take_time_and_seed(void)
{
    struct {
        struct rand_pool_info info;
        char bytes[64];
    } seed = {.info = {.entropy_count = 512, .buf_size = 64}};
    long long now = 0;
    FILE *file = fopen(TESTHOST_JOB "/now", "re");
    if (file == NULL || fscanf(file, "%lld", &now) != 1) {
        die("read", TESTHOST_JOB "/now");
    }
    fclose(file);
    struct timespec time = {.tv_sec = now};
    clock_settime(CLOCK_REALTIME, &time);
    int from = open(TESTHOST_JOB "/seed", O_RDONLY | O_CLOEXEC);
    int random = open("/dev/random", O_RDWR | O_CLOEXEC);
    if (from < 0 || random < 0 || read(from, seed.bytes, sizeof(seed.bytes)) != 64 ||
        ioctl(random, RNDADDENTROPY, &seed) < 0 || ioctl(random, RNDRESEEDCRNG) < 0) {
        die("seed", "the random numbers");
    }
    close(from);
    close(random);
}

static void exec_job(const char *terminal) __attribute__((noreturn));
static void exec_job(const char *terminal)
{
    char *const environment[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME=/root",
        "LANG=C.UTF-8",
        "TERM=linux",
        "RESULTS=" TESTHOST_RESULTS,
        "AUDIT_LOG=" AUDIT_LOG,
        "CASEMATE_TESTHOST=1",
        NULL,
    };
    signal(SIGPIPE, SIG_DFL);
    /* The one that PID 1 opened belongs to the kernel's domain, whose descriptors few programs may
     * use. */
    close(0);
    if (open("/dev/null", O_RDONLY) != 0) {
        die("open", "/dev/null");
    }
    if (chdir("/root") < 0) {
        die("enter", "/root");
    }
    if (terminal != NULL) {
        setsid();
        for (int fd = 0; fd < 3; fd++) {
            close(fd);
        }
        if (open(terminal, O_RDWR) != 0 || ioctl(0, TIOCSCTTY, 0) < 0 || dup2(0, 1) < 0 ||
            dup2(0, 2) < 0) {
            die("open", terminal);
        }
    }
    char *const args[] = {"/bin/bash", TESTHOST_JOB "/cmd", NULL};
    execve(args[0], args, environment);
    die("run", args[0]);
}

static void extract_files(void)
{
    char *const tar[] = {"/bin/tar",
                         "--xattrs",
                         "--xattrs-include=security.selinux",
                         "--no-overwrite-dir",
                         "-xpf",
                         DATA_DISK,
                         "-C",
                         "/",
                         NULL};
    if (run_program(tar, 0) != 0) {
        errno = EIO;
        die("unpack", "the files of the job");
    }
}

static void send_results(void)
{
    char *const tar[] = {"/bin/tar", "-cf", PORT_RESULTS, "-C", TESTHOST_RESULTS, ".", NULL};
    if (access(TESTHOST_JOB "/results", F_OK) == 0 && run_program(tar, 0) != 0) {
        errno = EIO;
        die("send", "the results");
    }
}

/* An emulated CPU may lose an interrupt and hang its kernel: the outer side hears it by silence. */
#define SIGN_OF_LIFE_SECONDS 5

static void show_life(int control, time_t *last)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec - *last >= SIGN_OF_LIFE_SECONDS) {
        *last = now.tv_sec;
        write_port(control, "alive\n", 6);
    }
}

/* Runs the job to its end, passing on its streams and the audit records meanwhile. Returns its wait
 * status. */
static int run_job(int log, int control)
{
    time_t last = 0;
    int out[2];
    int err[2];
    int to_out = open_device(PORT_STDOUT, O_WRONLY);
    int to_err = open_device(PORT_STDERR, O_WRONLY);
    const char *terminal = access(TESTHOST_JOB "/terminal", F_OK) == 0 ? "/dev/ttyS1" : NULL;

    if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0) {
        die("make", "the job's pipes");
    }
    pid_t child = fork();
    if (child == 0) {
        if (dup2(out[1], 1) < 0 || dup2(err[1], 2) < 0) {
            die("connect", "the job's pipes");
        }
        close(TESTHOST_AUDIT_FD);
        exec_job(terminal);
    }
    close(out[1]);
    close(err[1]);
    int ended = child < 0 ? -1 : pidfd_open(child, 0);
    if (ended < 0) {
        die("start", "the job");
    }
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    fcntl(err[0], F_SETFL, O_NONBLOCK);
    struct pollfd wait[] = {{.fd = ended, .events = POLLIN},
                            {.fd = TESTHOST_AUDIT_FD, .events = POLLIN},
                            {.fd = out[0], .events = POLLIN},
                            {.fd = err[0], .events = POLLIN}};
    do {
        if (poll(wait, 4, SIGN_OF_LIFE_SECONDS * 1000) < 0) {
            die("wait for", "the job");
        }
        show_life(control, &last);
        /* A process left behind may hold a pipe open for ever, so the job's end counts, not the
         * pipes'. What was written before that end is in the pipes by now. */
        (void)copy_audit(log);
        wait[2].fd = wait[2].fd < 0 || pump(out[0], to_out) ? wait[2].fd : -1;
        wait[3].fd = wait[3].fd < 0 || pump(err[0], to_err) ? wait[3].fd : -1;
    } while (wait[0].revents == 0);
    int status;
    if (waitpid(child, &status, 0) != child) {
        die("wait for", "the job");
    }
    return status;
}

int runner_main(void)
{
    signal(SIGPIPE, SIG_IGN);
    umask(022);
    sethostname("testhost", 8);
    bring_up_loopback();
    int control = open_device(PORT_CONTROL, O_RDWR);
    wait_for_job(control);
    extract_files();
    take_time_and_seed();
    if (mkdir(TESTHOST_RESULTS, 0755) < 0) {
        die("make", TESTHOST_RESULTS);
    }
    int log = open(AUDIT_LOG, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log < 0) {
        die("open", AUDIT_LOG);
    }
    int status = run_job(log, control);
    finish_audit(log);
    send_results();
    char text[32];
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    int length = snprintf(text, sizeof(text), "exit %d\n", code);
    write_port(control, text, (size_t)length);
    if (access("/run/systemd/system", F_OK) == 0) {
        end_host(0); /* PID 1 is systemd, which would not */
    }
    return 0;
}
