/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/emit/module.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The files that people review are the text that hosts get. The Makefile knows of this dependency.
 */
#define EMBED(symbol, file)                                                                        \
    __asm__(".pushsection .rodata\n" #symbol ":\n.incbin \"" file "\"\n.byte 0\n" #symbol          \
            "_end:\n.popsection\n")

EMBED(emit_cil_casemate, "mac/selinux/casemate.cil");
EMBED(emit_cil_access, "mac/selinux/casemate-access.cil");
EMBED(emit_cil_never, "mac/selinux/casemate-never.cil");
EMBED(emit_cil_tenant, "mac/selinux/casemate-tenant.cil");
extern const char emit_cil_casemate[], emit_cil_casemate_end[], emit_cil_access[],
    emit_cil_access_end[], emit_cil_never[], emit_cil_never_end[], emit_cil_tenant[],
    emit_cil_tenant_end[];

int emit_part(size_t index, struct emit_part *part)
{
    static const struct {
        const char *name, *text, *end;
    } parts[] = {
        {"casemate", emit_cil_casemate, emit_cil_casemate_end},
        {"casemate-access", emit_cil_access, emit_cil_access_end},
        {"casemate-never", emit_cil_never, emit_cil_never_end},
        {"casemate-slots", NULL, NULL},
        {"casemate-tenant", emit_cil_tenant, emit_cil_tenant_end},
    };

    if (index >= sizeof(parts) / sizeof(parts[0]))
        return -ENOENT;
    part->name = parts[index].name;
    part->text = parts[index].text;
    part->size = part->text ? (size_t)(parts[index].end - part->text) - 1 : 0;
    return 0;
}

void emit_module(unsigned slots, struct buf *out)
{
    struct emit_part part;

    for (size_t i = 0; emit_part(i, &part) == 0; i++) {
        if (part.text)
            buf_append(out, part.text, part.size);
        else
            emit_slots(slots, out);
    }
}

/* A filecon of the module: (filecon "REGEX" KIND (USER ROLE TYPE ((LOW) (HIGH)))) on one line. */
struct filecon {
    const char *regex;
    int regex_size;
    char kind[16], user[32], role[32], type[64], low[8];
};

static const char *const kinds[][2] = {
    {"any", ""},       {"file", "\t--"},   {"dir", "\t-d"},  {"char", "\t-c"},
    {"block", "\t-b"}, {"socket", "\t-s"}, {"pipe", "\t-p"}, {"symlink", "\t-l"},
};

static bool read_filecon(const char *line, struct filecon *f)
{
    const char *end;
    char high[8];
    int used = -1;

    f->regex = line + strlen("(filecon \"");
    end = strchr(f->regex, '"');
    if (end == NULL || memchr(f->regex, '\n', (size_t)(end - f->regex)) != NULL)
        return false;
    f->regex_size = (int)(end - f->regex);
    return sscanf(end + 1, " %15[a-z] (%31[a-z_] %31[a-z_] %63[a-z_] ((%7[s0-9]) (%7[s0-9]))))%n",
                  f->kind, f->user, f->role, f->type, f->low, high, &used) == 6 &&
           used > 0 && strcmp(f->low, high) == 0;
}

static void write_filecon(const struct filecon *f, struct buf *out)
{
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        if (strcmp(f->kind, kinds[k][0]) == 0) {
            buf_printf(out, "%.*s%s\t%s:%s:%s:%s\n", f->regex_size, f->regex, kinds[k][1], f->user,
                       f->role, f->type, f->low);
            return;
        }
    }
    out->status = out->status ? out->status : -EPROTO;
}

void emit_contexts(struct buf *out)
{
    struct emit_part part;
    struct filecon f;

    for (size_t i = 0; emit_part(i, &part) == 0; i++) {
        for (const char *at = part.text; at && (at = strstr(at, "\n(filecon \"")) != NULL; at++) {
            if (!read_filecon(at + 1, &f)) {
                out->status = out->status ? out->status : -EPROTO;
                return;
            }
            write_filecon(&f, out);
        }
    }
}
