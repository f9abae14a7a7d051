/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_ATTEST_H
#define CASEMATE_CMD_VERBS_ATTEST_H

/* The verbs beneath `casemate attest`: a row each in the table of cmd/verbs/attest.c. */
#include "cmd/verbs/arguments.h"

/* Each returns its exit status. */
int attest_log_verb(int argc, char **argv);
int attest_verify_verb(int argc, char **argv);

#endif
