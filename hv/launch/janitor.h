/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_JANITOR_H
#define CASEMATE_HV_LAUNCH_JANITOR_H

/*
 * A small process that outlives its guard by a moment: when the guard is killed it ends the guest's
 * processes, removes the cgroup, restores labels and the terminal. It holds what it needs as
 * descriptors and in memory, and waits for one end of file.
 */
#include <sys/types.h>
#include <termios.h>

#include "labeling/relabel.h"
#include "mac/cgroup.h"
#include "policy/guest.h"

struct janitor {
    pid_t pid;
    int pipe; /* owned: closing it without a word is the alarm */
};

/* Labels to give back. In memory shared with the guard, who adds to it before it labels. */
struct janitor_labels {
    unsigned count;
    struct relabel relabel[GUEST_DISKS_MAX];
};

/* What it is to undo; borrowed, copied by the fork. */
struct janitor_duties {
    struct cgroup *cgroup;
    const struct janitor_labels *labels;
    int terminal;                  /* -1: none */
    const struct termios *termios; /* NULL: leave the terminal */
};

/* Start it. 0 or -errno. */
int janitor_start(const struct janitor_duties *duties, struct janitor *janitor);

/* All is cleaned up already: let it go, and reap it. */
void janitor_dismiss(struct janitor *janitor);

#endif
