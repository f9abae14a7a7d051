/* SPDX-License-Identifier: Apache-2.0 */
/* casemate policy verify-proof: check a certificate against a policy, and against the source. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/digest.h"
#include "base/hex.h"
#include "base/text.h"
#include "cmd/verbs/arguments.h"
#include "cmd/verbs/json.h"
#include "cmd/verbs/policy.h"
#include "cmd/verbs/policy_confined.h"
#include "cmd/verbs/policy_proof.h"
#include "hv/host_proof.h"
#include "policy/verify/verify.h"

#define CERTIFICATE_MAX (256u << 20)

enum { POLICY, SOURCE, JSON };

struct work {
    struct proof_inputs inputs;
    const struct image *image; /* that may say whom it trusts; NULL: none is known */
    char source[80];           /* what a certificate of it says; "": it may be of another, too */
    const char *path;
    char *text; /* the certificate */
    size_t size;
    bool json;
};

/* "trusted" or "stateless": each type of the certificate must be one of the source's. */
static int bounded(const json_t *certificate, const char *key, const struct image *image,
                   const struct image_type *types, uint32_t count, struct verify_report *report)
{
    const json_t *list = json_object_get(certificate, key);

    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(list, i), "type"));
        bool named = false;

        for (uint32_t k = 0; k < count && !named; k++)
            named = name != NULL && strcmp(image_text(image, types[k].type), name) == 0;
        if (!named) {
            (void)text_format(report->why, sizeof(report->why),
                              "it leans on %.100s as %s: the source does not name it", name, key);
            return -EPERM;
        }
    }
    return 0;
}

static int against_source(const struct work *work, const json_t *certificate,
                          struct verify_report *report)
{
    const char *source = json_string_value(json_object_get(certificate, "source"));
    const struct image *image = work->image;
    int r;

    if (image == NULL)
        return 0;
    if (work->source[0] != '\0' && (source == NULL || strcmp(source, work->source) != 0)) {
        (void)text_format(report->why, sizeof(report->why),
                          "it is of another source: prove this one, and load both");
        return -EPERM;
    }
    r = bounded(certificate, "trusted", image, image_trusted(image),
                image_count(image, IMAGE_TRUSTED), report);
    if (r == 0)
        r = bounded(certificate, "stateless", image, image_stateless(image),
                    image_count(image, IMAGE_STATELESS), report);
    return r;
}

static int print(const struct work *work, const json_t *certificate, int result,
                 const struct verify_report *report)
{
    const size_t trusted = json_array_size(json_object_get(certificate, "trusted"));
    const size_t stateless = json_array_size(json_object_get(certificate, "stateless"));
    char why[sizeof(report->why) * 4], file[256];

    (void)text_escape(why, sizeof(why), report->why);
    (void)text_escape(file, sizeof(file), work->path);
    if (work->json) {
        json_t *top = json_pack("{s:b, s:i, s:I, s:I, s:I}", "valid", result == 0, "tenants",
                                (int)report->tenants, "rules", (json_int_t)report->rules, "trusted",
                                (json_int_t)trusted, "stateless", (json_int_t)stateless);

        (void)json_object_set_new(top, "why", json_optional(report->why));
        return json_print(top);
    }
    if (result < 0) {
        complain("%s does not hold: %s", file, why);
        return VERB_OK;
    }
    if (work->source[0] != '\0')
        return VERB_OK;
    (void)printf("%s holds for %s: %u tenants, %llu rules of theirs checked, %zu trusted and %zu "
                 "stateless types\n",
                 file, work->inputs.policy_path, report->tenants, (unsigned long long)report->rules,
                 trusted, stateless);
    return fflush(stdout) == 0 ? VERB_OK : VERB_SYSTEM;
}

/* In the confined process, which ends with it: nothing is given back. */
static int verify_work(void *context)
{
    const struct work *work = context;
    struct kernel_policy *policy;
    struct kernel_error error = {.offset = 0};
    struct verify_report report = {.why = ""};
    json_error_t where;
    json_t *certificate = json_loadb(work->text, work->size, JSON_REJECT_DUPLICATES, &where);
    int r, status;

    if (certificate == NULL) {
        complain("%s is no certificate: line %d: %s", work->path, where.line, where.text);
        return VERB_DENIED;
    }
    if (kernel_policy_read(work->inputs.policy, work->inputs.policy_size, &policy, &error) < 0) {
        complain("%s is no policy that can be read: byte %zu: %s", work->inputs.policy_path,
                 error.offset, error.text);
        return VERB_DENIED;
    }
    r = verify_certificate(policy, certificate, &report);
    if (r == 0)
        r = against_source(work, certificate, &report);
    if (r == -ENOMEM)
        return VERB_SYSTEM;
    status = print(work, certificate, r, &report);
    return status == VERB_OK && r < 0 ? VERB_DENIED : status;
}

/* As policy/flow/certificate.h has it: the image's digest. */
static int name_source(const struct image *image, struct work *work)
{
    uint8_t digest[DIGEST_SIZE] = {0};
    char hex[2 * DIGEST_SIZE + 1];
    int r = digest_of(image, image->size, digest);

    hex_encode(hex, digest, sizeof(digest));
    return r < 0 ? r : text_format(work->source, sizeof(work->source), "sha256:%s", hex);
}

int policy_verify_for(const char *path, const struct image *image, char **text, size_t *size)
{
    struct work work = {
        .inputs = {.policy_path = PROOF_KERNEL_POLICY}, .image = image, .path = path};
    int r = policy_read_file(path, HOST_PROOF_SIZE_MAX, &work.text, &work.size), status;

    if (r == 0 && work.size == 0)
        r = -ENODATA;
    if (r < 0) {
        complain("cannot read the certificate %s: %s", path, strerror(-r));
        free(work.text);
        return r == -ENOMEM ? VERB_SYSTEM : VERB_USAGE;
    }
    r = name_source(image, &work);
    if (r == 0)
        r = policy_read_file(PROOF_KERNEL_POLICY, KERNEL_POLICY_SIZE_MAX, &work.inputs.policy,
                             &work.inputs.policy_size);
    if (r < 0) {
        complain("cannot read the kernel's policy, of which a certificate is: %s", strerror(-r));
        status = VERB_SYSTEM;
    } else {
        status = policy_confined(verify_work, &work);
    }
    free(work.inputs.policy);
    if (status != VERB_OK) {
        free(work.text);
        return status;
    }
    *text = work.text;
    *size = work.size;
    return VERB_OK;
}

int policy_verify_verb(int argc, char **argv)
{
    static const struct verb_option options[] = {
        {"policy", "FILE", "a compiled policy, instead of " PROOF_KERNEL_POLICY},
        {"source", "FILE", "the host's policy as text: the certificate may trust no others"},
        {"json", NULL, "print the result as JSON"},
        {NULL, NULL, NULL},
    };
    static const struct verb_usage usage = {
        .name = "policy verify-proof",
        .words = "CERTIFICATE",
        .what = "Check a certificate of `casemate policy prove --json` against the SELinux policy, "
                "without\nthe prover.",
        .options = options,
        .words_min = 1,
        .words_max = 1,
    };
    struct work work = {.json = false};
    struct arguments arguments;
    int status, r;

    if (!arguments_parse(&usage, argc, argv, &arguments, &status))
        return status;
    work.json = arguments.given[JSON];
    work.path = arguments.word[0];
    r = policy_read_file(work.path, CERTIFICATE_MAX, &work.text, &work.size);
    if (r < 0) {
        complain("cannot read the certificate %s: %s", work.path, strerror(-r));
        return r == -ENOMEM ? VERB_SYSTEM : VERB_USAGE;
    }
    status =
        proof_inputs_read(arguments.value[POLICY], arguments.value[SOURCE], NULL, &work.inputs);
    if (work.inputs.compiled != NULL)
        work.image = compiled_image(work.inputs.compiled);
    if (status == VERB_OK)
        status = policy_confined(verify_work, &work);
    proof_inputs_release(&work.inputs);
    free(work.text);
    return status;
}
