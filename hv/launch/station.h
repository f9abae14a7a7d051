/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_STATION_H
#define CASEMATE_HV_LAUNCH_STATION_H

/*
 * Where a guard can be found: a socket in GUARD_STATIONS (hv/guard_wire.h), named by the guest's
 * number in the label store, and the connections to it. A guard never waits for a peer: an answer
 * that its connection does not take ends the connection, an event is dropped and counted.
 */
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "hv/guard_wire.h"

#define STATION_CONNECTIONS 4u /* at once; another one waits until one of them ends */
#define STATION_POLLS       (1 + STATION_CONNECTIONS)
#define STATION_PATH_MAX    64

struct station; /* the connections, and the socket once it listens */

/* Where the station of this guest is. */
void station_path(int64_t store_id, char path[STATION_PATH_MAX]);

/* Remove the station of a guest whose guard has ended; by whoever holds the guest's place. */
void station_remove(int64_t store_id);

/*
 * A station that does not listen yet. `inherited` (-1: none) is a connected SOCK_SEQPACKET to
 * casemated, which gets every event; it becomes the station's. `same_domain`: a peer must be in the
 * SELinux type of this process, besides being root. 0; -EACCES when the inherited one's peer is
 * not; -ENOMEM; -errno.
 */
int station_new(int inherited, bool same_domain, struct station **station);

/*
 * Listen at `path`, whose directory is made (mode 0700) if it is not there and must be this uid's
 * alone; what is at the path is replaced: it is another boot's or a killed guard's. 0; -EPERM: the
 * directory is not ours alone; -errno.
 */
int station_listen(struct station *station, const char *path);

/* What is to be polled, STATION_POLLS of them; NULL: nothing. */
void station_prepare(const struct station *station, struct pollfd polls[STATION_POLLS]);

/*
 * Answers one checked request (its type is in range): fills `message`, zeroed, with status and what
 * the request asks for; *fd, which stays -1 without one, becomes the station's and goes with it.
 */
typedef void station_answer(void *context, const struct guard_request *request,
                            struct guard_message *message, int *fd);

/* Serve what is ready: accept, or answer one request of each connection. */
void station_serve(struct station *station, const struct pollfd polls[STATION_POLLS],
                   station_answer *answer, void *context);

/* Tell all that watch. NULL: nothing. */
void station_tell(struct station *station, const struct record_event *event);

/* Be found no more; connections stay. NULL is allowed. */
void station_unlisten(struct station *station);

/* Close all, and remove the socket. NULL is allowed. */
void station_close(struct station *station);

#endif
