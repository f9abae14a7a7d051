/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/language/layout.h"

#include <errno.h>
#include <string.h>

#include "policy/language/lex.h"

#define INDENT 4u

struct item {
    enum token_kind kind;
    const char *start; /* in the source, a string's quotes included */
    uint32_t size;
    uint32_t line, column;
};

/* What was written last: what decides how the next one is set apart. */
enum before { BEFORE_FILE, BEFORE_OPEN, BEFORE_CLOSE, BEFORE_STATEMENT, BEFORE_WORD };

struct layout {
    struct arena *arena;
    const struct item *items;
    size_t count;
    char *out; /* to the arena's end */
    size_t size, room;
    enum before before;
    uint32_t depth, width; /* of blocks; of the line that is written */
    bool broken;           /* a comment has ended the line within a statement */
};

static void put(struct layout *l, const char *text, size_t size)
{
    if (size > l->room - l->size) {
        l->arena->failed = true;
        return;
    }
    memcpy(l->out + l->size, text, size);
    l->size += size;
    l->width += (uint32_t)size;
}

static void new_line(struct layout *l)
{
    put(l, "\n", 1);
    l->width = 0;
}

static void indent(struct layout *l, uint32_t depth)
{
    for (uint32_t i = 0; i < depth * INDENT; i++)
        put(l, " ", 1);
}

/* ---- reading */

static int read_items(const char *text, size_t size, struct arena *arena,
                      struct diagnostic_list *list, struct arena_list *items)
{
    struct lexer lexer;
    struct token token;
    uint32_t depth = 0;

    lex_init(&lexer, text, size, list);
    lexer.templates = true;
    do {
        struct item *item = arena_add(arena, items, sizeof(*item));

        if (item == NULL)
            return -ENOMEM;
        lex_next(&lexer, &token);
        *item = (struct item){.kind = token.kind,
                              .start = token.start - (token.kind == TOKEN_STRING),
                              .size = (uint32_t)token.size + (token.kind == TOKEN_STRING ? 2u : 0u),
                              .line = token.line,
                              .column = token.column};
        if (token.kind == TOKEN_CLOSE && depth == 0)
            (void)diagnostic_add(list, token.line, token.column,
                                 "this '}' closes nothing: remove it, or look for a block above "
                                 "that ends too early");
        else if (token.kind == TOKEN_OPEN && depth == LAYOUT_DEPTH_MAX)
            (void)diagnostic_add(list, token.line, token.column,
                                 "blocks are nested more than %u deep", LAYOUT_DEPTH_MAX);
        depth += token.kind == TOKEN_OPEN;
        depth -= token.kind == TOKEN_CLOSE && depth > 0;
        if (list->count > 0)
            return -EINVAL;
    } while (token.kind != TOKEN_END);
    if (depth > 0)
        return diagnostic_add(list, token.line, token.column,
                              "the file ends within a block: add '}'");
    return 0;
}

/* ---- what stands between two items: line ends and comments */

struct gap {
    const char *at, *end;
    uint32_t lines; /* line ends since the last comment or item */
};

/* The next comment in a gap, without blanks at its end; false when there is none. */
static bool next_comment(struct gap *gap, const char **start, size_t *size)
{
    gap->lines = 0;
    for (; gap->at < gap->end; gap->at++) {
        const char *end;

        gap->lines += *gap->at == '\n';
        if (*gap->at != '#')
            continue;
        end = memchr(gap->at, '\n', (size_t)(gap->end - gap->at));
        if (end == NULL)
            end = gap->end;
        *start = gap->at;
        *size = (size_t)(end - gap->at);
        while (*size > 0 && strchr(" \t\r", (*start)[*size - 1]) != NULL)
            --*size;
        gap->at = end;
        return true;
    }
    return false;
}

static struct gap gap_before(const struct layout *l, size_t index, const char *text)
{
    const char *at = text;

    if (index > 0)
        at = l->items[index - 1].start + l->items[index - 1].size;
    return (struct gap){.at = at, .end = l->items[index].start};
}

/* ---- writing */

/* Whether a block begins here: '{' comes before ';' and '}'. */
static bool begins_block(const struct layout *l, size_t index)
{
    for (; index < l->count; index++) {
        switch (l->items[index].kind) {
        case TOKEN_OPEN:
            return true;
        case TOKEN_END_OF_STATEMENT:
        case TOKEN_CLOSE:
        case TOKEN_END:
            return false;
        default:
            break;
        }
    }
    return false;
}

/* End the line before a comment or a statement of its own, and set it apart. */
static void begin_line(struct layout *l, bool apart)
{
    if (l->before == BEFORE_FILE)
        return;
    new_line(l);
    if (l->before != BEFORE_OPEN && (apart || l->before == BEFORE_CLOSE))
        new_line(l);
}

/* A comment that has its line. What stands apart is the begin of what it belongs to. */
static void own_comment(struct layout *l, const char *comment, size_t size, bool apart)
{
    if (l->before == BEFORE_WORD) {
        new_line(l);
        indent(l, l->depth + 1);
        put(l, comment, size);
        l->broken = true;
        return;
    }
    begin_line(l, apart);
    indent(l, l->depth);
    put(l, comment, size);
    l->before = BEFORE_STATEMENT;
}

/* Comments in front of an item. True when the item is to be set apart from what is before it. */
static bool comments(struct layout *l, size_t index, const char *text)
{
    struct gap gap = gap_before(l, index, text);
    enum token_kind kind = l->items[index].kind;
    bool block = kind != TOKEN_CLOSE && begins_block(l, index), first = true;
    const char *comment;
    size_t size;

    while (next_comment(&gap, &comment, &size)) {
        bool beside = gap.lines == 0 && index > 0;

        if (beside) {
            put(l, "  ", 2);
            put(l, comment, size);
            l->broken = l->before == BEFORE_WORD;
        } else {
            own_comment(l, comment, size, gap.lines > 1 || (first && block));
            first = false;
        }
    }
    return kind != TOKEN_CLOSE && (gap.lines > 1 || (first && block));
}

static bool sticks(enum token_kind before, enum token_kind kind)
{
    return kind == TOKEN_END_OF_STATEMENT || kind == TOKEN_COMMA || kind == TOKEN_RIGHT ||
           kind == TOKEN_LEFT || before == TOKEN_LEFT;
}

/* An item within a statement. */
static void go_on(struct layout *l, size_t index)
{
    const struct item *item = &l->items[index], *before = item - 1;
    /* A word in a new line may be another statement, of which only the ';' before it is missing. */
    bool word = item->kind == TOKEN_WORD && item->line != before->line;
    bool wide = item->kind == TOKEN_STRING && l->width + 1 + item->size > LAYOUT_WIDTH;

    if (l->broken || word || wide) {
        new_line(l);
        indent(l, l->depth + 1);
    } else if (!sticks(before->kind, item->kind)) {
        put(l, " ", 1);
    }
    put(l, item->start, item->size);
}

static void write_item(struct layout *l, size_t index, const char *text)
{
    const struct item *item = &l->items[index];
    bool apart = comments(l, index, text);

    if (item->kind == TOKEN_CLOSE) {
        new_line(l);
        indent(l, --l->depth);
        put(l, item->start, item->size);
        l->before = BEFORE_CLOSE;
    } else if (l->before == BEFORE_WORD) {
        go_on(l, index);
    } else {
        begin_line(l, apart);
        indent(l, l->depth);
        put(l, item->start, item->size);
    }
    l->broken = false;
    if (item->kind == TOKEN_OPEN) {
        l->depth++;
        l->before = BEFORE_OPEN;
    } else if (item->kind == TOKEN_END_OF_STATEMENT) {
        l->before = BEFORE_STATEMENT;
    } else if (item->kind != TOKEN_CLOSE) {
        l->before = BEFORE_WORD;
    }
}

int policy_layout(const char *text, size_t size, struct arena *arena, struct diagnostic_list *list,
                  const char **out, size_t *out_size)
{
    struct arena_list items = {.count = 0};
    struct layout l = {.arena = arena};
    int r;

    if (size == 0) {
        *out = "";
        *out_size = 0;
        return 0;
    }
    r = read_items(text, size, arena, list, &items);
    if (r < 0)
        return r;
    if (items.entries == NULL)
        return -ENOMEM;
    l.items = items.entries;
    l.count = items.count;
    l.room = arena->size - arena->used;
    l.out = (char *)arena->base + arena->used;
    for (size_t i = 0; i + 1 < l.count && !arena->failed; i++)
        write_item(&l, i, text);
    (void)comments(&l, l.count - 1, text); /* behind the last item */
    if (l.before != BEFORE_FILE)
        new_line(&l);
    if (arena->failed)
        return -ENOMEM;
    arena->used += l.size;
    *out = l.out;
    *out_size = l.size;
    return 0;
}
