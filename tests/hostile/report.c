/* SPDX-License-Identifier: Apache-2.0 */
/* From the runner's records: the matrix for people, JSON, and whether it is as it must be. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/hostile/runner.h"

#define ACTS_MAX 512

enum cell {
    CELL_UNSEEN,
    CELL_REFUSED,
    CELL_OPEN,
};

struct seen {
    uint8_t cell[KINDS_MAX][LAYERS][RELATIONS];
    char how[KINDS_MAX][LAYERS][RELATIONS][32];
};

struct matrix {
    struct seen act[ACTS_MAX];
    unsigned acts, records;
    bool layer[LAYERS];
};

static int index_of(const char *word, const char *(*name)(unsigned), unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(name(i), word) == 0)
            return (int)i;
    }
    return -1;
}

static const char *kind_name(unsigned i)
{
    return process_kind_name(kind_rows[i].kind);
}
static const char *layer_name(unsigned i)
{
    return layer_rows[i].name;
}
static const char *relation_name(unsigned i)
{
    return relation_names[i];
}
static const char *act_name(unsigned i)
{
    return act_number(i, NULL)->name;
}

static int read_record(struct matrix *m, char *line)
{
    char *field[6];
    int kind, act, layer, relation;

    line[strcspn(line, "\n")] = 0;
    if (strncmp(line, "end\t", 4) == 0)
        return 0;
    for (unsigned i = 0; i < 6; i++) {
        field[i] = strsep(&line, "\t");
        if (!field[i])
            return -EINVAL;
    }
    kind = index_of(field[0], kind_name, kind_row_count);
    act = index_of(field[1], act_name, m->acts);
    layer = index_of(field[2], layer_name, LAYERS);
    relation = index_of(field[3], relation_name, RELATIONS);
    if (kind < 0 || act < 0 || layer < 0 || relation < 0)
        return -EINVAL;
    m->layer[layer] = true;
    m->records++;
    m->act[act].cell[kind][layer][relation] =
        strcmp(field[4], "open") == 0 ? CELL_OPEN : CELL_REFUSED;
    (void)snprintf(m->act[act].how[kind][layer][relation], 32, "%s", field[5]);
    return 0;
}

struct sum {
    unsigned seen, open, open_guest; /* kinds */
};

static struct sum sum_of(const struct seen *s, enum layer layer)
{
    struct sum sum = {0};

    for (unsigned k = 0; k < kind_row_count; k++) {
        sum.seen += s->cell[k][layer][RELATION_TENANT] != CELL_UNSEEN;
        sum.open += s->cell[k][layer][RELATION_TENANT] == CELL_OPEN;
        sum.open_guest += s->cell[k][layer][RELATION_GUEST] == CELL_OPEN;
    }
    return sum;
}

/* What must hold, act by act. Says what does not. */
static unsigned complain(const char *act, enum layer layer, const char *what, const char *how)
{
    fprintf(stderr, "runner: %s, layer %s: %s%s%s\n", act, layer_rows[layer].name, what,
            how[0] ? ": " : "", how);
    return 1;
}

static unsigned check_act(const struct act *act, const struct seen *s, enum layer layer)
{
    struct sum sum = sum_of(s, layer);
    unsigned wrong = 0;

    if (act->flags & ACT_CONTROL)
        return sum.open == sum.seen
                   ? 0
                   : complain(act->name, layer, "does not work, so no other act says anything", "");
    if (sum.open + sum.open_guest > 0) {
        const char *why = reason_for(act->name, layer);

        if (layer == LAYER_ALL)
            wrong += complain(act->name, layer, "succeeds", "");
        else if ((layer == LAYER_TYPES || layer == LAYER_CATEGORIES || layer == LAYER_SELINUX) &&
                 act->reach == REACH_GUEST)
            wrong +=
                complain(act->name, layer,
                         sum.open > 0 ? "reaches another tenant" : "reaches another guest", "");
        else if (layer != LAYER_NONE && layer != LAYER_NEITHER && !why)
            wrong +=
                complain(act->name, layer, "succeeds, and nobody has said why (reasons.c)", "");
    } else if (layer == LAYER_NONE && sum.seen > 0 && !reason_for(act->name, layer)) {
        for (unsigned k = 0; k < kind_row_count; k++) {
            if (s->cell[k][layer][RELATION_TENANT] == CELL_REFUSED)
                return complain(act->name, layer,
                                "fails even so, and nobody has said why (reasons.c)",
                                s->how[k][layer][RELATION_TENANT]);
        }
    }
    return wrong;
}

static unsigned check(const struct matrix *m)
{
    unsigned wrong = 0;

    for (unsigned a = 0; a < m->acts; a++) {
        for (unsigned layer = 0; layer < LAYERS; layer++)
            wrong += check_act(act_number(a, NULL), &m->act[a], (enum layer)layer);
    }
    return wrong;
}

/* "vmm blk" of the kinds in the state; "" for none. */
static void name_kinds(const struct seen *s, enum layer layer, enum relation relation,
                       char text[64])
{
    text[0] = 0;
    for (unsigned k = 0; k < kind_row_count; k++) {
        if (s->cell[k][layer][relation] != CELL_OPEN)
            continue;
        strcat(text, text[0] ? " " : "");
        strcat(text, kind_name(k));
    }
}

static void write_cell(FILE *to, const struct seen *s, enum layer layer)
{
    struct sum sum = sum_of(s, layer);
    char kinds[64];

    if (sum.seen == 0) {
        fprintf(to, " |");
        return;
    }
    name_kinds(s, layer, sum.open ? RELATION_TENANT : RELATION_GUEST, kinds);
    if (sum.open == 0 && sum.open_guest == 0)
        fprintf(to, " – |");
    else if (sum.open == sum.seen)
        fprintf(to, " **open** |");
    else
        fprintf(to, " **%s** |", kinds);
}

/* The reason that the matrix needs for the act in the layer; NULL: none. */
static const char *due(const struct matrix *m, unsigned a, enum layer layer)
{
    const struct act *act = act_number(a, NULL);
    struct sum sum = sum_of(&m->act[a], layer);
    bool open = sum.open + sum.open_guest > 0;

    if ((act->flags & ACT_CONTROL) || sum.seen == 0 || open == (layer == LAYER_NONE))
        return NULL;
    return reason_for(act->name, layer);
}

/* One line a reason, with all acts that it is for. */
static void write_layer_reasons(FILE *to, const struct matrix *m, enum layer layer)
{
    for (unsigned a = 0; a < m->acts; a++) {
        const char *why = due(m, a, layer);
        bool told = why == NULL;

        for (unsigned before = 0; before < a && !told; before++)
            told = due(m, before, layer) == why;
        if (told)
            continue;
        fprintf(to, "- `%s`", act_number(a, NULL)->name);
        for (unsigned more = a + 1; more < m->acts; more++) {
            if (due(m, more, layer) == why)
                fprintf(to, ", `%s`", act_number(more, NULL)->name);
        }
        fprintf(to, ": %s\n", why);
    }
}

static bool same_reasons(const struct matrix *m, enum layer one, enum layer other)
{
    for (unsigned a = 0; a < m->acts; a++) {
        if (due(m, a, one) != due(m, a, other))
            return false;
    }
    return true;
}

static void write_reasons(FILE *to, const struct matrix *m)
{
    fprintf(to, "\n# Why a cell is open\n");
    for (unsigned layer = LAYER_ALL; layer < LAYERS; layer++) {
        if (!m->layer[layer] || layer == LAYER_ALL || layer == LAYER_NEITHER)
            continue;
        if (layer == LAYER_NONE)
            fprintf(to, "\n## Acts that fail without any layer, on that host\n\n");
        else
            fprintf(to, "\n## %s\n\n", layer_rows[layer].name);
        if ((layer == LAYER_TYPES || layer == LAYER_CATEGORIES) && m->layer[LAYER_SELINUX] &&
            same_reasons(m, LAYER_SELINUX, (enum layer)layer))
            fprintf(to, "As `selinux`.\n");
        else
            write_layer_reasons(to, m, (enum layer)layer);
    }
}

static int write_table(const char *path, const struct matrix *m)
{
    FILE *to = fopen(path, "w");
    const struct act_theme *theme = NULL, *last = NULL;

    if (!to)
        return -errno;
    for (unsigned a = 0; a < m->acts; a++) {
        const struct act *act = act_number(a, &theme);

        if (act->flags & ACT_CONTROL)
            continue;
        if (theme != last) {
            fprintf(to, "\n## %s\n\n| act | it |", theme->title);
            for (unsigned l = 0; l < LAYERS; l++)
                fprintf(to, " %s |", layer_rows[l].name);
            fprintf(to, "\n|---|---|");
            for (unsigned l = 0; l < LAYERS; l++)
                fprintf(to, "---|");
            fprintf(to, "\n");
        }
        last = theme;
        fprintf(to, "| `%s` | %s |", act->name, act->what);
        for (unsigned l = 0; l < LAYERS; l++)
            write_cell(to, &m->act[a], (enum layer)l);
        fprintf(to, "\n");
    }
    write_reasons(to, m);
    return fclose(to) == 0 ? 0 : -errno;
}

/* No act or name needs escaping: all come from our own tables. */
static int write_json(const char *path, const struct matrix *m)
{
    static const char *const reach[] = {"self", "host", "guest"};
    FILE *to = fopen(path, "w");
    const struct act_theme *theme = NULL;
    const char *comma = "";

    if (!to)
        return -errno;
    fprintf(to, "{\"records\":%u,\"acts\":[", m->records);
    for (unsigned a = 0; a < m->acts; a++) {
        const struct act *act = act_number(a, &theme);
        const char *next = "";

        fprintf(
            to,
            "%s\n{\"name\":\"%s\",\"theme\":\"%s\",\"what\":\"%s\",\"reach\":\"%s\",\"cells\":[",
            comma, act->name, theme->title, act->what, reach[act->reach]);
        comma = ",";
        for (unsigned i = 0; i < LAYERS * kind_row_count * RELATIONS; i++) {
            unsigned relation = i % RELATIONS, kind = i / RELATIONS % kind_row_count,
                     layer = i / RELATIONS / kind_row_count;
            uint8_t cell = m->act[a].cell[kind][layer][relation];

            if (cell == CELL_UNSEEN)
                continue;
            fprintf(
                to,
                "%s{\"layer\":\"%s\",\"kind\":\"%s\",\"target\":\"%s\",\"open\":%s,\"how\":\"%s\"}",
                next, layer_rows[layer].name, kind_name(kind), relation_names[relation],
                cell == CELL_OPEN ? "true" : "false", m->act[a].how[kind][layer][relation]);
            next = ",\n ";
        }
        fprintf(to, "]}");
    }
    fprintf(to, "\n]}\n");
    return fclose(to) == 0 ? 0 : -errno;
}

static void print_sum(const struct matrix *m)
{
    for (unsigned layer = 0; layer < LAYERS; layer++) {
        unsigned tried = 0, open = 0, tenant = 0;

        for (unsigned a = 0; a < m->acts; a++) {
            const struct act *act = act_number(a, NULL);
            struct sum sum = sum_of(&m->act[a], (enum layer)layer);

            if (act->flags & ACT_CONTROL)
                continue;
            tried += sum.seen > 0;
            open += sum.open + sum.open_guest > 0;
            tenant += sum.open > 0 && act->reach == REACH_GUEST;
        }
        if (tried > 0)
            printf("%-10s %3u acts, %3u open, %3u of them reach another tenant\n",
                   layer_rows[layer].name, tried, open, tenant);
    }
}

int report_main(int argc, char **argv)
{
    static struct matrix m;
    const char *json = NULL, *doc = NULL;
    char line[512];
    unsigned wrong = 0;

    for (int i = 0; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--json") == 0)
            json = argv[i + 1];
        if (strcmp(argv[i], "--doc") == 0)
            doc = argv[i + 1];
    }
    while (m.acts < ACTS_MAX && act_number(m.acts, NULL))
        m.acts++;
    while (fgets(line, sizeof(line), stdin)) {
        if (read_record(&m, line) < 0) {
            fprintf(stderr, "runner: not a record: %s...\n", line);
            wrong++;
        }
    }
    if ((json && write_json(json, &m) < 0) || (doc && write_table(doc, &m) < 0)) {
        fprintf(stderr, "runner: cannot write: %s\n", strerror(errno));
        return 3;
    }
    print_sum(&m);
    wrong += check(&m) + (m.records == 0);
    return wrong ? 1 : 0;
}
