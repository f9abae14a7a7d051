/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_DAEMON_GUARDS_H
#define CASEMATE_HV_DAEMON_GUARDS_H

/*
 * Connections with guards: hv/guard_wire.h, spoken without waiting. A guard is as trusted as
 * casemated, but what it says is checked all the same: it is one of many, and each has a guest.
 */
#include "hv/daemon/state.h"
#include "hv/host_wire.h"
#include "policy/guest.h"

#define GUARD_PENDING_MAX 64u /* requests without an answer */

struct guard_pending {
    uint32_t type;   /* enum guard_request_type */
    uint64_t client; /* who waits for the answer; 0: casemated itself */
    uint32_t serial; /* of its request */
};

struct guard {
    struct guard *next;
    struct host *host;
    struct guest *guest; /* NULL until it has said whose guard it is */
    int socket;          /* owned */
    struct loop_source *source, *clock;
    pid_t pid;
    int pidfd;        /* owned: the same process, of one that we started, until machined knows it */
    int64_t store_id; /* of its station's name; 0: we started it */
    bool ours;        /* started by this casemated */
    bool greeted;     /* it has sent a record */
    bool ended;       /* it has said that the guest's life is over */
    struct guard_pending pending[GUARD_PENDING_MAX];
    unsigned first, pendings;
};

/* Take the digests of guests' programs, if they are others than those that are known. */
void guard_learn_programs(struct host *host);

/*
 * Start a guard for the guest as the policy describes it, with its disks that are objects. 0: what
 * becomes of it comes as events. -errno.
 */
int guard_start(struct host *host, struct guest *guest, const struct guest_spec *spec,
                const uint8_t shared[GUEST_DISKS_MAX]);

/*
 * Ask; the answer goes to the client's request `serial`, if that is still waiting. 0; -EAGAIN when
 * too much is unanswered; -errno.
 */
int guard_ask(struct guard *guard, uint32_t type, uint32_t seconds, uint64_t client,
              uint32_t serial);
/* The same with all that a client's checked request says. */
int guard_pass(struct guard *guard, uint32_t type, const struct host_request *request,
               uint64_t client);
/* Quarantine its guest because of so many denials; denials_answered gets the answer. As above. */
int guard_quarantine(struct guard *guard, uint32_t denials);

/* True once it has said what it guards: then it answers GUARD_SHOW. */
bool guard_answers(const struct guard *guard);

/* True while a guard that was found has not said so. */
bool guards_to_greet(const struct host *host);

/* Take a connected socket, `socket` being the caller's only on failure. 0 or -errno. */
int guard_adopt(struct host *host, int socket, pid_t pid, struct guest *guest, int64_t store_id,
                struct guard **guard);

/* Undo that without a word about the guest, which goes on if there is one. */
void guard_forget(struct guard *guard);

/* Close all connections; the guards go on. */
void guards_leave(struct host *host);

/*
 * True for a message of whole size that is one: magic, version, type, texts that end, numbers in
 * range; its status not above 0.
 */
bool guard_message_ok(const struct guard_message *message);

/* stations.c: connect to every guard that has a station, and to those that come. 0 or -errno. */
int stations_watch(struct host *host);
void stations_release(struct host *host);

#endif
