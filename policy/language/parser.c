/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/language/parser.h"

#include <errno.h>
#include <string.h>

#include "policy/guest.h"

_Static_assert(PARSER_REPORTED == -EINVAL, "diagnostic_add's result is passed on");

void parser_init(struct parser *p, const char *text, size_t size,
                 struct guest_diagnostic *diagnostics, size_t room)
{
    memset(p, 0, sizeof(*p));
    p->patience = PARSER_PATIENCE;
    p->list = (struct diagnostic_list){.items = diagnostics, .room = room};
    lex_init(&p->lexer, text, size, &p->list);
    parser_advance(p);
}

struct source_spot parser_spot(const struct parser *p, const struct token *token)
{
    return (struct source_spot){.source = p->list.source,
                                .line = token->line,
                                .column = token->column,
                                .from = p->list.from};
}

void parser_advance(struct parser *p)
{
    size_t before;

    p->end_line = p->lexer.line;
    p->end_column = p->lexer.column;
    before = p->lexer.at;
    lex_next(&p->lexer, &p->token);
    if (p->lexer.at - before > p->patience) {
        /* Only loops within loops come that far: no source is so long. */
        if (!p->stopped)
            (void)diagnostic_add(&p->list, p->token.line, p->token.column,
                                 "templates and loops make too much of this: make them fewer");
        p->stopped = p->ended = true;
        p->token = (struct token){.kind = TOKEN_END,
                                  .line = p->token.line,
                                  .column = p->token.column,
                                  .start = p->token.start};
        return;
    }
    p->patience -= p->lexer.at - before;
    if (p->extension != NULL && !p->skipping &&
        (p->token.kind == TOKEN_WORD || p->token.kind == TOKEN_STRING) &&
        memmem(p->token.start, p->token.size, "${", 2) != NULL)
        p->extension->substitute(p, &p->token);
}

bool parser_at_word(const struct parser *p, const char *word)
{
    size_t n = strlen(word);

    return p->token.kind == TOKEN_WORD && p->token.size == n &&
           memcmp(p->token.start, word, n) == 0;
}

bool parser_full(const struct parser *p)
{
    return p->stopped || p->list.count >= p->list.room;
}

int parser_unexpected(struct parser *p, const char *wanted)
{
    char shown[LEX_WORD_MAX + 8];

    if (p->token.kind != TOKEN_BAD)
        (void)diagnostic_add(&p->list, p->token.line, p->token.column, "expected %s, not %s",
                             wanted, lex_show(&p->token, shown, sizeof(shown)));
    return PARSER_REPORTED;
}

int parser_report(struct parser *p, const struct token *token, const struct guest_diagnostic *d)
{
    (void)diagnostic_add(&p->list, token->line, token->column, "%s", d->message);
    return PARSER_REPORTED;
}

int parser_word(struct parser *p, const char *wanted, struct token *token, char word[LEX_WORD_MAX])
{
    if (token != NULL)
        *token = p->token;
    if (p->token.kind != TOKEN_WORD)
        return parser_unexpected(p, wanted);
    lex_word(&p->token, word);
    parser_advance(p);
    return 0;
}

int parser_string(struct parser *p, const char *wanted, char *to, size_t size)
{
    struct token token = p->token;

    if (token.kind != TOKEN_STRING)
        return parser_unexpected(p, wanted);
    parser_advance(p);
    if (lex_string(&token, to, size) < 0) {
        (void)diagnostic_add(&p->list, token.line, token.column,
                             "this string is too long: at most %zu bytes are possible", size - 1);
        return PARSER_REPORTED;
    }
    return 0;
}

int parser_name(struct parser *p, const char *wanted, char *to, size_t size)
{
    if (p->token.kind == TOKEN_STRING)
        return parser_string(p, wanted, to, size);
    return parser_word(p, wanted, NULL, to);
}

int parser_open(struct parser *p, const char *wanted)
{
    if (p->token.kind != TOKEN_OPEN)
        return parser_unexpected(p, wanted);
    parser_advance(p);
    return 0;
}

/* The statement that the next token begins, or NULL. */
static const struct statement *find_statement(const struct parser *p,
                                              const struct statement_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        if (parser_at_word(p, table->statements[i].word))
            return &table->statements[i];
    }
    return NULL;
}

static int unknown_statement(struct parser *p, const struct statement_table *table)
{
    const char *words[PARSER_STATEMENTS_MAX], *near;
    size_t count = table->count;
    char word[LEX_WORD_MAX];

    if (p->token.kind != TOKEN_WORD)
        return parser_unexpected(p, table->want);
    for (size_t i = 0; i < table->count; i++)
        words[i] = table->statements[i].word;
    for (size_t i = 0; p->extension != NULL && i < p->extension->count; i++)
        words[count++] = p->extension->words[i];
    lex_word(&p->token, word);
    near = guest_suggest(word, words, count);
    if (near != NULL)
        (void)diagnostic_add(&p->list, p->token.line, p->token.column,
                             "unknown statement '%s': did you mean '%s'?", word, near);
    else
        (void)diagnostic_add(&p->list, p->token.line, p->token.column, "unknown statement '%s': %s",
                             word, table->has);
    return PARSER_REPORTED;
}

/*
 * The ';' that ends a statement. Where it was forgotten at a line's end the next line's statement
 * is read all the same.
 */
int parser_end(struct parser *p, const struct statement_table *table)
{
    uint32_t line = p->end_line, column = p->end_column;

    if (p->token.kind == TOKEN_END_OF_STATEMENT) {
        parser_advance(p);
        return 0;
    }
    if (p->token.kind != TOKEN_BAD && p->token.line == line)
        return parser_unexpected(p, "';'");
    if (p->token.kind == TOKEN_BAD)
        return PARSER_REPORTED;
    (void)diagnostic_add(&p->list, line, column, "';' is missing at the end of this statement");
    return find_statement(p, table) != NULL ? 0 : PARSER_REPORTED;
}

/* A statement of every block: its index, or -1. */
static int find_extension(const struct parser *p)
{
    for (size_t i = 0; p->extension != NULL && i < p->extension->count; i++) {
        if (parser_at_word(p, p->extension->words[i]))
            return (int)i;
    }
    return -1;
}

static int given_twice(struct parser *p, const char *word, const struct parser_seen *first)
{
    if (first->source == p->list.source)
        return diagnostic_add(&p->list, p->token.line, p->token.column,
                              "'%s' is given twice, first on line %u: keep one", word, first->line);
    return diagnostic_add(&p->list, p->token.line, p->token.column,
                          "'%s' is given twice, first in another file, on line %u: keep one", word,
                          first->line);
}

/* One statement. 0, or PARSER_REPORTED where the rest has to be skipped. */
static int parse_statement(struct parser *p, const struct statement_table *table, void *context,
                           struct parser_seen *seen)
{
    const struct statement *statement = find_statement(p, table);
    int r = find_extension(p);

    if (statement == NULL && r < 0)
        return unknown_statement(p, table);
    if (statement == NULL) {
        parser_advance(p);
        return p->extension->parse(p, (size_t)r, table, context, seen);
    }
    if (!statement->repeats) {
        struct parser_seen *first = &seen[statement - table->statements];

        if (first->line != 0) {
            (void)given_twice(p, statement->word, first);
            return PARSER_REPORTED;
        }
        *first = (struct parser_seen){.source = p->list.source, .line = p->token.line};
    }
    parser_advance(p);
    r = statement->parse(p, context);
    return r < 0 || statement->block ? r : parser_end(p, table);
}

/* Skip to behind the next ';', or to the '}' or the end of the file. Blocks are skipped whole. */
static void skip_statement(struct parser *p)
{
    size_t depth = 0;

    while (p->token.kind != TOKEN_END && !parser_full(p)) {
        enum token_kind kind = p->token.kind;

        if (kind == TOKEN_CLOSE && depth == 0)
            return;
        parser_advance(p);
        if (kind == TOKEN_OPEN)
            depth++;
        else if (kind == TOKEN_CLOSE && --depth == 0)
            return;
        else if (kind == TOKEN_END_OF_STATEMENT && depth == 0)
            return;
    }
}

bool parser_skip_block(struct parser *p)
{
    size_t depth = 0;

    p->skipping = true;
    while (p->token.kind != TOKEN_END && !parser_full(p)) {
        depth += p->token.kind == TOKEN_OPEN;
        depth -= p->token.kind == TOKEN_CLOSE;
        p->skipping = depth > 0;
        parser_advance(p);
        if (depth == 0)
            return true;
    }
    p->skipping = false;
    return false;
}

void parser_statements(struct parser *p, const struct statement_table *table, void *context,
                       struct parser_seen seen[PARSER_STATEMENTS_MAX])
{
    while (p->token.kind != TOKEN_CLOSE && p->token.kind != TOKEN_END && !parser_full(p)) {
        if (parse_statement(p, table, context, seen) < 0)
            skip_statement(p);
    }
}

int parser_block(struct parser *p, const struct statement_table *table, void *context,
                 const char *what, const char *name, uint32_t line)
{
    struct parser_seen seen[PARSER_STATEMENTS_MAX] = {0};

    parser_statements(p, table, context, seen);
    if (p->token.kind == TOKEN_END) {
        if (p->ended)
            return PARSER_REPORTED;
        p->ended = true;
        (void)diagnostic_add(&p->list, p->token.line, p->token.column,
                             "the file ends within %s%s%s%s, begun on line %u: add '}'", what,
                             name != NULL ? " '" : "", name != NULL ? name : "",
                             name != NULL ? "'" : "", line);
        return PARSER_REPORTED;
    }
    parser_advance(p);
    return 0;
}

void parser_file(struct parser *p, const struct statement_table *table, void *context,
                 struct parser_seen seen[PARSER_STATEMENTS_MAX])
{
    while (p->token.kind != TOKEN_END && !parser_full(p)) {
        if (p->token.kind == TOKEN_CLOSE) {
            (void)diagnostic_add(&p->list, p->token.line, p->token.column,
                                 "this '}' closes nothing: remove it, or look for a block above "
                                 "that ends too early");
            parser_advance(p);
        } else if (parse_statement(p, table, context, seen) < 0) {
            skip_statement(p);
        }
    }
}

void parser_sort(struct diagnostic_list *list)
{
    for (size_t i = 1; i < list->count; i++) {
        struct guest_diagnostic d = list->items[i];
        size_t j = i;

        for (; j > 0; j--) {
            const struct guest_diagnostic *before = &list->items[j - 1];

            if (before->source != d.source ? before->source < d.source
                : before->line != d.line   ? before->line < d.line
                                           : before->column <= d.column)
                break;
            list->items[j] = *before;
        }
        list->items[j] = d;
    }
}
