/* SPDX-License-Identifier: Apache-2.0 */
/* casemate policy diff: what changes from one policy to another, and whether tenants come closer.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cmd/verbs/arguments.h"
#include "cmd/verbs/json.h"
#include "cmd/verbs/policy.h"
#include "cmd/verbs/policy_confined.h"
#include "cmd/verbs/policy_tenants.h"
#include "policy/flow/diff.h"

#define NAME_SHOWN 256

enum { SOURCE, STORE, JSON };

/* One of the two, as it was found. */
struct given {
    char shown[NAME_SHOWN]; /* the file's name */
    char *data;             /* owned: a kernel policy or an image as read; NULL for a source */
    size_t size;
    bool kernel;
    struct compiled *compiled; /* owned: of a source */
};

struct inputs {
    struct given of[2];
    struct compiled *source; /* owned, or NULL: who is trusted */
    struct policy_tenants tenants;
    bool json;
};

/* ---------------------------------------------------------------- reading */

static bool begins_with(const struct given *given, const void *magic, size_t size)
{
    return given->size >= size && memcmp(given->data, magic, size) == 0;
}

static int take_source(char *path, struct compiled **compiled)
{
    const struct arguments file = {.word = &path, .words = 1};

    return policy_take(&file, compiled);
}

/* A kernel policy, an image or a source: its first bytes tell. */
static int take(char *path, struct given *given)
{
    static const uint64_t image_magic = IMAGE_MAGIC;
    int r;

    (void)text_escape(given->shown, sizeof(given->shown), path);
    r = policy_read_file(path, IMAGE_SIZE_MAX, &given->data, &given->size);
    if (r < 0) {
        complain("cannot read %s: %s", given->shown, strerror(-r));
        return r == -ENOMEM ? VERB_SYSTEM : VERB_USAGE;
    }
    given->kernel = begins_with(given, "\x8c\xff\x7c\xf9", 4);
    if (given->kernel || begins_with(given, &image_magic, sizeof(image_magic)))
        return VERB_OK;
    free(given->data);
    given->data = NULL;
    /* The compiler reads it again, and what it includes. */
    return take_source(path, &given->compiled);
}

/* ---------------------------------------------------------------- comparing, confined */

static int read_kernel(const struct given *given, struct kernel_policy **policy)
{
    struct kernel_error error;
    int r = kernel_policy_read(given->data, given->size, policy, &error);

    if (r < 0)
        complain("%s: byte %zu: %s", given->shown, error.offset, error.text);
    return r < 0 ? VERB_USAGE : VERB_OK;
}

/* What the source says may be passed over. */
static int cuts_of(const struct image *image, enum image_table table,
                   const struct image_type *types, const struct flow_cut **cuts, uint32_t *count)
{
    uint32_t n = image_count(image, table);
    struct flow_cut *made = calloc((size_t)n + 1, sizeof(*made));

    if (made == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < n; i++)
        made[i] =
            (struct flow_cut){image_text(image, types[i].type), image_text(image, types[i].reason)};
    *cuts = made;
    *count = n;
    return 0;
}

static int diff_kernels(const struct inputs *inputs, struct diff **diff)
{
    struct kernel_policy *policy[2] = {NULL, NULL};
    struct flow_options options = {0};
    int r = 0, status;

    for (int i = 0; i < 2; i++) {
        status = read_kernel(&inputs->of[i], &policy[i]);
        if (status != VERB_OK)
            return status;
    }
    if (inputs->source != NULL) {
        const struct image *image = compiled_image(inputs->source);

        r = cuts_of(image, IMAGE_TRUSTED, image_trusted(image), &options.trusted,
                    &options.trusted_count);
        if (r == 0)
            r = cuts_of(image, IMAGE_STATELESS, image_stateless(image), &options.stateless,
                        &options.stateless_count);
    }
    if (r == 0)
        r = diff_kernel(policy[0], policy[1], &options, diff);
    if (r < 0)
        complain("cannot compare: %s", strerror(-r));
    return r < 0 ? VERB_SYSTEM : VERB_OK;
}

static const struct image *read_image(const struct given *given)
{
    struct guest_diagnostic diagnostic;
    int r;

    if (given->compiled != NULL)
        return compiled_image(given->compiled);
    r = image_check(given->data, given->size, &diagnostic);
    if (r < 0)
        complain("%s: %s", given->shown, r == -EINVAL ? diagnostic.message : strerror(-r));
    return r < 0 ? NULL : (const struct image *)(const void *)given->data;
}

static int diff_images(const struct inputs *inputs, struct diff **diff)
{
    const struct image *image[2];
    int r;

    for (int i = 0; i < 2; i++) {
        image[i] = read_image(&inputs->of[i]);
        if (image[i] == NULL)
            return VERB_USAGE;
    }
    r = diff_image(image[0], image[1], diff);
    if (r < 0)
        complain("cannot compare: %s", strerror(-r));
    return r < 0 ? VERB_SYSTEM : VERB_OK;
}

/* ---------------------------------------------------------------- printing */

/* A slot by its tenant's name, where the label store knows one. */
static const char *who_is(const struct inputs *inputs, const char *who, char *to, size_t size)
{
    static const char prefix[] = "casemate_tenant_";
    const char *name = NULL;
    char *end;

    if (strncmp(who, prefix, sizeof(prefix) - 1) == 0)
        name = policy_tenants_name(&inputs->tenants,
                                   (unsigned)strtoul(who + sizeof(prefix) - 1, &end, 10));
    if (name == NULL)
        return who;
    (void)snprintf(to, size, "tenant %s (%s)", name, who);
    return to;
}

static const char *const kinds[] = {
    [DIFF_MORE] = "more", [DIFF_LESS] = "less", [DIFF_OTHER] = "other"};

static int print_json(const struct inputs *inputs, const struct diff *diff)
{
    json_t *o = json_object(), *list = json_array();
    size_t count;
    const struct diff_change *change = diff_changes(diff, &count);

    for (size_t i = 0; i < count; i++) {
        json_t *row = json_object();
        char name[NAME_SHOWN];

        (void)json_object_set_new(row, "who",
                                  json_text(who_is(inputs, change[i].who, name, sizeof(name))));
        (void)json_object_set_new(row, "kind", json_text(kinds[change[i].kind]));
        (void)json_object_set_new(row, "between", json_boolean(change[i].between));
        (void)json_object_set_new(row, "text", json_text(change[i].text));
        (void)json_array_append_new(list, row);
    }
    (void)json_object_set_new(o, "between", json_integer((json_int_t)diff_between(diff)));
    (void)json_object_set_new(o, "changes", list);
    return json_print(o);
}

static int print_text(const struct inputs *inputs, const struct diff *diff)
{
    static const char signs[] = {[DIFF_MORE] = '+', [DIFF_LESS] = '-', [DIFF_OTHER] = '~'};
    size_t count, between = diff_between(diff);
    const struct diff_change *change = diff_changes(diff, &count);

    for (size_t i = 0; i < count; i++) {
        char name[NAME_SHOWN], who[4 * NAME_SHOWN], text[8192];

        (void)text_escape(who, sizeof(who), who_is(inputs, change[i].who, name, sizeof(name)));
        (void)text_escape(text, sizeof(text), change[i].text);
        if (i == 0 && between > 0)
            (void)printf("closer to each other:\n");
        if (i == between || (i > between && strcmp(change[i].who, change[i - 1].who) != 0))
            (void)printf("%s%s:\n", i > 0 ? "\n" : "", who);
        if (i < between)
            (void)printf("  %c %s: %s\n", signs[change[i].kind], who, text);
        else
            (void)printf("  %c %s\n", signs[change[i].kind], text);
    }
    if (count == 0)
        (void)printf("no difference\n");
    else
        (void)printf("\n%zu change%s, %zu of which bring%s tenants closer to each other\n", count,
                     count == 1 ? "" : "s", between, between == 1 ? "s" : "");
    return ferror(stdout) ? VERB_SYSTEM : VERB_OK;
}

/* In the confined process, which ends with it: nothing is given back. */
static int diff_work(void *context)
{
    const struct inputs *inputs = context;
    struct diff *diff = NULL;
    int status = inputs->of[0].kernel ? diff_kernels(inputs, &diff) : diff_images(inputs, &diff);

    if (status == VERB_OK)
        status = inputs->json ? print_json(inputs, diff) : print_text(inputs, diff);
    return status == VERB_OK && diff_between(diff) > 0 ? VERB_DENIED : status;
}

static int read_inputs(const struct arguments *arguments, struct inputs *inputs)
{
    int status = VERB_OK;
    char path[4096];

    for (int i = 0; status == VERB_OK && i < 2; i++)
        status = take(arguments->word[i], &inputs->of[i]);
    if (status == VERB_OK && inputs->of[0].kernel != inputs->of[1].kernel) {
        complain("%s is a kernel policy, the other is not: compile the other with --base",
                 inputs->of[inputs->of[0].kernel ? 0 : 1].shown);
        return VERB_USAGE;
    }
    if (status == VERB_OK && arguments->given[SOURCE]) {
        if (text_copy(path, sizeof(path), arguments->value[SOURCE]) < 0) {
            complain("the name of the source is too long");
            return VERB_USAGE;
        }
        status = take_source(path, &inputs->source);
    }
    if (status == VERB_OK)
        status = policy_tenants_read(arguments->given[STORE] ? arguments->value[STORE] : NULL,
                                     &inputs->tenants);
    return status;
}

int policy_diff_verb(int argc, char **argv)
{
    static const struct verb_option options[] = {
        {"source", "FILE", "the host's policy as text: says which types a proof passes over"},
        {"store", "FILE", "another label store than " LABEL_STORE_PATH},
        {"json", NULL, "for programs"},
        {NULL, NULL, NULL},
    };
    static const struct verb_usage usage = {
        .name = "policy diff",
        .words = "OLD NEW",
        .what = "Say in words what changes, for each tenant, in access and in the flow of\n"
                "information. Both are kernel policies, or sources or images. Exit status 1 if\n"
                "something brings two tenants closer to each other.",
        .options = options,
        .words_min = 2,
        .words_max = 2,
    };
    struct inputs inputs = {.json = false};
    struct arguments arguments;
    int status;

    if (!arguments_parse(&usage, argc, argv, &arguments, &status))
        return status;
    inputs.json = arguments.given[JSON];
    status = read_inputs(&arguments, &inputs);
    if (status == VERB_OK)
        status = policy_confined(diff_work, &inputs);
    for (int i = 0; i < 2; i++) {
        free(inputs.of[i].data);
        compiled_free(inputs.of[i].compiled);
    }
    compiled_free(inputs.source);
    policy_tenants_release(&inputs.tenants);
    return status;
}
