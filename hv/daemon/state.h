/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_DAEMON_STATE_H
#define CASEMATE_HV_DAEMON_STATE_H

/* Internal to hv/daemon: what casemated holds. */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "hv/daemon/daemon.h"
#include "hv/daemon/denial_count.h"
#include "hv/daemon/loop.h"
#include "hv/guard_wire.h"
#include "hv/host_wire.h"
#include "mac/access.h"
#include "mac/selinux.h"

#define FRONTS_MAX 256u

/*
 * Each front has a uid of its own, so that two clients' fronts cannot signal or trace each other:
 * the 256 below the blocks that the label store gives to guests (LABEL_UID_FIRST).
 */
#define FRONT_UID_FIRST 1999999744u

struct denials;
struct front_ghost;
struct machine_child;
struct known_programs;
struct policy;
struct guard;
struct client;

#define GUEST_BUCKETS 4096u

/* One guest that policy, label store or a living guard names. */
struct guest {
    struct guest *next; /* in the order of `number` */
    struct guest *same; /* of the same bucket, by name */
    uint64_t number;    /* never given twice */
    bool in_policy, in_store;
    bool unwanted;       /* it runs, and the policy that is being taken would not admit it */
    struct guard *guard; /* its connection while it lives, or NULL */
    struct guest_record record;
    char *holds; /* owned, or NULL: paths of its disks, then its taps, a NUL behind each */
    uint32_t held_disks, held_nets;
    bool registered;             /* with machined, or tried to be, in this life */
    uint32_t result;             /* of its last end, enum launch_result */
    char text[RECORD_TEXT_MAX];  /* why */
    struct denial_count denials; /* of its processes, in this life */
    bool quarantine_due;         /* because of them */
    bool quarantine_asked;       /* and its guard has not answered yet */
};

struct host {
    const struct daemon_options *options;
    bool selinux;
    char context[SELINUX_CONTEXT_MAX]; /* casemated's own; "" without SELinux */
    int landlock_abi;
    uint64_t started; /* seconds since 1970 */
    struct loop *loop;
    int signals; /* owned */
    struct loop_source *signal_source;

    int listener; /* owned */
    struct loop_source *listener_source;
    struct loop_source *listener_pause; /* made beforehand: it is for when nothing can be made */
    bool socket_is_ours;
    uint64_t front_used[FRONTS_MAX / 64];              /* uids that are taken */
    int front_program, front_filter, front_root, null; /* owned */
    int self;                                          /* owned: our program, for guards */
    struct client *clients;
    struct front_ghost *ghosts; /* fronts that are not reaped yet */
    struct machine_child *machines;
    bool no_machines; /* there is no systemd-machined */
    uint64_t last_client;

    struct guest *guests, *guests_end;
    struct guest *guest_bucket[GUEST_BUCKETS];
    uint64_t last_guest;
    struct guard *guards;
    int stations; /* inotify, owned */
    struct loop_source *stations_source, *refresh_clock;
    pid_t recovering; /* recover_beside's child, or 0 */

    struct known_programs *known; /* owned: hv/launch/known.h */
    int known_file;               /* with it, owned: the same, sealed; -1: none */

    int hosttpm; /* owned: to casemate-hosttpm; -1: there is none */
    struct loop_source *hosttpm_source;
    pid_t hosttpm_pid;                 /* or 0 */
    bool wants_hosttpm, hosttpm_ready; /* the policy states one; it serves */
    struct {
        int fd; /* owned: a connection for one request; -1: nobody asked */
        struct loop_source *source;
        uint64_t client; /* who waits, and for which request */
        uint32_t serial;
    } hosttpm_asked;

    struct denials *denials; /* owned, or NULL: nobody ever wanted them counted */

    struct policy *policy; /* owned; never NULL while it runs */
    bool policy_tried;     /* it has been read once, well or badly */
    int failure;           /* -errno of what ended it */
};

/* Begin to listen, once the policy was read and each guard that was found has said what it guards.
 */
void host_listen(struct host *host);

/* One line to the log. */
void host_log(const struct host *host, enum daemon_severity severity, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What a line is about; all of it may be left out. doc/journal.md has the kinds and the fields. */
enum log_kind {
    LOG_OTHER,
    LOG_DENIED,     /* a client asked for what it may not */
    LOG_OPERATION,  /* a client asked for something that changes a guest or the host */
    LOG_GUARD_LOST, /* a guard died, or cannot be understood */
    LOG_FOUND,      /* a guest that runs under a guard of an earlier casemated */
    LOG_ABANDONED,  /* guard and janitor were killed */
    LOG_LABELS,     /* recovery of labels */
    LOG_POLICY,     /* a host policy was taken, or not */
    LOG_DENIALS,    /* a guest had more denials than its policy bears */
    LOG_KINDS,
};

struct log_about {
    enum log_kind kind;
    const char *tenant, *guest;
    const uint8_t *uuid;         /* 16 bytes */
    const char *operation;       /* name of a request */
    const struct client *client; /* who asked */
    const char *path;            /* of a file */
};

/* The same, and what it is about. */
void host_log_about(const struct host *host, const struct log_about *about,
                    enum daemon_severity severity, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* About a guest. */
struct log_about log_about_guest(enum log_kind kind, const struct guest *guest);

#endif
