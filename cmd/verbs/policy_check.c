/* SPDX-License-Identifier: Apache-2.0 */
/* `casemate policy check`: what is wrong with a policy, without putting it in force. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attest/digest.h"
#include "base/text.h"
#include "cmd/verbs/json.h"
#include "cmd/verbs/policy.h"

#define HEX_SIZE (2 * DIGEST_SIZE + 1)

static int digest_of(const struct image *image, char hex[HEX_SIZE])
{
    uint8_t value[DIGEST_SIZE];
    struct digest digest;
    int r = digest_begin(&digest);

    if (r == 0)
        r = digest_add(&digest, image, image->size);
    if (r == 0)
        r = digest_end(&digest, value);
    for (size_t i = 0; r == 0 && i < DIGEST_SIZE; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", value[i]);
    return r;
}

static json_t *errors_json(const struct compiled *compiled)
{
    json_t *errors = json_array();

    for (size_t i = 0; i < compiled_messages(compiled); i++) {
        struct compiled_place place;
        const char *text = compiled_message(compiled, i, &place);
        json_t *error = json_object();

        (void)json_object_set_new(error, "file", json_text(place.file));
        (void)json_object_set_new(error, "line", json_integer(place.line));
        (void)json_object_set_new(error, "column", json_integer(place.column));
        (void)json_object_set_new(error, "message", json_text(text));
        (void)json_array_append_new(errors, error);
    }
    return errors;
}

static int print_json(const char *file, const struct compiled *compiled, const char *vain,
                      const char *hex)
{
    const struct image *image = compiled_image(compiled);
    json_t *o = json_object();

    (void)json_object_set_new(o, "file", json_text(file));
    (void)json_object_set_new(o, "valid", json_boolean(image != NULL && vain == NULL));
    (void)json_object_set_new(o, "errors", errors_json(compiled));
    if (vain != NULL)
        (void)json_object_set_new(o, "unenforceable", json_text(vain));
    if (image != NULL) {
        (void)json_object_set_new(o, "digest", json_text(hex));
        (void)json_object_set_new(o, "tenants", json_integer(image_count(image, IMAGE_TENANTS)));
        (void)json_object_set_new(o, "guests", json_integer(image_count(image, IMAGE_GUESTS)));
        (void)json_object_set_new(o, "objects", json_integer(image_count(image, IMAGE_OBJECTS)));
    }
    return json_print(o);
}

static void print_messages(const struct compiled *compiled)
{
    struct buf out;

    buf_init(&out, 1U << 20);
    for (size_t i = 0; i < compiled_messages(compiled); i++)
        compiled_show(compiled, i, &out);
    if (buf_status(&out) == 0)
        (void)fwrite(out.data, 1, out.size, stderr);
    buf_release(&out);
}

static const char *plural(uint32_t n)
{
    return n == 1 ? "" : "s";
}

static void print_good(const char *file, const struct image *image, const char *hex)
{
    uint32_t tenants = image_count(image, IMAGE_TENANTS);
    uint32_t guests = image_count(image, IMAGE_GUESTS);
    uint32_t objects = image_count(image, IMAGE_OBJECTS);
    char shown[256];

    (void)printf("%s: good: %u tenant%s, %u guest%s, %u object%s, digest %s\n",
                 text_escape(shown, sizeof(shown), file), tenants, plural(tenants), guests,
                 plural(guests), objects, plural(objects), hex);
}

int policy_check_verb(int argc, char **argv)
{
    static const struct verb_option options[] = {
        {"json", NULL, "print the result as JSON"},
        {NULL, NULL, NULL},
    };
    static const struct verb_usage usage = {
        .name = "policy check",
        .words = "FILE...",
        .what = "Say what is wrong with a host's policy, or that it is good. Nothing changes.",
        .options = options,
        .words_min = 1,
        .words_max = COMPILE_ROOTS_MAX,
    };
    struct compiled *compiled = NULL;
    struct guest_diagnostic vain;
    struct arguments arguments;
    const struct image *image;
    char hex[HEX_SIZE] = "";
    bool enforceable = true;
    int status, r;

    if (!arguments_parse(&usage, argc, argv, &arguments, &status))
        return status;
    status = policy_compile_files(&arguments, &compiled);
    if (status != VERB_OK)
        return status;
    image = compiled_image(compiled);
    r = image != NULL ? digest_of(image, hex) : 0;
    if (r < 0) {
        complain("cannot hash the policy: %s", strerror(-r));
        status = VERB_SYSTEM;
        goto out;
    }
    enforceable = image == NULL || image_enforceable(image, &vain) == 0;
    if (arguments.given[0])
        status = print_json(arguments.word[0], compiled, enforceable ? NULL : vain.message, hex);
    else if (image == NULL)
        print_messages(compiled);
    else if (!enforceable)
        complain("this host cannot enforce all of it: %s", vain.message);
    else
        print_good(arguments.word[0], image, hex);
    if (status == VERB_OK && (image == NULL || !enforceable))
        status = VERB_DENIED;
out:
    compiled_free(compiled);
    return status;
}
