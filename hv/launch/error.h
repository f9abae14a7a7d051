/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_ERROR_H
#define CASEMATE_HV_LAUNCH_ERROR_H

/* Errors for people. */
#include "hv/launch/launch.h"

/*
 * Store result and sentence, unless an earlier error is there already: the first cause is what
 * people need. Returns -ECANCELED, so that a caller can `return launch_fail(...)`.
 */
int launch_fail(struct launch_error *error, enum launch_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * The sentence for a failure that a process reported. `subject` names the process for people
 * ("casemate-blk of disk /srv/a.img"). Returns the result that belongs to it.
 */
enum launch_result failure_text(const struct control_message *message, const char *subject,
                                char *text, size_t size);

#endif
