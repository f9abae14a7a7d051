/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_GUARD_H
#define CASEMATE_HV_LAUNCH_GUARD_H

/* Internal to hv/launch: all that a guard holds of its guest, and the stages of its work. */
#include "hv/launch/gate.h"
#include "hv/launch/identity.h"
#include "hv/launch/input.h"
#include "hv/launch/janitor.h"
#include "hv/launch/launch.h"
#include "hv/launch/station.h"

struct guest_tpm;
struct enforcing;

struct guard {
    const struct guest_spec *spec;
    const struct launch_options *options;
    struct launch_error *error;

    /* for the guest's whole life, over its resets */
    struct label_store *store; /* owned */
    struct identity identity;
    int place; /* owned; -1: no identity */
    struct selinux_label label;
    struct jail jail;
    int kvm, kernel, initrd;                   /* owned */
    struct program programs[PROCESS_KINDS];    /* owned descriptors */
    struct input_disk disks[GUEST_DISKS_MAX];  /* owned descriptors */
    int taps[GUEST_NETS_MAX][GUEST_PAIRS_MAX]; /* owned: one a queue pair */
    struct seccomp_program *filters[PROCESS_KINDS][SECCOMP_STAGES_MAX]; /* owned */
    struct guest_tpm *tpm; /* owned; NULL: it has none. hv/launch/tpm.h */
    struct janitor janitor;
    struct namespaces_ids own;
    struct station *station;     /* owned */
    struct guest_record record;  /* what is told of the guest */
    uint64_t started;            /* of its first vCPU, by the monotonic clock, in us; 0: not yet */
    bool paused, quarantined;    /* frozen; and for good */
    bool stopping;               /* somebody has asked for its end */
    bool killed;                 /* and for no more than that */
    struct enforcing *enforcing; /* owned; NULL in landlock mode. hv/launch/permissive.h */
    uint32_t policy_loads;       /* how many there had been */
    bool permissive;             /* SELinux does not hold it */
    bool permissive_unsaid, pause_unsaid, reload_unsaid; /* its ledger does not have it yet */
    int client[2]; /* owned: the console's socket, the relay's end and a client's until it is taken
                    */

    /* for one boot: fresh after each reset */
    int ram;                           /* owned until the gate is open */
    int vhost[HANDOFF_DEVICES_MAX][2]; /* owned until then: VMM's end, worker's end */
    int inflight[HANDOFF_DEVICES_MAX]; /* owned */
    int console[2];                    /* owned until then: VMM's end, relay's end */
    struct process processes[PROCESSES_MAX];
    unsigned count;
    bool running;    /* the gate is open */
    bool has_run;    /* it was, in this boot or one before */
    bool host_bound; /* casemate-hosttpm knows whose guest it is */
};

/* Tell the observer, the record, and who watches at the station. */
void guard_tell(struct guard *guard, const struct launch_event *event);
void guard_step(struct guard *guard, const char *text);

/* record.c: what is known of the guest now, besides what events tell. */
void guard_record(struct guard *guard);
/* Seconds since 1970. */
uint64_t guard_now(void);
/* Since the first vCPU ran, in us. */
uint64_t guard_uptime(const struct guard *guard);
/* metrics.c: counters of now. */
void guard_metrics(const struct guard *guard, struct guest_metrics *metrics);

/* client.c: the socket that a console's client gets instead of a terminal; made anew when the last
 * client has gone. 0 or -errno. */
int guard_client_socket(struct guard *guard);
/* A client's end: *fd is the caller's. 0; -ENOTTY; -EBUSY; -errno. */
int guard_client_take(struct guard *guard, int *fd);

/* Mark every descriptor as not there; before anything that guard_release undoes. */
void guard_init(struct guard *guard);

/* prepare.c: what lasts over resets. 0 or -ECANCELED with the error filled. */
int guard_prepare(struct guard *guard);
/* Undo it, in any state. */
void guard_release(struct guard *guard);

/*
 * objects.c: the guest's identity, from the label store; then locks and labels of its disks, as one
 * transaction; and all of it given back, the janitor dismissed. 0 or -ECANCELED.
 */
int guard_identify(struct guard *guard);
int guard_take_disks(struct guard *guard);
void guard_restore(struct guard *guard);

/* io_limit.c: bandwidth of the disks, as far as the description bounds it. 0 or -ECANCELED. */
int guard_limit_io(struct guard *guard);

/* boot.c: RAM, sockets and processes of one boot. */
int guard_boot(struct guard *guard);
/* boot_gate.c: the start gate. Examine all, tell what was seen, send GO. */
int guard_open_gate(struct guard *guard);
/* Kill what runs and release what belongs to one boot. */
void guard_end_boot(struct guard *guard);

/* supervise.c: until every process is READY. 0, -EINTR (told to end between two boots), -ECANCELED.
 */
int guard_await_ready(struct guard *guard);

enum guard_outcome {
    GUARD_OFF,
    GUARD_RESET,
    GUARD_FAILED, /* error filled */
};
/* From GO to the end of this boot. */
enum guard_outcome guard_supervise(struct guard *guard);
/* Between two boots: false when the guest is to end before the time has passed. */
bool guard_rest(struct guard *guard, uint64_t milliseconds);

/* The label of a memory file, where SELinux is on. 0 or -ECANCELED. */
int guard_label(struct guard *guard, int fd, enum selinux_object object, const char *what);

/* A socket pair whose ends carry `context`, where SELinux is on. 0 or -ECANCELED. */
int guard_socket_pair(struct guard *guard, int type, const char *context, int pair[2]);

#endif
