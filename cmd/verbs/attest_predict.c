/* SPDX-License-Identifier: Apache-2.0 */
/* `casemate attest predict`: the PCRs and the event log of a guest that has not been started. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attest/log/corim.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/text.h"
#include "cmd/verbs/attest.h"
#include "cmd/verbs/attest_policy.h"
#include "cmd/verbs/run_front.h"
#include "hv/launch/predict.h"

#define CORIM_MAX        65536u
#define PREDICT_NAME_MAX 160u /* of the manifest */

enum { SOURCE, JSON, LOG, CORIM };

struct wanted {
    struct guest_spec spec;
    bool links;                  /* its paths are an operator's own */
    struct attest_named named;   /* what its start will name */
    char name[PREDICT_NAME_MAX]; /* "acme/web" */
};

/* A guest's name has no dot and begins with no slash. */
static bool is_file(const char *word)
{
    return word[0] == '/' || strchr(word, '.') != NULL;
}

static int spec_of_file(const char *path, struct wanted *wanted)
{
    cleanup_free struct run_request *request = calloc(1, sizeof(*request));
    char run[] = "run", *copy = strdup(path), *argv[] = {run, copy, NULL};
    cleanup_fd int file = run_front_open(path);
    int r = request == NULL || copy == NULL ? -ENOMEM : 0, status = VERB_OK;

    if (file < 0) {
        free(copy);
        return VERB_USAGE;
    }
    if (r == 0)
        r = run_front(2, argv, file, request);
    if (r < 0) {
        complain("cannot parse the configuration: %s",
                 r == -EPROTO ? "the confined parser died; treat the file as hostile"
                              : strerror(-r));
        status = VERB_SYSTEM;
    } else if (request->diagnostics > 0) {
        run_front_complain(request, path);
        status = VERB_USAGE;
    } else {
        wanted->spec = request->spec;
        wanted->links = true;
        (void)text_copy(wanted->name, sizeof(wanted->name), request->spec.name);
    }
    free(copy);
    return status;
}

static int spec_of(const struct arguments *arguments, struct wanted *wanted)
{
    const char *word = arguments->word[0];
    struct attest_policy policy;
    uint32_t index;
    int status;

    if (is_file(word) && arguments->given[SOURCE]) {
        complain("--source is of a guest of a policy, and '%s' is a guest's own file", word);
        return VERB_USAGE;
    }
    if (is_file(word))
        return spec_of_file(word, wanted);
    status = attest_policy_take(arguments->value[SOURCE], &policy);
    if (status != VERB_OK)
        return status;
    status = attest_policy_find(&policy, word, &index);
    if (status == VERB_OK) {
        image_guest(policy.image, index, &wanted->spec, NULL);
        wanted->links = false;
        wanted->named.known = true;
        hex_encode(wanted->named.policy, policy.digest, sizeof(policy.digest));
        if (policy.proven)
            hex_encode(wanted->named.proof, policy.proof, sizeof(policy.proof));
        (void)text_format(wanted->name, sizeof(wanted->name), "%s/%s",
                          image_tenant_name(policy.image, image_guests(policy.image)[index].tenant),
                          wanted->spec.name);
    }
    attest_policy_release(&policy);
    return status;
}

/* "-" is standard output: SELinux lets a launcher make no files in just any directory. */
static bool is_stdout(const struct arguments *arguments, unsigned option)
{
    return arguments->given[option] && strcmp(arguments->value[option], "-") == 0;
}

static int write_file(const char *path, const struct buf *data)
{
    const bool out = strcmp(path, "-") == 0;
    cleanup_fd int fd =
        out ? -1 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0644);
    const int to = out ? STDOUT_FILENO : fd;
    int r = to < 0 ? -errno : fd_write_full(to, data->data, data->size);

    if (r == 0)
        return VERB_OK;
    complain("cannot write %s: %s", path, strerror(-r));
    return VERB_SYSTEM;
}

static int write_corim(const char *path, const struct wanted *wanted,
                       const struct measure_guest *guest, const struct measured *measured)
{
    struct buf manifest;
    int r, status = VERB_SYSTEM;

    buf_init(&manifest, CORIM_MAX);
    r = corim_write(wanted->name, guest, measured, &manifest);
    if (r == 0)
        status = write_file(path, &manifest);
    else
        complain("cannot make the manifest: %s", strerror(-r));
    buf_release(&manifest);
    return status;
}

static int predict(const struct arguments *arguments, const struct wanted *wanted,
                   struct measure_guest *guest)
{
    struct launch_error error = {0};
    struct measured measured;
    int r, status = VERB_OK;

    if (predict_guest(&wanted->spec, wanted->links, guest, &error) < 0) {
        complain("%s", error.message);
        return (int)error.result;
    }
    r = measure_guest(guest, &measured);
    if (r < 0) {
        complain("cannot measure guest '%s': %s", wanted->name, strerror(-r));
        return VERB_SYSTEM;
    }
    if (arguments->given[LOG])
        status = write_file(arguments->value[LOG], &measured.log);
    if (status == VERB_OK && arguments->given[CORIM])
        status = write_corim(arguments->value[CORIM], wanted, guest, &measured);
    if (status == VERB_OK && !is_stdout(arguments, LOG) && !is_stdout(arguments, CORIM))
        status = attest_log_show(wanted->name, measured.log.data, measured.log.size,
                                 arguments->given[JSON], &wanted->named);
    measured_release(&measured);
    return status;
}

int attest_predict_verb(int argc, char **argv)
{
    static const struct verb_option options[] = {
        {"source", "FILE", "a policy's source, instead of the policy in force"},
        {"json", NULL, "print it as JSON, with all of each event"},
        {"log", "FILE", "write the event log to this file"},
        {"corim", "FILE", "write a CoRIM reference manifest to this file"},
        {NULL, NULL, NULL},
    };
    static const struct verb_usage usage = {
        .name = "attest predict",
        .words = "GUEST|FILE",
        .what = "Say which PCRs and which event log a guest will have when it is started, of the\n"
                "files and programs as they are now.",
        .options = options,
        .words_min = 1,
        .words_max = 1,
    };
    cleanup_free struct measure_guest *guest = calloc(1, sizeof(*guest));
    cleanup_free struct wanted *wanted = calloc(1, sizeof(*wanted));
    struct arguments arguments;
    int status;

    if (!arguments_parse(&usage, argc, argv, &arguments, &status))
        return status;
    if (guest == NULL || wanted == NULL)
        return VERB_SYSTEM;
    if (is_stdout(&arguments, LOG) && is_stdout(&arguments, CORIM)) {
        complain("only one of --log and --corim can go to standard output");
        return VERB_USAGE;
    }
    status = spec_of(&arguments, wanted);
    return status == VERB_OK ? predict(&arguments, wanted, guest) : status;
}
