/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_JANITOR_H
#define CASEMATE_HV_LAUNCH_JANITOR_H

/*
 * A small process that outlives its guard by a moment: when the guard is killed it ends the guest's
 * processes, removes the cgroup, restores what the guest labelled, and the terminal. It holds what
 * it needs as descriptors and waits for one end of file. It is forked before the guard opens the
 * label store, whose locks do not survive a fork, and opens it itself when it must restore.
 */
#include <sys/types.h>
#include <termios.h>

#include "hv/launch/identity.h"
#include "policy/guest.h"

struct janitor {
    pid_t pid;
    int socket; /* owned: closing it without a word is the alarm; POLLHUP when it has died */
};

/* What it is to undo; borrowed, copied by the fork. */
struct janitor_duties {
    int images[GUEST_DISKS_MAX];   /* its descriptors of them, -1: none */
    int terminal;                  /* -1: none */
    const struct termios *termios; /* NULL: leave the terminal */
};

/* Start it. 0 or -errno. */
int janitor_start(const struct janitor_duties *duties, struct janitor *janitor);

/*
 * Entrust it with the guest's identity and a descriptor of its place: when the cgroup is there, and
 * before it holds a process or anything is labelled. From then on the guest counts as alive until
 * the janitor has given everything back. 0 or -errno.
 */
int janitor_entrust(const struct janitor *janitor, const struct identity *identity, int place);

/* Leave everything that it was entrusted with to it, as if the guard were killed, and do not wait.
 */
void janitor_leave(struct janitor *janitor);

/* All is cleaned up already: let it go, and reap it. */
void janitor_dismiss(struct janitor *janitor);

#endif
