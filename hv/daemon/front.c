/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/daemon/front.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "hv/daemon/client.h"
#include "hv/handoff.h"
#include "hv/launch/error.h"
#include "hv/launch/input.h"
#include "hv/launch/jail.h"
#include "mac/namespaces.h"
#include "mac/seccomp.h"

#define FRONT_CONTEXT "system_u:system_r:casemate_front_t:s0"
#define FRONT_CONFIG  "system_u:object_r:casemate_front_config_t:s0"
#define FRONT_MEMORY  (64u << 20) /* bytes it may write to: its longest reply many times over */

/* Numbers of its descriptors: hv/front/session.h. */
#define FD_WIRE   3
#define FD_FILTER 5
#define FD_CLIENT 6

static int make_filter(struct host *host)
{
    cleanup_free struct handoff_filters *filters = calloc(1, sizeof(*filters));
    cleanup_free struct seccomp_program *program = calloc(1, sizeof(*program));
    int r;

    if (filters == NULL || program == NULL)
        return -ENOMEM;
    r = seccomp_compile(PROCESS_FRONT, 0, program);
    if (r < 0)
        return r;
    filters->magic = HANDOFF_MAGIC;
    filters->count = 1;
    filters->filter[0].insns = program->size;
    memcpy(filters->filter[0].insn, program->insn, sizeof(program->insn[0]) * program->size);
    host->front_filter = fd_sealed_memfd("filter", filters, sizeof(*filters));
    if (host->front_filter < 0)
        return host->front_filter;
    return host->selinux ? selinux_set_file(host->front_filter, FRONT_CONFIG) : 0;
}

int front_prepare(struct host *host)
{
    struct launch_error error = {0};
    int r;

    host->front_program = input_program("casemate-front", &error);
    if (host->front_program < 0) {
        host_log(host, DAEMON_ERROR, "%s", error.message);
        return -ENOENT;
    }
    host->null = open("/dev/null", O_RDWR | O_CLOEXEC);
    r = host->null < 0 ? -errno : make_filter(host);
    if (r == 0) {
        host->front_root = namespaces_empty_root();
        r = host->front_root < 0 ? host->front_root : 0;
    }
    if (r < 0)
        host_log(host, DAEMON_ERROR, "cannot prepare fronts: %s", strerror(-r));
    return r;
}

void front_release(struct host *host)
{
    fd_close(&host->front_program);
    fd_close(&host->front_filter);
    fd_close(&host->front_root);
    fd_close(&host->null);
}

int front_uid_take(struct host *host, unsigned *slot)
{
    for (unsigned i = 0; i < FRONTS_MAX; i++) {
        uint64_t bit = 1ULL << (i % 64);

        if ((host->front_used[i / 64] & bit) == 0) {
            host->front_used[i / 64] |= bit;
            *slot = i;
            return 0;
        }
    }
    return -EBUSY;
}

void front_uid_release(struct host *host, unsigned slot)
{
    host->front_used[slot / 64] &= ~(1ULL << (slot % 64));
}

static void hand(struct process *process, int number, int fd)
{
    process->fds[process->fd_count++] = (struct handed){.number = number, .fd = fd};
}

/* In the child. The limit comes first: jail_enter gives away the right to raise it. */
_Noreturn static void enter(const struct client *client, int wire, int socket, int go, int report)
{
    static struct process process; /* large, and the copy of a process has one */
    const struct host *host = client->host;
    const struct rlimit limit = {FRONT_MEMORY, FRONT_MEMORY};
    const struct program program = {.fd = host->front_program};
    const struct jail jail = {
        .guest = "client",
        .root = host->front_root,
        .null = host->null,
        .landlock_only = !host->selinux,
    };

    process = (struct process){
        .kind = PROCESS_FRONT, .uid = FRONT_UID_FIRST + client->uid_slot, .program = &program};
    (void)text_copy(process.context, sizeof(process.context), FRONT_CONTEXT);
    hand(&process, FD_WIRE, wire);
    hand(&process, FD_FILTER, host->front_filter);
    hand(&process, FD_CLIENT, socket);
    if (setrlimit(RLIMIT_DATA, &limit) < 0)
        _exit(127);
    jail_enter(&process, &jail, go, report);
}

static int make_ends(int type, int ends[2])
{
    return socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) < 0 ? -errno : 0;
}

int front_start(struct client *client, int socket)
{
    cleanup_fd int wire = -1, wire_peer = -1, report = -1, report_peer = -1, go = -1, go_peer = -1;
    struct clone_args args = {.flags = namespaces_clone_flags, .exit_signal = SIGCHLD};
    int ends[2], r = make_ends(SOCK_SEQPACKET, ends);
    long pid;

    if (r < 0)
        return r;
    wire = ends[0];
    wire_peer = ends[1];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    report = ends[0];
    report_peer = ends[1];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    go = ends[0];
    go_peer = ends[1];
    /* It need not wait for a cgroup: it stays in ours; its limits are of the process. */
    if (write(go_peer, "", 1) != 1)
        return -errno;
    pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid < 0)
        return -errno;
    if (pid == 0)
        enter(client, wire_peer, socket, go, report_peer);
    client->front = (pid_t)pid;
    client->wire = steal_fd(&wire);
    client->report = steal_fd(&report);
    return 0;
}

int front_report(int report, char text[RECORD_TEXT_MAX])
{
    struct jail_report failed = {0};
    int r = fd_read_full(report, &failed, sizeof(failed));

    if (r == -ENODATA) /* closed by the execveat */
        return 0;
    if (r == 0)
        r = failed.error > 0 ? -failed.error : -EPROTO;
    (void)text_format(text, RECORD_TEXT_MAX, "%s: %s", jail_step_name(failed.step), strerror(-r));
    return r;
}

/* Fronts whose client is gone, until they are reaped. */
struct front_ghost {
    struct front_ghost *next;
    pid_t pid;
    unsigned slot;
};

void front_forget(struct host *host, pid_t pid, unsigned slot)
{
    struct front_ghost *ghost = calloc(1, sizeof(*ghost));

    (void)kill(pid, SIGKILL); /* our child, not reaped: the number is its */
    if (ghost == NULL)
        return; /* its uid is lost until casemated starts again */
    *ghost = (struct front_ghost){.next = host->ghosts, .pid = pid, .slot = slot};
    host->ghosts = ghost;
}

bool front_reaped(struct host *host, pid_t pid)
{
    for (struct front_ghost **at = &host->ghosts; *at != NULL; at = &(*at)->next) {
        struct front_ghost *ghost = *at;

        if (ghost->pid != pid)
            continue;
        *at = ghost->next;
        front_uid_release(host, ghost->slot);
        free(ghost);
        return true;
    }
    return false;
}

void front_forget_all(struct host *host)
{
    while (host->ghosts != NULL) {
        struct front_ghost *ghost = host->ghosts;

        host->ghosts = ghost->next;
        free(ghost);
    }
}
