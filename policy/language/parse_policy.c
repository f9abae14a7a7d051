/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "policy/guest_check.h"
#include "policy/image_values.h"
#include "policy/language/compiler.h"
#include "policy/language/parse_tenant.h"

/*
 * A host's policy (doc/grammar-host.md): what stands in a file beside tenants, and the host block.
 * Blocks nest two deep, by calls and not by recursion; only templates and loops recurse, so deep as
 * COMPILE_NESTING_MAX. Every context is the struct compiler.
 */

int too_many(struct parser *p, const struct token *at, unsigned max, const char *what)
{
    (void)diagnostic_add(&p->list, at->line, at->column,
                         "more than %u %s: a host's policy has at most that many", max, what);
    p->stopped = true; /* each further one would be a message */
    return PARSER_REPORTED;
}

void *compiler_add(struct compiler *c, enum image_table table, size_t size)
{
    void *entry = draft_add(&c->draft, table, size);

    if (entry == NULL)
        c->parser.stopped = true;
    return entry;
}

int list_of(struct parser *p, struct compiler *c, int (*one)(struct parser *p, struct compiler *c))
{
    int r = one(p, c);

    while (r == 0 && (p->token.kind == TOKEN_STRING ||
                      (p->token.kind == TOKEN_WORD && p->token.line == p->end_line)))
        r = one(p, c);
    return r;
}

/* ---- host { } */

static int host_mac(struct parser *p, void *context)
{
    struct compiler *c = context;
    struct guest_spec *spec = &c->guest.spec; /* lent: no guest is being read */
    char word[LEX_WORD_MAX];
    struct guest_diagnostic d;
    struct token token;

    if (parser_word(p, "selinux or landlock, as in 'mac selinux;'", &token, word) < 0)
        return PARSER_REPORTED;
    if (guest_set_mac(spec, word, &d) < 0)
        return parser_report(p, &token, &d);
    c->draft.mac = spec->mac;
    return 0;
}

static int host_kernel_one(struct parser *p, struct compiler *c)
{
    return parse_pattern(p, c, IMAGE_PATTERN_KERNEL, IMAGE_NONE, &c->host_patterns);
}

static int host_kernel(struct parser *p, void *context)
{
    return list_of(p, context, host_kernel_one);
}

/* A string that a check accepts, to a number. */
static int host_string(struct parser *p, struct compiler *c, const char *wanted,
                       int (*check)(const char *text, struct guest_diagnostic *d),
                       image_string *number)
{
    struct token token = p->token;
    char text[GUEST_PATH_MAX];
    struct guest_diagnostic d;

    if (parser_string(p, wanted, text, sizeof(text)) < 0)
        return PARSER_REPORTED;
    if (check(text, &d) < 0)
        return parser_report(p, &token, &d);
    *number = draft_string(&c->draft, text);
    return 0;
}

static int host_audit(struct parser *p, void *context)
{
    struct compiler *c = context;

    return host_string(p, c, "a directory in double quotes, as in 'audit \"/var/log/casemate\";'",
                       check_audit, &c->draft.audit);
}

static int host_tpm(struct parser *p, void *context)
{
    struct compiler *c = context;

    return host_string(p, c, "a device in double quotes, as in 'host-tpm \"device:/dev/tpmrm0\";'",
                       check_host_tpm, &c->draft.host_tpm);
}

/* on-permissive pause | kill | alarm */
static int host_on_permissive(struct parser *p, void *context)
{
    struct compiler *c = context;
    char word[LEX_WORD_MAX], shown[LEX_WORD_MAX];
    struct token token;

    if (parser_word(p, "pause, kill or alarm, as in 'on-permissive pause;'", &token, word) < 0)
        return PARSER_REPORTED;
    for (uint32_t i = 0; i < IMAGE_PERMISSIVES; i++) {
        if (strcmp(word, image_permissive_words[i]) == 0) {
            c->draft.on_permissive = i;
            return 0;
        }
    }
    return diagnostic_add(&p->list, token.line, token.column,
                          "on-permissive '%s' is none of pause, kill, alarm",
                          text_escape(shown, sizeof(shown), word));
}

/* trusted TYPE "reason" */
static int host_type(struct parser *p, struct compiler *c, enum image_table table, const char *what,
                     const char *wanted, unsigned max)
{
    struct token token = p->token;
    char type[IMAGE_TYPE_SIZE], reason[GUEST_PATH_MAX];
    struct draft_type *to;
    struct guest_diagnostic d;

    if (parser_name(p, wanted, type, sizeof(type)) < 0)
        return PARSER_REPORTED;
    if (check_type(what, type, &d) < 0)
        return parser_report(p, &token, &d);
    if (c->draft.list[table].count == max)
        return too_many(p, &token, max, "types of one kind");
    to = compiler_add(c, table, sizeof(*to));
    if (to == NULL)
        return PARSER_REPORTED;
    to->at = parser_spot(p, &token);
    token = p->token;
    if (parser_string(p, "the reason, a sentence in double quotes", reason, sizeof(reason)) < 0)
        return PARSER_REPORTED;
    if (check_reason(what, reason, &d) < 0)
        return parser_report(p, &token, &d);
    to->entry.type = draft_string(&c->draft, type);
    to->entry.reason = draft_string(&c->draft, reason);
    return 0;
}

static int host_trusted(struct parser *p, void *context)
{
    return host_type(p, context, IMAGE_TRUSTED, "trusted",
                     "an SELinux type, as in 'trusted systemd_t \"it starts everything\";'",
                     IMAGE_TRUSTED_MAX);
}

static int host_stateless(struct parser *p, void *context)
{
    return host_type(p, context, IMAGE_STATELESS, "stateless",
                     "an SELinux type, as in 'stateless null_device_t \"it keeps nothing\";'",
                     IMAGE_STATELESS_MAX);
}

static const struct statement host_statements[] = {
    {"mac", host_mac, false, false},
    {"kernel", host_kernel, true, false},
    {"audit", host_audit, false, false},
    {"host-tpm", host_tpm, false, false},
    {"trusted", host_trusted, true, false},
    {"stateless", host_stateless, true, false},
    {"on-permissive", host_on_permissive, false, false},
};

static const struct statement_table host_table = {
    .statements = host_statements,
    .count = sizeof(host_statements) / sizeof(host_statements[0]),
    .want = "a statement, such as 'mac selinux;', or '}'",
    .has = "the host has mac, kernel, audit, host-tpm, on-permissive, trusted, stateless",
};

static int parse_host(struct parser *p, void *context)
{
    uint32_t line = p->token.line;

    if (parser_open(p, "'{' behind 'host'") < 0)
        return PARSER_REPORTED;
    return parser_block(p, &host_table, context, "the host block", NULL, line);
}

/* ---- object NAME { } */

static struct draft_object *object_of(struct compiler *c)
{
    return (struct draft_object *)c->draft.list[IMAGE_OBJECTS].entries +
           c->draft.list[IMAGE_OBJECTS].count - 1;
}

static int object_disk(struct parser *p, void *context)
{
    struct compiler *c = context;

    return host_string(p, c, "a path in double quotes, as in 'disk \"/srv/golden/debian.img\";'",
                       check_object, &object_of(c)->entry.path);
}

static int object_readonly(struct parser *p, void *context)
{
    struct compiler *c = context;

    (void)p;
    c->object_readonly = true;
    return 0;
}

static const struct statement object_statements[] = {
    {"disk", object_disk, false, false},
    {"readonly", object_readonly, false, false},
};

static const struct statement_table object_table = {
    .statements = object_statements,
    .count = sizeof(object_statements) / sizeof(object_statements[0]),
    .want = "a statement, such as 'readonly;', or '}'",
    .has = "an object has disk, readonly",
};

static int parse_object(struct parser *p, void *context)
{
    struct compiler *c = context;
    size_t before = p->list.count;
    struct draft_object *object;
    char word[LEX_WORD_MAX];
    struct guest_diagnostic d;
    struct token name;

    if (parser_word(p, "the object's name, as in 'object golden {'", &name, word) < 0)
        return PARSER_REPORTED;
    if (check_name("object", word, &d) < 0)
        return parser_report(p, &name, &d);
    if (c->draft.list[IMAGE_OBJECTS].count == IMAGE_OBJECTS_MAX)
        return too_many(p, &name, IMAGE_OBJECTS_MAX, "objects");
    if (parser_open(p, "'{' behind the object's name") < 0)
        return PARSER_REPORTED;
    object = compiler_add(c, IMAGE_OBJECTS, sizeof(*object));
    if (object == NULL)
        return PARSER_REPORTED;
    object->at = parser_spot(p, &name);
    object->entry.name = draft_string(&c->draft, word);
    c->object_readonly = false;
    if (parser_block(p, &object_table, c, "object", word, name.line) < 0)
        return PARSER_REPORTED;
    if (p->list.count > before)
        return 0;
    if (object_of(c)->entry.path == 0)
        (void)diagnostic_add(&p->list, name.line, name.column,
                             "object '%s' has no disk: give one, as in disk "
                             "\"/srv/golden/debian.img\"",
                             word);
    else if (!c->object_readonly)
        (void)diagnostic_add(&p->list, name.line, name.column,
                             "object '%s' could be written by several tenants: add 'readonly;'",
                             word);
    return 0;
}

/* ---- between tenants */

/* A name of two, kept until all are known. */
static int name_of_two(struct parser *p, struct compiler *c, const char *wanted, uint32_t *number,
                       struct source_spot *at)
{
    char word[LEX_WORD_MAX];
    struct token token;

    if (parser_word(p, wanted, &token, word) < 0)
        return PARSER_REPORTED;
    *at = parser_spot(p, &token);
    *number = draft_string(&c->draft, word);
    return 0;
}

static int add_pair(struct parser *p, struct compiler *c, enum image_table table, unsigned max,
                    const char *what, const struct draft_pair *pair, const struct token *at)
{
    struct draft_pair *to;

    if (c->draft.list[table].count == max)
        return too_many(p, at, max, what);
    to = compiler_add(c, table, sizeof(*to));
    if (to == NULL)
        return PARSER_REPORTED;
    *to = *pair;
    return 0;
}

/* on core | host */
static int parse_scope(struct parser *p, uint32_t *scope)
{
    while (p->token.kind == TOKEN_WORD && p->token.line == p->end_line) {
        bool core = parser_at_word(p, "core");
        uint32_t bit = core ? IMAGE_CONFLICT_CORE : IMAGE_CONFLICT_HOST;

        if (!core && !parser_at_word(p, "host"))
            break;
        if ((*scope & bit) != 0)
            return diagnostic_add(&p->list, p->token.line, p->token.column,
                                  "'%s' is given twice: keep one", core ? "core" : "host");
        *scope |= bit;
        parser_advance(p);
    }
    return *scope != 0 ? 0 : parser_unexpected(p, "core or host, as in 'on host'");
}

static int parse_conflict(struct parser *p, void *context)
{
    static const char wanted[] = "two tenants, as in 'conflict acme initech;'";
    struct compiler *c = context;
    struct token token = p->token;
    struct draft_pair pair = {.at = parser_spot(p, &token)};

    if (name_of_two(p, c, wanted, &pair.first, &pair.first_at) < 0 ||
        name_of_two(p, c, wanted, &pair.second, &pair.second_at) < 0)
        return PARSER_REPORTED;
    if (parser_at_word(p, "on")) {
        parser_advance(p);
        if (parse_scope(p, &pair.detail) < 0)
            return PARSER_REPORTED;
    }
    return add_pair(p, c, IMAGE_CONFLICTS, IMAGE_CONFLICTS_MAX, "conflicts", &pair, &token);
}

/* assert no flow A -> B | A <-> B */
static int parse_assert(struct parser *p, void *context)
{
    static const char wanted[] = "a tenant, as in 'assert no flow acme <-> initech;'";
    struct compiler *c = context;
    struct token token = p->token;
    struct draft_pair pair = {.at = parser_spot(p, &token)};

    for (const char *const *word = (const char *const[]){"no", "flow", NULL}; *word != NULL;
         word++) {
        if (!parser_at_word(p, *word))
            return parser_unexpected(p, "'no flow', as in 'assert no flow acme <-> initech;'");
        parser_advance(p);
    }
    if (name_of_two(p, c, wanted, &pair.first, &pair.first_at) < 0)
        return PARSER_REPORTED;
    if (p->token.kind != TOKEN_ARROW && p->token.kind != TOKEN_BOTH)
        return parser_unexpected(p, "'->' or '<->'");
    pair.detail = p->token.kind == TOKEN_BOTH;
    parser_advance(p);
    if (name_of_two(p, c, wanted, &pair.second, &pair.second_at) < 0)
        return PARSER_REPORTED;
    return add_pair(p, c, IMAGE_ASSERTIONS, IMAGE_ASSERTIONS_MAX, "assertions", &pair, &token);
}

/* ---- include and template: noted in the first walk, checked here */

static int at_top(struct parser *p, struct compiler *c, const char *what)
{
    if (c->nesting == 0)
        return 0;
    return diagnostic_add(&p->list, p->token.line, p->token.column,
                          "%s stands at the top of a file, in no template and no loop", what);
}

static int parse_include(struct parser *p, void *context)
{
    static const char wanted[] = "a file below this one's directory, as in 'include "
                                 "\"tenants/acme.policy\";'";
    char path[COMPILE_PATH_MAX];

    if (at_top(p, context, "an include") < 0)
        return PARSER_REPORTED;
    return parser_string(p, wanted, path, sizeof(path));
}

static int parse_template(struct parser *p, void *context)
{
    struct compiler *c = context;
    const struct template *known;
    struct template template = {.source = p->list.source};
    uint32_t line = p->token.line;

    if (at_top(p, c, "a template") < 0 || template_head(c, p, &template) < 0)
        return PARSER_REPORTED;
    known = template_find(c, template.name);
    if (known != NULL && (known->source != template.source || known->body.at != template.body.at))
        (void)diagnostic_add(&p->list, template.at.line, template.at.column,
                             "template '%s' is there twice, first on line %u%s: rename one",
                             template.name, known->at.line,
                             known->source != template.source ? " of another file" : "");
    if (!parser_skip_block(p) && !p->ended && !parser_full(p)) {
        p->ended = true;
        (void)diagnostic_add(&p->list, p->token.line, p->token.column,
                             "the file ends within template '%s', begun on line %u: add '}'",
                             template.name, line);
    }
    return 0;
}

static const struct statement file_statements[] = {
    {"host", parse_host, false, true},        {"object", parse_object, true, true},
    {"tenant", parse_tenant, true, true},     {"conflict", parse_conflict, true, false},
    {"assert", parse_assert, true, false},    {"include", parse_include, true, false},
    {"template", parse_template, true, true},
};

const struct statement_table policy_table = {
    .statements = file_statements,
    .count = sizeof(file_statements) / sizeof(file_statements[0]),
    .want = "host, object, tenant or conflict",
    .has =
        "a host's policy has host, object, tenant, conflict, assert, include, template, use, for",
};
