/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_POLICY_H
#define CASEMATE_CMD_VERBS_POLICY_H

/* What the verbs beneath `casemate policy` share. Each is in the table of cmd/verbs/policy.c. */
#include "cmd/verbs/arguments.h"
#include "cmd/verbs/policy_compile.h"

/* Each returns its exit status. */
int policy_check_verb(int argc, char **argv);
int policy_fmt_verb(int argc, char **argv);
int policy_compile_verb(int argc, char **argv);
int policy_show_verb(int argc, char **argv);
int policy_load_verb(int argc, char **argv);
int policy_explain_verb(int argc, char **argv);
int policy_graph_verb(int argc, char **argv);
int policy_learn_verb(int argc, char **argv);
int policy_prove_verb(int argc, char **argv);
int policy_verify_verb(int argc, char **argv);
int policy_diff_verb(int argc, char **argv);

/* arguments_parse for a verb, "policy NAME", whose words are the files of one policy. */
bool policy_arguments(const char *name, const char *what, const struct verb_option *options,
                      int argc, char **argv, struct arguments *arguments, int *status);

/*
 * Compile the files that the arguments name. VERB_OK, and *compiled, which is the caller's, has an
 * image or messages; else what failed has been said.
 */
int policy_compile_files(const struct arguments *arguments, struct compiled **compiled);

/* Print the messages, each with its place, to standard error. */
void policy_show_messages(const struct compiled *compiled);

/*
 * Compile the files that the arguments name. VERB_OK, and *compiled has an image and is the
 * caller's; else what is wrong has been said.
 */
int policy_take(const struct arguments *arguments, struct compiled **compiled);
/* The same of one file, whose name must outlive *compiled. */
int policy_take_file(const char *file, struct compiled **compiled);

#endif
