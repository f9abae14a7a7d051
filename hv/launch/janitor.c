/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/launch/janitor.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "hv/launch/retain.h"
#include "hv/launch/station.h"
#include "mac/cgroup.h"

/* What the guard says: who the guest is, with a descriptor of its place; or that all is done. */
enum message_type { MESSAGE_ENTRUST = 1, MESSAGE_DISMISS };

struct message {
    enum message_type type;
    struct identity identity;
};

struct trust {
    bool given;
    struct identity identity;
    int place;             /* owned */
    struct cgroup *cgroup; /* owned; NULL: not found yet */
};

static void give_back(const struct janitor_duties *duties, struct trust *trust)
{
    char error[LABEL_STORE_ERROR_MAX];
    struct label_store *store = NULL;

    /* Failing here leaves the guest noted as running with its place free: that is recovered. */
    if (identity_store(&store, error) < 0)
        return;
    (void)identity_restore(store, &trust->identity, duties->images, GUEST_DISKS_MAX, NULL);
    identity_release(store, &trust->identity, &trust->place);
    label_store_close(store);
}

/* Nobody else makes or removes a group of this name while we hold the guest's place. */
static int end_processes(struct trust *trust)
{
    int r = trust->cgroup == NULL ? cgroup_open(trust->identity.cgroup, &trust->cgroup) : 0;

    if (r < 0) /* none of this name, or none at all: then there is no process in it */
        return r == -ENOENT || r == -ENOTSUP ? 0 : r;
    return cgroup_destroy(trust->cgroup);
}

static void clean_up(const struct janitor_duties *duties, struct trust *trust)
{
    int r = trust->given ? end_processes(trust) : 0;

    if (duties->termios != NULL) {
        /* What a guest made the terminal answer is no command for the shell. */
        (void)tcflush(duties->terminal, TCIFLUSH);
        (void)tcsetattr(duties->terminal, TCSANOW, duties->termios);
    }
    /*
     * While a process of the guest may live, its images stay its own: one that is stuck in the
     * kernel is waited for. Where that cannot be told, casemated or the next start finds the guest
     * noted as running with its place free, and tries again.
     */
    while (r == -ETIMEDOUT)
        r = end_processes(trust);
    if (!trust->given || r < 0)
        return;
    station_remove(trust->identity.guest.id);
    give_back(duties, trust);
}

/* False when the guard has ended: *dismissed tells whether it said so. */
static bool hear(int socket, struct trust *trust, bool *dismissed)
{
    struct message message;
    int place = -1;
    size_t count = 1;
    int n = fdpass_receive(socket, &message, sizeof(message), &place, &count, 0);

    if (n != (int)sizeof(message))
        return false;
    if (message.type == MESSAGE_ENTRUST && count == 1 && !trust->given) {
        *trust = (struct trust){.given = true, .identity = message.identity, .place = place};
        (void)cgroup_open(trust->identity.cgroup, &trust->cgroup);
        return true;
    }
    *dismissed = message.type == MESSAGE_DISMISS;
    return false;
}

/*
 * The signals that end a guard must not end its janitor, which a terminal would send to both; its
 * own session keeps it out of the terminal's group.
 */
_Noreturn static void janitor_main(const struct janitor_duties *duties, int socket)
{
    struct trust trust = {.place = -1};
    bool dismissed = false;

    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGTTOU, SIG_IGN);
    (void)setsid();
    (void)prctl(PR_SET_NAME, "casemate-janit");
    if (retain(RETAIN_JANITOR) < 0)
        _exit(1);
    while (hear(socket, &trust, &dismissed))
        continue;
    if (!dismissed)
        clean_up(duties, &trust);
    _exit(0);
}

int janitor_start(const struct janitor_duties *duties, struct janitor *janitor)
{
    cleanup_fd int ours = -1, theirs = -1;
    int ends[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    theirs = ends[0];
    ours = ends[1];
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        fd_close(&ours);
        janitor_main(duties, theirs);
    }
    *janitor = (struct janitor){.pid = pid, .socket = steal_fd(&ours)};
    return 0;
}

int janitor_entrust(const struct janitor *janitor, const struct identity *identity, int place)
{
    const struct message message = {.type = MESSAGE_ENTRUST, .identity = *identity};

    return fdpass_send(janitor->socket, &message, sizeof(message), &place, 1);
}

void janitor_leave(struct janitor *janitor)
{
    fd_close(&janitor->socket);
    janitor->pid = 0;
}

void janitor_dismiss(struct janitor *janitor)
{
    const struct message message = {.type = MESSAGE_DISMISS};
    int status;

    if (janitor->pid <= 0)
        return;
    (void)fdpass_send(janitor->socket, &message, sizeof(message), NULL, 0);
    fd_close(&janitor->socket);
    while (waitpid(janitor->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    janitor->pid = 0;
}
