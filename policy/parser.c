/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/parser.h"

#include <errno.h>
#include <string.h>

#include "policy/guest.h"

_Static_assert(PARSER_REPORTED == -EINVAL, "diagnostic_add's result is passed on");

void parser_init(struct parser *p, const char *text, size_t size,
                 struct guest_diagnostic *diagnostics, size_t room)
{
    memset(p, 0, sizeof(*p));
    p->list = (struct diagnostic_list){.items = diagnostics, .room = room};
    lex_init(&p->lexer, text, size, &p->list);
    parser_advance(p);
}

void parser_advance(struct parser *p)
{
    p->end_line = p->lexer.line;
    p->end_column = p->lexer.column;
    lex_next(&p->lexer, &p->token);
}

bool parser_at_word(const struct parser *p, const char *word)
{
    size_t n = strlen(word);

    return p->token.kind == TOKEN_WORD && p->token.size == n &&
           memcmp(p->token.start, word, n) == 0;
}

bool parser_full(const struct parser *p)
{
    return p->list.count >= p->list.room;
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
    char word[LEX_WORD_MAX];

    if (p->token.kind != TOKEN_WORD)
        return parser_unexpected(p, table->want);
    for (size_t i = 0; i < table->count; i++)
        words[i] = table->statements[i].word;
    lex_word(&p->token, word);
    near = guest_suggest(word, words, table->count);
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
static int end_of_statement(struct parser *p, const struct statement_table *table)
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

/*
 * One statement. `seen` has the line of each once-only statement, 0: not yet. 0, or PARSER_REPORTED
 * where the rest has to be skipped.
 */
static int parse_statement(struct parser *p, const struct statement_table *table, void *context,
                           uint32_t *seen)
{
    const struct statement *statement = find_statement(p, table);
    uint32_t line = p->token.line, column = p->token.column;
    int r;

    if (statement == NULL)
        return unknown_statement(p, table);
    if (!statement->repeats) {
        uint32_t *first = &seen[statement - table->statements];

        if (*first != 0) {
            (void)diagnostic_add(&p->list, line, column,
                                 "'%s' is given twice, first on line %u: keep one", statement->word,
                                 *first);
            return PARSER_REPORTED;
        }
        *first = line;
    }
    parser_advance(p);
    r = statement->parse(p, context);
    return r < 0 || statement->block ? r : end_of_statement(p, table);
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

int parser_block(struct parser *p, const struct statement_table *table, void *context,
                 const char *what, const char *name, uint32_t line)
{
    uint32_t seen[PARSER_STATEMENTS_MAX] = {0};

    while (p->token.kind != TOKEN_CLOSE && p->token.kind != TOKEN_END && !parser_full(p)) {
        if (parse_statement(p, table, context, seen) < 0)
            skip_statement(p);
    }
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

void parser_file(struct parser *p, const struct statement_table *table, void *context)
{
    uint32_t seen[PARSER_STATEMENTS_MAX] = {0};

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

            if (before->line < d.line || (before->line == d.line && before->column <= d.column))
                break;
            list->items[j] = *before;
        }
        list->items[j] = d;
    }
}
