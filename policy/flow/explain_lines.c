/* SPDX-License-Identifier: Apache-2.0 */
/* Which lines speak of a denial: the module's, and the tenancy source's. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "policy/flow/explain_internal.h"
#include "policy/pattern.h"

#define NEAR_MAX 64 /* rules that are looked at for a place beside them */

struct explain_line *explain_add_line(struct verdict *verdict, enum explain_line_role role)
{
    struct explain_line *line;

    if (verdict->lines == EXPLAIN_LINES_MAX)
        return NULL;
    line = &verdict->line[verdict->lines++];
    memset(line, 0, sizeof(*line));
    line->role = role;
    return line;
}

const struct explain_line *explain_forbids(const struct verdict *verdict)
{
    for (size_t i = 0; i < verdict->lines; i++) {
        if (verdict->line[i].role == EXPLAIN_FORBIDS)
            return &verdict->line[i];
    }
    return NULL;
}

static void add(struct verdict *verdict, enum explain_line_role role,
                const struct module_line *found)
{
    struct explain_line *line = explain_add_line(verdict, role);

    if (line == NULL)
        return;
    (void)snprintf(line->file, sizeof(line->file), "%s", found->file);
    line->line = found->line;
    (void)module_statement(found, line->statement, sizeof(line->statement));
}

static size_t add_found(const struct explain *explain, enum module_kind kind,
                        const struct module_query *query, enum explain_line_role role,
                        struct verdict *verdict)
{
    struct module_line found;
    size_t count = module_find(explain->setting.module, kind, query, &found, 1);

    if (count > 0)
        add(verdict, role, &found);
    return count;
}

/* The last rule of those that are asked for: a new one would come behind it. */
static bool last_rule(const struct explain *explain, const struct module_query *query,
                      enum explain_line_role role, struct verdict *verdict)
{
    struct module_line found[NEAR_MAX];
    size_t count = module_find(explain->setting.module, MODULE_ALLOW, query, found, NEAR_MAX);

    if (count == 0)
        return false;
    add(verdict, role, &found[(count < NEAR_MAX ? count : NEAR_MAX) - 1]);
    return true;
}

/* There is no rule for the two and the class: where would one stand? */
static void add_place(const struct explain *explain, const struct denial *denial,
                      struct verdict *verdict)
{
    struct module_query query = {
        .source = denial->source.context.type, .target = denial->target.context.type, .ioctl = -1};

    if (last_rule(explain, &query, EXPLAIN_BESIDE, verdict))
        return;
    query.target = NULL;
    query.class = denial->record->tclass;
    if (last_rule(explain, &query, EXPLAIN_BESIDE, verdict))
        return;
    query.class = NULL;
    (void)last_rule(explain, &query, EXPLAIN_BESIDE, verdict);
}

static void add_rules(const struct explain *explain, const struct denial *denial,
                      struct verdict *verdict)
{
    struct module_query query = {
        .source = denial->source.context.type,
        .target = denial->target.context.type,
        .class = denial->record->tclass,
        .permission = denial->permission,
        .ioctl = denial->record->ioctl,
        .scontext = &denial->source.context,
        .tcontext = &denial->target.context,
    };

    (void)add_found(explain, MODULE_NEVERALLOW, &query, EXPLAIN_FORBIDS, verdict);
    if ((verdict->barriers & EXPLAIN_IOCTL) != 0)
        (void)add_found(explain, MODULE_NEVERALLOWX, &query, EXPLAIN_FORBIDS, verdict);
    if ((verdict->barriers & (EXPLAIN_CATEGORIES | EXPLAIN_CONSTRAINT)) != 0)
        (void)add_found(explain, MODULE_CONSTRAIN, &query, EXPLAIN_FORBIDS, verdict);
    if ((verdict->barriers & EXPLAIN_OPERATION) != 0) {
        /* Who else may: the operators of the tenant, or administrators. */
        query.source = NULL;
        if (last_rule(explain, &query, EXPLAIN_WIDEN, verdict))
            return;
        query.source = denial->source.context.type;
    }
    query.permission = NULL;
    if ((verdict->barriers & EXPLAIN_IOCTL) != 0) {
        query.ioctl = -1;
        if (add_found(explain, MODULE_ALLOWX, &query, EXPLAIN_WIDEN, verdict) == 0)
            add_place(explain, denial, verdict);
    } else if ((verdict->barriers & EXPLAIN_TYPES) != 0 &&
               add_found(explain, MODULE_ALLOW, &query, EXPLAIN_WIDEN, verdict) == 0) {
        add_place(explain, denial, verdict);
    }
    if ((verdict->barriers & EXPLAIN_ROLE) != 0)
        (void)add_found(explain, MODULE_ROLETYPE, &query, EXPLAIN_WIDEN, verdict);
}

/* ---------------------------------------------------------------- the tenancy source */

void explain_source_line(const struct explain *explain, enum image_table table, uint32_t index,
                         const char *statement, struct verdict *verdict)
{
    const struct explain_setting *setting = &explain->setting;
    struct explain_place place;
    struct explain_line *line;

    if (setting->place == NULL || !setting->place(setting->context, table, index, &place))
        return;
    for (size_t i = 0; i < verdict->lines; i++) {
        if (verdict->line[i].role == EXPLAIN_CONCERNS && verdict->line[i].line == place.line &&
            verdict->line[i].column == place.column &&
            strcmp(verdict->line[i].file, place.file) == 0)
            return;
    }
    line = explain_add_line(verdict, EXPLAIN_CONCERNS);
    if (line == NULL)
        return;
    (void)snprintf(line->file, sizeof(line->file), "%s", place.file);
    line->line = place.line;
    line->column = place.column;
    (void)snprintf(line->statement, sizeof(line->statement), "%s", statement);
}

static void add_tenant(const struct explain *explain, const struct party *party,
                       struct verdict *verdict)
{
    const int tenant = party_in_image(explain, party);
    char text[96];

    if (tenant < 0)
        return;
    (void)snprintf(text, sizeof(text), "tenant %s", party->tenant);
    explain_source_line(explain, IMAGE_TENANTS, (uint32_t)tenant, text, verdict);
}

/* What the source says about a path: an object, a guest's disk, a pattern. */
static void add_path(const struct explain *explain, const char *path, struct verdict *verdict)
{
    const struct image *image = explain->setting.image;
    char text[384];

    for (uint32_t i = 0; i < image_count(image, IMAGE_OBJECTS); i++) {
        if (strcmp(image_text(image, image_objects(image)[i].path), path) != 0)
            continue;
        (void)snprintf(text, sizeof(text), "object %s",
                       image_text(image, image_objects(image)[i].name));
        explain_source_line(explain, IMAGE_OBJECTS, i, text, verdict);
        return;
    }
    for (uint32_t i = 0; i < image_count(image, IMAGE_DISKS); i++) {
        const struct image_disk *disk = &image_disks(image)[i];

        if (strcmp(image_text(image, disk->path), path) != 0)
            continue;
        (void)snprintf(text, sizeof(text), "disk \"%.300s\"%s", image_text(image, disk->path),
                       disk->readonly ? " readonly" : "");
        explain_source_line(explain, IMAGE_DISKS, i, text, verdict);
        return;
    }
    for (uint32_t i = 0; i < image_count(image, IMAGE_PATTERNS); i++) {
        const struct image_pattern *pattern = &image_patterns(image)[i];

        if (!pattern_matches(image_text(image, pattern->text), path))
            continue;
        (void)snprintf(text, sizeof(text), "%s \"%s\"",
                       pattern->use == IMAGE_PATTERN_DISK ? "disk" : "kernel",
                       image_text(image, pattern->text));
        explain_source_line(explain, IMAGE_PATTERNS, i, text, verdict);
        return;
    }
}

static void add_operators(const struct explain *explain, const struct party *party,
                          struct verdict *verdict)
{
    const struct image *image = explain->setting.image;
    const int tenant = party_in_image(explain, party);
    char text[96];

    for (uint32_t i = 0; tenant >= 0 && i < image_count(image, IMAGE_OPERATORS); i++) {
        const struct image_operator *operator= & image_operators(image)[i];

        if (operator->tenant !=(uint32_t) tenant)
            continue;
        (void)snprintf(text, sizeof(text), "operators \"%s\"", image_text(image, operator->name));
        explain_source_line(explain, IMAGE_OPERATORS, i, text, verdict);
    }
}

static bool of_guest(const struct party *party)
{
    return party->kind == PARTY_PROCESS || party->kind == PARTY_OBJECT;
}

void explain_lines(const struct explain *explain, const struct denial *denial,
                   struct verdict *verdict)
{
    add_rules(explain, denial, verdict);
    if (explain->setting.image == NULL)
        return;
    if (denial->record->path[0] == '/')
        add_path(explain, denial->record->path, verdict);
    if ((verdict->barriers & EXPLAIN_OPERATION) != 0)
        add_operators(explain, &denial->target, verdict);
    if (of_guest(&denial->source))
        add_tenant(explain, &denial->source, verdict);
    if (of_guest(&denial->target))
        add_tenant(explain, &denial->target, verdict);
}
