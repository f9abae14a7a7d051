/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/flow/module.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/flow/module_internal.h"

int module_new(struct module **module)
{
    struct module *m = calloc(1, sizeof(*m));

    if (m == NULL)
        return -ENOMEM;
    m->steps = malloc(sizeof(*m->steps));
    m->memo = calloc(MODULE_MEMOS, sizeof(*m->memo));
    if (m->steps == NULL || m->memo == NULL) {
        module_free(m);
        return -ENOMEM;
    }
    *m->steps = MODULE_STEPS_MAX;
    *module = m;
    return 0;
}

void module_free(struct module *module)
{
    if (module == NULL)
        return;
    for (size_t i = 0; i < module->files; i++) {
        free(module->file[i].name);
        free(module->file[i].text);
    }
    free(module->node);
    free(module->container);
    free(module->statement);
    free(module->steps);
    free(module->memo);
    free(module);
}

int module_add(struct module *module, const char *name, const char *text, size_t size,
               unsigned *line)
{
    const uint32_t nodes = module->nodes, containers = module->containers,
                   statements = module->statements;
    const size_t index = module->files;
    int r;

    *line = 0;
    memset(module->memo, 0, MODULE_MEMOS * sizeof(*module->memo));
    if (index == MODULE_FILES_MAX || size > MODULE_SIZE_MAX ||
        module->bytes + size > MODULE_SIZE_MAX)
        return -EFBIG;
    module->file[index].name = strdup(name);
    module->file[index].text = malloc(size + 1);
    if (module->file[index].name == NULL || module->file[index].text == NULL) {
        r = -ENOMEM;
        goto out;
    }
    memcpy(module->file[index].text, text, size);
    module->file[index].text[size] = '\0';
    module->file[index].size = size;
    r = module_read(module, (uint16_t)index, line);
    if (r == 0) {
        module->files++;
        module->bytes += size;
        return 0;
    }
    module->nodes = nodes;
    module->containers = containers;
    module->statements = statements;
out:
    free(module->file[index].name);
    free(module->file[index].text);
    module->file[index].name = module->file[index].text = NULL;
    return r;
}

void module_set_base(struct module *module, module_base *base, void *context)
{
    memset(module->memo, 0, MODULE_MEMOS * sizeof(*module->memo));
    module->base = base;
    module->base_context = context;
}

struct search {
    const struct module *module;
    enum module_kind kind;
    const struct module_query *query;
    struct name source, target;
    bool hit;
};

static void fill(const struct module *module, const struct statement *statement,
                 enum module_kind kind, struct module_line *line)
{
    const struct node *node = &module->node[statement->node];

    line->kind = kind;
    line->file = module->file[node->file].name;
    line->line = node->line;
    line->text = module->file[node->file].text + node->at;
    line->size = node->size;
}

/* (allow SOURCE TARGET (class (permissions))) and its kin. */
static bool match_types(void *context, const struct scope *scope, const struct statement *statement)
{
    struct search *search = context;
    const struct module *m = search->module;

    search->hit =
        (search->query->source == NULL ||
         set_has_type(m, scope, node_member(m, statement->node, 1), &search->source, NULL, 0)) &&
        (search->query->target == NULL || set_has_type(m, scope, node_member(m, statement->node, 2),
                                                       &search->target, &search->source, 0));
    return !search->hit;
}

static bool match(struct search *search, const struct statement *statement)
{
    const struct module *m = search->module;
    const struct module_query *query = search->query;
    /* Those that are asked for; a question about neither is one about nobody's block. */
    const struct name *names[] = {query->source != NULL ? &search->source : &search->target,
                                  &search->target};
    uint32_t what;

    if (statement->kind != search->kind)
        return false;
    search->hit = false;
    switch (search->kind) {
    case MODULE_CONSTRAIN:
        return query->scontext != NULL && query->tcontext != NULL &&
               set_has_permission(m, node_member(m, statement->node, 1), query->class,
                                  query->permission, 0) &&
               !constraint_holds(m, node_member(m, statement->node, 2), query, 0);
    case MODULE_ROLETYPE: {
        const struct scope top = {.container = NONE, .instance = "", .call = NONE};

        return set_has_type(m, &top, node_member(m, statement->node, 2), &search->source, NULL, 0);
    }
    case MODULE_ALLOWX:
    case MODULE_NEVERALLOWX:
        what = node_member(m, statement->node, 3);
        if (query->class == NULL || !set_has_ioctl(m, what, query->class, query->ioctl))
            return false;
        break;
    default:
        what = node_member(m, statement->node, 3);
        if (!set_has_permission(m, what, query->class, query->permission, 0))
            return false;
        break;
    }
    scope_each(m, statement, names, query->source != NULL && query->target != NULL ? 2 : 1,
               match_types, search);
    return search->hit;
}

size_t module_find(const struct module *module, enum module_kind kind,
                   const struct module_query *query, struct module_line *found, size_t room)
{
    struct search search = {
        .module = module,
        .kind = kind,
        .query = query,
        .source = name_of(query->source != NULL ? query->source : ""),
        .target = name_of(query->target != NULL ? query->target : ""),
    };
    size_t count = 0;

    *module->steps = MODULE_STEPS_MAX;
    for (uint32_t i = 0; i < module->statements; i++) {
        if (!match(&search, &module->statement[i]))
            continue;
        if (count < room)
            fill(module, &module->statement[i], kind, &found[count]);
        count++;
    }
    return count;
}

static const struct statement *declaration(const struct module *module, const char *type)
{
    const struct name name = name_of(type);
    const uint32_t block = module_template(module, name.instance, name.instance_size);

    if (name.instance_size > 0 && block == NONE)
        return NULL;
    for (uint32_t i = 0; i < module->statements; i++) {
        const struct statement *s = &module->statement[i];
        const struct node *own = &module->node[node_member(module, s->node, 1)];

        if (s->kind == STATEMENT_TYPE && s->container == block && own->size == name.own_size &&
            memcmp(module->file[own->file].text + own->at, name.own, own->size) == 0)
            return s;
    }
    return NULL;
}

bool module_has_type(const struct module *module, const char *type)
{
    return declaration(module, type) != NULL;
}

bool module_type_line(const struct module *module, const char *type, struct module_line *line)
{
    const struct statement *s = declaration(module, type);

    if (s != NULL)
        fill(module, s, MODULE_STATEMENTS, line);
    return s != NULL;
}

char *module_statement(const struct module_line *line, char *to, size_t size)
{
    size_t n = 0;
    bool blank = false;

    for (size_t i = 0; i < line->size && n + 2 < size; i++) {
        char c = line->text[i];

        if (c == ';') {
            while (i + 1 < line->size && line->text[i + 1] != '\n')
                i++;
            continue;
        }
        if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
            blank = n > 0;
            continue;
        }
        if (blank && c != ')' && to[n - 1] != '(')
            to[n++] = ' ';
        blank = false;
        to[n++] = (unsigned char)c < 0x20 || (unsigned char)c >= 0x7f ? '?' : c;
    }
    to[n] = '\0';
    return to;
}
