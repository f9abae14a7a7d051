/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in behind layers. Where the jail is one of them, hv/launch/jail.c does it as for every
 * real process; otherwise the process keeps root's uid, capabilities and namespaces, so that each
 * layer is seen alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sched.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "mac/namespaces.h"
#include "tests/hostile/runner.h"

#define UIDS     2000030000u /* of guests' processes: above all that the host hands out */
#define PATIENCE 30000       /* milliseconds: an emulated host is slow */
#define PARK     128

static int labelled(int fd, const struct placement *p, enum selinux_object object)
{
    char context[SELINUX_CONTEXT_MAX];
    struct selinux_label label;
    int r;

    if (!layer_rows[p->layer].selinux)
        return 0;
    if (p->kind == PROCESS_FRONT)
        return selinux_set_file(fd, SELINUX_FRONT_CONFIG_CONTEXT);
    scene_label(p, &label);
    r = selinux_object_context(object, &label, context);
    return r < 0 ? r : selinux_set_file(fd, context);
}

static int process_context(const struct placement *p, char context[SELINUX_CONTEXT_MAX])
{
    struct selinux_label label;

    context[0] = 0;
    if (!layer_rows[p->layer].selinux)
        return 0;
    if (p->kind == PROCESS_FRONT)
        return text_copy(context, SELINUX_CONTEXT_MAX, SELINUX_FRONT_CONTEXT);
    scene_label(p, &label);
    return selinux_process_context(p->kind, &label, context);
}

int place_pair(const struct placement *owner, int ends[2])
{
    char context[SELINUX_CONTEXT_MAX];
    /* A front's sockets are casemated's own. */
    bool selinux = layer_rows[owner->layer].selinux && owner->kind != PROCESS_FRONT;
    int r = process_context(owner, context);

    if (r == 0 && selinux)
        r = selinux_set_socket(context);
    if (r == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        r = -errno;
    if (selinux)
        (void)selinux_set_socket(NULL);
    return r;
}

static int open_tap(const char *name)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    cleanup_fd int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return -errno;
    if (text_copy(request.ifr_name, sizeof(request.ifr_name), name) < 0)
        return -EINVAL;
    return ioctl(fd, TUNSETIFF, &request) < 0 ? -errno : steal_fd(&fd);
}

/* What a TPM stores. */
static int state(const struct placement *p)
{
    cleanup_fd int fd = fd_fixed_memfd("tpm-state", 8192, 0);
    int r = fd < 0 ? fd : labelled(fd, p, SELINUX_TPM_STATE);

    return r < 0 ? r : steal_fd(&fd);
}

/* What stands at one place of a kind's row. A new descriptor, or -errno; -ENOENT for nothing. */
static int furnish(struct scene *scene, const struct placement *p, const struct placed *own,
                   char what)
{
    int fd;

    switch (what) {
    case 'k':
        fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
    case 'r':
        return fcntl(own->ram, F_DUPFD_CLOEXEC, 3);
    case 'd':
        return fcntl(own->image, F_DUPFD_CLOEXEC, 3);
    case 'p':
        return state(p);
    case 't':
        /* A queue of one tap: the attacker's, not its victim's. */
        return p->role == ROLE_ATTACKER ? open_tap(scene->tap)
                                        : fcntl(scene->null, F_DUPFD_CLOEXEC, 3);
    case 's':
        return fcntl(p->smuggle >= 0 ? p->smuggle : own->smuggle, F_DUPFD_CLOEXEC, 3);
    case '0':
        return fcntl(scene->null, F_DUPFD_CLOEXEC, 3);
    default:
        return -ENOENT;
    }
}

/* jail_enter's way without a jail. */
_Noreturn static void enter_bare(const struct process *process, const struct scene *scene,
                                 int report)
{
    struct jail_report failed = {0};
    char *argv[] = {(char[]){"standin"}, NULL}, *environment[] = {NULL};
    int parked[PROCESS_FDS_MAX], program;

    if (process->context[0] && selinux_set_exec(process->context) < 0)
        goto failed;
    failed.step++;
    program = fcntl(process->program->fd, F_DUPFD_CLOEXEC, PARK);
    report = fcntl(report, F_DUPFD_CLOEXEC, PARK);
    for (unsigned i = 0; i < process->fd_count; i++)
        parked[i] = fcntl(process->fds[i].fd, F_DUPFD_CLOEXEC, PARK);
    for (int fd = 0; fd <= 2; fd++)
        (void)dup2(scene->null, fd);
    for (unsigned i = 0; i < process->fd_count; i++) {
        if (dup2(parked[i], process->fds[i].number) < 0)
            goto failed;
    }
    failed.step++;
    (void)setsid();
    (void)syscall(SYS_execveat, program, "", argv, environment, AT_EMPTY_PATH);
failed:
    failed.error = errno;
    (void)fd_write_full(report, &failed, sizeof(failed));
    _exit(127);
}

static int start(struct scene *scene, const struct placement *p, struct process *process,
                 struct placed *placed, const char **step)
{
    const struct layer_row *layer = &layer_rows[p->layer];
    struct jail jail = {.guest = "hostile",
                        .root = scene->root,
                        .null = scene->null,
                        .landlock_only = !layer->selinux};
    struct clone_args args = {.flags = CLONE_PIDFD | (layer->jail ? namespaces_clone_flags : 0),
                              .pidfd = (uint64_t)(uintptr_t)&placed->pidfd,
                              .exit_signal = SIGCHLD};
    struct jail_report failed = {0};
    int go[2], report[2], r;

    *step = "pipes";
    if (pipe2(go, O_CLOEXEC) < 0 || pipe2(report, O_CLOEXEC) < 0)
        return -errno;
    if (write(go[1], "", 1) != 1)
        return -errno;
    *step = "clone";
    placed->pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (placed->pid == 0) {
        if (layer->jail)
            jail_enter(process, &jail, go[0], report[1]);
        enter_bare(process, scene, report[1]);
    }
    r = placed->pid < 0 ? -errno : 0;
    (void)close(go[0]);
    (void)close(go[1]);
    (void)close(report[1]);
    if (r == 0 && fd_read_full(report[0], &failed, sizeof(failed)) == 0) {
        *step = layer->jail ? jail_step_name(failed.step) : "exec";
        r = -failed.error;
    }
    (void)close(report[0]);
    return r;
}

static int hear(struct placed *placed, struct hostile_report *report)
{
    struct pollfd ready = {.fd = placed->control, .events = POLLIN};
    ssize_t n;

    if (poll(&ready, 1, PATIENCE) != 1)
        return -ETIMEDOUT;
    n = recv(placed->control, report, sizeof(*report), MSG_DONTWAIT);
    return n == (ssize_t)sizeof(*report) ? 0 : -EPIPE;
}

static int sealed(const struct placement *p, const void *data, size_t size)
{
    cleanup_fd int fd = fd_sealed_memfd("config", data, size);
    int r = fd < 0 ? fd : labelled(fd, p, SELINUX_CONFIG);

    return r < 0 ? r : steal_fd(&fd);
}

static int tell_world(struct scene *scene, const struct placement *p)
{
    const struct placement other = {
        .layer = p->layer, .relation = p->relation, .role = ROLE_VICTIM, .kind = PROCESS_BLK};
    struct hostile_world w = {
        .magic = HOSTILE_MAGIC,
        .role = p->role,
        .kind = p->kind,
        .act = p->act,
        .filtered = layer_rows[p->layer].seccomp,
        .launcher = getpid(),
        .secret = HOSTILE_MAGIC + 2,
        .port = 20000 + scene->counter % 20000,
        .key = 0x40000000u + scene->counter,
    };
    struct selinux_label own = {.tenant = 1, .categories = "c0,c1"};

    if (p->victim) {
        w.victim = p->victim->pid;
        w.secret_address = p->victim->address;
    }
    (void)text_copy(w.image, sizeof(w.image), scene->victim_image);
    (void)text_copy(w.shared, sizeof(w.shared), scene->shared);
    (void)selinux_object_context(SELINUX_IMAGE, &own, w.own_context);
    if (process_context(&other, w.victim_context) < 0 || w.victim_context[0] == 0)
        (void)text_copy(w.victim_context, sizeof(w.victim_context), "unconfined");
    return sealed(p, &w, sizeof(w));
}

static int prepare(struct scene *scene, const struct placement *p, struct placed *placed)
{
    const uint64_t secret = HOSTILE_MAGIC + (p->role == ROLE_ATTACKER ? 1 : 2);
    int ends[2], r;

    r = place_pair(p, ends);
    if (r < 0)
        return r;
    placed->control = ends[0];
    placed->peer = ends[1];
    if (p->smuggle < 0) {
        r = place_pair(p, ends);
        if (r < 0)
            return r;
        placed->smuggle = ends[0];
        (void)close(ends[1]);
    }
    placed->ram = fd_fixed_memfd("guest-ram", 1 << 21, 0);
    if (placed->ram < 0)
        return placed->ram;
    r = labelled(placed->ram, p, SELINUX_RAM);
    if (r == 0 && pwrite(placed->ram, &secret, sizeof(secret), 0) < 0)
        r = -errno;
    if (r < 0)
        return r;
    if (p->role == ROLE_VICTIM) {
        placed->tpm = state(p);
        if (placed->tpm < 0)
            return placed->tpm;
        if (pwrite(placed->tpm, &secret, sizeof(secret), 0) < 0)
            return -errno;
    }
    placed->image = scene_image(scene, p);
    return placed->image < 0 ? placed->image : 0;
}

int place(struct scene *scene, const struct placement *p, struct placed *placed, const char **step)
{
    struct process process = {.kind = p->kind, .program = &scene->program, .file_size = 1 << 20};
    const char *handed = kind_rows[kind_index(p->kind)].handed;
    cleanup_fd int config = -1, filter = -1;
    struct hostile_report report = {0};
    int given[16], count = 0, r;

    *placed = PLACED_NONE;
    *step = "descriptors";
    process.uid = UIDS +
                  (p->role == ROLE_ATTACKER        ? 0
                   : p->relation == RELATION_GUEST ? 64
                                                   : 128) +
                  kind_index(p->kind);
    r = process_context(p, process.context);
    if (r == 0)
        r = prepare(scene, p, placed);
    if (r < 0)
        goto out;
    config = tell_world(scene, p);
    filter = sealed(p, scene->filter_bytes[kind_index(p->kind)], sizeof(struct handoff_filters));
    if (config < 0 || filter < 0) {
        r = -EIO;
        goto out;
    }
    process_hand(&process, HANDOFF_FD_CONTROL, placed->peer, false);
    process_hand(&process, HANDOFF_FD_CONFIG, config, true);
    process_hand(&process, HANDOFF_FD_FILTER, filter, true);
    for (int i = 0; handed[i]; i++) {
        r = furnish(scene, p, placed, handed[i]);
        if (r < 0) {
            *step = handed[i] == 't'   ? "its tap"
                    : handed[i] == 'k' ? "/dev/kvm"
                                       : "its descriptors";
            goto out;
        }
        given[count++] = r;
        process_hand(&process, HANDOFF_FD_KVM + i, r, false);
    }
    if (p->role != ROLE_ATTACKER) {
        process_hand(&process, HOSTILE_FD_DISK, placed->image, false);
        process_hand(&process, HOSTILE_FD_RAM, placed->ram, false);
    }
    for (int i = 0; i < HOSTILE_FD_LEAK_END - HOSTILE_FD_LEAK; i++) {
        if (p->leaks[i] >= 0)
            process_hand(&process, HOSTILE_FD_LEAK + i, p->leaks[i], false);
    }
    r = start(scene, p, &process, placed, step);
    if (r < 0)
        goto out;
    *step = "its first word";
    fd_close(&placed->smuggle);
    /* A victim's own end is what a launcher could leak; others' must close for an end to show. */
    if (p->role != ROLE_VICTIM)
        fd_close(&placed->peer);
    r = hear(placed, &report);
    if (r == 0 && report.type != HOSTILE_HELLO)
        r = -EPROTO;
    placed->address = report.address;
out:
    while (count > 0)
        (void)close(given[--count]);
    if (r < 0)
        displace(placed);
    return r;
}

void displace(struct placed *placed)
{
    if (placed->pid > 0) {
        (void)syscall(SYS_pidfd_send_signal, placed->pidfd, SIGKILL, NULL, 0);
        (void)waitpid(placed->pid, NULL, __WALL);
    }
    fd_close(&placed->pidfd);
    fd_close(&placed->control);
    fd_close(&placed->peer);
    fd_close(&placed->image);
    fd_close(&placed->ram);
    fd_close(&placed->tpm);
    fd_close(&placed->smuggle);
    placed->pid = -1;
}

void judge(struct placed *placed, const struct act *act, int *result, char how[32])
{
    struct hostile_report report = {0};
    int status = 0, r = hear(placed, &report);

    if (r == 0 && report.type == HOSTILE_HELLO) /* a second one: an act that forges one */
        r = hear(placed, &report);
    if (r == 0 && report.type == HOSTILE_RESULT) {
        *result = report.result;
        (void)snprintf(how, 32, "%s", report.result == 0 ? "" : strerrorname_np(-report.result));
        return;
    }
    *result = -EPERM;
    if (r == -ETIMEDOUT) {
        (void)snprintf(how, 32, "timeout");
        return;
    }
    if (waitpid(placed->pid, &status, __WALL) == placed->pid)
        placed->pid = -1;
    if (act && (act->flags & ACT_EXIT) && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        *result = 0;
    if (WIFSIGNALED(status))
        (void)snprintf(how, 32, "SIG%s", sigabbrev_np(WTERMSIG(status)));
    else
        (void)snprintf(how, 32, "exit %d", WEXITSTATUS(status));
}
