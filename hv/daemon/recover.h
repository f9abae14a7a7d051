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

#endif
