/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_DAEMON_RECOVER_H
#define CASEMATE_HV_DAEMON_RECOVER_H

#include "hv/daemon/state.h"

/*
 * Give back what guests that are gone still hold (label_journal_recover), before anything is
 * started. Every finding goes to the log; a failure is logged and does not keep casemated from
 * managing what lives.
 */
void recover_labels(struct host *host);

#endif
