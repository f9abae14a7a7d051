/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/emit/outputs.h"

#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "mac/seccomp.h"
#include "policy/emit/module.h"

#define NAME_MAX_BYTES 64

/* Kinds of process in the order of their filters' files. */
static int kind_at(unsigned index, enum process_kind *kind)
{
    static const enum process_kind others[] = {PROCESS_FRONT, PROCESS_HOSTTPM, PROCESS_DENIALS};

    if (index >= PROCESS_KINDS + sizeof(others) / sizeof(others[0]))
        return -ENOENT;
    *kind = index < PROCESS_KINDS ? (enum process_kind)index : others[index - PROCESS_KINDS];
    return 0;
}

static int give(const char *name, struct buf *data, emit_take *take, void *context)
{
    int r = buf_status(data);

    return r < 0 ? r : take(context, name, data);
}

/* One filter: its program, then its table, in the same buffer one after the other. */
static int give_filter(enum process_kind kind, unsigned stage, struct seccomp_program *program,
                       struct buf *data, emit_take *take, void *context)
{
    char name[NAME_MAX_BYTES];
    int r = seccomp_compile(kind, stage, program);

    if (r < 0)
        return r;
    data->size = 0;
    buf_append(data, program->insn, program->size * sizeof(program->insn[0]));
    (void)text_format(name, sizeof(name), "seccomp-%s-%u.bpf", process_kind_name(kind), stage);
    r = give(name, data, take, context);
    if (r < 0)
        return r;
    data->size = 0;
    r = seccomp_describe(kind, stage, data);
    (void)text_format(name, sizeof(name), "seccomp-%s-%u.txt", process_kind_name(kind), stage);
    return r < 0 ? r : give(name, data, take, context);
}

static int give_filters(struct buf *data, emit_take *take, void *context)
{
    struct seccomp_program *program = malloc(sizeof(*program));
    enum process_kind kind;
    int r = program ? 0 : -ENOMEM;

    for (unsigned i = 0; r == 0 && kind_at(i, &kind) == 0; i++) {
        for (unsigned stage = 0; r == 0 && stage < seccomp_stages(kind); stage++)
            r = give_filter(kind, stage, program, data, take, context);
    }
    free(program);
    return r;
}

int emit_outputs(const struct image *image, unsigned slots, emit_take *take, void *context)
{
    struct buf data;
    int r;

    buf_init(&data, EMIT_OUTPUT_MAX);
    buf_append(&data, image, image->size);
    r = give("host.image", &data, take, context);
    if (r == 0) {
        data.size = 0;
        emit_module(slots, &data);
        r = give("casemate.cil", &data, take, context);
    }
    if (r == 0) {
        data.size = 0;
        emit_contexts(&data);
        r = give("casemate.fc", &data, take, context);
    }
    if (r == 0)
        r = give_filters(&data, take, context);
    if (r == 0) {
        data.size = 0;
        emit_text_landlock(&data);
        r = give("landlock.txt", &data, take, context);
    }
    if (r == 0) {
        data.size = 0;
        emit_text_cgroups(image, &data);
        r = give("cgroup.txt", &data, take, context);
    }
    buf_release(&data);
    return r;
}

void emit_text_filters(struct buf *out)
{
    enum process_kind kind;

    for (unsigned i = 0; kind_at(i, &kind) == 0; i++) {
        for (unsigned stage = 0; stage < seccomp_stages(kind); stage++) {
            buf_printf(out, "%scasemate-%s, filter %u of %u; what is not listed ends the process\n",
                       i + stage ? "\n" : "", process_kind_name(kind), stage + 1,
                       seccomp_stages(kind));
            (void)seccomp_describe(kind, stage, out);
        }
    }
}
