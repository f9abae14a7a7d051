/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/verbs/arguments.h"
#include "cmd/verbs/json.h"
#include "cmd/verbs/policy.h"
#include "cmd/verbs/policy_front.h"
#include "cmd/verbs/verbs.h"

struct source {
    const char *path;
    char shown[256];
    char *text; /* owned */
    size_t size;
    struct policy_answer *answer; /* owned */
};

static void release(struct source *source)
{
    free(source->text);
    policy_front_release(source->answer);
}

/* One byte more than may be: the parser says that it is too long. */
static int read_all(struct source *source, int fd)
{
    source->text = malloc(HOST_SOURCE_MAX + 1);
    if (source->text == NULL)
        return -ENOMEM;
    while (source->size < HOST_SOURCE_MAX + 1) {
        ssize_t n = read(fd, source->text + source->size, HOST_SOURCE_MAX + 1 - source->size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        source->size += (size_t)n;
    }
    return 0;
}

/* Read and have parsed. The messages are the caller's to show. */
static int take(struct source *source, const char *path)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int r = fd < 0 ? -errno : read_all(source, fd);

    source->path = path;
    (void)text_escape(source->shown, sizeof(source->shown), path);
    if (r < 0) {
        complain("cannot read '%s': %s", source->shown, strerror(-r));
        return r == -ENOMEM ? VERB_SYSTEM : VERB_USAGE;
    }
    r = policy_front(source->text, source->size, &source->answer);
    if (r == -EPROTO)
        complain("the confined parser died over '%s': treat the file as hostile", source->shown);
    else if (r < 0)
        complain("cannot start a parser: %s", strerror(-r));
    return r < 0 ? VERB_SYSTEM : VERB_OK;
}

static void show_errors(const struct source *source)
{
    for (uint32_t i = 0; i < source->answer->diagnostics; i++) {
        const struct guest_diagnostic *d = &source->answer->diagnostic[i];

        (void)fprintf(stderr, "%s:%u:%u: %s\n", source->shown, d->line, d->column, d->message);
    }
}

static int check_json(const struct source *source)
{
    const struct policy_answer *answer = source->answer;
    json_t *o = json_object(), *errors = json_array();

    for (uint32_t i = 0; i < answer->diagnostics; i++) {
        json_t *error = json_object();

        (void)json_object_set_new(error, "line", json_integer(answer->diagnostic[i].line));
        (void)json_object_set_new(error, "column", json_integer(answer->diagnostic[i].column));
        (void)json_object_set_new(error, "message", json_text(answer->diagnostic[i].message));
        (void)json_array_append_new(errors, error);
    }
    (void)json_object_set_new(o, "file", json_text(source->path));
    (void)json_object_set_new(o, "valid", json_boolean(answer->diagnostics == 0));
    (void)json_object_set_new(o, "errors", errors);
    if (answer->diagnostics == 0) {
        (void)json_object_set_new(o, "tenants", json_integer(answer->policy.tenants));
        (void)json_object_set_new(o, "guests", json_integer(answer->policy.guests));
        (void)json_object_set_new(o, "objects", json_integer(answer->policy.objects));
    }
    return json_print(o);
}

static const char *plural(uint32_t n)
{
    return n == 1 ? "" : "s";
}

static int policy_check(int argc, char **argv)
{
    static const struct verb_option options[] = {
        {"json", NULL, "print the result as JSON"},
        {NULL, NULL, NULL},
    };
    static const struct verb_usage usage = {
        .name = "policy check",
        .words = "FILE",
        .what = "Read a host's policy as casemated would, and say what is wrong with it.",
        .options = options,
        .words_min = 1,
        .words_max = 1,
    };
    struct source source = {.path = NULL};
    struct arguments arguments;
    int status;

    if (!arguments_parse(&usage, argc, argv, &arguments, &status))
        return status;
    status = take(&source, arguments.word[0]);
    if (status == VERB_OK && arguments.given[0])
        status = check_json(&source);
    else if (status == VERB_OK && source.answer->diagnostics == 0)
        (void)printf("%s: good: %u tenant%s, %u guest%s, %u object%s\n", source.shown,
                     source.answer->policy.tenants, plural(source.answer->policy.tenants),
                     source.answer->policy.guests, plural(source.answer->policy.guests),
                     source.answer->policy.objects, plural(source.answer->policy.objects));
    else if (status == VERB_OK)
        show_errors(&source);
    if (status == VERB_OK && source.answer->diagnostics > 0)
        status = VERB_DENIED;
    release(&source);
    return status;
}

/* Print the canonical text, or only say whether the file is it. */
static int format(const struct source *source, bool check)
{
    struct buf out;
    int status = VERB_OK;

    buf_init(&out, 16U << 20);
    host_policy_format(&source->answer->policy, &out);
    if (buf_status(&out) < 0) {
        complain("cannot format '%s': %s", source->shown, strerror(-buf_status(&out)));
        status = VERB_SYSTEM;
    } else if (check &&
               (out.size != source->size || memcmp(out.data, source->text, source->size) != 0)) {
        complain("'%s' is not in canonical form; `casemate policy fmt` prints it", source->shown);
        status = VERB_DENIED;
    } else if (!check &&
               (fwrite(out.data, 1, out.size, stdout) != out.size || fflush(stdout) != 0)) {
        complain("cannot write the policy: %s", strerror(errno));
        status = VERB_SYSTEM;
    }
    buf_release(&out);
    return status;
}

static int policy_fmt(int argc, char **argv)
{
    static const struct verb_option options[] = {
        {"check", NULL, "print nothing; 1 if the file is not in canonical form"},
        {NULL, NULL, NULL},
    };
    static const struct verb_usage usage = {
        .name = "policy fmt",
        .words = "FILE",
        .what = "Print the canonical form of a host's policy: one statement a line, defaults "
                "written\nout, without comments. The file stays as it is.",
        .options = options,
        .words_min = 1,
        .words_max = 1,
    };
    struct source source = {.path = NULL};
    struct arguments arguments;
    int status;

    if (!arguments_parse(&usage, argc, argv, &arguments, &status))
        return status;
    status = take(&source, arguments.word[0]);
    if (status == VERB_OK && source.answer->diagnostics > 0) {
        show_errors(&source);
        status = VERB_DENIED;
    } else if (status == VERB_OK) {
        status = format(&source, arguments.given[0]);
    }
    release(&source);
    return status;
}

int verb_policy(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
        const char *help;
    } verbs[] = {
        {"check", policy_check, "say what is wrong with a host's policy"},
        {"fmt", policy_fmt, "print its canonical form"},
        {"compile", policy_compile_verb, "make everything that is enforced of it"},
        {"show", policy_show_verb, "print that as text"},
        {"load", policy_load_verb, "put it in force"},
        {"learn", policy_learn_verb, "propose a guest from a permissive trial's audit log"},
        {"graph", policy_graph_verb, "draw it"},
        {"diff", policy_diff_verb, "say what changes from one policy to another"},
        {"explain", policy_explain_verb, "say why something was denied, and what would allow it"},
        {"prove", policy_prove_verb, "prove that no tenant reaches another"},
        {"verify-proof", policy_verify_verb, "check a certificate of that"},
    };
    const size_t count = sizeof(verbs) / sizeof(verbs[0]);
    const bool wanted = argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);

    for (size_t i = 0; argc >= 2 && i < count; i++) {
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    }
    if (argc >= 2 && !wanted) {
        complain("policy has no verb of that name; `casemate policy --help` lists them");
        return VERB_USAGE;
    }
    (void)fprintf(wanted ? stdout : stderr, "Usage: casemate policy VERB [OPTION]...\n\n");
    for (size_t i = 0; i < count; i++)
        (void)fprintf(wanted ? stdout : stderr, "  %-13s %s\n", verbs[i].name, verbs[i].help);
    (void)fprintf(wanted ? stdout : stderr,
                  "\n`casemate policy VERB --help` tells more; so does casemate-policy(1).\n");
    return wanted ? VERB_OK : VERB_USAGE;
}
