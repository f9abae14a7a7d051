/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_POLICY_CONFINED_H
#define CASEMATE_CMD_VERBS_POLICY_CONFINED_H

/* Looking at what somebody else wrote (audit logs, compiled policies), where there is nothing to
 * win. */
#include <stddef.h>

/*
 * Run `work` in a child that can do nothing but use memory and write to standard output and error:
 * no privilege, no other descriptor, no further system call. What it needs is in memory when it
 * begins; what it changes there is lost. Returns what `work` returned, 0..3; VERB_SYSTEM (said)
 * when the child could not be confined or died.
 */
int policy_confined(int (*work)(void *context), void *context);

/*
 * Read a whole file, or standard input for "-", of at most `max` bytes; the caller frees *data with
 * free(). Only copied, not looked at. 0; -EFBIG; -errno.
 */
int policy_read_file(const char *path, size_t max, char **data, size_t *size);

#endif
