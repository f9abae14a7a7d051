/* SPDX-License-Identifier: Apache-2.0 */
/* `casemate policy check`: what is wrong with a policy, without putting it in force. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attest/digest.h"
#include "base/hex.h"
#include "base/text.h"
#include "cmd/verbs/json.h"
#include "cmd/verbs/policy.h"

#define HEX_SIZE (2 * DIGEST_SIZE + 1)

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
    static const char what[] =
        "Say what is wrong with a host's policy, or that it is good. Nothing changes.";
    struct compiled *compiled = NULL;
    struct guest_diagnostic vain;
    struct arguments arguments;
    const struct image *image;
    uint8_t digest[DIGEST_SIZE];
    char hex[HEX_SIZE] = "";
    bool enforceable = true;
    int status, r;

    if (!policy_arguments("policy check", what, options, argc, argv, &arguments, &status))
        return status;
    status = policy_compile_files(&arguments, &compiled);
    if (status != VERB_OK)
        return status;
    image = compiled_image(compiled);
    r = image != NULL ? digest_of(image, image->size, digest) : 0;
    if (r < 0) {
        complain("cannot hash the policy: %s", strerror(-r));
        compiled_free(compiled);
        return VERB_SYSTEM;
    }
    if (image != NULL)
        hex_encode(hex, digest, sizeof(digest));
    enforceable = image == NULL || image_enforceable(image, &vain) == 0;
    if (arguments.given[0])
        status = print_json(arguments.word[0], compiled, enforceable ? NULL : vain.message, hex);
    else if (image == NULL)
        policy_show_messages(compiled);
    else if (!enforceable)
        complain("this host cannot enforce all of it: %s", vain.message);
    else
        print_good(arguments.word[0], image, hex);
    if (status == VERB_OK && (image == NULL || !enforceable))
        status = VERB_DENIED;
    compiled_free(compiled);
    return status;
}
