/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_LOG_DESCRIBE_H
#define CASEMATE_ATTEST_LOG_DESCRIBE_H

/* What an event's data say, for people: of anybody's log, every byte hostile. */
#include "attest/log/reader.h"

/*
 * Append one line of printable ASCII without its end: a text with its lines joined, a variable's
 * name, the file of an application, ...; in hexadecimal what is none of that, cut after 32 bytes.
 * Rests on the event's type, which no digest covers: it may lie. Errors stick in `out`.
 */
void log_describe(const struct log_entry *entry, struct buf *out);

#endif
