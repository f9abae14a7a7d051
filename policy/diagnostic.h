/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_DIAGNOSTIC_H
#define CASEMATE_POLICY_DIAGNOSTIC_H

/* Messages about what somebody wrote: what is wrong, why, and what to write instead. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A message about a source; `line` and `column` count from 1 and are 0 for a command line. Of
 * several sources `source` is the index, and `from` the way there: 0, or 1 + the index of a step of
 * the compiler's (policy/language/compile.h).
 */
struct guest_diagnostic {
    uint32_t line, column, source, from;
    char message[256]; /* one line without a full stop at its end; hostile bytes escaped */
};

/*
 * Fill the message, without a position. What is too long is cut; strings that somebody else wrote
 * go through text_escape before they come here. Always returns -EINVAL.
 */
int diagnostic_set(struct guest_diagnostic *diagnostic, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Where something stands: as a message has it. Line 0: nowhere. */
struct source_spot {
    uint32_t source, line, column, from;
};

/* Whether a stands behind b, so that it is what a message about both is at. */
bool source_spot_later(struct source_spot a, struct source_spot b);

/* Messages collected during one pass over a source. */
struct diagnostic_list {
    struct guest_diagnostic *items; /* the caller's */
    size_t room, count;
    uint32_t source, from; /* where the reader is: what the next messages are given */
};

/* A message at a position. -EINVAL; -ENOSPC (nothing stored) when the list is full. */
int diagnostic_add(struct diagnostic_list *list, uint32_t line, uint32_t column, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));

#endif
