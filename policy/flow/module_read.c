/* SPDX-License-Identifier: Apache-2.0 */
/* From the text of a CIL file to lists, and from these to statements with their containers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/flow/module_internal.h"

/* Room for one more, doubled. The array stays valid on failure. */
static int grow(void **array, uint32_t count, uint32_t *room, size_t size)
{
    uint32_t more = *room == 0 ? 256 : *room * 2;
    void *a;

    if (count < *room)
        return 0;
    if (more > MODULE_NODES_MAX)
        return -EFBIG;
    a = reallocarray(*array, more, size);
    if (a == NULL)
        return -ENOMEM;
    *array = a;
    *room = more;
    return 0;
}

static int add_node(struct module *m, const struct node *node, uint32_t *index)
{
    int r = grow((void **)&m->node, m->nodes, &m->nodes_room, sizeof(*m->node));

    if (r < 0)
        return r;
    *index = m->nodes;
    m->node[m->nodes++] = *node;
    return 0;
}

bool node_is(const struct module *module, uint32_t node, const char *word)
{
    const struct node *n;

    if (node == NONE || module->node[node].list)
        return false;
    n = &module->node[node];
    return strlen(word) == n->size &&
           memcmp(module->file[n->file].text + n->at, word, n->size) == 0;
}

bool node_same(const struct module *module, uint32_t a, uint32_t b)
{
    const struct node *x, *y;

    if (a == NONE || b == NONE || module->node[a].list || module->node[b].list)
        return false;
    x = &module->node[a];
    y = &module->node[b];
    return x->size == y->size && memcmp(module->file[x->file].text + x->at,
                                        module->file[y->file].text + y->at, x->size) == 0;
}

uint32_t node_member(const struct module *module, uint32_t list, unsigned place)
{
    uint32_t at;

    if (list == NONE || !module->node[list].list)
        return NONE;
    for (at = module->node[list].first; at != NONE && place > 0; place--)
        at = module->node[at].next;
    return at;
}

/* What is open while a text is read: lists within lists, each with its last member. */
struct open_lists {
    uint32_t list[MODULE_DEPTH_MAX], last[MODULE_DEPTH_MAX];
    unsigned depth;
};

static int link_node(struct module *m, struct open_lists *open, const struct node *node,
                     uint32_t *index, uint32_t *top)
{
    uint32_t *last = open->depth > 0 ? &open->last[open->depth - 1] : top;
    int r = add_node(m, node, index);

    if (r < 0)
        return r;
    if (*last != NONE)
        m->node[*last].next = *index;
    else if (open->depth > 0)
        m->node[open->list[open->depth - 1]].first = *index;
    *last = *index;
    return 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* All of the text's top lists are members of one, without parentheses of its own. */
static int read_lists(struct module *m, uint16_t file, unsigned *line, uint32_t *first)
{
    const char *text = m->file[file].text;
    const size_t size = m->file[file].size;
    struct open_lists open = {.depth = 0};
    uint32_t index, top = NONE;
    int r;

    *first = NONE;
    *line = 1;
    for (size_t i = 0; i < size; i++) {
        struct node node = {
            .at = (uint32_t)i, .first = NONE, .next = NONE, .line = *line, .file = file};

        if (text[i] == '\n') {
            ++*line;
        } else if (text[i] == ';') {
            while (i + 1 < size && text[i + 1] != '\n')
                i++;
        } else if (text[i] == ')') {
            if (open.depth == 0)
                return -EINVAL;
            open.depth--;
            m->node[open.list[open.depth]].size =
                (uint32_t)(i + 1) - m->node[open.list[open.depth]].at;
        } else if (!is_blank(text[i])) {
            node.list = text[i] == '(';
            if (node.list && open.depth == MODULE_DEPTH_MAX)
                return -EINVAL;
            if (!node.list && text[i] == '"') {
                for (i++; i < size && text[i] != '"' && text[i] != '\n'; i++)
                    continue;
                if (i >= size || text[i] != '"')
                    return -EINVAL;
            } else if (!node.list) {
                while (i + 1 < size && !is_blank(text[i + 1]) &&
                       strchr("();\"", text[i + 1]) == NULL)
                    i++;
            }
            node.size = (uint32_t)(i + 1) - node.at;
            r = link_node(m, &open, &node, &index, &top);
            if (r < 0)
                return r;
            if (*first == NONE)
                *first = index;
            if (node.list) {
                open.list[open.depth] = index;
                open.last[open.depth++] = NONE;
            }
        }
    }
    return open.depth == 0 ? 0 : -EINVAL;
}

static unsigned kind_of(const struct module *m, uint32_t word)
{
    static const struct {
        const char *word;
        unsigned kind;
    } kinds[] = {
        {"allow", MODULE_ALLOW},
        {"allowx", MODULE_ALLOWX},
        {"neverallow", MODULE_NEVERALLOW},
        {"neverallowx", MODULE_NEVERALLOWX},
        {"dontaudit", MODULE_DONTAUDIT},
        {"mlsconstrain", MODULE_CONSTRAIN},
        {"constrain", MODULE_CONSTRAIN},
        {"roletype", MODULE_ROLETYPE},
        {"type", STATEMENT_TYPE},
        {"typeattribute", STATEMENT_ATTRIBUTE},
        {"typeattributeset", STATEMENT_SET},
        {"classpermissionset", STATEMENT_PERMISSIONS},
        {"call", STATEMENT_CALL},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (node_is(m, word, kinds[i].word))
            return kinds[i].kind;
    }
    return STATEMENT_OTHER;
}

static int add_statement(struct module *m, uint32_t node, uint32_t container)
{
    int r = grow((void **)&m->statement, m->statements, &m->statements_room, sizeof(*m->statement));

    if (r < 0)
        return r;
    m->statement[m->statements++] = (struct statement){
        .node = node, .container = container, .kind = kind_of(m, m->node[node].first)};
    return 0;
}

static int add_container(struct module *m, uint32_t node, uint32_t parent, bool macro)
{
    int r = grow((void **)&m->container, m->containers, &m->containers_room, sizeof(*m->container));

    if (r < 0)
        return r;
    m->container[m->containers++] = (struct container){
        .node = node,
        .name = node_member(m, node, 1),
        .parent = parent,
        .inherit = NONE,
        .macro = macro,
    };
    return 0;
}

/* Statements of a list's members from `at` on. Lists do not nest deeper than the reader allows. */
static int read_statements(struct module *m, uint32_t at, uint32_t container)
{
    int r = 0;

    for (; at != NONE && r == 0; at = m->node[at].next) {
        const uint32_t word = node_member(m, at, 0);

        if (word == NONE)
            continue;
        if (node_is(m, word, "block") || node_is(m, word, "macro")) {
            const uint32_t inside = node_member(m, at, node_is(m, word, "macro") ? 3 : 2);
            const uint32_t made = m->containers;

            if (node_member(m, at, 1) == NONE)
                return -EINVAL;
            r = add_container(m, at, container, node_is(m, word, "macro"));
            if (r == 0)
                r = read_statements(m, inside, made);
        } else if (node_is(m, word, "optional")) {
            r = read_statements(m, node_member(m, at, 2), container);
        } else if (node_is(m, word, "blockinherit") && container != NONE) {
            m->container[container].inherit = node_member(m, at, 1);
        } else {
            r = add_statement(m, at, container);
        }
    }
    return r;
}

int module_read(struct module *module, uint16_t index, unsigned *line)
{
    uint32_t first;
    int r = read_lists(module, index, line, &first);

    return r < 0 ? r : read_statements(module, first, NONE);
}
