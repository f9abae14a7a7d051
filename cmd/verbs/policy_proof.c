/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs/policy_proof.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cmd/verbs/policy.h"
#include "cmd/verbs/policy_confined.h"

static int read_source(const char *source, struct proof_inputs *inputs)
{
    char *word = inputs->source_path;
    const struct arguments file = {.word = &word, .words = 1};
    const struct image *image;
    int status;

    if (text_copy(inputs->source_path, sizeof(inputs->source_path), source) < 0) {
        complain("the name of the source is too long");
        return VERB_USAGE;
    }
    status = policy_take(&file, &inputs->compiled);
    if (status != VERB_OK)
        return status;
    image = compiled_image(inputs->compiled);
    (void)SHA256((const unsigned char *)image, image->size, inputs->source_digest);
    inputs->source_digest_known = true;
    return VERB_OK;
}

int proof_inputs_read(const char *policy, const char *source, const char *store,
                      struct proof_inputs *inputs)
{
    int status = VERB_OK, r;

    inputs->policy_path = policy != NULL ? policy : PROOF_KERNEL_POLICY;
    r = policy_read_file(inputs->policy_path, KERNEL_POLICY_SIZE_MAX, &inputs->policy,
                         &inputs->policy_size);
    if (r < 0) {
        complain("cannot read the policy %s: %s", inputs->policy_path, strerror(-r));
        return r == -ENOMEM ? VERB_SYSTEM : VERB_USAGE;
    }
    if (source != NULL)
        status = read_source(source, inputs);
    if (status == VERB_OK)
        status = policy_tenants_read(store, &inputs->tenants);
    return status;
}

void proof_inputs_release(struct proof_inputs *inputs)
{
    policy_tenants_release(&inputs->tenants);
    compiled_free(inputs->compiled);
    free(inputs->policy);
}

/* ---------------------------------------------------------------- trusted and stateless types */

static size_t words_in(const char *list)
{
    size_t count = list != NULL ? 1 : 0;

    for (; list != NULL && *list != '\0'; list++)
        count += *list == ',';
    return count;
}

static int collect(const struct image *image, const struct image_type *types, uint32_t named,
                   const char *list, const struct flow_cut **cuts, uint32_t *count)
{
    char *copy = list != NULL ? strdup(list) : NULL, *rest = copy, *word;
    struct flow_cut *made = calloc(named + words_in(list) + 1, sizeof(*made));

    if (made == NULL || (list != NULL && copy == NULL)) {
        free(copy);
        free(made);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < named; i++)
        made[(*count)++] =
            (struct flow_cut){image_text(image, types[i].type), image_text(image, types[i].reason)};
    while ((word = strsep(&rest, ",")) != NULL) {
        if (*word != '\0')
            made[(*count)++] = (struct flow_cut){word, "named on the command line"};
    }
    *cuts = made;
    return 0;
}

int proof_cuts(const struct proof_inputs *inputs, struct flow_options *options)
{
    const struct image *image = inputs->compiled != NULL ? compiled_image(inputs->compiled) : NULL;
    const bool has = image != NULL;
    int r = collect(image, has ? image_trusted(image) : NULL,
                    has ? image_count(image, IMAGE_TRUSTED) : 0, inputs->trusted, &options->trusted,
                    &options->trusted_count);

    if (r == 0)
        r = collect(image, has ? image_stateless(image) : NULL,
                    has ? image_count(image, IMAGE_STATELESS) : 0, inputs->stateless,
                    &options->stateless, &options->stateless_count);
    return r;
}
