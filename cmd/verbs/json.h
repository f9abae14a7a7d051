/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_JSON_H
#define CASEMATE_CMD_VERBS_JSON_H

/* JSON as the verbs print it, for programs. */
#include <jansson.h>
#include <stdint.h>

/* A text; one that is not UTF-8 (a file name may be anything) is escaped first. */
json_t *json_text(const char *text);

/* The same, or null for "" and NULL. */
json_t *json_optional(const char *text);

/* Print to standard output and release: indented, or on one line. 0, or VERB_SYSTEM (said). */
int json_print(json_t *steal);
int json_print_line(json_t *steal);

#endif
