/* SPDX-License-Identifier: Apache-2.0 */
/* casemate policy prove: that no tenant reaches another, or the way on which one does. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cmd/verbs/arguments.h"
#include "cmd/verbs/json.h"
#include "cmd/verbs/policy.h"
#include "cmd/verbs/policy_compile.h"
#include "cmd/verbs/policy_confined.h"
#include "cmd/verbs/policy_proof.h"
#include "policy/flow/certificate.h"

enum { POLICY, SOURCE, STORE, TRUSTED, STATELESS, AS_SET, JSON };

#define FAILURES_SHOWN 5u
#define TEXT_MAX       (1u << 20)

/* What the confined process finds in its memory. */
struct work {
    struct proof_inputs inputs;
    bool json, as_set;
    /* made there */
    struct kernel_policy *policy;
    struct kernel_booleans *booleans;
    struct flow_options options;
    struct flow *flow;
    struct flow_names names;
    struct flow_assertion *assertions;
    uint32_t assertion_count;
    struct flow_result results[FLOW_BARRIERS];
};

static const char *const barriers[FLOW_BARRIERS] = {
    [FLOW_TYPES] = "types alone",
    [FLOW_CATEGORIES] = "categories alone",
    [FLOW_TOGETHER] = "both together",
};

/* ---------------------------------------------------------------- preparing */

/* The number in "casemate_tenant_0003". */
static unsigned slot_number(const char *name)
{
    return (unsigned)strtoul(strrchr(name, '_') + 1, NULL, 10);
}

static int name_tenants(struct work *work)
{
    const uint32_t count = flow_tenants(work->flow);
    const char **names = calloc((size_t)count + 1, sizeof(*names));

    if (names == NULL)
        return -ENOMEM;
    for (uint32_t t = 1; t <= count; t++)
        names[t] = policy_tenants_name(&work->inputs.tenants,
                                       slot_number(flow_tenant_name(work->flow, t)));
    work->names.tenant = names;
    return 0;
}

static uint32_t tenant_called(const struct work *work, const char *name)
{
    for (uint32_t t = 1; t <= flow_tenants(work->flow); t++) {
        if (work->names.tenant[t] != NULL && strcmp(work->names.tenant[t], name) == 0)
            return t;
    }
    return 0;
}

static int take_assertions(struct work *work)
{
    const struct image *image =
        work->inputs.compiled != NULL ? compiled_image(work->inputs.compiled) : NULL;
    const uint32_t count = image != NULL ? image_count(image, IMAGE_ASSERTIONS) : 0;

    work->assertions = calloc((size_t)count + 1, sizeof(*work->assertions));
    if (work->assertions == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        const struct image_assertion *from = &image_assertions(image)[i];
        struct flow_assertion *to = &work->assertions[work->assertion_count++];

        to->first = image_tenant_name(image, from->first);
        to->second = image_tenant_name(image, from->second);
        to->both = from->both != 0;
        to->from = tenant_called(work, to->first);
        to->to = tenant_called(work, to->second);
    }
    return 0;
}

static int prepare(struct work *work)
{
    struct kernel_error error = {.offset = 0};
    struct flow_error reason = {.text = ""};
    int r =
        kernel_policy_read(work->inputs.policy, work->inputs.policy_size, &work->policy, &error);

    if (r < 0) {
        complain("%s is no policy that can be read: byte %zu: %s", work->inputs.policy_path,
                 error.offset, error.text);
        return VERB_DENIED;
    }
    if (work->as_set && kernel_booleans_new(work->policy, &work->booleans) < 0)
        return VERB_SYSTEM;
    work->options.booleans = work->booleans;
    if (proof_cuts(&work->inputs, &work->options) < 0)
        return VERB_SYSTEM;
    r = flow_new(work->policy, &work->options, &work->flow, &reason);
    if (r < 0) {
        complain("cannot prove anything of %s: %s", work->inputs.policy_path, reason.text);
        return r == -ENOMEM ? VERB_SYSTEM : VERB_DENIED;
    }
    return name_tenants(work) < 0 || take_assertions(work) < 0 ? VERB_SYSTEM : VERB_OK;
}

/* ---------------------------------------------------------------- for people */

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

static void write_failures(struct work *work, enum flow_barrier barrier, struct buf *out)
{
    const struct flow_result *result = &work->results[barrier];
    struct flow_path *path = NULL;
    uint32_t shown = 0;

    if (flow_path_tenants(work->flow, barrier, 0, 0, &path) == 0) {
        const struct flow_hop *first = &path->hop[0], *last = &path->hop[path->count - 1];

        buf_printf(out, "  from ");
        if (barrier == FLOW_CATEGORIES) {
            buf_printf(out, "one guest to another");
        } else {
            flow_write_tenant(work->flow, &work->names, flow_tenant_of(work->flow, first->from),
                              out);
            buf_printf(out, " to ");
            flow_write_tenant(work->flow, &work->names, flow_tenant_of(work->flow, last->to), out);
        }
        buf_printf(out, ":\n");
        flow_write_path(work->flow, &work->names, path, out);
        free(path);
    }
    for (uint32_t i = 0; i < result->kept && shown < FAILURES_SHOWN; i++) {
        if (result->failure[i].kind == FLOW_LEAK)
            continue;
        buf_printf(out, "  ");
        flow_write_failure(work->flow, &work->names, &result->failure[i], out);
        buf_printf(out, "\n");
        shown++;
    }
}

static void write_cuts(const struct work *work, const char *what, const struct flow_cut *cuts,
                       uint32_t count, struct buf *out)
{
    size_t use_count;
    const struct flow_use *uses = flow_uses(work->flow, &use_count);

    buf_printf(out, "%s: %u\n", what, count);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t type = kernel_find(work->policy, KERNEL_TYPE, cuts[i].type);
        size_t rules = 0;

        for (size_t u = 0; u < use_count; u++)
            rules += uses[u].cut == type;
        buf_printf(out, "  %-24s %3zu rule%s  %s\n", cuts[i].type, rules, plural(rules),
                   cuts[i].reason);
    }
}

/* An assertion of the source is true if the proof for all is, or nothing leads that way. */
static bool assertion_holds(struct work *work, const struct flow_assertion *a, struct buf *out)
{
    bool holds = true;

    for (int back = 0; back <= (a->both ? 1 : 0); back++) {
        struct flow_path *path = NULL;
        const uint32_t from = back ? a->to : a->from, to = back ? a->from : a->to;
        int r = work->results[FLOW_TOGETHER].failures == 0 ? -ENOENT : 0;

        /* Without slots of their own they may get any: what holds for every two is needed. */
        if (r == 0)
            r = flow_path_tenants(work->flow, FLOW_TOGETHER, a->from != 0 && a->to != 0 ? from : 0,
                                  a->from != 0 && a->to != 0 ? to : 0, &path);
        if (r == -ENOENT)
            continue;
        holds = false;
        if (path != NULL && out != NULL)
            flow_write_path(work->flow, &work->names, path, out);
        free(path);
    }
    return holds;
}

static void write_assertions(struct work *work, struct buf *out)
{
    for (uint32_t i = 0; i < work->assertion_count; i++) {
        const struct flow_assertion *a = &work->assertions[i];
        struct compiled_place place;
        struct buf way;
        char file[256];
        bool holds;

        buf_init(&way, TEXT_MAX);
        holds = assertion_holds(work, a, &way);
        compiled_place(work->inputs.compiled, IMAGE_ASSERTIONS, i, &place);
        (void)text_escape(file, sizeof(file), place.file);
        buf_printf(out, "%s:%u: assert no flow %s %s %s: %s\n", file, place.line, a->first,
                   a->both ? "<->" : "->", a->second, holds ? "holds" : "does not hold");
        if (way.size > 0)
            buf_append(out, way.data, way.size);
        buf_release(&way);
    }
}

static void write_text(struct work *work, struct buf *out)
{
    const uint32_t tenants = flow_tenants(work->flow);

    buf_printf(out, "%s: version %u, %zu bytes, %u tenant%s\n", work->inputs.policy_path,
               kernel_policy_version(work->policy), kernel_policy_size(work->policy), tenants,
               plural(tenants));
    for (int b = 0; b < FLOW_BARRIERS; b++) {
        const struct flow_result *result = &work->results[b];

        buf_printf(out, "%s: ", barriers[b]);
        if (result->failures == 0) {
            buf_printf(out, "no tenant reaches another\n");
            continue;
        }
        buf_printf(out, "%llu opening%s\n", (unsigned long long)result->failures,
                   plural(result->failures));
        write_failures(work, (enum flow_barrier)b, out);
    }
    write_assertions(work, out);
    write_cuts(work, "trusted", work->options.trusted, work->options.trusted_count, out);
    write_cuts(work, "stateless", work->options.stateless, work->options.stateless_count, out);
    if (kernel_policy_handle_unknown(work->policy) == KERNEL_UNKNOWN_ALLOW)
        buf_printf(out,
                   "note: the kernel allows what this policy has no class or permission for\n");
}

/* ---------------------------------------------------------------- for programs */

static json_t *path_json(const struct work *work, const struct flow_path *path)
{
    json_t *list = json_array();

    for (uint32_t i = 0; path != NULL && i < path->count; i++) {
        const struct flow_hop *hop = &path->hop[i];
        struct buf rule;

        buf_init(&rule, TEXT_MAX);
        flow_write_rule(work->flow, hop->rule, hop->permissions, &rule);
        (void)json_array_append_new(
            list,
            json_pack("{s:s, s:s, s:s, s:s}", "from", flow_node_name(work->flow, hop->from), "to",
                      flow_node_name(work->flow, hop->to), "moves", hop->by_subject ? "out" : "in",
                      "rule", buf_status(&rule) == 0 ? (const char *)rule.data : "?"));
        buf_release(&rule);
    }
    return list;
}

static json_t *refusal_json(struct work *work)
{
    json_t *top = json_pack("{s:b}", "proved", 0), *list = json_array();

    for (int b = 0; b < FLOW_BARRIERS; b++) {
        const struct flow_result *result = &work->results[b];
        struct flow_path *path = NULL;
        json_t *entry = json_object(), *other = json_array();

        (void)flow_path_tenants(work->flow, (enum flow_barrier)b, 0, 0, &path);
        (void)json_object_set_new(entry, "barrier", json_string(barriers[b]));
        (void)json_object_set_new(entry, "openings", json_integer((json_int_t)result->failures));
        (void)json_object_set_new(entry, "path", path_json(work, path));
        for (uint32_t i = 0; i < result->kept; i++) {
            struct buf text;

            if (result->failure[i].kind == FLOW_LEAK)
                continue;
            buf_init(&text, TEXT_MAX);
            flow_write_failure(work->flow, &work->names, &result->failure[i], &text);
            (void)json_array_append_new(
                other, json_text(buf_status(&text) == 0 ? (const char *)text.data : "?"));
            buf_release(&text);
        }
        (void)json_object_set_new(entry, "other", other);
        (void)json_array_append_new(list, entry);
        free(path);
    }
    (void)json_object_set_new(top, "barriers", list);
    return top;
}

/* ---------------------------------------------------------------- the verb */

static int print(struct work *work, bool proved)
{
    const struct flow_claims claims = {
        .options = &work->options,
        .names = &work->names,
        .source_digest = work->inputs.source_digest_known ? work->inputs.source_digest : NULL,
        .assertions = work->assertions,
        .assertion_count = work->assertion_count,
    };
    json_t *certificate = NULL;
    struct buf out;
    int status = VERB_OK;

    if (work->json && proved && !work->as_set)
        return flow_certificate(work->flow, &claims, &certificate) < 0 ? VERB_SYSTEM
                                                                       : json_print(certificate);
    if (work->json && proved)
        return json_print(json_pack("{s:b, s:s}", "proved", 1, "booleans", "as set"));
    if (work->json)
        return json_print(refusal_json(work));
    buf_init(&out, 64U << 20);
    write_text(work, &out);
    if (buf_status(&out) < 0 || fwrite(out.data, 1, out.size, stdout) != out.size ||
        fflush(stdout) != 0)
        status = VERB_SYSTEM;
    buf_release(&out);
    return status;
}

/* In the confined process, which ends with it: nothing is given back. */
static int prove_work(void *context)
{
    /* Types last: the certificate's sets are those of that walk. */
    static const enum flow_barrier order[] = {FLOW_TOGETHER, FLOW_CATEGORIES, FLOW_TYPES};
    struct work *work = context;
    bool proved = true;
    int status = prepare(work);

    if (status != VERB_OK)
        return status;
    for (size_t i = 0; i < FLOW_BARRIERS; i++) {
        if (flow_prove(work->flow, order[i], &work->results[order[i]]) < 0)
            return VERB_SYSTEM;
        proved = proved && work->results[order[i]].failures == 0;
    }
    status = print(work, proved);
    if (status == VERB_OK && !proved && work->options.trusted_count == 0)
        complain("nothing is named as trusted: the launcher, for one, is (see casemate-policy(1))");
    return status == VERB_OK && !proved ? VERB_DENIED : status;
}

int policy_prove_verb(int argc, char **argv)
{
    static const struct verb_option options[] = {
        {"policy", "FILE", "a compiled policy, instead of " PROOF_KERNEL_POLICY},
        {"source", "FILE",
         "the host's policy as text: its trusted and stateless types, its "
         "assertions"},
        {"store", "FILE", "another label store than " LABEL_STORE_PATH},
        {"trusted", "TYPES", "trusted types besides the source's, with commas between"},
        {"stateless", "TYPES", "stateless types besides the source's"},
        {"as-set", NULL,
         "with booleans as the policy has them, not each either way; no "
         "certificate"},
        {"json", NULL, "print the certificate, or what is open, as JSON"},
        {NULL, NULL, NULL},
    };
    static const struct verb_usage usage = {
        .name = "policy prove",
        .words = "",
        .what = "Prove over the whole SELinux policy of the host that no tenant's information "
                "reaches\nanother tenant, or print a way on which it does.",
        .options = options,
    };
    struct work *work = calloc(1, sizeof(*work));
    struct arguments arguments;
    int status;

    if (work == NULL)
        return VERB_SYSTEM;
    if (!arguments_parse(&usage, argc, argv, &arguments, &status)) {
        free(work);
        return status;
    }
    work->json = arguments.given[JSON];
    work->as_set = arguments.given[AS_SET];
    work->inputs.trusted = arguments.value[TRUSTED];
    work->inputs.stateless = arguments.value[STATELESS];
    status = proof_inputs_read(arguments.value[POLICY], arguments.value[SOURCE],
                               arguments.value[STORE], &work->inputs);
    if (status == VERB_OK)
        status = policy_confined(prove_work, work);
    proof_inputs_release(&work->inputs);
    free(work);
    return status;
}
