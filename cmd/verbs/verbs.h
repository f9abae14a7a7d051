/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_VERBS_H
#define CASEMATE_CMD_VERBS_VERBS_H

/*
 * The verbs of `casemate`: one file each, one row each in the table of cmd/casemate.c. A verb gets
 * its own name as argv[0] and returns the exit status of the program.
 */
int verb_run(int argc, char **argv);
int verb_start(int argc, char **argv);
int verb_stop(int argc, char **argv);
int verb_kill(int argc, char **argv);
int verb_pause(int argc, char **argv);
int verb_resume(int argc, char **argv);
int verb_quarantine(int argc, char **argv);
int verb_forget(int argc, char **argv);
int verb_list(int argc, char **argv);
int verb_show(int argc, char **argv);
int verb_console(int argc, char **argv);
int verb_metrics(int argc, char **argv);
int verb_events(int argc, char **argv);
int verb_info(int argc, char **argv);
int verb_reload(int argc, char **argv);
int verb_label(int argc, char **argv);
int verb_policy(int argc, char **argv);
int verb_attest(int argc, char **argv);

#endif
