/* SPDX-License-Identifier: Apache-2.0 */
/* `casemate policy compile` and `casemate policy show`: from sources to files, or to text. */
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

static void show_messages(const struct compiled *compiled)
{
    struct buf out;

    buf_init(&out, 1U << 20);
    for (size_t i = 0; i < compiled_messages(compiled); i++)
        compiled_show(compiled, i, &out);
    if (buf_status(&out) == 0)
        (void)fwrite(out.data, 1, out.size, stderr);
    buf_release(&out);
}

/* For a message that names the file; the compiler opens it anew. */
static bool can_read(const char *path)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    int r = fd < 0 || fstat(fd, &st) != 0 ? -errno : S_ISDIR(st.st_mode) ? -EISDIR : 0;
    char shown[256];

    if (r < 0)
        complain("cannot read '%s': %s", text_escape(shown, sizeof(shown), path), strerror(-r));
    return r == 0;
}

/* The names outlive *compiled, which shows them. */
static int compile_files(const char *const *files, size_t count, struct compiled **compiled)
{
    int r;

    for (size_t i = 0; i < count; i++) {
        if (!can_read(files[i]))
            return VERB_USAGE;
    }
    r = policy_compile(files, count, compiled);
    if (r == -EPROTO)
        complain("the confined compiler died over these files: treat them as hostile");
    else if (r < 0)
        complain("cannot compile: %s", strerror(-r));
    return r < 0 ? VERB_SYSTEM : VERB_OK;
}

static int take_files(const char *const *files, size_t count, struct compiled **compiled)
{
    struct compiled *c = NULL;
    int status = compile_files(files, count, &c);

    if (status != VERB_OK)
        return status;
    if (compiled_messages(c) > 0) {
        show_messages(c);
        compiled_free(c);
        return VERB_DENIED;
    }
    *compiled = c;
    return VERB_OK;
}

int policy_compile_files(const struct arguments *arguments, struct compiled **compiled)
{
    return compile_files((const char *const *)arguments->word, (size_t)arguments->words, compiled);
}

int policy_take(const struct arguments *arguments, struct compiled **compiled)
{
    return take_files((const char *const *)arguments->word, (size_t)arguments->words, compiled);
}

int policy_take_file(const char *file, struct compiled **compiled)
{
    return take_files(&file, 1, compiled);
}

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
    static const struct verb_usage usage = {
        .name = "policy compile",
        .words = "FILE...",
        .what = "Compile a host's policy to everything that is enforced, into the directory DIR.",
        .options = options,
        .words_min = 1,
        .words_max = COMPILE_ROOTS_MAX,
    };
    static char output[] = "--output";
    struct compiled *compiled = NULL;
    struct arguments arguments;
    int status;

    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "-o") == 0)
            argv[i] = output;
    }
    if (!arguments_parse(&usage, argc, argv, &arguments, &status))
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

/* A part of what `policy show` prints. */
enum layer { LAYER_POLICY, LAYER_CGROUP, LAYER_SELINUX, LAYER_SECCOMP, LAYER_LANDLOCK, LAYERS };
static const char *const layer_names[LAYERS] = {"policy", "cgroup", "selinux", "seccomp",
                                                "landlock"};

static void print_layer(const struct image *image, enum layer layer, struct buf *out)
{
    static const char *const titles[LAYERS] = {"Who may use what", "Limits of each guest (cgroup)",
                                               "SELinux", "System calls (seccomp)",
                                               "Files, ports, other processes (Landlock)"};

    buf_printf(out, "%s== %s\n", out->size > 0 ? "\n" : "", titles[layer]);
    switch (layer) {
    case LAYER_POLICY:
        emit_text_tenants(image, out);
        break;
    case LAYER_CGROUP:
        emit_text_cgroups(image, out);
        break;
    case LAYER_SELINUX:
        emit_text_module(emit_slots_for(image_count(image, IMAGE_TENANTS)), out);
        break;
    case LAYER_SECCOMP:
        emit_text_filters(out);
        break;
    case LAYER_LANDLOCK:
        emit_text_landlock(out);
        break;
    case LAYERS:
        break;
    }
}

static int print_layers(const struct image *image, const char *only)
{
    struct buf out;
    int status = VERB_OK;

    buf_init(&out, EMIT_OUTPUT_MAX);
    for (unsigned i = 0; i < LAYERS; i++) {
        if (only == NULL || strcmp(only, layer_names[i]) == 0)
            print_layer(image, (enum layer)i, &out);
    }
    if (buf_status(&out) < 0 || fwrite(out.data, 1, out.size, stdout) != out.size ||
        fflush(stdout) != 0) {
        complain("cannot print the policy: %s",
                 strerror(buf_status(&out) < 0 ? -buf_status(&out) : errno));
        status = VERB_SYSTEM;
    }
    buf_release(&out);
    return status;
}

int policy_show_verb(int argc, char **argv)
{
    static const struct verb_option options[] = {
        {"layer", "LAYER", "only policy, cgroup, selinux, seccomp or landlock"},
        {NULL, NULL, NULL},
    };
    static const struct verb_usage usage = {
        .name = "policy show",
        .words = "FILE...",
        .what = "Print what a host's policy comes to in each layer that enforces it, as text.",
        .options = options,
        .words_min = 1,
        .words_max = COMPILE_ROOTS_MAX,
    };
    struct compiled *compiled = NULL;
    struct arguments arguments;
    const char *only;
    int status;

    if (!arguments_parse(&usage, argc, argv, &arguments, &status))
        return status;
    only = arguments.value[0];
    for (unsigned i = 0; only != NULL && strcmp(only, layer_names[i]) != 0; i++) {
        if (i == LAYERS - 1) {
            complain("there is no layer '%s': policy, cgroup, selinux, seccomp, landlock", only);
            return VERB_USAGE;
        }
    }
    status = policy_take(&arguments, &compiled);
    if (status == VERB_OK)
        status = print_layers(compiled_image(compiled), only);
    compiled_free(compiled);
    return status;
}
