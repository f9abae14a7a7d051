/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_WORKER_PROCESS_H
#define CASEMATE_TESTS_WORKER_PROCESS_H

/*
 * A real worker program under its real seccomp filter, started as hv/handoff.h says, by the test in
 * the launcher's place. What the launcher adds around it (label, namespaces, uid, Landlock) is not
 * there.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/fdpass.h"
#include "hv/handoff.h"
#include "mac/seccomp.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define WORKER_ANY_SYSCALL
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define WORKER_ANY_SYSCALL
#endif

struct worker_process {
    pid_t pid;
    int control;
    int vhost; /* for the front-end; whoever takes it stores -1 */
};

/* build/bin/casemate-KIND, beside build/tests/vmm/. */
static inline void worker_path(enum process_kind kind, char *path, size_t size)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    self[n < 0 ? 0 : n] = '\0';
    for (unsigned i = 0; i < 3; i++) {
        char *slash = strrchr(self, '/');

        if (slash != NULL)
            *slash = '\0';
    }
    if (snprintf(path, size, "%s/bin/casemate-%s", self, process_kind_name(kind)) < 0)
        path[0] = '\0';
}

static inline int worker_filters(enum process_kind kind)
{
    static struct handoff_filters filters;
    static struct seccomp_program program;

    memset(&filters, 0, sizeof(filters));
    filters.magic = HANDOFF_MAGIC;
    filters.count = seccomp_stages(kind);
    for (unsigned i = 0; i < filters.count; i++) {
        if (seccomp_compile(kind, i, &program) < 0)
            return -EINVAL;
#ifdef WORKER_ANY_SYSCALL
        /* The sanitizer's run-time needs more calls than any of our tables allows. */
        program.size = 1;
        program.insn[0] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0x7fff0000);
#endif
        filters.filter[i].insns = program.size;
        memcpy(filters.filter[i].insn, program.insn, program.size * sizeof(program.insn[0]));
    }
    return fd_sealed_memfd("filters", &filters, sizeof(filters));
}

/* In the child: `from` become `to`, whatever numbers they have now; the rest is closed. */
static inline _Noreturn void worker_exec(const char *path, int *from, const int *to, size_t count)
{
    char *const argv[] = {(char *)(size_t)path, NULL};
    char *const envp[] = {NULL};

    for (size_t i = 0; i < count; i++)
        from[i] = from[i] < 0 ? -1 : fcntl(from[i], F_DUPFD, 64);
    (void)close_range(3, 63, 0);
    for (size_t i = 0; i < count; i++)
        if (from[i] >= 0 && dup2(from[i], to[i]) < 0)
            _exit(90);
    (void)close_range(64, ~0U, 0);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        _exit(91);
    execve(path, argv, envp);
    _exit(92);
}

/* 0 when it has said CONTROL_READY and was told to go. Descriptors that are handed in stay ours. */
static inline int worker_start(struct worker_process *w, const struct worker_config *config,
                               int backing, int inflight)
{
    static const int to[] = {HANDOFF_FD_CONTROL, HANDOFF_FD_CONFIG,  HANDOFF_FD_FILTER,
                             HANDOFF_FD_VHOST,   HANDOFF_FD_BACKING, HANDOFF_FD_INFLIGHT};
    int control[2], vhost[2], from[6];
    struct control_message message = {0};
    char path[PATH_MAX + 32];

    worker_path((enum process_kind)config->kind, path, sizeof(path));
    if (access(path, X_OK) < 0)
        return -ENOENT;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, vhost) < 0)
        return -errno;
    from[0] = control[1];
    from[1] = fd_sealed_memfd("config", config, sizeof(*config));
    from[2] = worker_filters((enum process_kind)config->kind);
    from[3] = vhost[1];
    from[4] = backing;
    from[5] = inflight;
    w->pid = fork();
    if (w->pid == 0)
        worker_exec(path, from, to, 6);
    fd_close(&from[1]);
    fd_close(&from[2]);
    fd_close(&control[1]);
    fd_close(&vhost[1]);
    w->control = control[0];
    w->vhost = vhost[0];
    if (fdpass_receive(w->control, &message, sizeof(message), NULL, NULL, 0) !=
            (int)sizeof(message) ||
        message.type != CONTROL_READY) {
        fprintf(stderr, "worker said %u, failure %u (%llu, %llu, %llu)\n", message.type,
                message.failure, (unsigned long long)message.detail[0],
                (unsigned long long)message.detail[1], (unsigned long long)message.detail[2]);
        return -EPROTO;
    }
    message = (struct control_message){.type = CONTROL_GO};
    return fdpass_send(w->control, &message, sizeof(message), NULL, 0);
}

/* Wait for its end; the status of waitpid. */
static inline int worker_wait(struct worker_process *w)
{
    int status = -1;

    while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
        ;
    fd_close(&w->control);
    fd_close(&w->vhost);
    return status;
}

#endif
