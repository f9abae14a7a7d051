/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/language/parse_tenant.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "policy/guest_check.h"
#include "policy/image_values.h"
#include "policy/language/parse_guest.h"

/* tenant NAME { }: what it may use, who manages it, its guests and channels. */

int parse_number(struct parser *p, const char *what, uint64_t max, const char *wanted,
                 uint32_t *value)
{
    char word[LEX_WORD_MAX], shown[LEX_WORD_MAX];
    struct token token;
    uint64_t n;

    if (parser_word(p, wanted, &token, word) < 0)
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

static struct image_tenant *tenant_of(struct compiler *c)
{
    return &((struct draft_tenant *)c->draft.list[IMAGE_TENANTS].entries)[c->tenant].entry;
}

static int tenant_guests(struct parser *p, void *context)
{
    return parse_number(p, "guests", IMAGE_GUESTS_MAX, "a number, as in 'guests 8;'",
                        &tenant_of(context)->guests_max);
}

static int tenant_cpus(struct parser *p, void *context)
{
    return parse_number(p, "cpus", IMAGE_CPUS_MAX, "a number, as in 'cpus 16;'",
                        &tenant_of(context)->cpus_max);
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
    if (check_tenant_memory(bytes, &d) < 0)
        return parser_report(p, &token, &d);
    tenant_of(context)->memory_max = bytes;
    return 0;
}

int parse_pattern(struct parser *p, struct compiler *c, uint32_t use, uint32_t tenant,
                  uint32_t *count)
{
    struct token token = p->token;
    struct draft_pattern *pattern;
    char text[IMAGE_PATTERN_SIZE];
    struct guest_diagnostic d;

    if (parser_string(p, "a pattern in double quotes, as in \"/srv/acme/**\"", text, sizeof(text)) <
        0)
        return PARSER_REPORTED;
    if (check_pattern(use, text, &d) < 0)
        return parser_report(p, &token, &d);
    if (*count == IMAGE_TENANT_PATTERNS_MAX)
        return diagnostic_add(&p->list, token.line, token.column,
                              "more than %u patterns: a tenant has at most that many, and so has "
                              "the host",
                              IMAGE_TENANT_PATTERNS_MAX);
    if (c->draft.list[IMAGE_PATTERNS].count == IMAGE_PATTERNS_MAX)
        return too_many(p, &token, IMAGE_PATTERNS_MAX, "patterns");
    pattern = compiler_add(c, IMAGE_PATTERNS, sizeof(*pattern));
    if (pattern == NULL)
        return PARSER_REPORTED;
    pattern->at = parser_spot(p, &token);
    pattern->entry =
        (struct image_pattern){.tenant = tenant, .use = use, .text = draft_string(&c->draft, text)};
    ++*count;
    return 0;
}

static int tenant_disk_one(struct parser *p, struct compiler *c)
{
    return parse_pattern(p, c, IMAGE_PATTERN_DISK, c->tenant, &c->tenant_patterns);
}

static int tenant_disk(struct parser *p, void *context)
{
    return list_of(p, context, tenant_disk_one);
}

static int tenant_kernel_one(struct parser *p, struct compiler *c)
{
    return parse_pattern(p, c, IMAGE_PATTERN_KERNEL, c->tenant, &c->tenant_patterns);
}

static int tenant_kernel(struct parser *p, void *context)
{
    return list_of(p, context, tenant_kernel_one);
}

static int link_one(struct parser *p, struct compiler *c, uint32_t kind)
{
    static const struct {
        const char *name, *wanted;
    } kinds[IMAGE_LINK_KINDS] = {
        [IMAGE_LINK_BRIDGE] = {"bridge", "the name of a bridge, as in 'bridge acme0;'"},
        [IMAGE_LINK_TAP] = {"tap", "the name of a tap, as in 'tap acme-web0;'"},
    };
    struct token token = p->token;
    char text[IMAGE_PATTERN_SIZE];
    struct draft_link *link;
    struct guest_diagnostic d;

    if (parser_name(p, kinds[kind].wanted, text, sizeof(text)) < 0)
        return PARSER_REPORTED;
    if (check_interface(kinds[kind].name, text, &d) < 0)
        return parser_report(p, &token, &d);
    if (c->draft.list[IMAGE_LINKS].count == IMAGE_LINKS_MAX)
        return too_many(p, &token, IMAGE_LINKS_MAX, "bridges and taps");
    link = compiler_add(c, IMAGE_LINKS, sizeof(*link));
    if (link == NULL)
        return PARSER_REPORTED;
    link->at = parser_spot(p, &token);
    link->entry = (struct image_link){
        .tenant = c->tenant, .kind = kind, .name = draft_string(&c->draft, text)};
    return 0;
}

static int tenant_bridge_one(struct parser *p, struct compiler *c)
{
    return link_one(p, c, IMAGE_LINK_BRIDGE);
}

static int tenant_bridge(struct parser *p, void *context)
{
    return list_of(p, context, tenant_bridge_one);
}

static int tenant_tap_one(struct parser *p, struct compiler *c)
{
    return link_one(p, c, IMAGE_LINK_TAP);
}

static int tenant_tap(struct parser *p, void *context)
{
    return list_of(p, context, tenant_tap_one);
}

static int tenant_share_one(struct parser *p, struct compiler *c)
{
    struct token token = p->token;
    char word[LEX_WORD_MAX];
    struct draft_pair *pair;

    if (parser_word(p, "the name of an object, as in 'share golden;'", NULL, word) < 0)
        return PARSER_REPORTED;
    if (c->draft.list[IMAGE_SHARES].count == IMAGE_SHARES_MAX)
        return too_many(p, &token, IMAGE_SHARES_MAX, "shares");
    pair = compiler_add(c, IMAGE_SHARES, sizeof(*pair));
    if (pair == NULL)
        return PARSER_REPORTED;
    *pair = (struct draft_pair){.tenant = c->tenant,
                                .first = draft_string(&c->draft, word),
                                .at = parser_spot(p, &token),
                                .first_at = parser_spot(p, &token)};
    return 0;
}

static int tenant_share(struct parser *p, void *context)
{
    return list_of(p, context, tenant_share_one);
}

static int tenant_operator_one(struct parser *p, struct compiler *c)
{
    struct token token = p->token;
    struct draft_operator *to;
    char text[IMAGE_PATTERN_SIZE];
    struct guest_diagnostic d;

    if (parser_name(p, "a user or a group, as in 'operators \"alice\" \"@acme-admins\";'", text,
                    sizeof(text)) < 0)
        return PARSER_REPORTED;
    if (check_operator(text, &d) < 0)
        return parser_report(p, &token, &d);
    if (c->draft.list[IMAGE_OPERATORS].count == IMAGE_OPERATORS_MAX)
        return too_many(p, &token, IMAGE_OPERATORS_MAX, "operators");
    to = compiler_add(c, IMAGE_OPERATORS, sizeof(*to));
    if (to == NULL)
        return PARSER_REPORTED;
    to->at = parser_spot(p, &token);
    to->entry = (struct image_operator){.tenant = c->tenant, .name = draft_string(&c->draft, text)};
    return 0;
}

static int tenant_operators(struct parser *p, void *context)
{
    return list_of(p, context, tenant_operator_one);
}

static const struct statement_table table;

static int attest_required(struct parser *p, struct compiler *c, const struct token *token)
{
    if (c->attest_required)
        return diagnostic_add(&p->list, token->line, token->column,
                              "'attest required' is given twice: keep one");
    c->attest_required = true;
    tenant_of(c)->attest = 1;
    return parser_end(p, &table);
}

/* attest required; | attest [GUEST] { } */
static int tenant_attest(struct parser *p, void *context)
{
    static const char wanted[] = "'required;', '{', or a guest's name and '{', behind 'attest'";
    struct compiler *c = context;
    char word[LEX_WORD_MAX];
    struct token token;

    if (p->token.kind == TOKEN_OPEN)
        return parse_attest(p, c, NULL, NULL);
    if (parser_word(p, wanted, &token, word) < 0)
        return PARSER_REPORTED;
    if (p->token.kind == TOKEN_OPEN)
        return parse_attest(p, c, &token, word);
    if (strcmp(word, "required") == 0)
        return attest_required(p, c, &token);
    return parser_unexpected(p, "'{' behind a guest's name, or 'attest required;'");
}

/* Numbers are read as people say them: 1 denial, 20 denials. */
static int counted(struct parser *p, const char *one, const char *many, const char *wanted)
{
    if (!parser_at_word(p, one) && !parser_at_word(p, many))
        return parser_unexpected(p, wanted);
    parser_advance(p);
    return 0;
}

/* quarantine after NUMBER denials [ within NUMBER seconds ] */
static int tenant_quarantine(struct parser *p, void *context)
{
    struct image_tenant *tenant = tenant_of(context);
    uint32_t denials, seconds = 0;

    if (!parser_at_word(p, "after"))
        return parser_unexpected(p, "'after', as in 'quarantine after 20 denials;'");
    parser_advance(p);
    if (parse_number(p, "quarantine after", IMAGE_DENIALS_MAX,
                     "a number, as in 'quarantine after 20 denials;'", &denials) < 0 ||
        counted(p, "denial", "denials", "'denials' behind their number") < 0)
        return PARSER_REPORTED;
    if (parser_at_word(p, "within")) {
        parser_advance(p);
        if (parse_number(p, "within", IMAGE_WITHIN_MAX, "a number, as in 'within 60 seconds'",
                         &seconds) < 0 ||
            counted(p, "second", "seconds", "'seconds' behind their number") < 0)
            return PARSER_REPORTED;
    }
    tenant->quarantine_denials = denials;
    tenant->quarantine_within = seconds;
    return 0;
}

/* channel FROM -> TO vsock PORT */
static int tenant_channel(struct parser *p, void *context)
{
    static const char wanted[] = "a guest, as in 'channel web -> db vsock 5432;'";
    struct compiler *c = context;
    struct token token = p->token, from, to;
    struct draft_pair pair = {.tenant = c->tenant, .at = parser_spot(p, &token)}, *entry;
    char word[LEX_WORD_MAX];

    if (parser_word(p, wanted, &from, word) < 0)
        return PARSER_REPORTED;
    pair.first = draft_string(&c->draft, word);
    pair.first_at = parser_spot(p, &from);
    if (p->token.kind != TOKEN_ARROW)
        return parser_unexpected(p, "'->' behind the guest that connects");
    parser_advance(p);
    if (parser_word(p, wanted, &to, word) < 0)
        return PARSER_REPORTED;
    pair.second = draft_string(&c->draft, word);
    pair.second_at = parser_spot(p, &to);
    if (!parser_at_word(p, "vsock"))
        return parser_unexpected(p, "'vsock' and a port, as in 'vsock 5432'");
    parser_advance(p);
    if (parse_number(p, "port", UINT32_MAX - 1, "a port, as in 'vsock 5432'", &pair.port) < 0)
        return PARSER_REPORTED;
    if (c->draft.list[IMAGE_CHANNELS].count == IMAGE_CHANNELS_MAX)
        return too_many(p, &token, IMAGE_CHANNELS_MAX, "channels");
    entry = compiler_add(c, IMAGE_CHANNELS, sizeof(*entry));
    if (entry == NULL)
        return PARSER_REPORTED;
    *entry = pair;
    return 0;
}

/* What concerns a whole guest is only said where nothing else is wrong with it. */
static void check_guest(struct parser *p, struct compiler *c)
{
    struct guest_block *guest = &c->guest;
    struct guest_diagnostic d;

    if (guest->mac_at.line == 0)
        guest->spec.mac = GUEST_MAC_SELINUX;
    /* Whoever runs it can have it say anything: there is nothing of it that a policy could hold. */
    if (guest->spec.tpm_socket[0] != '\0')
        (void)diagnostic_add(&p->list, guest->tpm_at.line, guest->tpm_at.column,
                             "a third party's TPM is for `casemate run` alone: write 'tpm;', and "
                             "the guest has one that is measured");
    if (guest_spec_check(&guest->spec, &d) < 0)
        (void)diagnostic_add(&p->list, guest->at.line, guest->at.column, "%s", d.message);
}

/* A mac that is stated must be the host's, which may be stated further down. */
static void note_mac(struct compiler *c)
{
    const struct guest_block *guest = &c->guest;
    struct draft_mac *to;

    if (guest->mac_at.line == 0)
        return;
    to = arena_add(c->arena, &c->macs, sizeof(*to));
    if (to != NULL)
        *to = (struct draft_mac){.guest = draft_string(&c->draft, guest->spec.name),
                                 .mac = guest->spec.mac,
                                 .at = guest->mac_at};
}

static int tenant_guest(struct parser *p, void *context)
{
    struct compiler *c = context;
    struct guest_block *guest = &c->guest;
    size_t before = p->list.count;
    struct token token = p->token;

    if (c->draft.list[IMAGE_GUESTS].count == IMAGE_GUESTS_MAX)
        return too_many(p, &token, IMAGE_GUESTS_MAX, "guests");
    memset(guest, 0, offsetof(struct guest_block, spec));
    guest_spec_init(&guest->spec);
    if (parse_guest(p, guest) < 0)
        return PARSER_REPORTED;
    if (c->draft.list[IMAGE_DISKS].count + guest->spec.disks > IMAGE_DISKS_MAX)
        return too_many(p, &token, IMAGE_DISKS_MAX, "disks");
    if (c->draft.list[IMAGE_NETS].count + guest->spec.nets > IMAGE_NETS_MAX)
        return too_many(p, &token, IMAGE_NETS_MAX, "nets");
    if (p->list.count == before)
        check_guest(p, c);
    if (p->list.count == 0) {
        note_mac(c);
        draft_guest(&c->draft, c->tenant, guest);
    }
    return 0;
}

static const struct statement statements[] = {
    {"guests", tenant_guests, false, false},
    {"cpus", tenant_cpus, false, false},
    {"memory", tenant_memory, false, false},
    {"disk", tenant_disk, true, false},
    {"kernel", tenant_kernel, true, false},
    {"bridge", tenant_bridge, true, false},
    {"tap", tenant_tap, true, false},
    {"share", tenant_share, true, false},
    {"operators", tenant_operators, true, false},
    {"attest", tenant_attest, true, true}, /* one form of it ends by itself */
    {"quarantine", tenant_quarantine, false, false},
    {"channel", tenant_channel, true, false},
    {"guest", tenant_guest, true, true},
};

static const struct statement_table table = {
    .statements = statements,
    .count = sizeof(statements) / sizeof(statements[0]),
    .want = "a statement, such as 'cpus 16;', a guest, or '}'",
    .has = "a tenant has guests, cpus, memory, disk, kernel, bridge, tap, share, operators, "
           "attest, quarantine, channel, guest, use, for",
};

int parse_tenant(struct parser *p, void *context)
{
    struct compiler *c = context;
    struct draft_tenant *tenant;
    char word[LEX_WORD_MAX];
    struct guest_diagnostic d;
    struct token name;

    if (parser_word(p, "the tenant's name, as in 'tenant acme {'", &name, word) < 0)
        return PARSER_REPORTED;
    if (check_tenant(word, &d) < 0)
        return parser_report(p, &name, &d);
    if (c->draft.list[IMAGE_TENANTS].count == IMAGE_TENANTS_MAX)
        return too_many(p, &name, IMAGE_TENANTS_MAX, "tenants");
    if (parser_open(p, "'{' behind the tenant's name") < 0)
        return PARSER_REPORTED;
    tenant = compiler_add(c, IMAGE_TENANTS, sizeof(*tenant));
    if (tenant == NULL)
        return PARSER_REPORTED;
    tenant->at = parser_spot(p, &name);
    tenant->entry.name = draft_string(&c->draft, word);
    c->tenant = (uint32_t)c->draft.list[IMAGE_TENANTS].count - 1;
    c->tenant_patterns = 0;
    c->attest_required = false;
    return parser_block(p, &table, c, "tenant", word, name.line);
}
