/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of types, of permissions and of ioctls; names, and the scopes that give them a meaning. */
#include <stdlib.h>
#include <string.h>

#include "policy/flow/module_internal.h"

struct name name_of(const char *type)
{
    const char *dot = strrchr(type, '.');
    struct name name = {.instance = type, .own = type};

    if (dot != NULL) {
        name.instance_size = (size_t)(dot - type);
        name.own = dot + 1;
    }
    name.own_size = strlen(name.own);
    return name;
}

static const char *text_of(const struct module *m, uint32_t node)
{
    return m->file[m->node[node].file].text + m->node[node].at;
}

static uint32_t find_block(const struct module *m, const char *name, size_t size)
{
    for (uint32_t i = 0; i < m->containers; i++) {
        const struct container *c = &m->container[i];

        if (!c->macro && c->parent == NONE && m->node[c->name].size == size &&
            memcmp(text_of(m, c->name), name, size) == 0)
            return i;
    }
    return NONE;
}

uint32_t module_template(const struct module *m, const char *instance, size_t size)
{
    static const char slots[] = "casemate_tenant";
    uint32_t block = size > 0 ? find_block(m, instance, size) : NONE;

    if (block != NONE && m->container[block].inherit != NONE) {
        const uint32_t inherit = m->container[block].inherit;

        return find_block(m, text_of(m, inherit), m->node[inherit].size);
    }
    /* Slots that were added to a host later stand in no file of ours. */
    if (block == NONE && size > sizeof(slots) && memcmp(instance, slots, sizeof(slots) - 1) == 0)
        return find_block(m, slots, sizeof(slots) - 1);
    return block;
}

/* Whether the container itself declares a type or attribute of the name of `node`. */
static bool declares(const struct module *m, uint32_t container, uint32_t node)
{
    for (uint32_t i = 0; i < m->statements; i++) {
        const struct statement *s = &m->statement[i];

        if (s->container == container &&
            (s->kind == STATEMENT_TYPE || s->kind == STATEMENT_ATTRIBUTE) &&
            node_same(m, node_member(m, s->node, 1), node))
            return true;
    }
    return false;
}

/* The parameter of that name of a macro: its place, or -1. */
static int parameter(const struct module *m, uint32_t macro, uint32_t node)
{
    const uint32_t list = node_member(m, m->container[macro].node, 2);
    int place = 0;

    for (uint32_t p = node_member(m, list, 0); p != NONE; p = m->node[p].next, place++) {
        if (node_same(m, node_member(m, p, 1), node))
            return place;
    }
    return -1;
}

/* What a word means in a scope. An argument of a macro means what it does where the call stands. */
static struct name resolve(const struct module *m, const struct scope *scope, uint32_t node)
{
    struct name name = {.own = text_of(m, node), .own_size = m->node[node].size, .instance = ""};
    uint32_t c = scope->container;

    if (c != NONE && m->container[c].macro) {
        const int place = parameter(m, c, node);

        if (place >= 0 && scope->call != NONE && scope->outer != NULL) {
            const uint32_t arguments = node_member(m, m->statement[scope->call].node, 2);
            const uint32_t argument = node_member(m, arguments, (unsigned)place);

            if (argument != NONE && !m->node[argument].list)
                return resolve(m, scope->outer, argument);
        }
        c = m->container[c].parent;
    }
    if (memchr(name.own, '.', name.own_size) != NULL)
        c = NONE; /* spelt out, so nobody's own */
    if (c != NONE && declares(m, c, node)) {
        name.instance = scope->instance;
        name.instance_size = scope->instance_size;
    } else {
        const char *dot = memrchr(name.own, '.', name.own_size);

        if (dot != NULL) {
            name.instance = name.own;
            name.instance_size = (size_t)(dot - name.own);
            name.own_size -= name.instance_size + 1;
            name.own = dot + 1;
        }
    }
    return name;
}

static bool same_name(const struct name *a, const struct name *b)
{
    return a->own_size == b->own_size && a->instance_size == b->instance_size &&
           memcmp(a->own, b->own, a->own_size) == 0 &&
           (a->instance_size == 0 || memcmp(a->instance, b->instance, a->instance_size) == 0);
}

/* ---------------------------------------------------------------- scopes */

static bool each_call(const struct module *m, const struct statement *s, uint32_t macro,
                      scope_use *use, void *context)
{
    const uint32_t parent = m->container[macro].parent;

    for (uint32_t i = 0; i < m->statements; i++) {
        const struct statement *call = &m->statement[i];
        const struct scope outer = {.container = call->container, .instance = "", .call = NONE};
        struct scope scope = {.container = macro, .instance = "", .call = i, .outer = &outer};
        struct name called;

        if (call->kind != STATEMENT_CALL || node_member(m, call->node, 1) == NONE)
            continue;
        called = resolve(m, &outer, node_member(m, call->node, 1));
        if (called.own_size != m->node[m->container[macro].name].size ||
            memcmp(called.own, text_of(m, m->container[macro].name), called.own_size) != 0)
            continue;
        if (parent != NONE) {
            if (module_template(m, called.instance, called.instance_size) != parent)
                continue;
            scope.instance = called.instance;
            scope.instance_size = called.instance_size;
        }
        if (!use(context, &scope, s))
            return false;
    }
    return true;
}

void scope_each(const struct module *m, const struct statement *s, const struct name *const *names,
                size_t count, scope_use *use, void *context)
{
    struct scope scope = {.container = s->container, .instance = "", .call = NONE};

    if (s->container == NONE) {
        (void)use(context, &scope, s);
        return;
    }
    if (m->container[s->container].macro) {
        (void)each_call(m, s, s->container, use, context);
        return;
    }
    /* A block's own names are of an instance, and only those of the query matter. */
    for (size_t i = 0; i < count; i++) {
        if (module_template(m, names[i]->instance, names[i]->instance_size) != s->container ||
            (i > 0 && names[i]->instance_size == names[0]->instance_size &&
             memcmp(names[i]->instance, names[0]->instance, names[0]->instance_size) == 0))
            continue;
        scope.instance = names[i]->instance;
        scope.instance_size = names[i]->instance_size;
        if (!use(context, &scope, s))
            return;
    }
}

/* ---------------------------------------------------------------- types */

struct membership {
    const struct module *module;
    const struct name *attribute, *type;
    unsigned depth;
    bool found;
};

/* (typeattributeset ATTRIBUTE EXPRESSION) */
static bool look_into(void *context, const struct scope *scope, const struct statement *s)
{
    struct membership *look = context;
    const struct module *m = look->module;
    const uint32_t attribute = node_member(m, s->node, 1);
    struct name name;

    if (attribute == NONE || m->node[attribute].list)
        return true;
    name = resolve(m, scope, attribute);
    if (same_name(&name, look->attribute))
        look->found =
            set_has_type(m, scope, node_member(m, s->node, 2), look->type, NULL, look->depth + 1);
    return !look->found;
}

/* Whether a set can be the attribute's at all: cheap, and most are not. */
static bool may_be(const struct module *m, const struct statement *s, const struct name *attribute)
{
    const uint32_t word = node_member(m, s->node, 1);
    const struct node *node;

    if (s->kind != STATEMENT_SET || word == NONE || m->node[word].list)
        return false;
    node = &m->node[word];
    return (s->container != NONE && m->container[s->container].macro) ||
           memchr(text_of(m, word), '.', node->size) != NULL ||
           (node->size == attribute->own_size &&
            memcmp(text_of(m, word), attribute->own, node->size) == 0);
}

/* Whether the type is in the attribute, as the module's own statements say or the base policy. */
static bool look_up(const struct module *m, const struct name *attribute, const struct name *type,
                    unsigned depth)
{
    struct membership look = {.module = m, .attribute = attribute, .type = type, .depth = depth};
    const struct name *names[] = {attribute, type};
    char t[MODULE_NAME_MAX], a[MODULE_NAME_MAX];

    /* Sets within a block hold what is its own: those of another slot have nothing of this one. */
    if (attribute->instance_size > 0 && type->instance_size > 0 &&
        !(attribute->instance_size == type->instance_size &&
          memcmp(attribute->instance, type->instance, type->instance_size) == 0))
        return false;
    for (uint32_t i = 0; i < m->statements && !look.found; i++) {
        if (may_be(m, &m->statement[i], attribute))
            scope_each(m, &m->statement[i], names, 2, look_into, &look);
    }
    if (look.found || m->base == NULL || type->instance_size > 0 || attribute->instance_size > 0 ||
        type->own_size >= sizeof(t) || attribute->own_size >= sizeof(a))
        return look.found;
    memcpy(t, type->own, type->own_size);
    t[type->own_size] = '\0';
    memcpy(a, attribute->own, attribute->own_size);
    a[attribute->own_size] = '\0';
    return m->base(m->base_context, t, a);
}

static uint64_t mix(uint64_t hash, const char *text, size_t size, uint64_t prime)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)text[i]) * prime;
    return (hash ^ size) * prime;
}

/* The same, remembered: one question asks it again and again. */
static bool is_member(const struct module *m, const struct name *attribute, const struct name *type,
                      unsigned depth)
{
    const struct name *names[] = {attribute, type};
    struct memo key = {.one = 1, .two = 2};
    struct memo *memo;

    for (size_t i = 0; i < 2; i++) {
        key.one = mix(key.one, names[i]->instance, names[i]->instance_size, 0x100000001b3ULL);
        key.one = mix(key.one, names[i]->own, names[i]->own_size, 0x100000001b3ULL);
        key.two = mix(key.two, names[i]->instance, names[i]->instance_size, 0x9e3779b97f4a7c15ULL);
        key.two = mix(key.two, names[i]->own, names[i]->own_size, 0x9e3779b97f4a7c15ULL);
    }
    memo = &m->memo[(key.one >> 17) & (MODULE_MEMOS - 1)];
    if (memo->one == key.one && memo->two == key.two)
        return memo->member;
    key.member = look_up(m, attribute, type, depth);
    *memo = key;
    return key.member;
}

bool set_has_type(const struct module *m, const struct scope *scope, uint32_t expression,
                  const struct name *type, const struct name *source, unsigned depth)
{
    uint32_t first;
    struct name name;
    bool a, b;

    if (expression == NONE || depth > MODULE_LOOKUP_MAX || *m->steps == 0)
        return false;
    --*m->steps;
    if (!m->node[expression].list) {
        if (node_is(m, expression, "self"))
            return source != NULL && same_name(source, type);
        name = resolve(m, scope, expression);
        return same_name(&name, type) || is_member(m, &name, type, depth);
    }
    first = m->node[expression].first;
    if (node_is(m, first, "all"))
        return true;
    if (node_is(m, first, "not"))
        return !set_has_type(m, scope, m->node[first].next, type, source, depth + 1);
    if (node_is(m, first, "and") || node_is(m, first, "xor")) {
        a = set_has_type(m, scope, node_member(m, expression, 1), type, source, depth + 1);
        b = set_has_type(m, scope, node_member(m, expression, 2), type, source, depth + 1);
        return node_is(m, first, "and") ? a && b : a != b;
    }
    if (node_is(m, first, "or"))
        first = m->node[first].next;
    for (; first != NONE; first = m->node[first].next) {
        if (set_has_type(m, scope, first, type, source, depth + 1))
            return true;
    }
    return false;
}

bool module_is_a(const struct module *module, const char *type, const char *attribute)
{
    const struct name t = name_of(type), a = name_of(attribute);

    *module->steps = MODULE_STEPS_MAX;
    return is_member(module, &a, &t, 0);
}

/* ---------------------------------------------------------------- permissions */

static bool permission_in(const struct module *m, uint32_t expression, const char *permission,
                          unsigned depth)
{
    uint32_t first;

    if (expression == NONE || depth > MODULE_LOOKUP_MAX)
        return false;
    if (!m->node[expression].list)
        return permission == NULL || node_is(m, expression, permission);
    first = m->node[expression].first;
    if (node_is(m, first, "all"))
        return true;
    if (node_is(m, first, "not"))
        return permission == NULL || !permission_in(m, m->node[first].next, permission, depth + 1);
    if (node_is(m, first, "and"))
        return permission_in(m, node_member(m, expression, 1), permission, depth + 1) &&
               permission_in(m, node_member(m, expression, 2), permission, depth + 1);
    if (node_is(m, first, "or"))
        first = m->node[first].next;
    for (; first != NONE; first = m->node[first].next) {
        if (permission_in(m, first, permission, depth + 1))
            return true;
    }
    return false;
}

bool set_has_permission(const struct module *m, uint32_t expression, const char *class,
                        const char *permission, unsigned depth)
{
    if (expression == NONE || depth > MODULE_LOOKUP_MAX)
        return false;
    if (m->node[expression].list)
        return (class == NULL || node_is(m, m->node[expression].first, class)) &&
               permission_in(m, node_member(m, expression, 1), permission, 0);
    /* (classpermissionset NAME (class (permissions))) */
    for (uint32_t i = 0; i < m->statements; i++) {
        const struct statement *s = &m->statement[i];

        if (s->kind == STATEMENT_PERMISSIONS &&
            node_same(m, node_member(m, s->node, 1), expression) &&
            set_has_permission(m, node_member(m, s->node, 2), class, permission, depth + 1))
            return true;
    }
    return false;
}

static int64_t number_at(const struct module *m, uint32_t node)
{
    char text[24];
    char *end;
    long value;

    if (node == NONE || m->node[node].list || m->node[node].size >= sizeof(text))
        return -1;
    memcpy(text, text_of(m, node), m->node[node].size);
    text[m->node[node].size] = '\0';
    value = strtol(text, &end, 0);
    return *end == '\0' ? value : -1;
}

static bool ioctl_in(const struct module *m, uint32_t expression, int64_t command, unsigned depth)
{
    uint32_t first;

    if (expression == NONE || depth > MODULE_LOOKUP_MAX)
        return false;
    if (command < 0)
        return true;
    if (!m->node[expression].list)
        return number_at(m, expression) == command;
    first = m->node[expression].first;
    if (node_is(m, first, "all"))
        return true;
    if (node_is(m, first, "range"))
        return number_at(m, node_member(m, expression, 1)) <= command &&
               command <= number_at(m, node_member(m, expression, 2));
    if (node_is(m, first, "not"))
        return !ioctl_in(m, m->node[first].next, command, depth + 1);
    if (node_is(m, first, "or"))
        first = m->node[first].next;
    for (; first != NONE; first = m->node[first].next) {
        if (ioctl_in(m, first, command, depth + 1))
            return true;
    }
    return false;
}

bool set_has_ioctl(const struct module *m, uint32_t expression, const char *class, int64_t command)
{
    return expression != NONE && m->node[expression].list &&
           node_is(m, node_member(m, expression, 0), "ioctl") &&
           node_is(m, node_member(m, expression, 1), class) &&
           ioctl_in(m, node_member(m, expression, 2), command, 0);
}
