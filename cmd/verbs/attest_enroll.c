/* SPDX-License-Identifier: Apache-2.0 */
/*
 * casemate attest enroll: the verifier's side. What the host sent is looked at by a confined
 * process that can change nothing; what it finds is of fixed size.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "attest/verify/enroll.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "cmd/verbs/arguments.h"
#include "cmd/verbs/attest.h"
#include "cmd/verbs/policy_confined.h"
#include "cmd/verbs/registry.h"

#define ROOTS_MAX (4u << 20)
#define WAITED    ".waiting" /* behind the challenge's name: what stays with the verifier */

enum { REGISTRY, NAME, ROOTS, TRUSTED, CHALLENGE, ANSWER };

/* What the confined process reads, and what it finds. */
struct found {
    struct enroll_keys keys;
    struct enroll_answered answered;
};
struct work {
    const char *path;
    char *text, *roots;
    size_t size, roots_size;
    uint64_t now;
    struct found *found; /* in memory that both processes see */
};

static int read_evidence(void *context)
{
    struct work *work = context;
    struct evidence *evidence = NULL;
    struct evidence_error wrong = {.text = "it is too long"};
    struct chain_error error = {.text = ""};
    int r = evidence_decode(work->text, work->size, &evidence, &wrong);

    if (r < 0) {
        complain("%s is no evidence: %s", work->path, wrong.text);
        return VERB_USAGE;
    }
    r = enroll_keys_of(evidence, work->roots, work->roots_size, work->now, &work->found->keys,
                       &error);
    if (r == 0)
        return VERB_OK;
    complain("the host's TPM is not to be trusted: %s",
             error.text[0] != '\0' ? error.text : strerror(-r));
    return r == -ENOMEM || r == -EIO ? VERB_SYSTEM : VERB_DENIED;
}

static int read_answer(void *context)
{
    struct work *work = context;

    if (enroll_answer_read(work->text, work->size, &work->found->answered) == 0)
        return VERB_OK;
    complain("%s is no answer of `casemate attest activate`", work->path);
    return VERB_USAGE;
}

static int take_file(const char *path, size_t max, char **text, size_t *size)
{
    int r = policy_read_file(path, max, text, size);

    if (r == 0)
        return VERB_OK;
    complain("cannot read %s: %s", path, strerror(-r));
    return VERB_USAGE;
}

/* Of the EK's name, all of it: part of one could be made again. */
static bool is_trusted(const struct tpm_public *ek, const char *name)
{
    char text[2 * TPM_NAME_BYTES + 1];

    hex_encode(text, ek->name, ek->name_size);
    if (strcmp(text, name) == 0)
        return true;
    complain("the endorsement key is %s, and not the one that you trust", text);
    return false;
}

/* A certificate to a root, or the word of who asked. */
static int vouched(const struct enroll_keys *keys, const struct arguments *arguments)
{
    char text[2 * TPM_NAME_BYTES + 1];

    if (!enroll_keys_valid(keys)) {
        complain("the process that looked at the evidence says what cannot be: treat the evidence "
                 "as hostile");
        return VERB_SYSTEM;
    }
    if (arguments->given[TRUSTED])
        return is_trusted(&keys->ek, arguments->value[TRUSTED]) ? VERB_OK : VERB_DENIED;
    if (keys->certified)
        return VERB_OK;
    hex_encode(text, keys->ek.name, keys->ek.name_size);
    complain("the TPM has no certificate of its endorsement key. If you know by other means that "
             "%s is that host's, say --ek-trusted with it",
             text);
    return VERB_DENIED;
}

static char *waited_path(const char *challenge)
{
    char *path = NULL;

    return asprintf(&path, "%s" WAITED, challenge) < 0 ? NULL : path;
}

/* What is waited for first: a challenge that went out without it would be lost. */
static int write_both(const char *path, const struct enrollment *waited, json_t *challenge)
{
    cleanup_free char *beside = waited_path(path), *private = NULL, *public = NULL;
    json_t *object = enrollment_json(waited);
    int status = VERB_SYSTEM;

    private = object != NULL ? json_dumps(object, JSON_INDENT(1)) : NULL;
    public = json_dumps(challenge, JSON_INDENT(1));
    json_decref(object);
    if (beside != NULL && private != NULL && public != NULL)
        status = registry_write_file(beside, private);
    else
        complain("out of memory");
    return status == VERB_OK ? registry_write_file(path, public) : status;
}

static int challenge(struct work *work, const struct arguments *arguments)
{
    const char *name = arguments->value[NAME];
    struct enrollment waited;
    json_t *object = NULL;
    int status = take_file(work->path, EVIDENCE_TEXT_MAX, &work->text, &work->size), r;

    if (status == VERB_OK && arguments->given[ROOTS])
        status = take_file(arguments->value[ROOTS], ROOTS_MAX, &work->roots, &work->roots_size);
    if (status == VERB_OK)
        status = policy_confined(read_evidence, work);
    if (status == VERB_OK)
        status = vouched(&work->found->keys, arguments);
    if (status != VERB_OK)
        return status;
    r = enroll_challenge(&work->found->keys, name, work->now, &waited, &object);
    if (r < 0) {
        complain("cannot make a challenge for %s: %s", name,
                 r == -EINVAL ? "no name of a host ([a-z0-9_-]), or no key for it" : strerror(-r));
        return r == -EINVAL ? VERB_USAGE : VERB_SYSTEM;
    }
    status = write_both(arguments->value[CHALLENGE], &waited, object);
    json_decref(object);
    return status;
}

static int finished(int r, const struct enrollment *waited, const char *path)
{
    switch (r) {
    case 0:
        return VERB_OK;
    case -ETIME:
        complain("the answer comes too late: begin again");
        return VERB_DENIED;
    case -EACCES:
        complain("%s is no answer to this challenge: it is of another one, or of another TPM",
                 path);
        return VERB_DENIED;
    case -EEXIST:
        complain("that key is in the registry already, as another's or revoked; %s is not enrolled",
                 waited->owner);
        return VERB_DENIED;
    default:
        complain("cannot enroll %s: %s", waited->owner, strerror(-r));
        return VERB_SYSTEM;
    }
}

static int read_waited(const char *path, struct enrollment *waited)
{
    cleanup_free char *text = NULL;
    size_t size = 0;
    int r = policy_read_file(path, ENROLL_TEXT_MAX, &text, &size);

    if (r == 0)
        r = enrollment_read(text, size, waited);
    if (r == 0)
        return VERB_OK;
    complain("no answer is waited for in %s (%s): a challenge is good for one answer", path,
             strerror(-r));
    return VERB_DENIED;
}

/* The key is in the registry for good before the challenge is used up: twice is once. */
static int finish(struct work *work, const struct arguments *arguments)
{
    cleanup_free char *beside = waited_path(arguments->value[CHALLENGE]);
    struct enrollment waited;
    struct registry registry;
    int status;

    if (beside == NULL)
        return VERB_SYSTEM;
    status = take_file(work->path, ENROLL_TEXT_MAX, &work->text, &work->size);
    if (status == VERB_OK)
        status = policy_confined(read_answer, work);
    if (status == VERB_OK && work->found->answered.ak_size > TPM_NAME_BYTES)
        status = VERB_SYSTEM;
    if (status == VERB_OK)
        status = read_waited(beside, &waited);
    if (status != VERB_OK)
        return status;
    status = registry_open(arguments->value[REGISTRY], &registry);
    if (status == VERB_OK)
        status = finished(enroll_finish(&waited, &work->found->answered, work->now, registry.keys),
                          &waited, work->path);
    if (status == VERB_OK)
        status = registry_save(&registry);
    registry_close(&registry);
    if (status == VERB_OK && (unlink(beside) < 0 || unlink(arguments->value[CHALLENGE]) < 0)) {
        complain("cannot remove %s: %s", beside, strerror(errno));
        status = VERB_SYSTEM;
    }
    return status;
}

static bool sensible(const struct arguments *arguments)
{
    const bool *given = arguments->given;

    if (given[CHALLENGE] && given[ANSWER] && given[REGISTRY] && !given[NAME] && !given[ROOTS] &&
        !given[TRUSTED] && arguments->words == 0)
        return true;
    if (given[CHALLENGE] && !given[ANSWER] && !given[REGISTRY] && given[NAME] &&
        given[ROOTS] != given[TRUSTED] && arguments->words == 1)
        return true;
    complain("first EVIDENCE --name NAME --challenge FILE with --roots FILE or --ek-trusted NAME; "
             "then --challenge FILE --answer FILE --registry FILE");
    return false;
}

int attest_enroll_verb(int argc, char **argv)
{
    static const struct verb_option options[] = {
        {"registry", "FILE", "where the key is enrolled; made if it is not there"},
        {"name", "NAME", "of the host"},
        {"roots", "FILE", "certificates (PEM) of who vouches for TPMs"},
        {"ek-trusted", "NAME", "the endorsement key's name, for a TPM without a certificate"},
        {"challenge", "FILE", "made for the host, and what its answer is compared with"},
        {"answer", "FILE", "what `casemate attest activate` printed there"},
        {NULL, NULL, NULL},
    };
    static const struct verb_usage usage = {
        .name = "attest enroll",
        .words = "[EVIDENCE]",
        .what =
            "Take a host's attestation key into a registry, in two steps: from its evidence "
            "(`casemate attest quote --host`) make a challenge that only its TPM can open; with "
            "its answer enroll the key.",
        .options = options,
        .words_min = 0,
        .words_max = 1,
    };
    struct work work = {.now = (uint64_t)time(NULL)};
    struct arguments arguments;
    int status;

    if (!arguments_parse(&usage, argc, argv, &arguments, &status))
        return status;
    if (!sensible(&arguments))
        return VERB_USAGE;
    work.found =
        mmap(NULL, sizeof(*work.found), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (work.found == MAP_FAILED) {
        complain("no memory: %s", strerror(errno));
        return VERB_SYSTEM;
    }
    work.path = arguments.given[ANSWER] ? arguments.value[ANSWER] : arguments.word[0];
    status = arguments.given[ANSWER] ? finish(&work, &arguments) : challenge(&work, &arguments);
    (void)munmap(work.found, sizeof(*work.found));
    free(work.text);
    free(work.roots);
    return status;
}
