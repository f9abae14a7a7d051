/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/language/lex.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

void lex_init(struct lexer *lexer, const char *text, size_t size, struct diagnostic_list *list)
{
    if (size == 0)
        text = ""; /* an empty text may be NULL, on which C allows no arithmetic */
    *lexer = (struct lexer){.text = text, .size = size, .line = 1, .column = 1, .list = list};
}

bool lex_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
}

int lex_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/*
 * Decode one character of UTF-8 (RFC 3629: shortest form, no surrogates, at most U+10FFFF). Returns
 * its length, or 0 when the bytes are not one.
 */
static size_t utf8(const char *text, size_t size, uint32_t *character)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)text[0];
    uint32_t c;
    size_t n;

    if (first < 0x80) {
        *character = first;
        return 1;
    }
    n = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || size < n)
        return 0;
    c = first & (0xffU >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        unsigned char next = (unsigned char)text[i];

        if ((next & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (next & 0x3fU);
    }
    if (c < smallest[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *character = c;
    return n;
}

/*
 * Characters with which an attacker who may edit a comment makes a statement look like something
 * else: the byte order mark, directional overrides and isolates, line separators.
 */
static bool deceptive(uint32_t c)
{
    return c == 0xfeff || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

/*
 * Step over one character that is part of a string, a comment or nothing. False, after a message,
 * when it may stand nowhere in a source.
 */
static bool step(struct lexer *lx)
{
    uint32_t c = 0;
    size_t n = utf8(lx->text + lx->at, lx->size - lx->at, &c);
    unsigned char byte = (unsigned char)lx->text[lx->at];
    uint32_t line = lx->line, column = lx->column;

    lx->at += n > 0 ? n : 1;
    lx->column++;
    if (n == 0) {
        (void)diagnostic_add(lx->list, line, column,
                             "byte 0x%02x is not UTF-8: save the file as UTF-8, or write \\x%02x "
                             "in a string",
                             byte, byte);
        return false;
    }
    if ((c < 0x20 && c != '\t') || (c >= 0x7f && c < 0xa0)) {
        (void)diagnostic_add(lx->list, line, column, "control character 0x%02x: delete it", c);
        return false;
    }
    if (deceptive(c)) {
        (void)diagnostic_add(lx->list, line, column,
                             "invisible character U+%04X can make the text look different from "
                             "what it says: delete it",
                             c);
        return false;
    }
    return true;
}

/* Step over a byte of something that is reported already, keeping the column right. */
static void glide(struct lexer *lx)
{
    lx->column += ((unsigned char)lx->text[lx->at] & 0xc0) != 0x80;
    lx->at++;
}

/* A carriage return alone would move a terminal's cursor over what it has shown. */
static bool carriage_return(const struct lexer *lx)
{
    return lx->text[lx->at] == '\r' && lx->at + 1 < lx->size && lx->text[lx->at + 1] == '\n';
}

/* Skip blanks and comments. False when something in a comment is not allowed (it is skipped). */
static bool skip_blank(struct lexer *lx)
{
    bool comment = false, clean = true;

    while (lx->at < lx->size) {
        char c = lx->text[lx->at];

        if (c == '\n') {
            comment = false;
            lx->at++;
            lx->line++;
            lx->column = 1;
        } else if (comment) {
            /* One message per comment: the rest of a binary file is not worth more. */
            if (clean && !carriage_return(lx))
                clean = step(lx);
            else
                glide(lx);
        } else if (c == ' ' || c == '\t' || carriage_return(lx)) {
            glide(lx);
        } else if (c == '#') {
            comment = true;
            glide(lx);
        } else {
            break;
        }
    }
    return clean;
}

/* The escape at lx->at (a backslash). False after a message. */
static bool escape(struct lexer *lx)
{
    const char *at = lx->text + lx->at;
    size_t left = lx->size - lx->at;
    uint32_t column = lx->column;
    int high, low;

    if (left >= 2 && (at[1] == '"' || at[1] == '\\')) {
        lx->at += 2;
        lx->column += 2;
        return true;
    }
    high = left >= 4 && at[1] == 'x' ? lex_hex(at[2]) : -1;
    low = high >= 0 ? lex_hex(at[3]) : -1;
    if (low >= 0 && (high | low) != 0) {
        lx->at += 4;
        lx->column += 4;
        return true;
    }
    glide(lx);
    if (low >= 0)
        (void)diagnostic_add(lx->list, lx->line, column, "a string cannot contain the byte 0");
    else
        (void)diagnostic_add(lx->list, lx->line, column,
                             "unknown escape in a string: write \\\" for a quote, \\\\ for a "
                             "backslash, \\xNN for a byte");
    return false;
}

/* A character of a string that is reported already: an escaped quote does not end it. */
static void follow(struct lexer *lx)
{
    bool escaped = lx->text[lx->at] == '\\';

    glide(lx);
    if (escaped && lx->at < lx->size && lx->text[lx->at] != '\n')
        glide(lx);
}

static void string(struct lexer *lx, struct token *token)
{
    bool good = true;

    lx->at++;
    lx->column++;
    token->start = lx->text + lx->at;
    while (lx->at < lx->size && lx->text[lx->at] != '\n') {
        char c = lx->text[lx->at];

        if (c == '"') {
            token->size = (size_t)(lx->text + lx->at - token->start);
            token->kind = good ? TOKEN_STRING : TOKEN_BAD;
            lx->at++;
            lx->column++;
            return;
        }
        /* After the first error the string is only followed to its end. */
        if (c == '\\' && good)
            good = escape(lx);
        else if (good)
            good = step(lx);
        else
            follow(lx);
    }
    (void)diagnostic_add(lx->list, token->line, token->column,
                         "this string is not closed on its line: add the closing \"");
    token->kind = TOKEN_BAD;
}

size_t lex_parameter(const char *at, size_t size)
{
    size_t n = 2;

    if (size < 4 || at[0] != '$' || at[1] != '{')
        return 0;
    while (n < size && ((at[n] >= 'a' && at[n] <= 'z') || (at[n] >= '0' && at[n] <= '9') ||
                        at[n] == '_' || at[n] == '-'))
        n++;
    return n > 2 && n < size && at[n] == '}' ? n + 1 : 0;
}

/* "->" or "<->" here: its length, or 0. */
static size_t arrow(const struct lexer *lx)
{
    const char *at = lx->text + lx->at;
    size_t left = lx->size - lx->at;

    if (!lx->templates)
        return 0;
    if (left >= 3 && memcmp(at, "<->", 3) == 0)
        return 3;
    return left >= 2 && memcmp(at, "->", 2) == 0 ? 2 : 0;
}

/* A part of a word, here: its length, or 0. */
static size_t word_part(const struct lexer *lx)
{
    if (lx->at >= lx->size || arrow(lx) > 0)
        return 0;
    if (lex_word_byte(lx->text[lx->at]))
        return 1;
    return lx->templates ? lex_parameter(lx->text + lx->at, lx->size - lx->at) : 0;
}

static void word(struct lexer *lx, struct token *token)
{
    size_t part;

    while ((part = word_part(lx)) > 0)
        lx->at += part;
    token->size = (size_t)(lx->text + lx->at - token->start);
    lx->column += (uint32_t)token->size;
    token->kind = TOKEN_WORD;
    if (token->size >= LEX_WORD_MAX) {
        (void)diagnostic_add(lx->list, token->line, token->column,
                             "a word of %zu characters: words have at most %d", token->size,
                             LEX_WORD_MAX - 1);
        token->kind = TOKEN_BAD;
    }
}

/* Whatever stands where a token should begin: one message for all that follows up to a blank. */
static void stray(struct lexer *lx, struct token *token)
{
    char c = lx->text[lx->at];

    token->kind = TOKEN_BAD;
    if (step(lx)) {
        if (c == '/')
            (void)diagnostic_add(lx->list, token->line, token->column,
                                 "a path stands in double quotes, as in \"/boot/vmlinuz\"");
        else if (c > ' ' && c <= '~')
            (void)diagnostic_add(lx->list, token->line, token->column,
                                 "'%c' means nothing here: strings stand in double quotes, "
                                 "comments begin with '#'",
                                 c);
        else
            (void)diagnostic_add(lx->list, token->line, token->column,
                                 "words are written with a-z, 0-9, '_', '.' and '-': put other "
                                 "characters in double quotes");
    }
    while (lx->at < lx->size && strchr(" \t\r\n;{}\"#", lx->text[lx->at]) == NULL) {
        glide(lx);
    }
    token->size = (size_t)(lx->text + lx->at - token->start);
}

/* What only policies have. False when it is nothing of that. */
static bool punctuation(struct lexer *lx, struct token *token)
{
    static const char signs[] = "(),";
    static const enum token_kind kinds[] = {TOKEN_LEFT, TOKEN_RIGHT, TOKEN_COMMA};
    const char *sign = strchr(signs, lx->text[lx->at]);

    if (!lx->templates)
        return false;
    token->size = arrow(lx);
    if (token->size > 0) {
        token->kind = token->size == 3 ? TOKEN_BOTH : TOKEN_ARROW;
    } else if (sign != NULL && *sign != '\0') {
        token->kind = kinds[sign - signs];
        token->size = 1;
    } else {
        token->size = 1;
        return false;
    }
    lx->at += token->size;
    lx->column += (uint32_t)token->size;
    return true;
}

void lex_next(struct lexer *lx, struct token *token)
{
    bool clean = skip_blank(lx);

    *token = (struct token){
        .kind = TOKEN_END, .line = lx->line, .column = lx->column, .start = lx->text + lx->at};
    if (!clean) {
        token->kind = TOKEN_BAD;
        return;
    }
    if (lx->at >= lx->size)
        return;
    token->size = 1;
    switch (lx->text[lx->at]) {
    case '{':
        token->kind = TOKEN_OPEN;
        break;
    case '}':
        token->kind = TOKEN_CLOSE;
        break;
    case ';':
        token->kind = TOKEN_END_OF_STATEMENT;
        break;
    case '"':
        string(lx, token);
        return;
    default:
        if (word_part(lx) > 0)
            word(lx, token);
        else if (!punctuation(lx, token))
            stray(lx, token);
        return;
    }
    lx->at++;
    lx->column++;
}

void lex_word(const struct token *token, char word[LEX_WORD_MAX])
{
    memcpy(word, token->start, token->size);
    word[token->size] = '\0';
}

int lex_string(const struct token *token, char *to, size_t size)
{
    const char *from, *end = token->start + token->size;
    size_t length = 0;

    /* Twice the same walk: first only the length, so that `to` stays untouched on failure. */
    for (int pass = 0; pass < 2; pass++) {
        length = 0;
        for (from = token->start; from < end; length++) {
            char c = *from;
            size_t step = 1;

            if (token->decoded) {
                /* as it is */
            } else if (c == '\\' && from[1] == 'x') {
                c = (char)(lex_hex(from[2]) * 16 + lex_hex(from[3]));
                step = 4;
            } else if (c == '\\') {
                c = from[1];
                step = 2;
            }
            if (pass == 1)
                to[length] = c;
            from += step;
        }
        if (length >= size)
            return -ENAMETOOLONG;
    }
    to[length] = '\0';
    return 0;
}

char *lex_show(const struct token *token, char *to, size_t size)
{
    char part[LEX_WORD_MAX];
    size_t n = token->size < sizeof(part) - 1 ? token->size : sizeof(part) - 1;

    if (token->kind == TOKEN_END) {
        (void)snprintf(to, size, "the end of the file");
        return to;
    }
    if (token->kind == TOKEN_STRING) {
        (void)snprintf(to, size, "a string");
        return to;
    }
    memcpy(part, token->start, n);
    part[n] = '\0';
    if (size > 3) {
        to[0] = '\'';
        (void)text_escape(to + 1, size - 2, part);
        (void)strcat(to, "'");
    }
    return to;
}
