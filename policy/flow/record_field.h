/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_FLOW_RECORD_FIELD_H
#define CASEMATE_POLICY_FLOW_RECORD_FIELD_H

/* The name=value fields of a record, inside policy/flow. */
#include "policy/flow/record.h"

/* Say in record->why what is wrong. Always -EBADMSG. */
int record_refuse(struct record *record, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether the text is a name as policies have them: letters, digits, '_', '-', '.'; not empty. */
bool record_is_word(const char *text);

/*
 * Take the fields of the string `at`, which is changed and must outlive the record: quoted, in hex,
 * or up to a blank. Names that nothing here asks for are passed over. 0 or -EBADMSG with `why`.
 */
int record_fields(struct record *record, char *at);

#endif
