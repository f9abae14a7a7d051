/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_STATION_INTERNAL_H
#define CASEMATE_HV_LAUNCH_STATION_INTERNAL_H

/* Shared by the station's own files only. */
#include <limits.h>

#include "hv/launch/station.h"

struct connection {
    int fd; /* owned; -1: free */
    bool watching;
    uint32_t dropped; /* events since the last message */
};

struct station {
    int listener; /* owned; -1: does not listen */
    bool same_domain;
    char path[PATH_MAX];
    struct connection connection[STATION_CONNECTIONS];
    /* Being sent, too large for the stack. Two, for what is asked may tell of itself meanwhile. */
    struct guard_message answer, event;
};

/* 0 if the peer is root's and, if `same_domain`, of this process's SELinux type; else -EACCES. */
int station_check_peer(int socket, bool same_domain);

#endif
