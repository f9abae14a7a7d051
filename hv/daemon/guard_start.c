/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "hv/daemon/denials.h"
#include "hv/daemon/guards.h"
#include "hv/daemon/guests.h"
#include "hv/daemon/hosttpm.h"
#include "hv/daemon/policy.h"
#include "hv/launch/guard_process.h"
#include "hv/launch/known.h"
#include "hv/launch/launch.h"

#define OFF_TIMEOUT 30 /* seconds from the power button to force, when nobody says other */
#define PARKED      10 /* above the numbers that a guard gets */

_Static_assert((int)IMAGE_PERMISSIVE_PAUSE == (int)LAUNCH_PERMISSIVE_PAUSE &&
                   (int)IMAGE_PERMISSIVE_KILL == (int)LAUNCH_PERMISSIVE_KILL &&
                   (int)IMAGE_PERMISSIVE_ALARM == (int)LAUNCH_PERMISSIVE_ALARM,
               "what the policy says is what the guard does");

/* Guards hash what is not in it by themselves: without it they take longer, and no more. */
void guard_learn_programs(struct host *host)
{
    if (host->known == NULL) {
        host->known = calloc(1, sizeof(*host->known));
        host->known_file = -1;
    }
    if (host->known == NULL || !known_learn(host->known))
        return;
    fd_close(&host->known_file);
    host->known_file = fd_sealed_memfd("programs", host->known, sizeof(*host->known));
}

/* In the child: nothing of casemated but four descriptors and its log goes along. */
_Noreturn static void become_guard(const struct host *host, int start, int station, int host_tpm)
{
    char name[] = "casemated", word[] = "guard";
    char *argv[] = {name, word, NULL}, *environment[] = {NULL};
    int self, a, b, c, d;

    child_reset_signals();
    (void)umask(077);
    self = fcntl(host->self, F_DUPFD_CLOEXEC, PARKED);
    a = fcntl(start, F_DUPFD_CLOEXEC, PARKED);
    b = fcntl(station, F_DUPFD_CLOEXEC, PARKED);
    c = fcntl(host_tpm >= 0 ? host_tpm : host->null, F_DUPFD_CLOEXEC, PARKED);
    d = fcntl(host->known != NULL && host->known_file >= 0 ? host->known_file : host->null,
              F_DUPFD_CLOEXEC, PARKED);
    if (self < 0 || a < 0 || b < 0 || c < 0 || d < 0 || setsid() < 0 || dup2(host->null, 0) < 0 ||
        dup2(host->null, 1) < 0 || dup2(a, GUARD_FD_START) < 0 || dup2(b, GUARD_FD_STATION) < 0 ||
        dup2(c, GUARD_FD_HOSTTPM) < 0 || dup2(d, GUARD_FD_KNOWN) < 0 ||
        syscall(SYS_close_range, GUARD_FD_KNOWN + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        _exit(127);
    (void)syscall(SYS_execveat, self, "", argv, environment, AT_EMPTY_PATH);
    _exit(127);
}

int guard_start(struct host *host, struct guest *guest, const struct guest_spec *spec,
                const uint8_t shared[GUEST_DISKS_MAX])
{
    const struct image *image = policy_current(host->policy);
    const struct guard_policy policy = {.digest = policy_digest(host->policy),
                                        .proof = policy_proof(host->policy),
                                        .on_permissive = image != NULL ? image->on_permissive : 0};
    cleanup_fd int start = guard_process_start_file(guest->record.tenant, spec, shared, OFF_TIMEOUT,
                                                    host->options->guards_log, &policy);
    cleanup_fd int ours = -1, theirs = -1, host_tpm = -1;
    struct guard *guard;
    int ends[2], r;
    pid_t pid;

    if (start < 0)
        return start;
    guard_learn_programs(host);
    r = hosttpm_for_guest(host, &host_tpm);
    if (r < 0)
        return r;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    ours = ends[0];
    theirs = ends[1];
    r = guard_adopt(host, ours, 0, guest, 0, &guard);
    if (r < 0)
        return r;
    (void)steal_fd(&ours);
    r = guests_hold(guest, spec);
    if (r < 0) {
        guard_forget(guard);
        return r;
    }
    pid = fork();
    if (pid == 0)
        become_guard(host, start, theirs, host_tpm);
    if (pid < 0) {
        r = -errno;
        guard_forget(guard);
        return r;
    }
    guard->pid = pid;
    /* Before anybody could reap it; without one it is not registered with machined. */
    guard->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    guard->ours = true;
    guest->registered = false;
    guest->record.state = GUEST_STATE_STARTING;
    guest->record.guard = (int32_t)pid;
    guest->record.started = (uint64_t)time(NULL);
    guest->record.cpus = spec->cpus;
    guest->record.memory = spec->memory;
    guest->record.mac = spec->mac;
    guest->text[0] = '\0';
    guest->result = 0;
    denials_ended(guest);
    return 0;
}
