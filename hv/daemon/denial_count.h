/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_DAEMON_DENIAL_COUNT_H
#define CASEMATE_HV_DAEMON_DENIAL_COUNT_H

/* Whose denial it was, and how many a guest has had. No clock and no system call of its own. */
#include <stdbool.h>
#include <stdint.h>

#include "audit/denials/wire.h"
#include "hv/guest_record.h"

struct denial_count {
    uint64_t total; /* since the guest's start */
    uint64_t *when; /* owned, or NULL: of the last ones, in ms; a ring of `room` */
    unsigned room, first, held;
};

/* Forget all: another life of the guest begins. */
void denial_count_clear(struct denial_count *count);

/*
 * `more` denials at `now` (ms of a clock that does not go back). 1 once there are `limit` (1 ..
 * IMAGE_DENIALS_MAX), within any `within` seconds if that is not 0; 0 while there are not; -ENOMEM:
 * they could not be noted, only `total` knows them.
 */
int denial_count_add(struct denial_count *count, uint32_t more, uint64_t now, uint32_t limit,
                     uint32_t within);

/*
 * Whether a process of the guest was denied something: one that its start gate saw with this pid
 * and with exactly this context. The context alone names the guest, for no other that exists has
 * its categories; the pid keeps out records in which a guest's context stands although another
 * acts: of a packet that somebody sends to its socket the kernel writes the receiver's context and
 * the sender's pid.
 */
bool denial_is_of(const struct guest_record *record, int32_t pid, const char *context);

/*
 * True for a message that casemate-denials sends: magic, version, type, numbers in their range, a
 * context that ends, and nothing where there is nothing to say.
 */
bool denial_message_ok(const struct denials_message *message);

#endif
