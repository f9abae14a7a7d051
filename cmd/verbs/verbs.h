/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_VERBS_H
#define CASEMATE_CMD_VERBS_VERBS_H

/*
 * The verbs of `casemate`: one file each, one row each in the table of cmd/casemate.c. A verb gets
 * its own name as argv[0] and returns the exit status of the program.
 */
int verb_run(int argc, char **argv);
int verb_label(int argc, char **argv);

#endif
