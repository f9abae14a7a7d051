/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "policy/guest_check.h"
#include "policy/host_check.h"
#include "policy/parse_guest.h"
#include "policy/parse_host.h"

/*
 * A host's policy (doc/grammar-host.md). Blocks nest two deep, by calls and not by recursion. A
 * block's context is the struct host_parser.
 */

static struct source_spot position(const struct token *token)
{
    return (struct source_spot){.line = token->line, .column = token->column};
}

/* A list's place is used up: everything that may come often is bounded. */
static int too_many(struct parser *p, const struct token *at, unsigned max, const char *what)
{
    (void)diagnostic_add(&p->list, at->line, at->column,
                         "more than %u %s: a host's policy has at most that many", max, what);
    return PARSER_REPORTED;
}

/*
 * One value or several. Strings may go on in the next line; a word there is taken for the next
 * statement's, in front of which a ';' was forgotten.
 */
static int list_of(struct parser *p, struct host_parser *host,
                   int (*one)(struct parser *p, struct host_parser *host))
{
    int r = one(p, host);

    while (r == 0 && (p->token.kind == TOKEN_STRING ||
                      (p->token.kind == TOKEN_WORD && p->token.line == p->end_line)))
        r = one(p, host);
    return r;
}

static int pattern(struct parser *p, struct host_parser *host, uint32_t use, uint32_t tenant)
{
    struct host_policy *policy = host->policy;
    struct token token = p->token;
    char text[HOST_PATTERN_MAX];
    struct guest_diagnostic d;

    if (parser_string(p, "a pattern in double quotes, as in \"/srv/acme/**\"", text, sizeof(text)) <
        0)
        return PARSER_REPORTED;
    if (host_check_pattern(use, text, &d) < 0)
        return parser_report(p, &token, &d);
    if (policy->patterns == HOST_PATTERNS_MAX)
        return too_many(p, &token, HOST_PATTERNS_MAX, "patterns");
    policy->pattern[policy->patterns] =
        (struct host_pattern){.tenant = tenant, .use = use, .at = position(&token)};
    memcpy(policy->pattern[policy->patterns++].text, text, strlen(text) + 1);
    return 0;
}

/* ---- host { } */

static int host_mac(struct parser *p, void *context)
{
    struct host_parser *host = context;
    struct guest_spec spec = {.mac = GUEST_MAC_SELINUX};
    char word[LEX_WORD_MAX];
    struct guest_diagnostic d;
    struct token token;

    if (parser_word(p, "selinux or landlock, as in 'mac selinux;'", &token, word) < 0)
        return PARSER_REPORTED;
    if (guest_set_mac(&spec, word, &d) < 0)
        return parser_report(p, &token, &d);
    host->policy->mac = spec.mac;
    return 0;
}

static int host_kernel_one(struct parser *p, struct host_parser *host)
{
    return pattern(p, host, HOST_PATTERN_KERNEL, HOST_EVERY_TENANT);
}

static int host_kernel(struct parser *p, void *context)
{
    return list_of(p, context, host_kernel_one);
}

static const struct statement host_statements[] = {
    {"mac", host_mac, false, false},
    {"kernel", host_kernel, true, false},
};

static const struct statement_table host_table = {
    .statements = host_statements,
    .count = sizeof(host_statements) / sizeof(host_statements[0]),
    .want = "a statement, such as 'mac selinux;', or '}'",
    .has = "the host has mac, kernel",
};

static int parse_host(struct parser *p, void *context)
{
    uint32_t line = p->token.line;

    if (parser_open(p, "'{' behind 'host'") < 0)
        return PARSER_REPORTED;
    return parser_block(p, &host_table, context, "the host block", NULL, line);
}

/* ---- object NAME { } */

static int object_disk(struct parser *p, void *context)
{
    struct host_parser *host = context;
    struct host_object *object = &host->policy->object[host->object];
    struct token token = p->token;
    char text[GUEST_PATH_MAX];
    struct guest_diagnostic d;

    if (parser_string(p, "a path in double quotes, as in 'disk \"/srv/golden/debian.img\";'", text,
                      sizeof(text)) < 0)
        return PARSER_REPORTED;
    if (host_check_object(text, &d) < 0)
        return parser_report(p, &token, &d);
    memcpy(object->path, text, strlen(text) + 1);
    return 0;
}

static int object_readonly(struct parser *p, void *context)
{
    struct host_parser *host = context;

    (void)p;
    host->object_readonly = true;
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
    struct host_parser *host = context;
    struct host_policy *policy = host->policy;
    struct host_object *object = &policy->object[policy->objects];
    size_t before = p->list.count;
    char word[LEX_WORD_MAX];
    struct guest_diagnostic d;
    struct token name;

    if (parser_word(p, "the object's name, as in 'object golden {'", &name, word) < 0)
        return PARSER_REPORTED;
    if (check_name("object", word, &d) < 0)
        return parser_report(p, &name, &d);
    if (policy->objects == HOST_OBJECTS_MAX)
        return too_many(p, &name, HOST_OBJECTS_MAX, "objects");
    if (parser_open(p, "'{' behind the object's name") < 0)
        return PARSER_REPORTED;
    *object = (struct host_object){.at = position(&name)};
    memcpy(object->name, word, strlen(word) + 1);
    host->object = policy->objects++;
    host->object_readonly = false;
    if (parser_block(p, &object_table, host, "object", word, name.line) < 0)
        return PARSER_REPORTED;
    if (p->list.count > before)
        return 0;
    if (object->path[0] == '\0')
        (void)diagnostic_add(&p->list, name.line, name.column,
                             "object '%s' has no disk: give one, as in disk "
                             "\"/srv/golden/debian.img\"",
                             word);
    else if (!host->object_readonly)
        (void)diagnostic_add(&p->list, name.line, name.column,
                             "object '%s' could be written by several tenants: add 'readonly;'",
                             word);
    return 0;
}

/* ---- tenant NAME { } */

static int number(struct parser *p, const char *what, uint64_t max, uint32_t *value)
{
    char word[LEX_WORD_MAX], shown[LEX_WORD_MAX];
    struct token token;
    uint64_t n;

    if (parser_word(p, "a number, as in 'cpus 16;'", &token, word) < 0)
        return PARSER_REPORTED;
    if (text_number(word, 1, max, &n) < 0) {
        (void)diagnostic_add(&p->list, token.line, token.column,
                             "%s '%s' is not a number from 1 to %llu", what,
                             text_escape(shown, sizeof(shown), word), (unsigned long long)max);
        return PARSER_REPORTED;
    }
    *value = (uint32_t)n;
    return 0;
}

static struct host_tenant *tenant_of(struct host_parser *host)
{
    return &host->policy->tenant[host->tenant];
}

static int tenant_guests(struct parser *p, void *context)
{
    return number(p, "guests", HOST_GUESTS_MAX, &tenant_of(context)->guests);
}

static int tenant_cpus(struct parser *p, void *context)
{
    return number(p, "cpus", HOST_CPUS_MAX, &tenant_of(context)->cpus);
}

static int tenant_memory(struct parser *p, void *context)
{
    char word[LEX_WORD_MAX];
    struct guest_diagnostic d;
    struct token token;
    uint64_t bytes;

    if (parser_word(p, "a size, as in 'memory 32G;'", &token, word) < 0)
        return PARSER_REPORTED;
    if (text_size(word, &bytes) < 0) {
        (void)diagnostic_set(&d,
                             "memory '%s' is not a size: give a number with M, G or T, as in "
                             "32G",
                             word);
        return parser_report(p, &token, &d);
    }
    if (host_check_memory(bytes, &d) < 0)
        return parser_report(p, &token, &d);
    tenant_of(context)->memory = bytes;
    return 0;
}

static int tenant_disk_one(struct parser *p, struct host_parser *host)
{
    return pattern(p, host, HOST_PATTERN_DISK, host->tenant);
}

static int tenant_disk(struct parser *p, void *context)
{
    return list_of(p, context, tenant_disk_one);
}

static int tenant_kernel_one(struct parser *p, struct host_parser *host)
{
    return pattern(p, host, HOST_PATTERN_KERNEL, host->tenant);
}

static int tenant_kernel(struct parser *p, void *context)
{
    return list_of(p, context, tenant_kernel_one);
}

static int link_one(struct parser *p, struct host_parser *host, uint32_t kind)
{
    static const struct {
        const char *name, *wanted;
    } kinds[HOST_LINK_KINDS] = {
        [HOST_LINK_BRIDGE] = {"bridge", "the name of a bridge, as in 'bridge acme0;'"},
        [HOST_LINK_TAP] = {"tap", "the name of a tap, as in 'tap acme-web0;'"},
    };
    struct host_policy *policy = host->policy;
    struct host_link *link = &policy->link[policy->links];
    struct token token = p->token;
    char text[HOST_PATTERN_MAX];
    struct guest_diagnostic d;

    if (parser_name(p, kinds[kind].wanted, text, sizeof(text)) < 0)
        return PARSER_REPORTED;
    if (check_interface(kinds[kind].name, text, &d) < 0)
        return parser_report(p, &token, &d);
    if (policy->links == HOST_LINKS_MAX)
        return too_many(p, &token, HOST_LINKS_MAX, "bridges and taps");
    *link = (struct host_link){.tenant = host->tenant, .kind = kind, .at = position(&token)};
    memcpy(link->name, text, strlen(text) + 1);
    policy->links++;
    return 0;
}

static int tenant_bridge_one(struct parser *p, struct host_parser *host)
{
    return link_one(p, host, HOST_LINK_BRIDGE);
}

static int tenant_bridge(struct parser *p, void *context)
{
    return list_of(p, context, tenant_bridge_one);
}

static int tenant_tap_one(struct parser *p, struct host_parser *host)
{
    return link_one(p, host, HOST_LINK_TAP);
}

static int tenant_tap(struct parser *p, void *context)
{
    return list_of(p, context, tenant_tap_one);
}

static int tenant_share_one(struct parser *p, struct host_parser *host)
{
    struct host_policy *policy = host->policy;
    struct token token = p->token;
    char word[LEX_WORD_MAX];

    if (parser_word(p, "the name of an object, as in 'share golden;'", NULL, word) < 0)
        return PARSER_REPORTED;
    if (policy->shares == HOST_SHARES_MAX)
        return too_many(p, &token, HOST_SHARES_MAX, "shares");
    policy->share[policy->shares] =
        (struct host_share){.tenant = host->tenant, .at = position(&token)};
    host->share[policy->shares++] = token;
    return 0;
}

static int tenant_share(struct parser *p, void *context)
{
    return list_of(p, context, tenant_share_one);
}

static int tenant_operator_one(struct parser *p, struct host_parser *host)
{
    struct host_policy *policy = host->policy;
    struct host_operator *operator= & policy->operator[policy->operators];
    struct token token = p->token;
    char text[HOST_PATTERN_MAX];
    struct guest_diagnostic d;

    if (parser_name(p, "a user or a group, as in 'operators \"alice\" \"@acme-admins\";'", text,
                    sizeof(text)) < 0)
        return PARSER_REPORTED;
    if (host_check_operator(text, &d) < 0)
        return parser_report(p, &token, &d);
    if (policy->operators == HOST_OPERATORS_MAX)
        return too_many(p, &token, HOST_OPERATORS_MAX, "operators");
    *operator=(struct host_operator){.tenant = host->tenant, .at = position(&token)};
    memcpy(operator->name, text, strlen(text) + 1);
    policy->operators++;
    return 0;
}

static int tenant_operators(struct parser *p, void *context)
{
    return list_of(p, context, tenant_operator_one);
}

static int tenant_guest(struct parser *p, void *context)
{
    struct host_parser *host = context;
    struct host_policy *policy = host->policy;
    struct host_guest *guest = &policy->guest[policy->guests];

    if (policy->guests == HOST_GUESTS_MAX)
        return too_many(p, &p->token, HOST_GUESTS_MAX, "guests");
    if (policy->guests == host->room) {
        host->over = true;
        return too_many(p, &p->token, host->room, "guests (there is no memory for them)");
    }
    memset(guest, 0, sizeof(*guest));
    guest->tenant = host->tenant;
    guest_spec_init(&guest->spec);
    policy->guests++;
    return parse_guest(p, guest);
}

static const struct statement tenant_statements[] = {
    {"guests", tenant_guests, false, false},
    {"cpus", tenant_cpus, false, false},
    {"memory", tenant_memory, false, false},
    {"disk", tenant_disk, true, false},
    {"kernel", tenant_kernel, true, false},
    {"bridge", tenant_bridge, true, false},
    {"tap", tenant_tap, true, false},
    {"share", tenant_share, true, false},
    {"operators", tenant_operators, true, false},
    {"guest", tenant_guest, true, true},
};

static const struct statement_table tenant_table = {
    .statements = tenant_statements,
    .count = sizeof(tenant_statements) / sizeof(tenant_statements[0]),
    .want = "a statement, such as 'cpus 16;', a guest, or '}'",
    .has = "a tenant has guests, cpus, memory, disk, kernel, bridge, tap, share, operators, guest",
};

static int parse_tenant(struct parser *p, void *context)
{
    struct host_parser *host = context;
    struct host_policy *policy = host->policy;
    struct host_tenant *tenant = &policy->tenant[policy->tenants];
    char word[LEX_WORD_MAX];
    struct guest_diagnostic d;
    struct token name;

    if (parser_word(p, "the tenant's name, as in 'tenant acme {'", &name, word) < 0)
        return PARSER_REPORTED;
    if (host_check_tenant(word, &d) < 0)
        return parser_report(p, &name, &d);
    if (policy->tenants == HOST_TENANTS_MAX)
        return too_many(p, &name, HOST_TENANTS_MAX, "tenants");
    if (parser_open(p, "'{' behind the tenant's name") < 0)
        return PARSER_REPORTED;
    *tenant = (struct host_tenant){.at = position(&name)};
    memcpy(tenant->name, word, strlen(word) + 1);
    host->tenant = policy->tenants++;
    return parser_block(p, &tenant_table, host, "tenant", word, name.line);
}

/* ---- conflict A B; */

static int parse_conflict(struct parser *p, void *context)
{
    struct host_parser *host = context;
    struct host_policy *policy = host->policy;
    struct token token = p->token, names[2];
    char word[LEX_WORD_MAX];

    if (parser_word(p, "two tenants, as in 'conflict acme initech;'", &names[0], word) < 0 ||
        parser_word(p, "two tenants, as in 'conflict acme initech;'", &names[1], word) < 0)
        return PARSER_REPORTED;
    if (policy->conflicts == HOST_CONFLICTS_MAX)
        return too_many(p, &token, HOST_CONFLICTS_MAX, "conflicts");
    policy->conflict[policy->conflicts] = (struct host_conflict){.at = position(&token)};
    memcpy(host->conflict[policy->conflicts++], names, sizeof(names));
    return 0;
}

static const struct statement file_statements[] = {
    {"host", parse_host, false, true},
    {"object", parse_object, true, true},
    {"tenant", parse_tenant, true, true},
    {"conflict", parse_conflict, true, false},
};

static const struct statement_table file_table = {
    .statements = file_statements,
    .count = sizeof(file_statements) / sizeof(file_statements[0]),
    .want = "host, object, tenant or conflict",
    .has = "a host's policy has host, object, tenant, conflict",
};

int host_policy_parse(const char *text, size_t size, struct host_policy *policy, size_t capacity,
                      struct guest_diagnostic *diagnostics, size_t *count)
{
    struct diagnostic_list early = {.items = diagnostics, .room = *count};
    struct host_parser host = {.policy = policy};
    struct parser *p = &host.parser;
    struct parser_seen seen[PARSER_STATEMENTS_MAX] = {0};
    size_t room;

    if (size > HOST_SOURCE_MAX || capacity < sizeof(*policy)) {
        bool large = size > HOST_SOURCE_MAX;

        if (large)
            (void)diagnostic_add(&early, 1, 1, "the file is %zu bytes long: at most %u are read",
                                 size, HOST_SOURCE_MAX);
        else
            (void)diagnostic_add(&early, 1, 1, "there is no memory for a policy");
        *count = early.count;
        return large ? -EFBIG : -ENOSPC;
    }
    room = (capacity - sizeof(*policy)) / sizeof(policy->guest[0]);
    host.room = room < HOST_GUESTS_MAX ? (uint32_t)room : HOST_GUESTS_MAX;
    memset(policy, 0, sizeof(*policy));
    policy->mac = GUEST_MAC_SELINUX;
    parser_init(p, text, size, diagnostics, *count);
    parser_file(p, &file_table, &host, seen);
    parse_host_resolve(&host);
    parser_sort(&p->list);
    *count = p->list.count;
    if (host.over)
        return -ENOSPC;
    if (p->list.count > 0)
        return -EINVAL;
    policy->magic = HOST_MAGIC_POLICY;
    policy->version = HOST_POLICY_VERSION;
    policy->size = host_policy_size(policy->guests);
    return 0;
}
