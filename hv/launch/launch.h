/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_LAUNCH_H
#define CASEMATE_HV_LAUNCH_LAUNCH_H

/*
 * The guard of one guest: prepares and starts its processes, opens the start gate, supervises them
 * and cleans up. The only privileged part of Casemate. It copies and hashes a guest's bytes, it
 * never parses them, and of what its processes say it understands only the fixed messages of
 * hv/handoff.h.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <termios.h>

#include "hv/handoff.h"
#include "hv/launch/confinement.h"
#include "policy/guest.h"

/* How a guest's life ended: also the exit status of `casemate run`. */
enum launch_result {
    LAUNCH_OFF = 0,     /* powered off, or reset with no_reboot, or ended by the operator */
    LAUNCH_DENIED = 1,  /* a protection is missing or was found not to hold; object in use */
    LAUNCH_USAGE = 2,   /* what was asked for cannot be: an option, a file that is not fit */
    LAUNCH_SYSTEM = 3,  /* this host failed: no KVM, no memory, I/O error, a process died */
    LAUNCH_CRASHED = 4, /* the guest crashed */
};

/* Why, for people: one or two lines that say what, why and what to do; empty when all is well. */
struct launch_error {
    enum launch_result result;
    char message[1600];
};

enum launch_event_type {
    LAUNCH_EVENT_STEP,        /* text: what is being done now */
    LAUNCH_EVENT_WAITING,     /* the same step has taken another 2 s */
    LAUNCH_EVENT_MISSING,     /* text: a layer that this host does not give */
    LAUNCH_EVENT_PROCESS,     /* kind, index, pid: a process has started */
    LAUNCH_EVENT_NOTE,        /* text: the guest runs with less than was asked for */
    LAUNCH_EVENT_CONFINEMENT, /* confinement: what the gate saw of one process */
    LAUNCH_EVENT_RUNNING,     /* the first vCPU runs */
    LAUNCH_EVENT_PAUSED,      /* all its processes are frozen */
    LAUNCH_EVENT_RESUMED,     /* and no longer */
    LAUNCH_EVENT_QUARANTINED, /* frozen for good */
    LAUNCH_EVENT_BUTTON,      /* the power button has been pressed */
    LAUNCH_EVENT_FORCED,      /* it did not power off in time, or was asked twice: killed */
    LAUNCH_EVENT_RESET,       /* the guest resets; fresh processes follow */
    LAUNCH_EVENT_DIED,        /* kind, index, pid, text: a process died */
    LAUNCH_EVENT_CRASH,       /* crash */
    LAUNCH_EVENT_PERMISSIVE,  /* text: SELinux stopped enforcing, and what becomes of the guest */
    LAUNCH_EVENT_OFF,         /* the guest is off and everything is cleaned up */
};

struct launch_event {
    enum launch_event_type type;
    enum process_kind kind;
    unsigned index; /* of the device among the guest's devices */
    pid_t pid;
    const char *text;
    const struct confinement *confinement;
    const struct control_crash *crash;
};

/* What becomes of a guest when SELinux stops enforcing: as enum image_permissive. */
enum launch_permissive {
    LAUNCH_PERMISSIVE_PAUSE,
    LAUNCH_PERMISSIVE_KILL,
    LAUNCH_PERMISSIVE_ALARM,
};

struct known_programs;

struct launch_options {
    const char *tenant; /* borrowed; NULL: "host", whose guests are undefined at their end */
    /* borrowed; by disk, 1: an object of the host policy, of other guests too, always readonly;
     * NULL: none is */
    const uint8_t *shared;
    const uint8_t *policy; /* borrowed; SHA-256 of the host policy's image; NULL: of none */
    const uint8_t
        *proof; /* borrowed; of the certificate of that policy's proof; NULL: it has none */
    enum launch_permissive on_permissive;
    const struct known_programs *known; /* borrowed: digests of programs; NULL: none */
    int host_tpm; /* borrowed: a connection to casemate-hosttpm, not bound yet; -1: without */
    int station;  /* borrowed: a connection to casemated, or -1 */
    int start;    /* borrowed: the sealed file that casemated started it from, or -1 */
    bool console_client;                   /* the console is whose GUARD_CONSOLE asks for it */
    int terminal_in, terminal_out;         /* borrowed: else, the console's other end */
    bool restore_terminal;                 /* the janitor gives it `terminal_before` back */
    const struct termios *terminal_before; /* borrowed; what it was before raw mode */
    int journal;          /* borrowed: of journal_open, to tell what becomes of the guest; or -1 */
    int signal_fd;        /* borrowed: signalfd of SIGTERM, SIGINT, SIGHUP, non-blocking */
    unsigned off_timeout; /* seconds between power button and force */
    void (*observe)(void *context, const struct launch_event *event);
    void *context;
};

/*
 * Run a checked guest from start to end. Returns its result; *error says why when it is not
 * LAUNCH_OFF. When it returns no process, cgroup, mount, lock, label or socket of the guest is
 * left; should the caller be killed, the janitor sees to that.
 */
enum launch_result launch_guest(const struct guest_spec *spec, const struct launch_options *options,
                                struct launch_error *error);

#endif
