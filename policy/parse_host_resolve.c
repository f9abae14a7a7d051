/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "policy/host_check.h"
#include "policy/parse_host.h"

static void unknown(struct parser *p, const struct token *token, const char *what,
                    const char *const *names, size_t count)
{
    char word[LEX_WORD_MAX];
    const char *near;

    lex_word(token, word);
    near = guest_suggest(word, names, count);
    if (near != NULL)
        (void)diagnostic_add(&p->list, token->line, token->column,
                             "unknown %s '%s': did you mean '%s'?", what, word, near);
    else
        (void)diagnostic_add(&p->list, token->line, token->column,
                             "unknown %s '%s': it is declared nowhere in this file", what, word);
}

/* The index of the name in the token; a message and false when there is none. */
static bool find(struct parser *p, const struct token *token, const char *what,
                 const char *const *names, size_t count, uint32_t *index)
{
    char word[LEX_WORD_MAX];

    lex_word(token, word);
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(names[i], word) == 0) {
            *index = i;
            return true;
        }
    }
    unknown(p, token, what, names, count);
    return false;
}

static void resolve_shares(struct host_parser *host)
{
    struct host_policy *policy = host->policy;
    const char *names[HOST_OBJECTS_MAX];

    for (uint32_t i = 0; i < policy->objects; i++)
        names[i] = policy->object[i].name;
    for (uint32_t i = 0; i < policy->shares; i++)
        (void)find(&host->parser, &host->share[i], "object", names, policy->objects,
                   &policy->share[i].object);
}

static void resolve_conflicts(struct host_parser *host)
{
    struct host_policy *policy = host->policy;
    const char *names[HOST_TENANTS_MAX];

    for (uint32_t i = 0; i < policy->tenants; i++)
        names[i] = policy->tenant[i].name;
    for (uint32_t i = 0; i < policy->conflicts; i++) {
        const struct token *tokens = host->conflict[i];
        struct parser *p = &host->parser;
        uint32_t a = 0, b = 0;

        if (!find(p, &tokens[0], "tenant", names, policy->tenants, &a) ||
            !find(p, &tokens[1], "tenant", names, policy->tenants, &b))
            continue;
        if (a == b)
            (void)diagnostic_add(&p->list, tokens[1].line, tokens[1].column,
                                 "a tenant is in no conflict with itself: name another");
        policy->conflict[i].first = a < b ? a : b;
        policy->conflict[i].second = a < b ? b : a;
    }
}

/* What follows from other statements. A guest that cannot be is reported. */
static void resolve_guests(struct host_parser *host)
{
    struct host_policy *policy = host->policy;

    for (uint32_t i = 0; i < policy->guests; i++) {
        struct host_guest *guest = &policy->guest[i];
        struct guest_diagnostic d;

        if (guest->mac_at.line == 0)
            guest->spec.mac = policy->mac;
        if (guest_spec_check(&guest->spec, &d) < 0) {
            (void)diagnostic_add(&host->parser.list, guest->at.line, guest->at.column, "%s",
                                 d.message);
            continue;
        }
        for (uint32_t j = 0; j < guest->spec.disks; j++)
            guest->shared[j] = host_disk_shared(policy, guest->tenant, guest->spec.disk[j].path);
    }
}

void parse_host_resolve(struct host_parser *host)
{
    struct diagnostic_list *list = &host->parser.list;

    if (list->count == 0) {
        resolve_shares(host);
        resolve_conflicts(host);
    }
    if (list->count == 0)
        resolve_guests(host);
    if (list->count == 0) {
        host_rules_tenants(host->policy, list);
        host_rules_guests(host->policy, list);
    }
}
