/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_PARSE_GUEST_H
#define CASEMATE_POLICY_PARSE_GUEST_H

/* A guest block within a larger source, inside policy/. */
#include "policy/host.h"
#include "policy/parser.h"

/*
 * What follows the word `guest`: name, '{', statements and '}'. Fills guest->spec, which
 * guest_spec_init has been called on, and the positions of what is stated; those of what is not
 * stay. Each value has been checked by itself; what concerns several is guest_spec_check's.
 * 0, or PARSER_REPORTED: the block's '{' or '}' was not found.
 */
int parse_guest(struct parser *p, struct host_guest *guest);

#endif
