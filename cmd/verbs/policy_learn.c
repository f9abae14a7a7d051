/* SPDX-License-Identifier: Apache-2.0 */
/* casemate policy learn: from a permissive trial to a guest block. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/verbs/json.h"
#include "cmd/verbs/policy.h"
#include "cmd/verbs/policy_confined.h"
#include "cmd/verbs/policy_tenants.h"
#include "policy/flow/learn.h"

#define AUDIT_MAX (512u << 20)
#define TEXT_MAX  (64u << 20)

enum { TENANT, SOURCE, STORE, JSON };

/* What the confined process finds in its memory. */
struct inputs {
    char *log;
    size_t size;
    bool json;
    const char *whose;         /* a tenant, or NULL */
    struct compiled *compiled; /* the source, or NULL */
    struct policy_tenants tenants;
};

static const char *tenant_of(void *context, unsigned slot)
{
    const struct inputs *inputs = context;

    return policy_tenants_name(&inputs->tenants, slot);
}

static json_t *need_json(const struct learn_need *need)
{
    static const char *const kinds[] = {
        [LEARN_DISK] = "disk", [LEARN_KERNEL] = "kernel", [LEARN_INITRD] = "initrd",
        [LEARN_RNG] = "rng",   [LEARN_NET] = "net",       [LEARN_OTHER] = "other",
    };
    const bool in_block =
        need->against[0] == '\0' && need->kind != LEARN_OTHER && need->kind != LEARN_NET;
    json_t *o = json_object();

    (void)json_object_set_new(o, "kind", json_text(kinds[need->kind]));
    (void)json_object_set_new(o, "path", json_optional(need->path));
    (void)json_object_set_new(o, "writes", json_boolean(need->writes));
    (void)json_object_set_new(o, "what", json_optional(need->what));
    (void)json_object_set_new(o, "times", json_integer((json_int_t)need->times));
    (void)json_object_set_new(o, "in_block", json_boolean(in_block));
    (void)json_object_set_new(o, "widens", json_boolean(need->widens));
    (void)json_object_set_new(o, "against", json_optional(need->against));
    return o;
}

static int print_json(const struct learnt *learnt)
{
    json_t *list = json_array();

    for (size_t i = 0; i < learnt->guests; i++) {
        const struct learn_guest *guest = &learnt->guest[i];
        json_t *o = json_object(), *needs = json_array();
        struct buf block;

        for (size_t j = 0; j < guest->needs; j++)
            (void)json_array_append_new(needs, need_json(&guest->need[j]));
        buf_init(&block, TEXT_MAX);
        learn_text(guest, &block);
        (void)json_object_set_new(o, "name", json_text(guest->name));
        (void)json_object_set_new(o, "tenant", json_optional(guest->tenant));
        (void)json_object_set_new(o, "context", json_text(guest->context));
        (void)json_object_set_new(o, "noted", json_integer((json_int_t)guest->noted));
        (void)json_object_set_new(o, "denied", json_integer((json_int_t)guest->denied));
        (void)json_object_set_new(o, "needs", needs);
        (void)json_object_set_new(
            o, "block", json_optional(buf_status(&block) == 0 ? (const char *)block.data : NULL));
        (void)json_array_append_new(list, o);
        buf_release(&block);
    }
    return json_print(list);
}

static int print_text(const struct learnt *learnt)
{
    struct buf out;
    int status = VERB_OK;

    buf_init(&out, TEXT_MAX);
    for (size_t i = 0; i < learnt->guests; i++) {
        if (i > 0)
            buf_printf(&out, "\n");
        learn_text(&learnt->guest[i], &out);
    }
    if (buf_status(&out) < 0 || fwrite(out.data, 1, out.size, stdout) != out.size) {
        complain("cannot write what was learnt");
        status = VERB_SYSTEM;
    }
    buf_release(&out);
    return status;
}

static bool widens(const struct learnt *learnt)
{
    for (size_t i = 0; i < learnt->guests; i++) {
        for (size_t j = 0; j < learnt->guest[i].needs; j++) {
            if (learnt->guest[i].need[j].widens)
                return true;
        }
    }
    return false;
}

/* In the confined process, which ends with it: nothing is given back. */
static int learn_work(void *context)
{
    const struct inputs *inputs = context;
    struct learn_setting setting = {
        .whose = inputs->whose, .tenant = tenant_of, .context = context};
    struct learnt learnt;
    struct trail *trail;
    int r, status;

    if (inputs->compiled != NULL)
        setting.image = compiled_image(inputs->compiled);
    r = trail_new(inputs->log, inputs->size, &trail);
    if (r == 0)
        r = learn(&setting, trail, &learnt);
    if (r < 0) {
        complain("cannot learn from the log: %s", strerror(-r));
        return VERB_SYSTEM;
    }
    if (learnt.guests == 0 && !inputs->json) {
        complain("no record of the log is a guest's (of %zu denials in %zu lines)",
                 trail_sum(trail)->denials, trail_sum(trail)->lines);
        return VERB_DENIED;
    }
    if (trail_sum(trail)->refused > 0)
        complain("%zu of %zu lines are no records, the first is line %zu: %s",
                 trail_sum(trail)->refused, trail_sum(trail)->lines, trail_sum(trail)->first_bad,
                 trail_sum(trail)->why);
    status = inputs->json ? print_json(&learnt) : print_text(&learnt);
    if (status == VERB_OK && (widens(&learnt) || trail_sum(trail)->refused > 0))
        status = VERB_DENIED;
    return status;
}

/* As the language has names: it is shown as it is. */
static bool is_name(const char *text)
{
    return *text != '\0' && strlen(text) < GUEST_NAME_MAX &&
           text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-")] == '\0';
}

int policy_learn_verb(int argc, char **argv)
{
    static const struct verb_option options[] = {
        {"tenant", "TENANT", "whose guest it is to be, where the records do not say it"},
        {"source", "FILE", "the host's policy as text: who has what"},
        {"store", "FILE", "another label store than " LABEL_STORE_PATH},
        {"json", NULL, "for programs"},
        {NULL, NULL, NULL},
    };
    static const struct verb_usage usage = {
        .name = "policy learn",
        .words = "LOG",
        .what = "Propose a guest block from the audit log of a permissive trial (- for standard "
                "input):\nwhat was seen and nothing else, and nothing that another tenant has.",
        .options = options,
        .words_min = 1,
        .words_max = 1,
    };
    struct inputs inputs = {.log = NULL};
    struct arguments arguments;
    int status, r;

    if (!arguments_parse(&usage, argc, argv, &arguments, &status))
        return status;
    inputs.json = arguments.given[JSON];
    inputs.whose = arguments.given[TENANT] ? arguments.value[TENANT] : NULL;
    if (inputs.whose != NULL && !is_name(inputs.whose)) {
        complain("'%s' is no tenant's name", inputs.whose);
        return VERB_USAGE;
    }
    r = policy_read_file(arguments.word[0], AUDIT_MAX, &inputs.log, &inputs.size);
    if (r < 0) {
        complain("cannot read the log %s: %s", arguments.word[0], strerror(-r));
        return r == -ENOMEM ? VERB_SYSTEM : VERB_USAGE;
    }
    if (arguments.given[SOURCE])
        status = policy_take_file(arguments.value[SOURCE], &inputs.compiled);
    else
        status = VERB_OK;
    if (status == VERB_OK && inputs.compiled != NULL && inputs.whose != NULL &&
        image_find_tenant(compiled_image(inputs.compiled), inputs.whose) < 0) {
        complain("the policy %s has no tenant %s", arguments.value[SOURCE], inputs.whose);
        status = VERB_USAGE;
    }
    if (status == VERB_OK)
        status = policy_tenants_read(arguments.given[STORE] ? arguments.value[STORE] : NULL,
                                     &inputs.tenants);
    if (status == VERB_OK)
        status = policy_confined(learn_work, &inputs);
    policy_tenants_release(&inputs.tenants);
    compiled_free(inputs.compiled);
    free(inputs.log);
    return status;
}
