/* SPDX-License-Identifier: Apache-2.0 */
/* A verdict as people read it. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "policy/flow/explain_internal.h"

static void put_path(const struct record *record, struct buf *out)
{
    char shown[1024];

    if (record->path[0] != '\0')
        buf_printf(out, "  path       %s\n", text_escape(shown, sizeof(shown), record->path));
    else if (record->name[0] != '\0')
        buf_printf(out, "  name       %s\n", text_escape(shown, sizeof(shown), record->name));
    if (record->tenant[0] != '\0')
        buf_printf(out, "  guest      %s/%s\n",
                   text_escape(shown, sizeof(shown) / 2, record->tenant),
                   text_escape(shown + sizeof(shown) / 2, sizeof(shown) / 2, record->guest));
}

static void put_barriers(const struct verdict *verdict, struct buf *out)
{
    bool first = true;

    buf_printf(out, "  barrier    ");
    for (unsigned bit = 1; bit <= EXPLAIN_LANDLOCK; bit <<= 1) {
        if ((verdict->barriers & bit) == 0)
            continue;
        buf_printf(out, "%s%s", first ? "" : ", ", explain_barrier_name(bit));
        first = false;
    }
    buf_printf(out, "%s: %s\n", first ? "none" : "", verdict->why);
}

const char *explain_role_name(enum explain_line_role role)
{
    static const char *const roles[] = {
        [EXPLAIN_FORBIDS] = "forbids",
        [EXPLAIN_WIDEN] = "change",
        [EXPLAIN_BESIDE] = "behind",
        [EXPLAIN_CONCERNS] = "source",
    };

    return roles[role];
}

static void put_lines(const struct verdict *verdict, struct buf *out)
{
    char file[600];

    for (size_t i = 0; i < verdict->lines; i++) {
        const struct explain_line *line = &verdict->line[i];

        buf_printf(out, "  %-10s %s:%u", explain_role_name(line->role),
                   text_escape(file, sizeof(file), line->file), line->line);
        if (line->column > 0)
            buf_printf(out, ":%u", line->column);
        buf_printf(out, ": %s\n", line->statement);
    }
}

static void put_proof(const struct verdict *verdict, struct buf *out)
{
    static const char *const words[] = {
        [EXPLAIN_KEEPS] = "allowing it keeps the tenants apart",
        [EXPLAIN_BREAKS] = "allowing it would break it",
        [EXPLAIN_UNKNOWN] = "unknown without the compiled policy (--policy)",
        [EXPLAIN_ASIDE] = "not concerned",
    };

    buf_printf(out, "  proof      %s", words[verdict->proof]);
    for (size_t i = 0; i < verdict->flows; i++)
        buf_printf(out, "%s%s", i > 0 ? ", " : ": it opens ", verdict->flow[i]);
    buf_printf(out, "\n");
}

void explain_text(const struct record *record, const struct verdict *verdict, size_t times,
                  struct buf *out)
{
    buf_printf(out, "%s: %s", record_kind_name(record->kind), verdict->what);
    if (times > 1)
        buf_printf(out, ", %zu times", times);
    buf_printf(out, "\n");
    put_path(record, out);
    put_barriers(verdict, out);
    put_lines(verdict, out);
    put_proof(verdict, out);
    buf_printf(out, "  repair     %s\n", verdict->repair);
}
