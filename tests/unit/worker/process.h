/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_WORKER_PROCESS_H
#define CASEMATE_TESTS_WORKER_PROCESS_H

/*
 * The real programs, started as the launcher starts them as far as they can see it: descriptors at
 * their numbers, sealed configuration, the real filter of their kind. No namespaces, uid or labels.
 */
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "hv/handoff.h"
#include "mac/seccomp.h"
#include "tests/unit/worker/front.h"

#define WORKER_FDS 7 /* from HANDOFF_FD_CONTROL on */

struct worker {
    pid_t pid;
    int control; /* ours of the socket pair */
    struct front front;
};

struct worker_spec {
    struct worker_config config;
    int config_fd;         /* -1: a sealed one of `config` is made */
    int filter_fd;         /* -1: the kind's own, sealed */
    int vhost;             /* -1: a socket pair is made, `front` is its other end */
    int backing, inflight; /* or -1 */
    int keys;              /* casemate-tpm's, or -1 */
};

static inline struct worker_spec worker_spec_make(enum process_kind kind)
{
    return (struct worker_spec){
        .config = {.magic = HANDOFF_MAGIC,
                   .version = HANDOFF_VERSION,
                   .kind = (uint32_t)kind,
                   .queues = kind == PROCESS_NET ? 2 : 1,
                   .block_size = 512,
                   .memory = RAM_SIZE},
        .config_fd = -1,
        .filter_fd = -1,
        .vhost = -1,
        .backing = -1,
        .inflight = -1,
        .keys = -1,
    };
}

static inline int worker_filter(enum process_kind kind)
{
    static struct seccomp_program program;
    static struct handoff_filters filters;

    memset(&filters, 0, sizeof(filters));
    if (seccomp_compile(kind, 0, &program) < 0)
        return -EINVAL;
    filters.magic = HANDOFF_MAGIC;
    filters.count = 1;
    filters.filter[0].insns = program.size;
    memcpy(filters.filter[0].insn, program.insn, program.size * sizeof(program.insn[0]));
    return fd_sealed_memfd("filters", &filters, sizeof(filters));
}

/* build/tests/worker/test_x -> build/bin/casemate-KIND */
static inline void worker_path(enum process_kind kind, char path[PATH_MAX])
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (n < 0)
        abort();
    self[n] = '\0';
    for (int i = 0; i < 3; i++)
        *strrchr(self, '/') = '\0';
    if (snprintf(path, PATH_MAX, "%s/bin/casemate-%s", self, process_kind_name(kind)) >= PATH_MAX)
        abort();
}

static inline _Noreturn void worker_exec(const char *path, const int fds[WORKER_FDS])
{
    char *argv[] = {(char *)(uintptr_t) "worker", NULL}, *envp[] = {NULL};
    int high[WORKER_FDS];

    /* First out of the way of each other, then to their numbers. */
    for (int i = 0; i < WORKER_FDS; i++)
        high[i] = fds[i] >= 0 ? fcntl(fds[i], F_DUPFD_CLOEXEC, 100) : -1;
    for (int i = 0; i < WORKER_FDS; i++) {
        (void)close(HANDOFF_FD_CONTROL + i);
        if (high[i] >= 0)
            (void)dup2(high[i], HANDOFF_FD_CONTROL + i);
    }
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    execve(path, argv, envp);
    _exit(127);
}

#if defined(__SANITIZE_ADDRESS__)
#define WORKER_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WORKER_SANITIZED 1
#endif
#endif

/* Start one; in a build with AddressSanitizer the test is skipped. */
static inline int worker_start(struct worker_spec *spec, struct worker *worker)
{
    enum process_kind kind = (enum process_kind)spec->config.kind;
    int control[2], vhost[2] = {-1, -1}, fds[WORKER_FDS];
    char path[PATH_MAX];

#ifdef WORKER_SANITIZED
    print_message("AddressSanitizer's runtime needs system calls that the real filters kill\n");
    skip();
#endif
    worker_path(kind, path);
    if (access(path, X_OK) < 0)
        return -errno;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
        return -errno;
    if (spec->vhost < 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, vhost) < 0)
        return -errno;
    fds[0] = control[1];
    fds[1] = spec->config_fd >= 0 ? spec->config_fd
                                  : fd_sealed_memfd("config", &spec->config, sizeof(spec->config));
    fds[2] = spec->filter_fd >= 0 ? spec->filter_fd : worker_filter(kind);
    fds[3] = spec->vhost >= 0 ? spec->vhost : vhost[1];
    fds[4] = spec->backing;
    fds[5] = spec->inflight;
    fds[6] = spec->keys;
    worker->pid = fork();
    if (worker->pid == 0)
        worker_exec(path, fds);
    if (spec->config_fd < 0)
        fd_close(&fds[1]);
    if (spec->filter_fd < 0)
        fd_close(&fds[2]);
    fd_close(&control[1]);
    fd_close(&vhost[1]);
    worker->control = control[0];
    worker->front = (struct front){.socket = vhost[0]};
    return worker->pid < 0 ? -errno : 0;
}

/* The next message of the process, within 10 s; 0 when it has closed. */
static inline uint32_t worker_message(struct worker *worker, struct control_message *message)
{
    struct pollfd p = {.fd = worker->control, .events = POLLIN};

    if (poll(&p, 1, 10000) != 1)
        return UINT32_MAX;
    if (recv(worker->control, message, sizeof(*message), 0) != (ssize_t)sizeof(*message))
        return 0;
    return message->type;
}

/* Wait for its end: exit code, or 256 + signal. */
static inline int worker_wait(struct worker *worker)
{
    int status = 0;

    if (waitpid(worker->pid, &status, 0) != worker->pid)
        return -1;
    fd_close(&worker->control);
    fd_close(&worker->front.socket);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

/* The used index reaches `index` within 10 s. Waits on the call eventfd, which may be early. */
static inline bool worker_used(struct driver_ring *ring, uint16_t index, int call)
{
    /* VIRTIO_F_EVENT_IDX: interrupt when the entry before that index is used. */
    driver_set16(ring, ring->avail + 4u + 2u * ring->entries, (uint16_t)(index - 1));
    while ((int16_t)(driver_used_index(ring) - index) < 0) {
        struct pollfd p = {.fd = call, .events = POLLIN};
        uint64_t n;

        if (poll(&p, 1, 10000) != 1 || read(call, &n, sizeof(n)) != sizeof(n))
            return false;
    }
    return true;
}

#endif
