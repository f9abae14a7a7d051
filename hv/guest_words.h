/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_GUEST_WORDS_H
#define CASEMATE_HV_GUEST_WORDS_H

/* The words for the numbers of hv/guest_record.h, as doc/org.casemate.Host.varlink has them. */
#include "hv/guest_record.h"

/* Of enum guest_state; NULL for a number that is none. */
static inline const char *guest_state_word(uint32_t state)
{
    static const char *const words[GUEST_STATES] = {
        [GUEST_STATE_STOPPED] = "stopped",   [GUEST_STATE_STARTING] = "starting",
        [GUEST_STATE_RUNNING] = "running",   [GUEST_STATE_PAUSED] = "paused",
        [GUEST_STATE_STOPPING] = "stopping", [GUEST_STATE_QUARANTINED] = "quarantined",
        [GUEST_STATE_LOST] = "lost",
    };

    return state < GUEST_STATES ? words[state] : NULL;
}

/* Of an event's type; NULL for a number that is none. */
static inline const char *guest_event_word(uint32_t type)
{
    static const char *const words[RECORD_EVENTS] = {
        [RECORD_EVENT_STEP] = "step",     [RECORD_EVENT_MISSING] = "missing",
        [RECORD_EVENT_NOTE] = "note",     [RECORD_EVENT_RUNNING] = "running",
        [RECORD_EVENT_PAUSED] = "paused", [RECORD_EVENT_RESUMED] = "resumed",
        [RECORD_EVENT_RESET] = "reset",   [RECORD_EVENT_QUARANTINED] = "quarantined",
        [RECORD_EVENT_BUTTON] = "button", [RECORD_EVENT_FORCED] = "forced",
        [RECORD_EVENT_DIED] = "died",     [RECORD_EVENT_CRASH] = "crash",
        [RECORD_EVENT_ENDED] = "ended",   [RECORD_EVENT_PERMISSIVE] = "permissive",
    };

    return type < RECORD_EVENTS ? words[type] : NULL;
}

#endif
