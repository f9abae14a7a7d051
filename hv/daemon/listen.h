/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_DAEMON_LISTEN_H
#define CASEMATE_HV_DAEMON_LISTEN_H

/* The socket that clients connect to. */
#include "hv/daemon/state.h"

/*
 * Listen at the options' path, or on the socket that was handed over. A socket file that nobody
 * listens at is replaced; -EADDRINUSE when somebody does. Anybody may connect as far as the file's
 * mode goes: SELinux and the host policy decide. 0 or -errno.
 */
int listen_begin(struct host *host);

/* Stop; the file goes if it is ours. */
void listen_end(struct host *host);

#endif
