/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_DAEMON_RECOVER_H
#define CASEMATE_HV_DAEMON_RECOVER_H

#include "hv/daemon/state.h"

/*
 * End what guards that were killed with their janitors left behind, and give back what guests that
 * are gone still hold (abandoned_recover): before anything is started, then with `check` of the
 * whole store, and when such a guest is met. Every finding goes to the log; a failure is logged and
 * does not keep casemated from managing what lives.
 */
void recover_guests(struct host *host, bool check);

/*
 * The same in a child, without waiting: it may take ten seconds for each guest that has a process
 * which hangs in the kernel, and clients are not to wait with it. At most one at a time.
 */
void recover_beside(struct host *host);
/* A child has ended; true if it was that one: the store is to be read again. */
bool recover_child(struct host *host, pid_t pid);

#endif
