/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_DAEMON_FRONT_H
#define CASEMATE_HV_DAEMON_FRONT_H

/* Starting the process that speaks with a client: confined before it reads the first byte. */
#include "hv/daemon/state.h"

/* Open its program, compile its filter, make its root: once. 0 or -errno, logged. */
int front_prepare(struct host *host);
void front_release(struct host *host);

/* A uid that no living front has. 0 or -EBUSY. */
int front_uid_take(struct host *host, unsigned *slot);
void front_uid_release(struct host *host, unsigned slot);

/*
 * Start the client's front with its `socket` (borrowed). Fills the client's front, wire and report.
 * 0 or -errno with nothing left behind.
 */
int front_start(struct client *client, int socket);

/* What the report says once it is readable: 0 when the program runs, else -errno and which step. */
int front_report(int report, char text[RECORD_TEXT_MAX]);

/* Its client is gone: kill it, and free its uid when it is reaped. */
void front_forget(struct host *host, pid_t pid, unsigned slot);
/* At the end of casemated: who reaps them does not matter any more. */
void front_forget_all(struct host *host);
/* A child has ended; true if it was such a front. */
bool front_reaped(struct host *host, pid_t pid);

#endif
