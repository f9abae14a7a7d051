/* SPDX-License-Identifier: Apache-2.0 */
/* casemate policy explain: why something was denied, and what would have to change. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/verbs/arguments.h"
#include "cmd/verbs/json.h"
#include "cmd/verbs/policy.h"
#include "cmd/verbs/policy_compile.h"
#include "cmd/verbs/policy_confined.h"
#include "cmd/verbs/policy_tenants.h"
#include "policy/emit/module.h"
#include "policy/flow/explain.h"
#include "policy/flow/trail.h"

#define KERNEL_POLICY "/sys/fs/selinux/policy"
#define AUDIT_MAX     (512u << 20)
#define SLOTS_TEXT    (64u << 20)

enum { AUDIT, SOURCE, POLICY, STORE, JSON };

/* What the confined process finds in its memory. */
struct inputs {
    const char *text; /* the log, or the one record */
    size_t size;
    bool single, json;
    char *policy; /* the compiled policy's bytes, or NULL */
    size_t policy_size;
    const char *policy_path;
    struct compiled *compiled; /* the source, or NULL */
    struct policy_tenants tenants;
};

/* What it makes of that. */
struct work {
    const struct inputs *inputs;
    struct module *module;
    struct kernel_policy *policy;
    struct trail *trail;
    struct explain *explain;
    struct record *record;
    struct verdict *verdict;
    json_t *list;
    bool unexplained;
};

static const char *tenant_of(void *context, unsigned slot)
{
    const struct inputs *inputs = context;

    return policy_tenants_name(&inputs->tenants, slot);
}

static bool place_of(void *context, enum image_table table, uint32_t index,
                     struct explain_place *to)
{
    const struct inputs *inputs = context;
    struct compiled_place place;

    compiled_place(inputs->compiled, table, index, &place);
    if (place.line == 0)
        return false;
    (void)snprintf(to->file, sizeof(to->file), "%.500s", place.file);
    to->line = place.line;
    to->column = place.column;
    return true;
}

/* Slots enough for every type that the records name. */
static unsigned slots_for(struct work *work)
{
    const char *const prefix = "casemate_tenant_";
    const char *at = work->inputs->text, *end = at + work->inputs->size;
    unsigned most = EMIT_SLOTS_MIN - 1;

    while (at < end && (at = memmem(at, (size_t)(end - at), prefix, strlen(prefix))) != NULL) {
        unsigned slot = 0;

        at += strlen(prefix);
        for (int i = 0; i < 4 && at < end && *at >= '0' && *at <= '9'; i++)
            slot = slot * 10 + (unsigned)(*at++ - '0');
        if (slot > most && slot < EMIT_SLOTS_MAX)
            most = slot;
    }
    return emit_slots_for(most);
}

static int load_module(struct work *work)
{
    struct emit_part part;
    struct buf slots;
    int r;

    buf_init(&slots, SLOTS_TEXT);
    emit_slots(slots_for(work), &slots);
    r = buf_status(&slots);
    if (r == 0)
        r = module_new(&work->module);
    for (size_t i = 0; r == 0 && emit_part(i, &part) == 0; i++) {
        char name[64];
        unsigned line;

        (void)snprintf(name, sizeof(name), "%s.cil", part.name);
        r = module_add(work->module, name, part.text != NULL ? part.text : (const char *)slots.data,
                       part.text != NULL ? part.size : slots.size, &line);
    }
    buf_release(&slots);
    if (r < 0)
        complain("cannot read the policy module's sources: %s", strerror(-r));
    return r;
}

/* The compiled policy knows of types and attributes what the module's sources do not say. */
static bool base_has(void *context, const char *type, const char *attribute)
{
    const struct kernel_policy *policy = context;
    const uint32_t t = kernel_find(policy, KERNEL_TYPE, type),
                   a = kernel_find(policy, KERNEL_TYPE, attribute);
    struct kernel_types all;

    if (t == 0 || a == 0)
        return false;
    all = kernel_attributes_of(policy, t);
    for (uint32_t i = 0; i < all.count; i++) {
        if (all.items[i] == a)
            return true;
    }
    return false;
}

static int load_policy(struct work *work)
{
    struct kernel_error error;
    int r;

    if (work->inputs->policy == NULL)
        return 0;
    r = kernel_policy_read(work->inputs->policy, work->inputs->policy_size, &work->policy, &error);
    if (r < 0)
        complain("%s: byte %zu: %s", work->inputs->policy_path, error.offset,
                 r == -ENOMEM ? "out of memory" : error.text);
    else
        module_set_base(work->module, base_has, work->policy);
    return r;
}

static json_t *line_json(const struct explain_line *line)
{
    json_t *o = json_object();

    (void)json_object_set_new(o, "role", json_text(explain_role_name(line->role)));
    (void)json_object_set_new(o, "file", json_text(line->file));
    (void)json_object_set_new(o, "line", json_integer(line->line));
    (void)json_object_set_new(o, "column",
                              line->column > 0 ? json_integer(line->column) : json_null());
    (void)json_object_set_new(o, "statement", json_text(line->statement));
    return o;
}

static void add_json(struct work *work, size_t times)
{
    static const char *const proofs[] = {
        [EXPLAIN_KEEPS] = "keeps",
        [EXPLAIN_BREAKS] = "breaks",
        [EXPLAIN_UNKNOWN] = "unknown",
        [EXPLAIN_ASIDE] = "aside",
    };
    const struct verdict *verdict = work->verdict;
    json_t *o = json_object(), *barriers = json_array(), *lines = json_array(),
           *flows = json_array();

    for (unsigned bit = 1; bit <= EXPLAIN_LANDLOCK; bit <<= 1) {
        if ((verdict->barriers & bit) != 0)
            (void)json_array_append_new(barriers, json_text(explain_barrier_name(bit)));
    }
    for (size_t i = 0; i < verdict->lines; i++)
        (void)json_array_append_new(lines, line_json(&verdict->line[i]));
    for (size_t i = 0; i < verdict->flows; i++)
        (void)json_array_append_new(flows, json_text(verdict->flow[i]));
    (void)json_object_set_new(o, "kind", json_text(record_kind_name(work->record->kind)));
    (void)json_object_set_new(o, "times", json_integer((json_int_t)times));
    (void)json_object_set_new(o, "what", json_text(verdict->what));
    (void)json_object_set_new(o, "path", json_optional(work->record->path));
    (void)json_object_set_new(o, "barriers", barriers);
    (void)json_object_set_new(o, "why", json_text(verdict->why));
    (void)json_object_set_new(o, "lines", lines);
    (void)json_object_set_new(o, "proof", json_text(proofs[verdict->proof]));
    (void)json_object_set_new(o, "flows", flows);
    (void)json_object_set_new(o, "possible", json_boolean(verdict->possible));
    (void)json_object_set_new(o, "repair", json_text(verdict->repair));
    (void)json_array_append_new(work->list, o);
}

static int explain_one(struct work *work, size_t times)
{
    struct buf out;
    int r = explain_record(work->explain, work->record, work->verdict);

    if (r < 0)
        return r;
    work->unexplained |= work->verdict->barriers == 0;
    if (work->inputs->json) {
        add_json(work, times);
        return 0;
    }
    buf_init(&out, 1U << 20);
    explain_text(work->record, work->verdict, times, &out);
    r = buf_status(&out);
    if (r == 0 && fwrite(out.data, 1, out.size, stdout) != out.size)
        r = -EIO;
    buf_release(&out);
    return r;
}

static int explain_single(struct work *work)
{
    if (record_parse(work->inputs->text, work->inputs->size, work->record) < 0) {
        complain("this is no audit record that can be explained: %s", work->record->why);
        return VERB_USAGE;
    }
    if (work->record->kind == RECORD_OTHER || work->record->kind == RECORD_SYSCALL ||
        work->record->kind == RECORD_PATH) {
        complain("this record denies nothing: give one of type AVC, USER_AVC or SECCOMP");
        return VERB_USAGE;
    }
    return explain_one(work, 1) < 0 ? VERB_SYSTEM : VERB_OK;
}

static int explain_all(struct work *work)
{
    const struct trail_sum *sum;
    int r = trail_new(work->inputs->text, work->inputs->size, &work->trail);

    for (size_t i = 0; r == 0 && i < trail_count(work->trail); i++)
        r = explain_one(work, trail_get(work->trail, i, work->record));
    if (r < 0) {
        complain("cannot explain the log: %s", strerror(-r));
        return VERB_SYSTEM;
    }
    sum = trail_sum(work->trail);
    if (sum->refused > 0)
        complain("%zu of %zu lines are no records, the first is line %zu: %s", sum->refused,
                 sum->lines, sum->first_bad, sum->why);
    return sum->refused > 0 ? VERB_DENIED : VERB_OK;
}

/* In the confined process, which ends with it: nothing is given back. */
static int explain_work(void *context)
{
    struct work work = {.inputs = context};
    struct explain_setting setting = {.tenant = tenant_of, .context = context};
    int status, r;

    work.record = malloc(sizeof(*work.record));
    work.verdict = malloc(sizeof(*work.verdict));
    work.list = json_array();
    if (work.record == NULL || work.verdict == NULL || work.list == NULL || load_module(&work) < 0)
        return VERB_SYSTEM;
    r = load_policy(&work);
    if (r < 0)
        return r == -EPROTO ? VERB_DENIED : VERB_SYSTEM;
    setting.module = work.module;
    setting.policy = work.policy;
    if (work.inputs->compiled != NULL) {
        setting.image = compiled_image(work.inputs->compiled);
        setting.place = place_of;
    }
    if (explain_new(&setting, &work.explain) < 0)
        return VERB_SYSTEM;
    status = work.inputs->single ? explain_single(&work) : explain_all(&work);
    if (work.inputs->json && (status == VERB_OK || status == VERB_DENIED) &&
        json_print(work.list) != VERB_OK)
        return VERB_SYSTEM;
    return status == VERB_OK && work.unexplained ? VERB_DENIED : status;
}

/* The running kernel's policy if there is one and the caller may read it, unless one is named. */
static int read_policy(const struct arguments *arguments, struct inputs *inputs)
{
    int r;

    inputs->policy_path = arguments->given[POLICY] ? arguments->value[POLICY] : KERNEL_POLICY;
    r = policy_read_file(inputs->policy_path, KERNEL_POLICY_SIZE_MAX, &inputs->policy,
                         &inputs->policy_size);
    if (r < 0 && arguments->given[POLICY]) {
        complain("cannot read the policy %s: %s", inputs->policy_path, strerror(-r));
        return r == -ENOMEM ? VERB_SYSTEM : VERB_USAGE;
    }
    return VERB_OK;
}

static int read_inputs(const struct arguments *arguments, struct inputs *inputs, char **log)
{
    int status, r;

    inputs->json = arguments->given[JSON];
    inputs->single = !arguments->given[AUDIT];
    if (inputs->single) {
        inputs->text = arguments->word[0];
        inputs->size = strlen(arguments->word[0]);
    } else {
        r = policy_read_file(arguments->value[AUDIT], AUDIT_MAX, log, &inputs->size);
        if (r < 0) {
            complain("cannot read the log %s: %s", arguments->value[AUDIT], strerror(-r));
            return r == -ENOMEM ? VERB_SYSTEM : VERB_USAGE;
        }
        inputs->text = *log;
    }
    status = read_policy(arguments, inputs);
    if (status == VERB_OK && arguments->given[SOURCE])
        status = policy_take_file(arguments->value[SOURCE], &inputs->compiled);
    if (status == VERB_OK)
        status = policy_tenants_read(arguments->given[STORE] ? arguments->value[STORE] : NULL,
                                     &inputs->tenants);
    return status;
}

int policy_explain_verb(int argc, char **argv)
{
    static const struct verb_option options[] = {
        {"audit", "FILE", "explain every denial of an audit log (- for standard input)"},
        {"source", "FILE", "the host's policy as text: names its lines, too"},
        {"policy", "FILE", "the compiled policy, instead of " KERNEL_POLICY},
        {"store", "FILE", "another label store than " LABEL_STORE_PATH},
        {"json", NULL, "for programs"},
        {NULL, NULL, NULL},
    };
    static const struct verb_usage usage = {
        .name = "policy explain",
        .words = "[RECORD]",
        .what = "Say which barrier denied something, which line would have to change, whether the "
                "tenants\nwould still be apart then, and the smallest change that keeps them so.",
        .options = options,
        .words_max = 1,
    };
    struct inputs inputs = {.text = NULL};
    struct arguments arguments;
    char *log = NULL;
    int status;

    if (!arguments_parse(&usage, argc, argv, &arguments, &status))
        return status;
    if (arguments.given[AUDIT] == (arguments.words == 1)) {
        complain("policy explain takes one record as its word, or a log with --audit");
        return VERB_USAGE;
    }
    status = read_inputs(&arguments, &inputs, &log);
    if (status == VERB_OK)
        status = policy_confined(explain_work, &inputs);
    policy_tenants_release(&inputs.tenants);
    compiled_free(inputs.compiled);
    free(inputs.policy);
    free(log);
    return status;
}
