/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_PROGRESS_H
#define CASEMATE_CMD_VERBS_PROGRESS_H

/*
 * What takes longer than two seconds says so on standard error, if that is a terminal, and again
 * every ten seconds: "casemate: still scanning". By SIGALRM; calls of the kernel go on.
 */

/* Begin, or begin something else; `doing` is as in "stopping acme/web". */
void progress_begin(const char *doing);

/* It is done. */
void progress_end(void);

#endif
