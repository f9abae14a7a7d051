/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_PARSE_HOST_H
#define CASEMATE_POLICY_PARSE_HOST_H

/* A host's policy while it is read, inside policy/. */
#include "policy/host.h"
#include "policy/parser.h"

/*
 * Whoever is named may be declared further down: such names are kept as tokens, which point into
 * the source, and looked up at the end.
 */
struct host_parser {
    struct parser parser;
    struct host_policy *policy;
    uint32_t room;   /* for guests */
    bool over;       /* more guests than the memory has room for */
    uint32_t tenant; /* whose block is read */
    uint32_t object;
    bool object_readonly;
    struct token share[HOST_SHARES_MAX];
    struct token conflict[HOST_CONFLICTS_MAX][2];
};

/*
 * When all is read: look names up, fill in what follows from other statements, check the rules.
 * Each step only where nothing is wrong so far. Errors are in the parser's list.
 */
void parse_host_resolve(struct host_parser *host);

#endif
