/* SPDX-License-Identifier: Apache-2.0 */
/* `casemate policy compile`: from sources to files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/verbs/arguments.h"
#include "cmd/verbs/json.h"
#include "cmd/verbs/policy.h"
#include "cmd/verbs/policy_compile.h"
#include "cmd/verbs/policy_files.h"
#include "cmd/verbs/policy_kernel.h"
#include "policy/emit/module.h"
#include "policy/emit/outputs.h"

/* What libsepol said, line by line. */
static void show_kernel_text(const char *text)
{
    char line[512];

    for (const char *at = text, *end; *at != '\0'; at = *end ? end + 1 : end) {
        end = strchrnul(at, '\n');
        (void)snprintf(line, sizeof(line), "%.*s", (int)(end - at), at);
        complain("  %s", line);
    }
}

/* With a base: the binary policy and all file contexts. */
static int add_kernel(struct policy_files *files, const char *path, unsigned slots)
{
    char message[POLICY_BASE_MESSAGE_SIZE] = "";
    struct policy_base base;
    struct policy_kernel result;
    struct buf module;
    int r = policy_base_read(path, &base, message);

    if (r < 0) {
        complain("%s", message);
        return VERB_USAGE;
    }
    buf_init(&module, EMIT_OUTPUT_MAX);
    emit_module(slots, &module);
    r = buf_status(&module);
    if (r == 0)
        r = policy_kernel(&base, &module, &result);
    else
        result = (struct policy_kernel){.text = ""};
    buf_release(&module);
    policy_base_release(&base);
    if (r < 0) {
        complain("the module does not compile on '%s': %s", path,
                 r == -EINVAL ? "libsepol refuses them together" : strerror(-r));
        show_kernel_text(result.text);
    } else {
        r = policy_files_add(files, "file_contexts", &result.contexts);
        if (r == 0)
            r = policy_files_add(files, "policy.33", &result.binary);
        if (r < 0)
            complain("cannot write the kernel's policy: %s", strerror(-r));
    }
    policy_kernel_release(&result);
    return r == 0 ? VERB_OK : r == -EINVAL ? VERB_DENIED : VERB_SYSTEM;
}

static int show_result(const struct image *image, const struct policy_files *files, unsigned slots,
                       const char *directory, bool json)
{
    const struct policy_file *file = policy_files_at(files, 0);
    json_t *o, *list;

    if (!json) {
        (void)printf("%s  policy of %u tenants and %u guests, in %u slots, to '%s'\n", file->digest,
                     image_count(image, IMAGE_TENANTS), image_count(image, IMAGE_GUESTS), slots,
                     directory);
        return VERB_OK;
    }
    o = json_object();
    list = json_array();
    (void)json_object_set_new(o, "digest", json_string(file->digest));
    (void)json_object_set_new(o, "directory", json_text(directory));
    (void)json_object_set_new(o, "tenants", json_integer(image_count(image, IMAGE_TENANTS)));
    (void)json_object_set_new(o, "guests", json_integer(image_count(image, IMAGE_GUESTS)));
    (void)json_object_set_new(o, "slots", json_integer(slots));
    for (size_t i = 0; (file = policy_files_at(files, i)) != NULL; i++) {
        json_t *one = json_object();

        (void)json_object_set_new(one, "name", json_string(file->name));
        (void)json_object_set_new(one, "size", json_integer((json_int_t)file->size));
        (void)json_object_set_new(one, "sha256", json_string(file->digest));
        (void)json_array_append_new(list, one);
    }
    (void)json_object_set_new(o, "outputs", list);
    return json_print(o);
}

/* Write everything into `directory`, or nothing. */
static int write_outputs(const struct image *image, const char *directory, const char *base,
                         bool json)
{
    unsigned slots = emit_slots_for(image_count(image, IMAGE_TENANTS));
    struct policy_files *files = NULL;
    int r = policy_files_begin(directory, &files), status = VERB_OK;

    if (r == 0)
        r = emit_outputs(image, slots, policy_files_add, files);
    if (r == 0 && base != NULL)
        status = add_kernel(files, base, slots);
    if (r == 0 && status == VERB_OK)
        r = policy_files_commit(files);
    if (r < 0) {
        complain("cannot write to '%s': %s", directory, strerror(-r));
        status = VERB_SYSTEM;
    }
    if (status == VERB_OK)
        status = show_result(image, files, slots, directory, json);
    policy_files_free(files);
    return status;
}

int policy_compile_verb(int argc, char **argv)
{
    static const struct verb_option options[] = {
        {"output", "DIR", "where to write; -o is the same"},
        {"base", "PATH", "compile a kernel policy, too: CIL, or a host's module store"},
        {"json", NULL, "print what was written as JSON"},
        {NULL, NULL, NULL},
    };
    static const char what[] =
        "Compile a host's policy to everything that is enforced, into the directory DIR.";
    static char output[] = "--output";
    struct compiled *compiled = NULL;
    struct arguments arguments;
    int status;

    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "-o") == 0)
            argv[i] = output;
    }
    if (!policy_arguments("policy compile", what, options, argc, argv, &arguments, &status))
        return status;
    if (!arguments.given[0]) {
        complain("policy compile needs a place for its outputs: -o DIR");
        return VERB_USAGE;
    }
    status = policy_take(&arguments, &compiled);
    if (status == VERB_OK)
        status = write_outputs(compiled_image(compiled), arguments.value[0], arguments.value[1],
                               arguments.given[2]);
    compiled_free(compiled);
    return status;
}
