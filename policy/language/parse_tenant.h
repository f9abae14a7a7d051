/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_LANGUAGE_PARSE_TENANT_H
#define CASEMATE_POLICY_LANGUAGE_PARSE_TENANT_H

/* What the parsers of policy blocks share. */
#include "policy/language/compiler.h"

/* Behind the word `tenant`: its name and its block. `context` is the compiler. */
int parse_tenant(struct parser *p, void *context);

/* A list's place is used up: a message, and the end of reading. PARSER_REPORTED. */
int too_many(struct parser *p, const struct token *at, unsigned max, const char *what);

/* draft_add; without room reading ends. */
void *compiler_add(struct compiler *c, enum image_table table, size_t size);

/*
 * One value or several. Strings may go on in the next line; a word there is taken for the next
 * statement's, in front of which a ';' was forgotten.
 */
int list_of(struct parser *p, struct compiler *c, int (*one)(struct parser *p, struct compiler *c));

/* A pattern of a tenant (index in the draft) or IMAGE_NONE, which has `count` so far. */
int parse_pattern(struct parser *p, struct compiler *c, uint32_t use, uint32_t tenant,
                  uint32_t *count);

/*
 * What follows `attest` in a tenant, or `attest GUEST`, of which `guest` is the name (else NULL):
 * '{', clauses and '}'. 0, or PARSER_REPORTED.
 */
int parse_attest(struct parser *p, struct compiler *c, const struct token *guest, const char *name);

/* A number from 1 to `max`; `what` and `wanted` are for messages. 0, or PARSER_REPORTED. */
int parse_number(struct parser *p, const char *what, uint64_t max, const char *wanted,
                 uint32_t *value);

#endif
