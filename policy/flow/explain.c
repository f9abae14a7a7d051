/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/flow/explain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "policy/flow/explain_internal.h"

int explain_new(const struct explain_setting *setting, struct explain **explain)
{
    struct explain *e = calloc(1, sizeof(*e));

    if (e == NULL)
        return -ENOMEM;
    e->setting = *setting;
    *explain = e;
    return 0;
}

void explain_free(struct explain *explain)
{
    free(explain);
}

static void tell_what(const struct denial *denial, struct verdict *verdict)
{
    const struct record *record = denial->record;
    const bool self = strcmp(record->scontext, record->tcontext) == 0;
    char permissions[128];

    (void)record_permissions(record, permissions, sizeof(permissions));
    (void)snprintf(verdict->what, sizeof(verdict->what), "%s %s %s on %s (class %s)",
                   denial->source.name, record->permissive == 1 ? "would be denied" : "was denied",
                   permissions, self ? "itself" : denial->target.name, record->tclass);
}

static int explain_avc(struct explain *explain, const struct record *record,
                       struct verdict *verdict)
{
    struct denial denial = {.record = record, .permission = record->permission[0]};
    int r;

    party_of(explain, record->scontext, "", &denial.source);
    party_of(explain, record->tcontext, record->tenant, &denial.target);
    denial.same_slot = denial.source.part != NULL && denial.target.part != NULL &&
                       denial.source.slot == denial.target.slot;
    denial.same_levels =
        context_level_equal(&denial.source.context.high, &denial.target.context.high);
    denial.same_guest = denial.same_slot && denial.same_levels;
    tell_what(&denial, verdict);
    if (record->granted) {
        (void)snprintf(verdict->why, sizeof(verdict->why), "it was allowed, and noted");
        verdict->proof = EXPLAIN_ASIDE;
        verdict->possible = true;
        (void)snprintf(verdict->repair, sizeof(verdict->repair), "nothing has to change");
        return 0;
    }
    r = explain_barriers(explain, &denial, verdict);
    if (r < 0)
        return r;
    if (verdict->barriers != 0)
        explain_lines(explain, &denial, verdict);
    r = explain_proof(explain, &denial, verdict);
    if (r < 0)
        return r;
    explain_repair(explain, &denial, verdict);
    return 0;
}

static void explain_selinux_err(const struct explain *explain, const struct record *record,
                                struct verdict *verdict)
{
    const char *text = record->invalid[0] != '\0' ? record->invalid : record->tcontext;
    struct context context;
    struct module_query query = {.ioctl = -1};
    struct module_line found;
    char shown[256];

    verdict->barriers = EXPLAIN_ROLE;
    verdict->proof = EXPLAIN_ASIDE;
    (void)snprintf(verdict->what, sizeof(verdict->what), "the context %s was refused",
                   text_escape(shown, sizeof(shown), text));
    if (context_parse(text, &context) < 0) {
        (void)snprintf(verdict->why, sizeof(verdict->why), "it is no context");
        (void)snprintf(verdict->repair, sizeof(verdict->repair), "impossible as it stands");
        return;
    }
    query.source = context.type;
    (void)snprintf(verdict->why, sizeof(verdict->why),
                   "user %s, role %s and type %s do not go together in the policy", context.user,
                   context.role, context.type);
    if (module_find(explain->setting.module, MODULE_ROLETYPE, &query, &found, 1) > 0) {
        struct explain_line *line = explain_add_line(verdict, EXPLAIN_WIDEN);

        (void)snprintf(line->file, sizeof(line->file), "%s", found.file);
        line->line = found.line;
        (void)module_statement(&found, line->statement, sizeof(line->statement));
    }
    verdict->possible = true;
    (void)snprintf(verdict->repair, sizeof(verdict->repair),
                   "start it from a domain whose role may have %s: `sudo -r ROLE`, newrole, or a "
                   "(roletype %s %s) in a module of the host's own",
                   context.type, context.role, context.type);
}

static void explain_landlock(const struct record *record, struct verdict *verdict)
{
    char shown[256], blockers[128];

    verdict->barriers = EXPLAIN_LANDLOCK;
    verdict->proof = EXPLAIN_KEEPS;
    (void)snprintf(verdict->what, sizeof(verdict->what), "Landlock refused %s%s%s",
                   text_escape(blockers, sizeof(blockers), record->blockers),
                   record->path[0] != '\0' ? " of " : "",
                   text_escape(shown, sizeof(shown), record->path));
    (void)snprintf(verdict->why, sizeof(verdict->why),
                   "the process's ruleset has the one file that it executed");
    (void)snprintf(verdict->repair, sizeof(verdict->repair),
                   "impossible because a confined process has what it was handed and nothing else "
                   "(mac/landlock.c)");
}

static void explain_abend(const struct explain *explain, const struct record *record,
                          struct verdict *verdict)
{
    struct party party = {.name = "a process"};

    if (record->subject[0] != '\0')
        party_of(explain, record->subject, "", &party);
    verdict->proof = EXPLAIN_ASIDE;
    verdict->possible = true;
    (void)snprintf(verdict->what, sizeof(verdict->what), "%s ended by signal %lld", party.name,
                   (long long)record->signal);
    (void)snprintf(verdict->why, sizeof(verdict->why), "%s",
                   record->signal == 31
                       ? "SIGSYS: a filter forbade a system call; the record of type SECCOMP with "
                         "the same pid names it"
                       : "no barrier is named in it");
    (void)snprintf(verdict->repair, sizeof(verdict->repair), "see the record that it follows from");
}

int explain_record(struct explain *explain, const struct record *record, struct verdict *verdict)
{
    struct verdict *v = calloc(1, sizeof(*v));
    int r = 0;

    if (v == NULL)
        return -ENOMEM;
    switch (record->kind) {
    case RECORD_AVC:
    case RECORD_USER_AVC:
        r = explain_avc(explain, record, v);
        break;
    case RECORD_SECCOMP:
        explain_seccomp(explain, record, v);
        break;
    case RECORD_SELINUX_ERR:
        explain_selinux_err(explain, record, v);
        break;
    case RECORD_LANDLOCK:
        explain_landlock(record, v);
        break;
    case RECORD_ABEND:
        explain_abend(explain, record, v);
        break;
    default:
        r = -EINVAL;
        break;
    }
    if (r == 0)
        *verdict = *v;
    free(v);
    return r;
}

bool explain_alike(const struct record *a, const struct record *b)
{
    if (a->kind != b->kind || strcmp(a->scontext, b->scontext) != 0 ||
        strcmp(a->tcontext, b->tcontext) != 0 || strcmp(a->tclass, b->tclass) != 0 ||
        strcmp(a->subject, b->subject) != 0 || a->permissions != b->permissions ||
        a->ioctl != b->ioctl || a->syscall != b->syscall || a->arch != b->arch ||
        a->code != b->code || a->signal != b->signal || a->granted != b->granted ||
        a->permissive != b->permissive || strcmp(a->blockers, b->blockers) != 0 ||
        strcmp(a->invalid, b->invalid) != 0)
        return false;
    for (size_t i = 0; i < a->permissions; i++) {
        if (strcmp(a->permission[i], b->permission[i]) != 0)
            return false;
    }
    /* Files are told apart as far as the records name them. */
    return strcmp(a->path, b->path) == 0 && strcmp(a->name, b->name) == 0;
}
