/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_ATTEST_H
#define CASEMATE_CMD_VERBS_ATTEST_H

/* The verbs beneath `casemate attest`: a row each in the table of cmd/verbs/attest.c. */
#include "cmd/verbs/arguments.h"

/*
 * Whether what is asked for opens an operator's or our own files as a launcher does (log, predict,
 * reference) and so stays in the launcher's domain; what they contain is parsed elsewhere.
 */
bool attest_launches(int argc, char **argv);

/* What the start of a policy's guest names besides (PCR 21), as text. */
struct attest_named {
    bool known;
    char policy[65], proof[65]; /* digests; "": there is none */
};

/* Show a log of ours, as `attest log` does, and what is named. Returns an exit status. */
int attest_log_show(const char *name, const void *bytes, size_t size, bool json,
                    const struct attest_named *named);

/* Each returns its exit status. */
int attest_deliver_verb(int argc, char **argv);
int attest_activate_verb(int argc, char **argv);
int attest_enroll_verb(int argc, char **argv);
int attest_revoke_verb(int argc, char **argv);
int attest_log_verb(int argc, char **argv);
int attest_predict_verb(int argc, char **argv);
int attest_quote_verb(int argc, char **argv);
int attest_reference_verb(int argc, char **argv);
int attest_verify_verb(int argc, char **argv);

#endif
