/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_PROGRESS_H
#define CASEMATE_CMD_VERBS_PROGRESS_H

/*
 * What takes longer than two seconds says so on standard error, if that is a terminal, and again
 * every ten seconds: "casemate: still scanning". By SIGALRM; calls of the kernel go on.
 */

/* Begin; `doing` ("stopping acme/web") must live until progress_end. */
void progress_begin(const char *doing);

/* It is done. */
void progress_end(void);

#endif
