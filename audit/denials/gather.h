/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_AUDIT_DENIALS_GATHER_H
#define CASEMATE_AUDIT_DENIALS_GATHER_H

/*
 * What was heard in one go, put together: a process that does nothing but forbidden things, a
 * hundred thousand times a second, is one message to casemated and not a hundred thousand.
 */
#include <stdbool.h>
#include <stddef.h>

#include "audit/denials/wire.h"

#define GATHER_MAX 32u /* processes, and each kind of loss */

struct gather {
    size_t count;
    struct denials_message message[GATHER_MAX + DENIALS_LOSSES];
};

/* Forget all. */
void gather_clear(struct gather *gather);

/* One denial of a process. False when there is no room: send what there is, and say it again. */
bool gather_denial(struct gather *gather, int32_t pid, const char context[DENIALS_CONTEXT_MAX]);

/* A loss of so many; 0: nobody knows how many. There is always room for it. */
void gather_loss(struct gather *gather, enum denials_loss loss, uint64_t count);

#endif
