/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_PARSER_H
#define CASEMATE_POLICY_PARSER_H

/*
 * What the parsers of all blocks share, inside policy/: a token ahead, messages, and the way on
 * after an error. A block is a table of statements. Functions that return int give 0, or
 * PARSER_REPORTED when everything about the matter has been said.
 */
#include <stdbool.h>

#include "policy/lex.h"

#define PARSER_REPORTED       (-22) /* -EINVAL, as diagnostic_add returns it */
#define PARSER_STATEMENTS_MAX 16

struct parser {
    struct lexer lexer;
    struct token token;            /* the next one */
    uint32_t end_line, end_column; /* behind the last one taken */
    struct diagnostic_list list;
    bool ended; /* that the text ends within a block was said */
};

/* One kind of statement of a block. */
struct statement {
    const char *word;
    /* With the token behind the word next. `context` is the block's. */
    int (*parse)(struct parser *p, void *context);
    bool repeats; /* may stand more than once */
    bool block;   /* ends with its own '}', without a ';' */
};

struct statement_table {
    const struct statement *statements;
    size_t count;     /* at most PARSER_STATEMENTS_MAX */
    const char *want; /* "a statement, such as 'memory 512M;', or '}'" */
    const char *has;  /* "a guest has kernel, ...": what there is instead of an unknown word */
};

/* Begin; text, diagnostics and the parser's memory are the caller's. The first token is next. */
void parser_init(struct parser *p, const char *text, size_t size,
                 struct guest_diagnostic *diagnostics, size_t room);

/* Take the next token. */
void parser_advance(struct parser *p);

/* Whether the next token is this word. */
bool parser_at_word(const struct parser *p, const char *word);

/* Whether there is no room for another message: time to stop. */
bool parser_full(const struct parser *p);

/* A message at the next token: "expected %s, not ...". A bad token has had its own. */
int parser_unexpected(struct parser *p, const char *wanted);

/* Report at `token` what a check said. */
int parser_report(struct parser *p, const struct token *token, const struct guest_diagnostic *d);

/* Take a word, as a string into `word` and as a token into *token (may be NULL). */
int parser_word(struct parser *p, const char *wanted, struct token *token, char word[LEX_WORD_MAX]);

/* Take a string of at most `size` bytes with its NUL. It is taken even when it is too long. */
int parser_string(struct parser *p, const char *wanted, char *to, size_t size);

/* Take a word or a string, for names that some people quote. `size` at least LEX_WORD_MAX. */
int parser_name(struct parser *p, const char *wanted, char *to, size_t size);

/* Take '{'. */
int parser_open(struct parser *p, const char *wanted);

/*
 * Statements up to the block's '}', which is taken, reporting each error and going on behind it.
 * `what` and `name` (or NULL) are the block's ("guest", "web"), begun on `line`.
 */
int parser_block(struct parser *p, const struct statement_table *table, void *context,
                 const char *what, const char *name, uint32_t line);

/* Statements up to the end of the text. */
void parser_file(struct parser *p, const struct statement_table *table, void *context);

/* Put the messages into the order of the source: the parser reads one token ahead. */
void parser_sort(struct diagnostic_list *list);

#endif
