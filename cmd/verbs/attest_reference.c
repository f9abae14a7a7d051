/* SPDX-License-Identifier: Apache-2.0 */
/* `casemate attest reference`: what a verifier is to demand of a guest, of its policy and files. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/verbs/attest.h"
#include "cmd/verbs/attest_policy.h"
#include "cmd/verbs/json.h"
#include "cmd/verbs/policy_confined.h"
#include "cmd/verbs/reference.h"
#include "hv/host_proof.h"
#include "hv/launch/input.h"
#include "hv/launch/predict.h"

enum { SOURCE, PROOF, PREDICT };

/* As a tenant's guest's: through no link, and no file with a second name. */
static int hash(void *context, const char *what, const char *path, uint8_t digest[32])
{
    struct launch_error error = {0};
    cleanup_fd int fd = input_boot_file(what, path, false, UINT64_MAX, &error);
    int r = fd < 0 ? fd : digest_file(fd, digest);

    (void)context;
    if (fd < 0)
        complain("%s", error.message);
    else if (r < 0)
        complain("cannot hash the %s: %s", what, strerror(-r));
    return r < 0 ? -ECANCELED : 0;
}

static int take_proof(const char *path, struct attest_policy *policy)
{
    cleanup_free char *bytes = NULL;
    size_t size;
    int r = policy_read_file(path, HOST_PROOF_SIZE_MAX, &bytes, &size);

    if (r == 0)
        r = digest_of(bytes, size, policy->proof);
    policy->proven = r == 0;
    if (r == 0)
        return VERB_OK;
    complain("cannot read the certificate %s: %s", path, strerror(-r));
    return VERB_USAGE;
}

static int predict(const struct reference_inputs *inputs, struct measure_guest *guest,
                   struct measured *measured)
{
    cleanup_free struct guest_spec *spec = calloc(1, sizeof(*spec));
    struct launch_error error = {0};
    int r;

    if (spec == NULL)
        return VERB_SYSTEM;
    image_guest(inputs->image, inputs->guest, spec, NULL);
    if (predict_guest(spec, false, guest, &error) < 0) {
        complain("%s", error.message);
        return (int)error.result;
    }
    r = measure_guest(guest, measured);
    if (r < 0)
        complain("cannot measure guest '%s': %s", spec->name, strerror(-r));
    return r < 0 ? VERB_SYSTEM : VERB_OK;
}

static int print(const struct reference_inputs *inputs, const char *word)
{
    json_t *reference;
    int r = reference_make(inputs, &reference);

    if (r == 0)
        return json_print(reference);
    if (r == -ENODATA)
        complain("the policy requires a proof of itself, and no certificate is at hand: give one "
                 "with --proof FILE");
    else if (r == -ENODEV)
        complain("guest '%s' has no TPM, so nobody can demand anything of it", word);
    else if (r != -ECANCELED)
        complain("cannot make the reference: %s", strerror(-r));
    return r == -ENODATA || r == -ENODEV ? VERB_USAGE : VERB_SYSTEM;
}

int attest_reference_verb(int argc, char **argv)
{
    static const struct verb_option options[] = {
        {"source", "FILE", "a policy's source, instead of the policy in force"},
        {"proof", "FILE", "the certificate of its proof, instead of the one in force"},
        {"predict", NULL, "demand the programs, filters and PCRs that the guest would have now"},
        {NULL, NULL, NULL},
    };
    static const struct verb_usage usage = {
        .name = "attest reference",
        .words = "GUEST",
        .what = "Print what a verifier is to demand of a guest, as its policy says it: for\n"
                "`casemate attest verify --reference` and casemate-attestd.",
        .options = options,
        .words_min = 1,
        .words_max = 1,
    };
    cleanup_free struct measure_guest *guest = calloc(1, sizeof(*guest));
    cleanup_free struct measured *measured = calloc(1, sizeof(*measured));
    struct reference_inputs inputs = {.hash = hash};
    struct attest_policy policy;
    struct arguments arguments;
    int status;

    if (!arguments_parse(&usage, argc, argv, &arguments, &status))
        return status;
    if (guest == NULL || measured == NULL)
        return VERB_SYSTEM;
    status = attest_policy_take(arguments.value[SOURCE], &policy);
    if (status != VERB_OK)
        return status;
    status = attest_policy_find(&policy, arguments.word[0], &inputs.guest);
    if (status == VERB_OK && arguments.given[PROOF])
        status = take_proof(arguments.value[PROOF], &policy);
    inputs.image = policy.image;
    inputs.policy = policy.digest;
    inputs.proof = policy.proven ? policy.proof : NULL;
    if (status == VERB_OK && arguments.given[PREDICT]) {
        status = predict(&inputs, guest, measured);
        inputs.predicted = guest;
        inputs.measured = measured;
    }
    if (status == VERB_OK)
        status = print(&inputs, arguments.word[0]);
    measured_release(measured);
    attest_policy_release(&policy);
    return status;
}
