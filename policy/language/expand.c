/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "policy/guest_check.h"
#include "policy/language/compiler.h"

/*
 * Templates and loops: the lexer is led to their body, once for each use and value, with parameters
 * in scope. How deep, how often and how long that may go on is bounded.
 */
#define SHOWN 60

static struct compiler *compiler_of(struct parser *p)
{
    return p->extended;
}

const char *compiler_copy(struct compiler *c, const char *text, size_t size)
{
    char *copy = arena_take(c->arena, 1, size + 1);

    if (copy == NULL)
        return "";
    memcpy(copy, text, size);
    return copy;
}

const char *compiler_value(struct compiler *c, const struct token *token)
{
    char *value = arena_take(c->arena, 1, token->size + 1);

    if (value == NULL)
        return NULL;
    if (token->kind == TOKEN_STRING)
        (void)lex_string(token, value, token->size + 1);
    else
        memcpy(value, token->start, token->size);
    return value;
}

static int say(struct parser *p, const struct token *token, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int say(struct parser *p, const struct token *token, const char *format, ...)
{
    char message[sizeof(((struct guest_diagnostic *)0)->message)];
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(message, sizeof(message), format, ap);
    va_end(ap);
    return diagnostic_add(&p->list, token->line, token->column, "%s", message);
}

/* ---- parameters */

static const char *look_up(const struct compiler *c, const char *name, size_t size)
{
    for (const struct scope *s = c->scope; s != NULL; s = s->outer) {
        if (strlen(s->name) == size && memcmp(s->name, name, size) == 0)
            return s->value;
    }
    return NULL;
}

static void unknown_parameter(struct parser *p, struct token *token, const char *name, size_t size)
{
    struct compiler *c = compiler_of(p);
    const char *names[COMPILE_NESTING_MAX * COMPILE_PARAMETERS], *near;
    char word[LEX_WORD_MAX] = "", shown[SHOWN];
    size_t count = 0;

    if (size < sizeof(word))
        memcpy(word, name, size);
    (void)text_escape(shown, sizeof(shown), word);
    for (const struct scope *s = c->scope; s != NULL && count < sizeof(names) / sizeof(names[0]);
         s = s->outer)
        names[count++] = s->name;
    near = guest_suggest(word, names, count);
    if (count == 0)
        (void)diagnostic_add(&p->list, token->line, token->column,
                             "${%s} stands in no template and no loop: write \\x24{ in a string "
                             "for the characters themselves",
                             shown);
    else if (near != NULL)
        (void)diagnostic_add(&p->list, token->line, token->column,
                             "unknown parameter ${%s}: did you mean ${%s}?", shown, near);
    else
        (void)diagnostic_add(&p->list, token->line, token->column,
                             "unknown parameter ${%s}: here is ${%s}", shown, names[0]);
    token->kind = TOKEN_BAD;
}

/* What stands for one piece of a token: its bytes in the source, and what it means. */
struct piece {
    size_t source;
    const char *text; /* or, of one byte, `byte` */
    size_t size;
    char byte;
};

/* The piece at `at`, of `left` bytes. False after a message. */
static bool piece_at(struct parser *p, struct token *token, const char *at, size_t left,
                     struct piece *piece)
{
    size_t parameter = lex_parameter(at, left);

    *piece = (struct piece){.source = 1, .size = 1, .byte = at[0]};
    if (parameter > 0) {
        piece->source = parameter;
        piece->text = look_up(compiler_of(p), at + 2, parameter - 3);
        if (piece->text == NULL) {
            unknown_parameter(p, token, at + 2, parameter - 3);
            return false;
        }
        piece->size = strlen(piece->text);
    } else if (left >= 2 && at[0] == '$' && at[1] == '{') {
        (void)diagnostic_add(&p->list, token->line, token->column,
                             "'${' begins a parameter, as in ${n}: write \\x24{ for the characters "
                             "themselves");
        token->kind = TOKEN_BAD;
        return false;
    } else if (token->kind == TOKEN_STRING && at[0] == '\\') {
        piece->source = at[1] == 'x' ? 4 : 2;
        piece->byte = at[1] == 'x' ? (char)(lex_hex(at[2]) * 16 + lex_hex(at[3])) : at[1];
    }
    return true;
}

/* A word of parameters must be one still. */
static void check_word(struct parser *p, struct token *token)
{
    bool good = token->size > 0 && token->size < LEX_WORD_MAX;
    char shown[SHOWN];

    for (size_t i = 0; i < token->size; i++)
        good = good && lex_word_byte(token->start[i]);
    if (good)
        return;
    (void)say(p, token,
              "with its parameters this word becomes '%s': words have 1 to 63 of a-z, A-Z, 0-9, "
              "'_', '.' and '-'",
              text_escape(shown, sizeof(shown), token->start));
    token->kind = TOKEN_BAD;
}

static void substitute(struct parser *p, struct token *token)
{
    const char *start = token->start, *end = start + token->size;
    struct piece piece;
    size_t size = 0;
    char *text = NULL;

    /* Twice the same walk: first only the length. */
    for (int pass = 0; pass < 2; pass++) {
        size = 0;
        for (const char *at = start; at < end; at += piece.source) {
            if (!piece_at(p, token, at, (size_t)(end - at), &piece))
                return;
            if (pass == 1 && piece.text != NULL)
                memcpy(text + size, piece.text, piece.size);
            else if (pass == 1)
                text[size] = piece.byte;
            size += piece.size;
        }
        if (pass == 0)
            text = arena_take(compiler_of(p)->arena, 1, size + 1);
        if (text == NULL) {
            token->kind = TOKEN_BAD;
            p->stopped = true;
            return;
        }
    }
    token->start = text;
    token->size = size;
    token->decoded = true;
    if (token->kind == TOKEN_WORD)
        check_word(p, token);
}

/* ---- templates */

struct template *template_find(const struct compiler *c, const char *name)
{
    struct template *templates = c->templates.entries;

    for (size_t i = 0; i < c->templates.count; i++) {
        if (strcmp(templates[i].name, name) == 0)
            return &templates[i];
    }
    return NULL;
}

/* "(a, b)", if there is one. */
static int parse_parameters(struct compiler *c, struct parser *p, struct template *template)
{
    char word[LEX_WORD_MAX];
    struct guest_diagnostic d;
    struct token token;

    if (p->token.kind != TOKEN_LEFT)
        return 0;
    do {
        parser_advance(p);
        if (parser_word(p, "a parameter's name, as in 'template worker(n, size) {'", &token, word) <
            0)
            return PARSER_REPORTED;
        if (check_name("parameter", word, &d) < 0)
            return parser_report(p, &token, &d);
        for (uint32_t i = 0; i < template->parameters; i++) {
            if (strcmp(template->parameter[i], word) == 0)
                return say(p, &token, "parameter '%s' is there twice: rename one", word);
        }
        if (template->parameters == COMPILE_PARAMETERS)
            return say(p, &token, "parameter '%s' is one too many: a template has at most 16",
                       word);
        template->parameter[template->parameters++] = compiler_copy(c, word, strlen(word));
    } while (p->token.kind == TOKEN_COMMA);
    if (p->token.kind != TOKEN_RIGHT)
        return parser_unexpected(p, "',' or ')'");
    parser_advance(p);
    return 0;
}

int template_head(struct compiler *c, struct parser *p, struct template *template)
{
    char word[LEX_WORD_MAX];
    struct guest_diagnostic d;
    struct token name;

    if (parser_word(p, "the template's name, as in 'template worker(n) {'", &name, word) < 0)
        return PARSER_REPORTED;
    if (check_name("template", word, &d) < 0)
        return parser_report(p, &name, &d);
    template->name = compiler_copy(c, word, strlen(word));
    template->at = parser_spot(p, &name);
    if (parse_parameters(c, p, template) < 0)
        return PARSER_REPORTED;
    if (p->token.kind != TOKEN_OPEN)
        return parser_unexpected(p, "'{' behind the template's name and parameters");
    template->body = p->lexer;
    return 0;
}

/* What is given back behind a template or a loop. */
struct place {
    struct lexer lexer;
    struct token token;
    uint32_t end_line, end_column, source, from;
    const struct scope *scope;
};

static struct place leave(const struct compiler *c, const struct parser *p)
{
    return (struct place){.lexer = p->lexer,
                          .token = p->token,
                          .end_line = p->end_line,
                          .end_column = p->end_column,
                          .source = p->list.source,
                          .from = p->list.from,
                          .scope = c->scope};
}

static void come_back(struct compiler *c, struct parser *p, const struct place *place)
{
    p->lexer = place->lexer;
    p->token = place->token;
    p->end_line = place->end_line;
    p->end_column = place->end_column;
    p->list.source = place->source;
    p->list.from = place->from;
    c->scope = place->scope;
}

/* Go into a body: one step further from where the sources say so. False when that is too far. */
static bool step(struct compiler *c, struct parser *p, const struct token *at, const char *name,
                 const char *value)
{
    struct compile_step *to;

    if (++c->statements > COMPILE_STATEMENTS) {
        (void)diagnostic_add(&p->list, at->line, at->column,
                             "templates and loops make more than %u statements: make them fewer",
                             COMPILE_STATEMENTS);
        p->stopped = true;
        return false;
    }
    to = arena_add(c->arena, &c->steps, sizeof(*to));
    if (to == NULL) {
        p->stopped = true;
        return false;
    }
    *to = (struct compile_step){.at = parser_spot(p, at), .name = name, .value = value};
    p->list.from = (uint32_t)c->steps.count;
    return true;
}

static bool too_deep(struct compiler *c, struct parser *p, const struct token *at)
{
    if (c->nesting < COMPILE_NESTING_MAX)
        return false;
    (void)diagnostic_add(&p->list, at->line, at->column,
                         "templates and loops are nested more than %u deep: make them flatter",
                         COMPILE_NESTING_MAX);
    return true;
}

/* Statements of a body up to its '}', which stays next. */
static void read_body(struct compiler *c, struct parser *p, const struct lexer *body,
                      const struct statement_table *table, void *context, struct parser_seen *seen)
{
    p->lexer = *body;
    p->lexer.list = &p->list;
    c->nesting++;
    parser_advance(p);
    parser_statements(p, table, context, seen);
    c->nesting--;
}

static void unknown_template(struct compiler *c, struct parser *p, const struct token *token,
                             const char *name)
{
    const char *names[COMPILE_TEMPLATES_MAX], *near;
    struct template *templates = c->templates.entries;

    for (size_t i = 0; i < c->templates.count; i++)
        names[i] = templates[i].name;
    near = guest_suggest(name, names, c->templates.count);
    if (near != NULL)
        (void)say(p, token, "unknown template '%s': did you mean '%s'?", name, near);
    else
        (void)say(p, token, "unknown template '%s': it is declared nowhere", name);
}

/* "(value, value)" of a use: as many as the template has parameters. */
static int parse_arguments(struct compiler *c, struct parser *p, const struct token *name,
                           const struct template *template, const struct scope **scope)
{
    uint32_t count = 0;
    bool more = p->token.kind == TOKEN_LEFT;

    for (; more; count++) {
        struct scope *s;

        parser_advance(p);
        if (p->token.kind != TOKEN_WORD && p->token.kind != TOKEN_STRING)
            return parser_unexpected(p, "a value, as in 'use worker(1, 2G);'");
        s = arena_take(c->arena, 1, sizeof(*s));
        if (s == NULL)
            return PARSER_REPORTED;
        if (count < template->parameters) {
            *s = (struct scope){.outer = *scope,
                                .name = template->parameter[count],
                                .value = compiler_value(c, &p->token)};
            *scope = s;
        }
        parser_advance(p);
        more = p->token.kind == TOKEN_COMMA;
        if (!more && p->token.kind != TOKEN_RIGHT)
            return parser_unexpected(p, "',' or ')'");
        if (!more)
            parser_advance(p);
    }
    if (count == template->parameters)
        return 0;
    (void)diagnostic_add(&p->list, name->line, name->column,
                         "template '%s' has %u parameter%s, and %u %s given", template->name,
                         template->parameters, template->parameters == 1 ? "" : "s", count,
                         count == 1 ? "is" : "are");
    return PARSER_REPORTED;
}

/* use NAME ['(' value { ',' value } ')'] ';' */
static int parse_use(struct parser *p, const struct statement_table *table, void *context,
                     struct parser_seen *seen)
{
    struct compiler *c = compiler_of(p);
    const struct scope *scope = NULL;
    struct template *template;
    char word[LEX_WORD_MAX];
    size_t before;
    struct token name;
    struct place place;

    if (parser_word(p, "a template's name, as in 'use worker(1);'", &name, word) < 0)
        return PARSER_REPORTED;
    template = template_find(c, word);
    if (template == NULL) {
        unknown_template(c, p, &name, word);
        return PARSER_REPORTED;
    }
    if (parse_arguments(c, p, &name, template, &scope) < 0)
        return PARSER_REPORTED;
    if (template->active)
        return say(p, &name, "template '%s' uses itself: that would have no end", word);
    if (too_deep(c, p, &name))
        return PARSER_REPORTED;
    place = leave(c, p);
    before = p->list.count;
    /* What is wrong in a template is said at its first use. */
    if (!template->bad && step(c, p, &name, template->name, NULL)) {
        c->scope = scope;
        p->list.source = template->source;
        template->active = true;
        read_body(c, p, &template->body, table, context, seen);
        template->active = false;
        template->bad = p->list.count > before;
    }
    come_back(c, p, &place);
    return parser_end(p, table);
}

/* ---- loops */

struct values {
    const char **value; /* a list; or, when NULL, a range */
    uint64_t first, count;
    int width; /* digits, if the first number begins with 0 */
};

static bool digits(const char *text, size_t size, uint64_t *number)
{
    char word[12];

    if (size == 0 || size >= sizeof(word))
        return false;
    memcpy(word, text, size);
    word[size] = '\0';
    return text_number(word, 0, UINT32_MAX, number) == 0;
}

/* "1..1000". False when it is none; *values have no count when it is a bad one, after a message. */
static bool range(struct parser *p, const struct token *token, const char *text,
                  struct values *values)
{
    const char *dots = strstr(text, "..");
    uint64_t low, high;

    if (dots == NULL || !digits(text, (size_t)(dots - text), &low) ||
        !digits(dots + 2, strlen(dots + 2), &high))
        return false;
    *values = (struct values){.first = low};
    if (low > high)
        (void)say(p, token, "the range %s ends before it begins", text);
    else if (high - low >= COMPILE_VALUES_MAX)
        (void)say(p, token, "the range %s is too long: a loop has at most 65536 values", text);
    else
        values->count = high - low + 1;
    if (text[0] == '0' && dots - text > 1)
        values->width = (int)(dots - text);
    return true;
}

/* Words and strings up to '{'; or one range. */
static int parse_values(struct compiler *c, struct parser *p, struct values *values)
{
    struct arena_list list = {.count = 0};
    struct token first = p->token;
    bool ranged = false;

    *values = (struct values){.count = 0};
    while (p->token.kind == TOKEN_WORD || p->token.kind == TOKEN_STRING) {
        const char *text = compiler_value(c, &p->token), **to;

        if (ranged)
            return say(p, &first,
                       "a range stands alone: give the other values a loop of their own");
        if (list.count == 0 && text != NULL && p->token.kind == TOKEN_WORD)
            ranged = range(p, &first, text, values);
        if (ranged && values->count == 0)
            return PARSER_REPORTED;
        if (list.count == COMPILE_VALUES_MAX)
            return say(p, &p->token, "a loop has at most 65536 values");
        to = arena_add(c->arena, &list, sizeof(*to));
        if (to == NULL || text == NULL)
            return PARSER_REPORTED;
        *to = text;
        parser_advance(p);
    }
    if (list.count == 0)
        return parser_unexpected(p, "values, as in 'for n in 1..10 {' or 'for n in web db {'");
    if (!ranged)
        *values = (struct values){.value = list.entries, .count = list.count};
    return p->token.kind == TOKEN_OPEN ? 0 : parser_unexpected(p, "'{' behind the loop's values");
}

static const char *value_at(struct compiler *c, const struct values *values, uint64_t index)
{
    char *text;

    if (values->value != NULL)
        return values->value[index];
    text = arena_take(c->arena, 1, 16);
    if (text != NULL)
        (void)snprintf(text, 16, "%0*llu", values->width,
                       (unsigned long long)values->first + (unsigned long long)index);
    return text;
}

/* for NAME in 1..1000 '{' statements '}' */
static int parse_for(struct parser *p, const struct statement_table *table, void *context,
                     struct parser_seen *seen)
{
    struct compiler *c = compiler_of(p);
    uint32_t from = p->list.from;
    const struct scope *outer = c->scope;
    size_t before = p->list.count;
    char word[LEX_WORD_MAX];
    struct guest_diagnostic d;
    struct values values;
    struct token name;
    struct lexer body;
    const char *copy;

    if (parser_word(p, "a parameter's name, as in 'for n in 1..10 {'", &name, word) < 0)
        return PARSER_REPORTED;
    if (check_name("parameter", word, &d) < 0)
        return parser_report(p, &name, &d);
    if (!parser_at_word(p, "in"))
        return parser_unexpected(p, "'in', as in 'for n in 1..10 {'");
    parser_advance(p);
    if (parse_values(c, p, &values) < 0 || too_deep(c, p, &name))
        return PARSER_REPORTED;
    copy = compiler_copy(c, word, strlen(word));
    body = p->lexer;
    /* What is wrong with one value is most likely wrong with all: it is said once. */
    for (uint64_t i = 0; i < values.count && p->list.count == before && !parser_full(p); i++) {
        struct scope scope = {.outer = outer, .name = copy, .value = value_at(c, &values, i)};

        p->list.from = from;
        if (scope.value == NULL || !step(c, p, &name, copy, scope.value)) {
            p->stopped = true;
            break;
        }
        c->scope = &scope;
        read_body(c, p, &body, table, context, seen);
        c->scope = outer;
    }
    p->list.from = from;
    if (p->token.kind == TOKEN_CLOSE) {
        parser_advance(p);
    } else if (p->token.kind == TOKEN_END && !p->ended) {
        p->ended = true;
        (void)diagnostic_add(&p->list, p->token.line, p->token.column,
                             "the file ends within a loop, begun on line %u: add '}'", name.line);
    }
    return 0;
}

static const char *const words[] = {"use", "for"};

static int parse(struct parser *p, size_t index, const struct statement_table *table, void *context,
                 struct parser_seen *seen)
{
    return index == 0 ? parse_use(p, table, context, seen) : parse_for(p, table, context, seen);
}

const struct parser_extension compiler_extension = {
    .substitute = substitute,
    .words = words,
    .count = sizeof(words) / sizeof(words[0]),
    .parse = parse,
};
