/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_LANGUAGE_PARSER_H
#define CASEMATE_POLICY_LANGUAGE_PARSER_H

/*
 * What the parsers of all blocks share, inside policy/: a token ahead, messages, and the way on
 * after an error. A block is a table of statements. Functions that return int give 0, or
 * PARSER_REPORTED when everything about the matter has been said.
 */
#include <stdbool.h>

#include "policy/language/lex.h"

#define PARSER_REPORTED       (-22) /* -EINVAL, as diagnostic_add returns it */
#define PARSER_STATEMENTS_MAX 24

struct parser;
struct statement_table;

/* Where each statement of a block that may stand once was read; line 0: not yet. */
struct parser_seen {
    uint32_t source, line;
};

/* Statements that may stand in every block, and parameters; the compiler's. All or none. */
struct parser_extension {
    /* Put the token's parameters in: a word or string that has "${". May make it a TOKEN_BAD. */
    void (*substitute)(struct parser *p, struct token *token);
    const char *const *words; /* what the statements begin with, `count` of them */
    size_t count;
    /* The statement of words[index], which was taken; the block's own are table's. */
    int (*parse)(struct parser *p, size_t index, const struct statement_table *table, void *context,
                 struct parser_seen *seen);
};

struct parser {
    struct lexer lexer;
    struct token token;            /* the next one */
    uint32_t end_line, end_column; /* behind the last one taken */
    struct diagnostic_list list;   /* its source and from say where the lexer is */
    bool ended;                    /* that the text ends within a block was said */
    bool stopped;                  /* there is no sense in going on */
    bool skipping;                 /* parameters mean nothing here */
    uint64_t patience;             /* bytes that may still be read, however often the same ones */
    const struct parser_extension *extension; /* or NULL */
    void *extended;                           /* the extension's own */
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

#define PARSER_PATIENCE (256ULL << 20)

/* Begin; text, diagnostics and the parser's memory are the caller's. The first token is next. */
void parser_init(struct parser *p, const char *text, size_t size,
                 struct guest_diagnostic *diagnostics, size_t room);

/* Where a token stands that was just read. */
struct source_spot parser_spot(const struct parser *p, const struct token *token);

/* Take the next token. */
void parser_advance(struct parser *p);

/* Whether the next token is this word. */
bool parser_at_word(const struct parser *p, const char *word);

/* Whether there is no room for another message, or no sense in going on: time to stop. */
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

/* Statements up to a '}' or the end of the text, neither taken. */
void parser_statements(struct parser *p, const struct statement_table *table, void *context,
                       struct parser_seen seen[PARSER_STATEMENTS_MAX]);

/* Statements up to the end of the text. */
void parser_file(struct parser *p, const struct statement_table *table, void *context,
                 struct parser_seen seen[PARSER_STATEMENTS_MAX]);

/* Skip a block that begins with the next token, a '{'. False when the text ends before its '}'. */
bool parser_skip_block(struct parser *p);

/* Take ';', or say that it is missing. */
int parser_end(struct parser *p, const struct statement_table *table);

/* Put the messages into the order of the source: the parser reads one token ahead. */
void parser_sort(struct diagnostic_list *list);

#endif
