/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_LANGUAGE_LEX_H
#define CASEMATE_POLICY_LANGUAGE_LEX_H

/*
 * Words of the policy language: text of unknown origin to tokens. The text must be UTF-8 without
 * control characters (tab, carriage return and line feed aside), without a byte order mark and
 * without the characters that make text show in another order than it is read: a policy means what
 * it looks like. Columns count characters.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/diagnostic.h"

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,             /* letters, digits, '_', '.', '-': names, numbers, sizes */
    TOKEN_STRING,           /* in double quotes; escapes \" \\ \xNN */
    TOKEN_OPEN,             /* { */
    TOKEN_CLOSE,            /* } */
    TOKEN_END_OF_STATEMENT, /* ; */
    TOKEN_LEFT,             /* ( and the following: in policies, not in a guest block alone */
    TOKEN_RIGHT,            /* ) */
    TOKEN_COMMA,            /* , */
    TOKEN_ARROW,            /* -> */
    TOKEN_BOTH,             /* <-> */
    TOKEN_BAD,              /* reported already */
};

#define LEX_WORD_MAX 64 /* with NUL; a longer word is reported as bad */

struct token {
    enum token_kind kind;
    uint32_t line, column; /* of its first character */
    const char *start;     /* in the source; of a string, behind the quote */
    size_t size;           /* bytes; of a string, without the quotes */
    bool decoded;          /* `start` is not in the source: without escapes and parameters */
};

struct lexer {
    const char *text; /* the caller's, not terminated */
    size_t size, at;
    uint32_t line, column;
    bool templates;               /* more than a guest block: punctuation, ${parameters} */
    struct diagnostic_list *list; /* where errors go */
};

/* Begin at the text's start. `size` at most UINT32_MAX - 1 (columns); text and list outlive it. */
void lex_init(struct lexer *lexer, const char *text, size_t size, struct diagnostic_list *list);

/* The next token; TOKEN_END again and again at the end. Each call but that one consumes a byte. */
void lex_next(struct lexer *lexer, struct token *token);

/* The value of a hexadecimal digit, or -1. */
int lex_hex(char digit);

/* Whether a byte may stand in a word. */
bool lex_word_byte(char byte);

/* Bytes of the "${name}" at `at`, of `size` that may be read; 0: it is none. */
size_t lex_parameter(const char *at, size_t size);

/* A word as a string: `word` has LEX_WORD_MAX bytes. The token must be a TOKEN_WORD. */
void lex_word(const struct token *token, char word[LEX_WORD_MAX]);

/*
 * A TOKEN_STRING without its escapes, into `to` of `size` bytes; it never contains a NUL. 0, or
 * -ENAMETOOLONG with `to` untouched.
 */
int lex_string(const struct token *token, char *to, size_t size);

/* How messages show a token: the words' and strings' beginning, escaped. Returns `to`. */
char *lex_show(const struct token *token, char *to, size_t size);

#endif
