/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_STATION_H
#define CASEMATE_HV_LAUNCH_STATION_H

/*
 * Where a guard can be found: a socket in GUARD_STATIONS (hv/guard_wire.h), named by the guest's
 * number in the label store, and the connections to it. A guard never waits for a peer.
 */
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "hv/guard_wire.h"

#define STATION_CONNECTIONS 4u /* at once; another one has to wait for its acceptance */
#define STATION_POLLS       (1 + STATION_CONNECTIONS)
#define STATION_PATH_MAX    64

struct station; /* the socket and its connections */

/* Where the station of this guest is. */
void station_path(int64_t store_id, char path[STATION_PATH_MAX]);

/* Remove the station of a guest whose guard has ended; by whoever holds the guest's place. */
void station_remove(int64_t store_id);

#endif
