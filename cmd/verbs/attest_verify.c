/* SPDX-License-Identifier: Apache-2.0 */
/*
 * casemate attest verify: appraise evidence. What somebody else wrote is looked at by a confined
 * process that has no key; what it finds is of fixed size, and signed by this one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "attest/verify/appraise.h"
#include "attest/verify/ear.h"
#include "base/hex.h"
#include "base/text.h"
#include "cmd/verbs/arguments.h"
#include "cmd/verbs/attest.h"
#include "cmd/verbs/json.h"
#include "cmd/verbs/policy_confined.h"

#define KEY_FILE_MAX 65536u

enum { NONCE, REFERENCE, REGISTRY, JSON, TOKEN };

struct text {
    const char *path;
    char *data;
    size_t size;
};

struct work {
    struct text evidence, reference, registry;
    uint8_t nonce[EVIDENCE_NONCE_MAX];
    size_t nonce_size;
    struct verdict *verdict; /* in memory that both processes see */
};

static int read_text(struct text *text, const char *path, size_t max, const char *what)
{
    int r;

    if (path == NULL)
        return VERB_OK;
    text->path = path;
    r = policy_read_file(path, max, &text->data, &text->size);
    if (r == 0)
        return VERB_OK;
    complain("cannot read the %s %s: %s", what, path, strerror(-r));
    return r == -ENOMEM ? VERB_SYSTEM : VERB_USAGE;
}

/* In the confined process, which ends with it: nothing is given back. */
static int verify_work(void *context)
{
    struct work *work = context;
    struct appraisal with = {.nonce = work->nonce, .nonce_size = work->nonce_size};
    struct reference_error wrong = {.text = "it is too long"};
    struct keys_error unknown = {.text = "it is too long"};
    struct reference *reference;
    struct keys *keys = NULL;
    int r;

    r = reference_read(work->reference.data, work->reference.size, &reference, &wrong);
    if (r < 0 && r != -ENOMEM) {
        complain("%s is no reference: %s", work->reference.path, wrong.text);
        return VERB_USAGE;
    }
    if (r == 0 && work->registry.data != NULL) {
        r = keys_read(work->registry.data, work->registry.size, &keys, &unknown);
        if (r < 0 && r != -ENOMEM) {
            complain("%s is no registry of keys: %s", work->registry.path, unknown.text);
            return VERB_USAGE;
        }
    }
    if (r == 0) {
        with.reference = reference;
        with.keys = keys;
        r = appraise_text(work->evidence.data, work->evidence.size, &with, work->verdict);
    }
    if (r < 0)
        complain("cannot appraise it: %s", strerror(-r));
    return r < 0 ? VERB_SYSTEM : VERB_OK;
}

static int print_text(const struct verdict *v)
{
    const enum refusal why = (enum refusal)v->refusal;

    if (why == REFUSE_NONE)
        (void)printf("%s%s%s: verified\n", v->of_host ? "host " : v->tenant, v->of_host ? "" : "/",
                     v->name);
    else
        (void)printf("%s%s%s: refused (%s): %s%s%s\n  rests on %s\n",
                     v->of_host ? "host " : v->tenant,
                     v->name[0] == '\0' ? "evidence"
                     : v->of_host       ? ""
                                        : "/",
                     v->name, refusal_word(why), refusal_text(why),
                     v->detail[0] != '\0' ? ": " : "", v->detail, refusal_bytes(why));
    for (unsigned i = 0; i < CLAIMS; i++) {
        const struct verdict_claim *c = &v->claim[i];

        if (c->state != CLAIM_SHOWN && c->state != CLAIM_AFFIRMED)
            continue;
        (void)printf("  %-13s %-8s  %s\n  %24s [%s]\n", claim_word((enum claim)i),
                     claim_state_word((enum claim_state)c->state), c->value, "", c->bytes);
    }
    return fflush(stdout) == 0 ? VERB_OK : VERB_SYSTEM;
}

/* Only now, with the other process gone, is the key read. */
static int print_token(const struct verdict *verdict, const char *path)
{
    struct text key = {.path = NULL};
    int status = read_text(&key, path, KEY_FILE_MAX, "key"), r;
    char *token = NULL;
    json_t *jwk;

    if (status != VERB_OK || key.data == NULL)
        return status;
    jwk = json_loadb(key.data, key.size, JSON_REJECT_DUPLICATES, NULL);
    explicit_bzero(key.data, key.size);
    free(key.data);
    r = ear_sign(verdict, jwk, (uint64_t)time(NULL), &token);
    json_decref(jwk);
    if (r == -EINVAL) {
        complain("%s has no private key on P-256 in the form of a JWK", path);
        return VERB_USAGE;
    }
    if (r < 0 || puts(token) < 0 || fflush(stdout) != 0)
        status = VERB_SYSTEM;
    free(token);
    return status;
}

static int report(const struct verdict *verdict, const struct arguments *arguments)
{
    int status;

    if (!verdict_valid(verdict)) {
        complain("the process that looked at the evidence says what cannot be: treat the "
                 "evidence as hostile");
        return VERB_SYSTEM;
    }
    if (arguments->given[TOKEN])
        status = print_token(verdict, arguments->value[TOKEN]);
    else if (arguments->given[JSON])
        status = json_print(ear_claims(verdict, (uint64_t)time(NULL)));
    else
        status = print_text(verdict);
    return status == VERB_OK && verdict->refusal != REFUSE_NONE ? VERB_DENIED : status;
}

static int run(struct work *work, const struct arguments *arguments)
{
    struct verdict verdict;
    int status;

    work->verdict = mmap(NULL, sizeof(*work->verdict), PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (work->verdict == MAP_FAILED) {
        complain("no memory: %s", strerror(errno));
        return VERB_SYSTEM;
    }
    status = policy_confined(verify_work, work);
    verdict = *work->verdict;
    (void)munmap(work->verdict, sizeof(*work->verdict));
    return status == VERB_OK ? report(&verdict, arguments) : status;
}

static bool nonce_of(const char *text, struct work *work)
{
    const size_t size = text != NULL ? strlen(text) / 2 : 0;

    if (size < EVIDENCE_NONCE_MIN || size > EVIDENCE_NONCE_MAX ||
        hex_decode(work->nonce, size, text, strlen(text)) < 0) {
        complain("--nonce takes the 16 to 64 bytes that the evidence was asked for with, as "
                 "digits of 0-9a-f");
        return false;
    }
    work->nonce_size = size;
    return true;
}

int attest_verify_verb(int argc, char **argv)
{
    static const struct verb_option options[] = {
        {"nonce", "HEX", "what the evidence was asked for with"},
        {"reference", "FILE", "what is demanded of the guest and its host"},
        {"registry", "FILE", "enrolled attestation keys"},
        {"json", NULL, "print the claims as JSON"},
        {"token", "KEY", "print them as a signed token; KEY is a file with a private JWK"},
        {NULL, NULL, NULL},
    };
    static const struct verb_usage usage = {
        .name = "attest verify",
        .words = "EVIDENCE",
        .what = "Check evidence of a guest: signatures, logs and the host's part against each "
                "other, and\nwhat they show against a reference.",
        .options = options,
        .words_min = 1,
        .words_max = 1,
    };
    struct work work = {.nonce_size = 0};
    struct arguments arguments;
    int status;

    if (!arguments_parse(&usage, argc, argv, &arguments, &status))
        return status;
    if (!arguments.given[REFERENCE]) {
        complain("say what is demanded: --reference FILE");
        return VERB_USAGE;
    }
    if (!nonce_of(arguments.value[NONCE], &work))
        return VERB_USAGE;
    status = read_text(&work.evidence, arguments.word[0], EVIDENCE_TEXT_MAX, "evidence");
    if (status == VERB_OK)
        status =
            read_text(&work.reference, arguments.value[REFERENCE], REFERENCE_TEXT_MAX, "reference");
    if (status == VERB_OK)
        status = read_text(&work.registry, arguments.value[REGISTRY], KEYS_TEXT_MAX, "registry");
    if (status == VERB_OK)
        status = run(&work, &arguments);
    free(work.evidence.data);
    free(work.reference.data);
    free(work.registry.data);
    return status;
}
