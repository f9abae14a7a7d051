/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for casemate-rng that does one thing wrong, named by the guest's name (argv[1]), so
 * that tests can see whether the start gate and the guard notice. `good` does nothing wrong: with
 * it the guest must start, or the other tests say nothing.
 *
 * Trust: none. It is what a worker becomes when its guest has taken it over.
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "hv/worker/process.h"
#include "hv/worker/rng.h"
#include "hv/worker/serve.h"

static const char *mode = "";

static int is(const char *name)
{
    return strcmp(mode, name) == 0;
}

/* { .code = BPF_RET | BPF_K, .k = SECCOMP_RET_ALLOW } */
#define ALLOW_ALL 0x7fff000000000006ULL

static void *idle(void *unused)
{
    for (;;)
        (void)poll(NULL, 0, -1);
    return unused;
}

/* The filter on this thread only: what a process gets that forgets SECCOMP_FILTER_FLAG_TSYNC. */
static void confine_alone(struct handoff_filters *filters)
{
    static struct sock_filter insns[HANDOFF_INSNS_MAX];
    struct sock_fprog program = {.len = (unsigned short)filters->filter[0].insns, .filter = insns};
    pthread_t thread;

    memcpy(insns, filters->filter[0].insn, sizeof(insns));
    if (pthread_create(&thread, NULL, idle, NULL) != 0)
        _exit(9); /* SELinux: a worker's type may not fork, nor make a thread */
    (void)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
    filters->count = 0;
}

/* What the start gate has to find: the process then works like a good one. */
static void prepare(struct handoff_filters *filters)
{
    if (is("unfiltered"))
        filters->count = 0;
    if (is("other-filter")) {
        filters->filter[0].insns = 1;
        filters->filter[0].insn[0] = ALLOW_ALL;
    }
    if (is("two-filters")) {
        filters->count = 2;
        filters->filter[1] = filters->filter[0];
        filters->filter[0].insns = 1;
        filters->filter[0].insn[0] = ALLOW_ALL;
    }
    if (is("lone-thread"))
        confine_alone(filters);
    if (is("extra-descriptor"))
        (void)eventfd(0, 0);
    if (is("keeps-config"))
        (void)fcntl(HANDOFF_FD_CONFIG, F_DUPFD, 20);
    if (is("other-limit")) {
        struct rlimit limit = {0};

        (void)getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = limit.rlim_max = limit.rlim_max / 2;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (is("other-stdin"))
        (void)dup2(HANDOFF_FD_CONTROL, 0);
}

/* What the guard has to notice by itself. */
static void misbehave(const struct handoff_filters *filters)
{
    if (is("exits"))
        _exit(7);
    if (is("dies"))
        __builtin_trap(); /* the first process of a namespace gets no signal from itself but this */
    if (is("speaks"))
        (void)process_tell(CONTROL_OFF);
    if (is("mumbles"))
        (void)fd_write_full(HANDOFF_FD_CONTROL, "x", 1);
    if (is("ready-twice")) {
        (void)process_ready();
        (void)process_ready();
    }
    if (is("opens") || is("connects") || is("executes")) {
        (void)process_confine(filters);
        if (is("opens"))
            (void)syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
        if (is("connects"))
            (void)syscall(SYS_socket, 2, 1, 0);
        (void)syscall(SYS_execve, "/bin/sh", NULL, NULL);
    }
    if (is("mute")) {
        for (;;)
            (void)poll(NULL, 0, -1);
    }
}

/* `denied-N`: N times what SELinux forbids and nothing else does, before its filter is on. */
static void try_before(void)
{
    static const char word[] = "denied-";
    unsigned times = 0;

    if (strncmp(mode, word, strlen(word)) != 0)
        return;
    for (const char *c = mode + strlen(word); *c >= '0' && *c <= '9'; c++)
        times = times * 10 + (unsigned)(*c - '0');
    for (unsigned i = 0; i < times; i++)
        (void)socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* `denying`: the same for ever, ten times a second, under the filter: it allows to map memory. */
static short always(void *self, unsigned index)
{
    (void)self;
    (void)index;
    return POLLIN;
}

static void try_on(void *self, unsigned index, short events)
{
    static const struct timespec tenth = {0, 100000000};

    (void)self;
    (void)index;
    (void)events;
    (void)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 0, 0);
    (void)ppoll(NULL, 0, &tenth, NULL);
}

int main(int argc, char **argv)
{
    static struct handoff_filters filters;
    struct worker_config config;
    struct device device;
    int fd;

    mode = argc > 1 ? argv[1] : "";
    if (process_load(PROCESS_RNG, &config, &filters, &fd) < 0)
        process_exit(PROCESS_EXIT_SYSTEM);
    misbehave(&filters);
    prepare(&filters);
    rng_device(&device);
    try_before();
    if (is("denying")) { /* /dev/null is always ready */
        device.polls = 1;
        device.poll_fd[0] = 0;
        device.poll_events = always;
        device.poll_ready = try_on;
    }
    process_exit(worker_run(&device, &config, &filters, -1, 0));
}
