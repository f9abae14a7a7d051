/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm-harness: plays the launcher for one casemate-vmm, without any of the launcher's walls but a
 * seccomp filter, so that the VMM can be tried by itself. A developer's and a test's tool; it
 * trusts everything it is given.
 *
 * Exit: 0 power-off, 10 reset, 4 crash, 3 the VMM failed, 2 usage, 5 it ended without a word,
 * 6 timeout.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "hv/handoff.h"
#include "tests/vmm-payload.h"

static const char *const payload_names[PAYLOADS] = {"off",  "reset",  "bios", "crash",
                                                    "echo", "button", "spin", "monitor"};

struct options {
    const char *vmm, *kernel, *initrd, *input, *button_after;
    int payload; /* -1: a kernel file */
    int timeout; /* seconds */
    int console; /* whose other end the caller has; -1: ours, shown */
    int tpm;     /* to a casemate-tpm; -1: none */
    const char *log;
    bool strict;
    struct vmm_config config;
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "vmm-harness: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* ---- filters ---- */

static const int running_calls[] = {
    SYS_ioctl, SYS_ppoll, SYS_sendmsg,    SYS_recvmsg, SYS_read,
    SYS_write, SYS_futex, SYS_exit_group, SYS_close,   SYS_restart_syscall,
};
static const int loading_calls[] = {SYS_pread64, SYS_seccomp};

static uint32_t filter_add(struct sock_filter *insn, uint32_t n, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        insn[n++] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i], 0, 1);
        insn[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    return n;
}

static void build_filters(bool strict, struct handoff_filters *filters)
{
    filters->magic = HANDOFF_MAGIC;
    filters->count = 2;
    for (unsigned stage = 0; stage < 2; stage++) {
        struct sock_filter insn[64];
        uint32_t n = 0;

        if (strict) {
            insn[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                                     offsetof(struct seccomp_data, nr));
            n = filter_add(insn, n, running_calls, sizeof(running_calls) / sizeof(int));
            if (stage == 0)
                n = filter_add(insn, n, loading_calls, sizeof(loading_calls) / sizeof(int));
        }
        insn[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, strict ? SECCOMP_RET_KILL_PROCESS
                                                                         : SECCOMP_RET_ALLOW);
        filters->filter[stage].insns = n;
        memcpy(filters->filter[stage].insn, insn, n * sizeof(insn[0]));
    }
}

/* ---- descriptors ---- */

static int sealed_copy(const char *name, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), sealed;
    struct stat st;
    uint8_t *data;

    if (fd < 0 || fstat(fd, &st) < 0)
        die(path);
    data = malloc((size_t)st.st_size + 1);
    if (data == NULL || fd_read_full(fd, data, (size_t)st.st_size) < 0)
        die(path);
    sealed = fd_sealed_memfd(name, data, (size_t)st.st_size);
    if (sealed < 0)
        die(name);
    free(data);
    (void)close(fd);
    return sealed;
}

static int kernel_fd(const struct options *options)
{
    uint8_t payload[PAYLOAD_SIZE];

    if (options->payload < 0)
        return sealed_copy("kernel", options->kernel);
    payload_build((enum payload)options->payload, payload);
    return fd_sealed_memfd("kernel", payload, sizeof(payload));
}

struct link {
    int control, console;
    pid_t pid;
};

static void start(const struct options *options, struct link *link)
{
    static struct handoff_filters filters;
    int control[2], console[2], fd[10];
    size_t count = options->tpm >= 0 ? 10 : 8;

    build_filters(options->strict, &filters);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, console) < 0)
        die("socketpair");
    if (options->console >= 0) { /* somebody else speaks there */
        (void)close(console[0]);
        (void)close(console[1]);
        console[0] = -1;
        console[1] = options->console;
    }
    fd[0] = control[1];
    fd[1] = fd_sealed_memfd("config", &options->config, sizeof(options->config));
    fd[2] = fd_sealed_memfd("filter", &filters, sizeof(filters));
    fd[3] = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    fd[4] = fd_fixed_memfd("ram", options->config.memory, 0);
    fd[5] = console[1];
    fd[6] = kernel_fd(options);
    fd[7] = options->initrd != NULL ? sealed_copy("initrd", options->initrd)
                                    : fd_sealed_memfd("initrd", "", 0);
    if (count == 10) {
        fd[8] = options->tpm;
        fd[9] = sealed_copy("log", options->log);
    }
    for (size_t i = 0; i < count; i++) {
        if (fd[i] < 0)
            die(i == 3 ? "/dev/kvm" : "descriptor");
        fd[i] = fcntl(fd[i], F_DUPFD_CLOEXEC, 64); /* out of the way of the agreed numbers */
    }
    link->pid = fork();
    if (link->pid < 0)
        die("fork");
    if (link->pid == 0) {
        for (int i = 0; i < (int)count; i++) {
            if (dup2(fd[i], i < 8 ? HANDOFF_FD_CONTROL + i : HANDOFF_FD_TPM + i - 8) < 0)
                _exit(2);
        }
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
            _exit(2);
        (void)execl(options->vmm, "casemate-vmm", (char *)NULL);
        _exit(2);
    }
    link->control = control[0];
    link->console = console[0];
    for (size_t i = 0; i < count; i++)
        (void)close(fd[i]);
    if (options->tpm >= 0)
        (void)close(options->tpm); /* or the VMM's end would not be seen */
    (void)close(control[1]);
    (void)close(console[1]);
}

/* ---- conversation ---- */

static uint64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void say(const struct link *link, enum control_type type)
{
    struct control_message message = {.type = type};

    if (send(link->control, &message, sizeof(message), MSG_NOSIGNAL) < 0)
        perror("vmm-harness: send");
}

static void show_crash(const struct control_crash *c)
{
    fprintf(stderr,
            "crash: reason %u vcpu %u detail %#lx rip %#lx cs %#x rsp %#lx cr0 %#lx cr2 %#lx "
            "cr3 %#lx cr4 %#lx efer %#lx rax %#lx rbx %#lx insn",
            c->reason, c->vcpu, c->detail, c->rip, c->cs, c->rsp, c->cr0, c->cr2, c->cr3, c->cr4,
            c->efer, c->rax, c->rbx);
    for (uint32_t i = 0; i < c->insn_size && i < sizeof(c->insn); i++)
        fprintf(stderr, " %02x", c->insn[i]);
    fprintf(stderr, "\n");
}

/* What a message means for our exit; -1 to go on. */
static int heard(const struct options *options, const struct link *link,
                 const struct control_message *m, uint64_t started)
{
    switch (m->type) {
    case CONTROL_READY:
        fprintf(stderr, "ready after %lu us\n", now_us() - started);
        if (options->input != NULL && link->console >= 0)
            (void)!write(link->console, options->input, strlen(options->input));
        say(link, CONTROL_GO);
        if (options->button_after != NULL && options->button_after[0] == '\0')
            say(link, CONTROL_POWER_BUTTON);
        return -1;
    case CONTROL_NOTE:
    case CONTROL_FAILED:
        fprintf(stderr, "%s: failure %u detail %#lx %#lx %#lx %#lx\n",
                m->type == CONTROL_NOTE ? "note" : "failed", m->failure, m->detail[0], m->detail[1],
                m->detail[2], m->detail[3]);
        return m->type == CONTROL_NOTE ? -1 : 3;
    case CONTROL_OFF:
        fprintf(stderr, "off after %lu us\n", now_us() - started);
        return 0;
    case CONTROL_RESET:
        fprintf(stderr, "reset after %lu us\n", now_us() - started);
        return 10;
    case CONTROL_CRASH:
        show_crash(&m->crash);
        return 4;
    default:
        fprintf(stderr, "message of unknown type %u\n", m->type);
        return 5;
    }
}

/* Show output; add it to what was seen. Bytes shown, 0 at the end or when nothing is there. */
static size_t relay(int console, char *seen, size_t room, size_t *have)
{
    char bytes[2048];
    ssize_t n = recv(console, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (n <= 0)
        return 0;
    (void)!write(STDOUT_FILENO, bytes, (size_t)n);
    if (*have + (size_t)n >= room) {
        memmove(seen, seen + *have / 2, *have - *have / 2);
        *have -= *have / 2;
    }
    memcpy(seen + *have, bytes, (size_t)n);
    *have += (size_t)n;
    return (size_t)n;
}

static int converse(const struct options *options, const struct link *link)
{
    uint64_t started = now_us(), end = started + (uint64_t)options->timeout * 1000000;
    const char *wanted = options->button_after;
    static char seen[8192];
    size_t have = 0;
    int result = -1;

    while (result < 0) {
        struct pollfd polls[] = {{.fd = link->control, .events = POLLIN},
                                 {.fd = link->console, .events = POLLIN}};
        struct control_message message;
        uint64_t now = now_us();
        ssize_t n;

        if (now >= end)
            return 6;
        if (poll(polls, 2, (int)((end - now) / 1000) + 1) < 0)
            die("poll");
        if ((polls[1].revents & POLLIN) != 0 &&
            relay(link->console, seen, sizeof(seen), &have) > 0 && wanted != NULL &&
            memmem(seen, have, wanted, strlen(wanted)) != NULL) {
            say(link, CONTROL_POWER_BUTTON);
            wanted = NULL;
        }
        if (polls[0].revents == 0)
            continue;
        n = recv(link->control, &message, sizeof(message), 0);
        if (n != (ssize_t)sizeof(message))
            return 5;
        result = heard(options, link, &message, started);
    }
    /* What it said before it ended; the socket closes with the process. */
    while (link->console >= 0) {
        struct pollfd rest = {.fd = link->console, .events = POLLIN};

        if (poll(&rest, 1, 1000) <= 0 || relay(link->console, seen, sizeof(seen), &have) == 0)
            break;
    }
    return result;
}

static void usage(void)
{
    fprintf(stderr,
            "usage: vmm-harness --vmm PROGRAM (--kernel FILE [--initrd FILE] | --payload "
            "off|reset|bios|crash|echo|button|spin|monitor)\n"
            "  [--cmdline STR] [--vcpus N] [--memory MIB] [--model 0-3] [--split] [--strict]\n"
            "  [--input TEXT] [--button-after TEXT] [--timeout SECONDS]\n"
            "  [--console FD] [--tpm FD --log FILE]\n");
    exit(2);
}

static void parse(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {
        {"vmm", required_argument, NULL, 'p'},
        {"kernel", required_argument, NULL, 'k'},
        {"initrd", required_argument, NULL, 'i'},
        {"payload", required_argument, NULL, 'l'},
        {"cmdline", required_argument, NULL, 'c'},
        {"vcpus", required_argument, NULL, 'n'},
        {"memory", required_argument, NULL, 'm'},
        {"model", required_argument, NULL, 'M'},
        {"split", no_argument, NULL, 's'},
        {"strict", no_argument, NULL, 'S'},
        {"input", required_argument, NULL, 'I'},
        {"button-after", required_argument, NULL, 'b'},
        {"timeout", required_argument, NULL, 't'},
        {"console", required_argument, NULL, 'C'},
        {"tpm", required_argument, NULL, 'T'},
        {"log", required_argument, NULL, 'L'},
        {NULL, 0, NULL, 0},
    };
    int c;

    *o = (struct options){.payload = -1, .timeout = 60, .console = -1, .tpm = -1};
    o->config.magic = HANDOFF_MAGIC;
    o->config.version = HANDOFF_VERSION;
    o->config.vcpus = 1;
    o->config.memory = 64ull << 20;
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (c) {
        case 'p':
            o->vmm = optarg;
            break;
        case 'k':
            o->kernel = optarg;
            break;
        case 'i':
            o->initrd = optarg;
            break;
        case 'l':
            for (int i = 0; i < PAYLOADS; i++) {
                if (strcmp(optarg, payload_names[i]) == 0)
                    o->payload = i;
            }
            break;
        case 'c':
            (void)snprintf(o->config.cmdline, sizeof(o->config.cmdline), "%s", optarg);
            break;
        case 'n':
            o->config.vcpus = (uint32_t)atoi(optarg);
            break;
        case 'm':
            o->config.memory = (uint64_t)atoi(optarg) << 20;
            break;
        case 'M':
            o->config.cpu_model = (uint32_t)atoi(optarg);
            break;
        case 's':
            o->config.flags |= VMM_FLAG_SPLIT_IRQ;
            break;
        case 'S':
            o->strict = true;
            break;
        case 'I':
            o->input = optarg;
            break;
        case 'b':
            o->button_after = optarg;
            break;
        case 't':
            o->timeout = atoi(optarg);
            break;
        case 'C':
            o->console = atoi(optarg);
            break;
        case 'T':
            o->tpm = atoi(optarg);
            o->config.flags |= VMM_FLAG_TPM;
            break;
        case 'L':
            o->log = optarg;
            break;
        default:
            usage();
        }
    }
    if ((o->tpm >= 0) != (o->log != NULL))
        usage();
    if (o->vmm == NULL || (o->kernel == NULL) == (o->payload < 0))
        usage();
}

int main(int argc, char **argv)
{
    struct options options;
    struct link link;
    int result, status;

    parse(argc, argv, &options);
    start(&options, &link);
    result = converse(&options, &link);
    (void)close(link.control); /* it ends, whatever it was doing */
    if (waitpid(link.pid, &status, 0) == link.pid && WIFSIGNALED(status))
        fprintf(stderr, "vmm-harness: casemate-vmm died of signal %d\n", WTERMSIG(status));
    return result;
}
