/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_EVENT_LOG_H
#define CASEMATE_HV_LAUNCH_EVENT_LOG_H

/* What becomes of a guest, as entries of a log for people and programs (doc/journal.md). */
#include <stddef.h>

#include "base/journal.h"
#include "hv/guest_record.h"

#define EVENT_LOG_FIELDS 14u
#define EVENT_LOG_TEXT   (RECORD_TEXT_MAX + 256)

struct event_log {
    char message[EVENT_LOG_TEXT], uuid[37], result[12], process[16], pid[12];
    char tenant[RECORD_NAME_MAX], guest[RECORD_NAME_MAX];
    struct journal_field fields[EVENT_LOG_FIELDS];
    size_t count;
    int priority; /* of syslog(3) */
};

/*
 * Fill `log`, whose fields point into itself, with MESSAGE, MESSAGE_ID, PRIORITY and the fields
 * CASEMATE_* of an event of the guest that `record` tells of. 0; -ENOENT for an event that is no
 * matter for a log.
 */
int event_log_fill(struct event_log *log, const struct guest_record *record,
                   const struct record_event *event);

/* As RFC 9562, section 4, writes it; "" for the one of zeroes. */
void event_log_uuid(const uint8_t uuid[16], char text[37]);

#endif
