/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_DAEMON_MACHINE_H
#define CASEMATE_HV_DAEMON_MACHINE_H

/*
 * Registration with systemd-machined, where there is one: a program of its own speaks with it
 * (casemate-machine), and nothing waits for it or depends on it. machined puts the guest's guard
 * into a scope of its own, which ends with the guard, and the registration with that.
 */
#include <stdbool.h>
#include <sys/types.h>

#define MACHINE_NAME_MAX 64 /* of a machine's name, as of a host's */

/* How casemate-machine ends. */
enum machine_status {
    MACHINE_OK = 0,
    MACHINE_NOBODY = 1, /* no bus, or no machined */
    MACHINE_USAGE = 2,
    MACHINE_FAILED = 3,
    MACHINE_REFUSED = 4, /* machined said no */
    MACHINE_ENDED = 5,   /* the guard ended meanwhile: it is not registered, or no more */
};

/* The one descriptor of casemate-machine: a pidfd of the guard, whose number is an argument. */
#define MACHINE_FD_GUARD 3

struct host;
struct guest;

/* The guest runs: register it, once. What goes wrong is logged, and not tried again. */
void machine_register(struct host *host, struct guest *guest);

/* A child has ended; true if it was registering a guest. */
bool machine_child(struct host *host, pid_t pid, int status);

/*
 * The guest's name among machines, "web.acme": a dot is in no name, so no two guests share one. 0;
 * -ENAMETOOLONG when machined would not take it.
 */
int machine_name(const char *tenant, const char *guest, char name[MACHINE_NAME_MAX + 1]);

/* At the end of casemated: who reaps them does not matter any more. */
void machine_forget_all(struct host *host);

#endif
