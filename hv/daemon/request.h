/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_DAEMON_REQUEST_H
#define CASEMATE_HV_DAEMON_REQUEST_H

/*
 * The table of requests: what a front may ask, who must be allowed what for it, in which states of
 * the guest, and who does it. A front that says anything else is ended.
 */
#include "hv/daemon/client.h"

struct request_row {
    const char *name;       /* in logs and audit records */
    const char *class;      /* SELinux class and permission that the client needs */
    const char *permission; /* for a guest's request: to the guest, which it must also be shown */
    bool of_guest;
    uint32_t states;   /* 1 << enum guest_state in which it makes sense; 0: not looked at */
    uint32_t guard;    /* enum guard_request_type to pass on, 0: none */
    unsigned patience; /* seconds that it may take beyond the request's own; 0: for ever */
    void (*act)(struct client *client, struct guest *guest);
};

/* The row of a type (enum host_request_type), NULL for one that is none. */
const struct request_row *request_row(uint32_t type);

/*
 * Check every field of a request of which nothing is known but its size. `busy` is whether the
 * front waits for an answer. 0; -EBADMSG for one that no front sends; -EALREADY while it waits.
 */
int request_check(const struct host_request *request, bool busy);

/* Work on a checked request: who may, which guest, which state; then its row's function. */
void request_begin(struct client *client, const struct host_request *request);

/* There is room for replies again. */
void request_continue(struct client *client);

/* ---- the rows' functions, actions.c */

/* Each ends the operation with client_done, now or when what it waits for has come. */
void action_list(struct client *client, struct guest *guest);
void action_show(struct client *client, struct guest *guest);
void action_start(struct client *client, struct guest *guest);
void action_guard(struct client *client, struct guest *guest);
void action_events(struct client *client, struct guest *guest);
void action_info(struct client *client, struct guest *guest);
void action_forget(struct client *client, struct guest *guest);
void action_host_tpm(struct client *client, struct guest *guest);
void action_reload(struct client *client, struct guest *guest);

/* ---- what guards say, for those who wait; answers.c */

/* The answer to what was passed on for the client: `fd` (or -1) stays the caller's. */
void answer_from_guard(struct client *client, struct guest *guest,
                       const struct guard_message *message, int fd);
/* An event of the guest: to who listens, and to who waits for it. */
void answer_event(struct host *host, struct guest *guest, const struct record_event *event);
/* Its guard is gone: who waits for its end has it, all others have an error. */
void answer_end(struct host *host, struct guest *guest);

#endif
