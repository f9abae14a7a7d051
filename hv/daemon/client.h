/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_DAEMON_CLIENT_H
#define CASEMATE_HV_DAEMON_CLIENT_H

/*
 * A client: who it is by the kernel's word, the front that speaks with it, and the one request that
 * is being worked on.
 */
#include "hv/daemon/state.h"

#define CLIENT_GROUPS_MAX 64u /* supplementary groups that are looked at */
#define CLIENT_QUEUE_MAX  4u  /* replies that wait for room */

/* What a front asked for and has not been told the end of. */
struct operation {
    bool active;
    struct host_request request;
    uint64_t guest;            /* number; 0: none */
    uint64_t cursor;           /* List: number of the next guest */
    struct loop_source *clock; /* patience with the guard, or until a refusal is told; or NULL */
    bool waits_for_end;        /* Stop, Kill: done when the guest has ended */
    bool waits_for_policy;     /* Reload */
    bool asked_for_record;     /* Start: it runs, its record is on its way */
    struct {
        enum host_status status; /* HOST_OK: it is not refused */
        char text[256];
    } refusal;
};

struct client {
    struct client *next;
    uint64_t number; /* never given twice */
    struct host *host;
    struct access_peer peer;
    gid_t groups[CLIENT_GROUPS_MAX];
    unsigned group_count;
    unsigned uid_slot; /* of its front */
    pid_t front;
    int wire;   /* owned */
    int report; /* owned: where the front says what step failed before its exec, or -1 */
    struct loop_source *wire_source, *report_source;
    struct operation operation;
    struct {
        struct host_reply *reply; /* owned */
        int fd;                   /* owned, or -1 */
    } queue[CLIENT_QUEUE_MAX];
    unsigned queued;
};

/*
 * Take an accepted connection: read who it is, ask whether it may be here, start its front. The
 * socket is the front's afterwards; on an error the caller closes it. 0; -EACCES; -EBUSY over a
 * limit; -errno, logged.
 */
int client_admit(struct host *host, int socket);

/* End it and its front. The client is gone when this returns. */
void client_drop(struct client *client);
void client_drop_all(struct host *host);

/* A child has ended; true if it was a front. */
bool client_child(struct host *host, pid_t pid, int status);

/* The client of that number, or NULL. */
struct client *client_find(const struct host *host, uint64_t number);

/* A reply to the request in work, zeroed but for what every reply has; released by the caller. NULL
 * without memory. */
struct host_reply *client_reply_new(const struct client *client, enum host_reply_type type);

/*
 * Send now or not at all: events and records of a list, which somebody else keeps. 0; -EAGAIN
 * without room; other -errno when the front is gone.
 */
int client_try(struct client *client, const struct host_reply *reply);

/*
 * End the request in work: DONE with `status`, `result` and a text, and `fd` (borrowed; -1: none).
 * Waits in a queue for room. The client is dropped if that fails.
 */
void client_done(struct client *client, enum host_status status, uint32_t result, int fd,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The same for a reply that is not the last; `reply` is taken. */
void client_send(struct client *client, struct host_reply *reply, int fd);

/* Ask for `more` when there is room: List goes on. */
void client_want_room(struct client *client, bool want);

#endif
