/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/language/compile.h"

#include <errno.h>
#include <string.h>

#include "policy/guest_check.h"
#include "policy/language/compiler.h"

/* One after the other: who includes whom; every source; what concerns several statements. */

static void read_sources(struct compiler *c)
{
    struct parser_seen seen[PARSER_STATEMENTS_MAX] = {0};
    struct parser *p = &c->parser;

    for (uint32_t i = 0; i < c->sources.count && !parser_full(p); i++) {
        const struct compile_source *source = (struct compile_source *)c->sources.entries + i;

        p->list.source = i;
        p->list.from = 0;
        p->ended = false;
        lex_init(&p->lexer, source->text, source->size, &p->list);
        p->lexer.templates = true;
        parser_advance(p);
        parser_file(p, &policy_table, c, seen);
    }
}

/* The host block decides for all guests, and may stand behind them. */
static void check_macs(struct compiler *c)
{
    const struct draft_mac *macs = c->macs.entries;

    for (size_t i = 0; i < c->macs.count; i++) {
        const struct sort_text *name =
            (const struct sort_text *)c->draft.strings.entries + macs[i].guest;

        if (macs[i].mac == c->draft.mac)
            continue;
        c->parser.list.source = macs[i].at.source;
        c->parser.list.from = macs[i].at.from;
        (void)diagnostic_add(&c->parser.list, macs[i].at.line, macs[i].at.column,
                             "guest '%s' asks for mac %s on a host with mac %s: the host block "
                             "decides for all, leave it out",
                             name->text, guest_mac_words[macs[i].mac],
                             guest_mac_words[c->draft.mac]);
    }
}

/* In the source's order, each but once: a template's mistake is one, however often it is used. */
static void settle(struct diagnostic_list *list)
{
    size_t kept = 0;

    parser_sort(list);
    for (size_t i = 0; i < list->count; i++) {
        const struct guest_diagnostic *d = &list->items[i];
        const struct guest_diagnostic *before = kept > 0 ? &list->items[kept - 1] : NULL;

        if (before == NULL || d->source != before->source || d->line != before->line ||
            d->column != before->column || strcmp(d->message, before->message) != 0)
            list->items[kept++] = *d;
    }
    list->count = kept;
}

static int finish(struct compiler *c)
{
    struct diagnostic_list *list = &c->parser.list;
    struct compile_result *result = c->result;

    if (list->count == 0 && !c->arena->failed)
        check_macs(c);
    if (!c->arena->failed)
        draft_finish(&c->draft, list, sources_name, c, result);
    if (c->arena->failed && list->count == 0)
        (void)diagnostic_add(list, 1, 1, "there is no memory for so large a policy");
    settle(list);
    result->messages = (uint32_t)list->count;
    result->message = list->items;
    result->sources = (uint32_t)c->sources.count;
    result->source = c->sources.entries;
    result->steps = (uint32_t)c->steps.count;
    result->step = c->steps.entries;
    if (list->count == 0)
        return 0;
    result->image = NULL;
    return -EINVAL;
}

int compile(uint32_t roots, compile_fetch *fetch, void *context, struct arena *arena,
            struct compile_result *result)
{
    struct guest_diagnostic *messages = arena_take(arena, COMPILE_MESSAGES_MAX, sizeof(*messages));
    struct compiler *c = arena_take(arena, 1, sizeof(*c));

    *result = (struct compile_result){.messages = 0};
    if (c == NULL || messages == NULL)
        return -ENOMEM;
    c->arena = arena;
    c->result = result;
    c->fetch = fetch;
    c->fetch_context = context;
    draft_init(&c->draft, arena);
    parser_init(&c->parser, "", 0, messages, COMPILE_MESSAGES_MAX);
    c->parser.extension = &compiler_extension;
    c->parser.extended = c;
    for (uint32_t i = 0; i < roots; i++)
        sources_collect(c, i);
    if (c->parser.list.count == 0)
        read_sources(c);
    return finish(c);
}

struct one_text {
    const char *text;
    size_t size;
};

static int fetch_text(void *context, uint32_t root, const char *path, void *to, size_t room,
                      size_t *size)
{
    const struct one_text *one = context;

    (void)root;
    if (path[0] != '\0')
        return -ENOENT;
    *size = one->size;
    if (one->size > room)
        return -EFBIG;
    memcpy(to, one->text, one->size);
    return 0;
}

int compile_text(const char *text, size_t size, struct arena *arena, struct compile_result *result)
{
    struct one_text one = {.text = text, .size = size};

    return compile(1, fetch_text, &one, arena, result);
}
