/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/text.h"
#include "policy/image_values.h"
#include "policy/language/compiler.h"
#include "policy/language/parse_tenant.h"

/*
 * attest [GUEST] { }: what a verifier is to demand of a tenant's guests, or of one. Each value is
 * an entry of the image's table.
 */

static int add(struct parser *p, struct compiler *c, const struct token *at, uint32_t clause,
               uint32_t number, const char *text)
{
    struct draft_attest *to;
    struct guest_diagnostic d;

    if (check_attest(clause, number, text, &d) < 0)
        return parser_report(p, at, &d);
    if (c->draft.list[IMAGE_ATTESTS].count == IMAGE_ATTESTS_MAX)
        return too_many(p, at, IMAGE_ATTESTS_MAX, "values in attest blocks");
    to = compiler_add(c, IMAGE_ATTESTS, sizeof(*to));
    if (to == NULL)
        return PARSER_REPORTED;
    to->at = parser_spot(p, at);
    to->guest_at = c->attest_guest_at;
    to->entry = (struct image_attest){.tenant = c->tenant,
                                      .guest = c->attest_guest,
                                      .clause = clause,
                                      .number = number,
                                      .text = draft_string(&c->draft, text)};
    return 0;
}

/* WORD; `none`, where there may be one, stands for "". */
static int word_of(struct parser *p, struct compiler *c, uint32_t clause, bool none,
                   const char *wanted)
{
    char word[LEX_WORD_MAX];
    struct token token;

    if (parser_word(p, wanted, &token, word) < 0)
        return PARSER_REPORTED;
    return add(p, c, &token, clause, 0, none && strcmp(word, "none") == 0 ? "" : word);
}

static int string_of(struct parser *p, struct compiler *c, uint32_t clause, uint32_t number,
                     const char *wanted)
{
    struct token token = p->token;
    char text[GUEST_PATH_MAX];

    if (parser_string(p, wanted, text, sizeof(text)) < 0)
        return PARSER_REPORTED;
    if (text[0] == '\0')
        return diagnostic_add(&p->list, token.line, token.column, "this is empty: %s",
                              clause == IMAGE_ATTEST_INITRD ? "write none"
                                                            : "give a file or a digest");
    return add(p, c, &token, clause, number, text);
}

static int require_one(struct parser *p, struct compiler *c)
{
    return word_of(p, c, IMAGE_ATTEST_REQUIRE, false, "what is required, as in 'require selinux;'");
}

static int attest_require(struct parser *p, void *context)
{
    return list_of(p, context, require_one);
}

static int kernel_one(struct parser *p, struct compiler *c)
{
    return string_of(p, c, IMAGE_ATTEST_KERNEL, 0,
                     "a file or a digest in double quotes, as in 'kernel \"/srv/acme/vmlinuz\";'");
}

static int attest_kernel(struct parser *p, void *context)
{
    return list_of(p, context, kernel_one);
}

static int initrd_one(struct parser *p, struct compiler *c)
{
    if (parser_at_word(p, "none"))
        return word_of(p, c, IMAGE_ATTEST_INITRD, true, "");
    return string_of(p, c, IMAGE_ATTEST_INITRD, 0,
                     "a file or a digest in double quotes, or none, as in 'initrd none;'");
}

static int attest_initrd(struct parser *p, void *context)
{
    return list_of(p, context, initrd_one);
}

static int cmdline_one(struct parser *p, struct compiler *c)
{
    struct token token = p->token;
    char text[GUEST_CMDLINE_MAX];

    if (parser_string(p, "a string in double quotes, as in 'cmdline \"console=ttyS0\";'", text,
                      sizeof(text)) < 0)
        return PARSER_REPORTED;
    return add(p, c, &token, IMAGE_ATTEST_CMDLINE, 0, text);
}

static int attest_cmdline(struct parser *p, void *context)
{
    return list_of(p, context, cmdline_one);
}

static int events_one(struct parser *p, struct compiler *c)
{
    return word_of(p, c, IMAGE_ATTEST_EVENTS, true,
                   "what may have happened, as in 'events pause resume;', or none");
}

static int attest_events(struct parser *p, void *context)
{
    return list_of(p, context, events_one);
}

static int number_of(struct parser *p, struct compiler *c, uint32_t clause, const char *what,
                     uint64_t max, const char *wanted)
{
    struct token token = p->token;
    uint32_t value;

    if (parse_number(p, what, max, wanted, &value) < 0)
        return PARSER_REPORTED;
    return add(p, c, &token, clause, value, "");
}

static int attest_generation(struct parser *p, void *context)
{
    return number_of(p, context, IMAGE_ATTEST_GENERATION, "generation", UINT32_MAX,
                     "the least generation, as in 'generation 3;'");
}

static int attest_lifetime(struct parser *p, void *context)
{
    return number_of(p, context, IMAGE_ATTEST_LIFETIME, "lifetime", IMAGE_LIFETIME_MAX,
                     "seconds, as in 'lifetime 300;'");
}

static int host_one(struct parser *p, struct compiler *c)
{
    struct token token = p->token;
    char text[IMAGE_PATTERN_SIZE];

    if (parser_name(p, "the name of an enrolled host, as in 'host node1;'", text, sizeof(text)) < 0)
        return PARSER_REPORTED;
    return add(p, c, &token, IMAGE_ATTEST_HOST, 0, text);
}

static int attest_host(struct parser *p, void *context)
{
    return list_of(p, context, host_one);
}

/* host-pcr NUMBER STRING {STRING} */
static int attest_host_pcr(struct parser *p, void *context)
{
    static const char wanted[] = "a digest in double quotes, as in 'host-pcr 7 \"sha256:...\";'";
    struct compiler *c = context;
    char word[LEX_WORD_MAX];
    struct token token;
    uint64_t pcr;
    int r;

    if (parser_word(p, "the number of a PCR, as in 'host-pcr 7'", &token, word) < 0)
        return PARSER_REPORTED;
    if (text_number(word, 0, IMAGE_PCRS - 1, &pcr) < 0)
        return diagnostic_add(&p->list, token.line, token.column, "a PCR is a number from 0 to %u",
                              IMAGE_PCRS - 1);
    r = string_of(p, c, IMAGE_ATTEST_HOST_PCR, (uint32_t)pcr, wanted);
    while (r == 0 && p->token.kind == TOKEN_STRING)
        r = string_of(p, c, IMAGE_ATTEST_HOST_PCR, (uint32_t)pcr, wanted);
    return r;
}

static const struct statement statements[] = {
    {"require", attest_require, true, false},    {"kernel", attest_kernel, true, false},
    {"initrd", attest_initrd, true, false},      {"cmdline", attest_cmdline, true, false},
    {"events", attest_events, true, false},      {"generation", attest_generation, false, false},
    {"lifetime", attest_lifetime, false, false}, {"host", attest_host, true, false},
    {"host-pcr", attest_host_pcr, true, false},
};

static const struct statement_table table = {
    .statements = statements,
    .count = sizeof(statements) / sizeof(statements[0]),
    .want = "a clause, such as 'require selinux;', or '}'",
    .has = "an attest block has require, kernel, initrd, cmdline, events, generation, lifetime, "
           "host, host-pcr, use, for",
};

int parse_attest(struct parser *p, struct compiler *c, const struct token *guest, const char *name)
{
    uint32_t line = p->token.line;

    c->attest_guest = name != NULL ? draft_string(&c->draft, name) : 0;
    c->attest_guest_at = guest != NULL ? parser_spot(p, guest) : (struct source_spot){0};
    if (parser_open(p, "'{' behind 'attest'") < 0)
        return PARSER_REPORTED;
    return parser_block(p, &table, c, "the attest block", name, line);
}
