/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs/label.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cmd/verbs/json.h"
#include "cmd/verbs/table.h"
#include "cmd/verbs/verbs.h"
#include "policy/guest.h"

int label_open(const struct arguments *arguments, struct label_store **store)
{
    char error[LABEL_STORE_ERROR_MAX] = "";
    struct label_store_options options = {.path = LABEL_STORE_PATH};
    int r;

    if (arguments->given[LABEL_OPTION_STORE])
        options.path = arguments->value[LABEL_OPTION_STORE];
    *store = NULL;
    if (options.path[0] != '/') {
        complain("--store needs an absolute path, and '%s' is none", options.path);
        return VERB_USAGE;
    }
    r = label_store_open(&options, store, error);
    if (r == -ENOENT) {
        complain("no label store at %s: no guest has been started on this host yet", options.path);
        return VERB_OK;
    }
    if (r < 0)
        complain("cannot open the label store %s: %s%s", options.path,
                 error[0] != '\0' ? error : strerror(-r),
                 r == -EACCES || r == -EPERM ? "; this verb needs root" : "");
    return r < 0 ? VERB_SYSTEM : VERB_OK;
}

int label_failed(struct label_store *store, const char *doing, int error)
{
    const char *why = label_store_error(store);

    complain("cannot %s: %s", doing, why[0] != '\0' ? why : strerror(-error));
    return VERB_SYSTEM;
}

static int names_add(void *context, const struct label_guest *guest)
{
    struct label_names *names = context;

    if (names->count == names->capacity) {
        size_t capacity = names->capacity > 0 ? 2 * names->capacity : 64;
        struct label_guest *grown = reallocarray(names->guest, capacity, sizeof(*grown));

        if (grown == NULL)
            return -ENOMEM;
        names->guest = grown;
        names->capacity = capacity;
    }
    names->guest[names->count++] = *guest;
    return 0;
}

int label_names_read(struct label_store *store, struct label_names *names)
{
    int r = label_guest_list(store, names_add, names);

    return r < 0 ? label_failed(store, "list the guests", r) : VERB_OK;
}

void label_names_release(struct label_names *names)
{
    free(names->guest);
    *names = (struct label_names){0};
}

static int by_id(const void *a, const void *b)
{
    const struct label_guest *left = a, *right = b;

    return left->id < right->id ? -1 : left->id > right->id;
}

struct label_guest *label_names_find(const struct label_names *names, int64_t id)
{
    const struct label_guest key = {.id = id};

    if (names->count == 0)
        return NULL;
    return bsearch(&key, names->guest, names->count, sizeof(key), by_id);
}

char *label_names_text(const struct label_names *names, int64_t id, char text[2 * LABEL_NAME_MAX])
{
    const struct label_guest *guest = label_names_find(names, id);

    (void)text_copy(text, 2 * LABEL_NAME_MAX, "-");
    if (guest != NULL)
        (void)text_format(text, 2 * LABEL_NAME_MAX, "%s/%s", guest->tenant, guest->name);
    return text;
}

struct label_guest *label_names_word(const struct label_names *names, const char *word)
{
    struct label_guest *found = NULL;
    const char *slash = strchr(word, '/'), *name = slash != NULL ? slash + 1 : word;
    char shown[256];

    (void)text_escape(shown, sizeof(shown), word);
    for (size_t i = 0; i < names->count; i++) {
        struct label_guest *guest = &names->guest[i];

        if (strcmp(guest->name, name) != 0 ||
            (slash != NULL && (strlen(guest->tenant) != (size_t)(slash - word) ||
                               memcmp(guest->tenant, word, (size_t)(slash - word)) != 0)))
            continue;
        if (found != NULL) {
            complain("several tenants have a guest '%s': say which, as in %s/%s", shown,
                     found->tenant, found->name);
            return NULL;
        }
        found = guest;
    }
    if (found == NULL)
        complain("the label store knows no guest '%s'; `casemate label list` lists them", shown);
    return found;
}

const char *label_state_name(enum label_guest_state state)
{
    static const char *const names[] = {
        [LABEL_GUEST_DEFINED] = "defined", [LABEL_GUEST_RUNNING] = "running",
        [LABEL_GUEST_STOPPED] = "stopped", [LABEL_GUEST_SAVED] = "saved",
        [LABEL_GUEST_LOST] = "lost",
    };

    return (unsigned)state < LABEL_GUEST_STATES ? names[state] : "?";
}

const char *label_object_state_name(enum label_object_state state)
{
    return state == LABEL_OBJECT_LABELLED  ? "labelled"
           : state == LABEL_OBJECT_PLANNED ? "planned"
                                           : "restoring";
}

char *label_changes_text(unsigned changes, char text[32])
{
    (void)text_format(text, 32, "%s%s%s", (changes & LABEL_CHANGE_CONTEXT) != 0 ? "context " : "",
                      (changes & LABEL_CHANGE_OWNER) != 0 ? "owner " : "",
                      (changes & LABEL_CHANGE_MODE) != 0 ? "mode " : "");
    if (text[0] != '\0')
        text[strlen(text) - 1] = '\0';
    return text;
}

char *label_uuid_text(const uint8_t uuid[LABEL_UUID_SIZE], char text[37])
{
    char *at = text;

    for (unsigned i = 0; i < LABEL_UUID_SIZE; i++)
        at += snprintf(at, 4, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
    return text;
}

const char *const label_findings_heads[] = {"FINDING",  "GUEST", "DIFFERS", "PATH",
                                            "EXPECTED", "FOUND", NULL};

void label_findings_add(void *context, const struct label_finding *finding)
{
    struct label_findings *findings = context;
    const bool good =
        finding->kind == LABEL_FOUND_RESTORED || finding->kind == LABEL_FOUND_REPAIRED;
    const char *found = finding->error != 0 ? strerror(-finding->error) : finding->found;
    char guest[2 * LABEL_NAME_MAX], changes[32];
    json_t *o;

    findings->bad += good ? 0 : 1;
    (void)label_names_text(findings->names, finding->guest, guest);
    (void)label_changes_text(finding->changes, changes);
    if (!findings->json) {
        const char *const cells[] = {label_finding_name(finding->kind),
                                     guest,
                                     changes,
                                     finding->path,
                                     finding->expected,
                                     found};

        table_add(findings->table, good ? TABLE_GOOD : TABLE_BAD, cells);
        return;
    }
    o = json_object();
    (void)json_object_set_new(o, "finding", json_string(label_finding_name(finding->kind)));
    (void)json_object_set_new(o, "guest", finding->guest != 0 ? json_string(guest) : json_null());
    (void)json_object_set_new(o, "path", json_text(finding->path));
    (void)json_object_set_new(o, "differs", json_optional(changes));
    (void)json_object_set_new(o, "expected", json_optional(finding->expected));
    (void)json_object_set_new(o, "found", json_optional(finding->found));
    (void)json_object_set_new(
        o, "error", finding->error != 0 ? json_string(strerror(-finding->error)) : json_null());
    (void)json_array_append_new(findings->array, o);
}

int verb_label(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
        const char *help;
    } verbs[] = {
        {"list", verb_label_list, "what the store keeps: guests, or the objects of one"},
        {"show", verb_label_show, "one file: its label, and what the store says of it"},
        {"scan", verb_label_scan, "find what is not labelled as the store says"},
        {"restore", verb_label_restore, "give back what guests that died had labelled"},
    };
    const size_t count = sizeof(verbs) / sizeof(verbs[0]);
    const char *names[sizeof(verbs) / sizeof(verbs[0])], *near;
    const bool wanted = argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);

    for (size_t i = 0; argc >= 2 && i < count; i++) {
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    }
    if (argc >= 2 && !wanted) {
        for (size_t i = 0; i < count; i++)
            names[i] = verbs[i].name;
        near = guest_suggest(argv[1], names, count);
        if (near != NULL)
            complain("label has no verb of that name; did you mean `casemate label %s`?", near);
        else
            complain("label has no verb of that name; `casemate label --help` lists them");
        return VERB_USAGE;
    }
    (void)fprintf(wanted ? stdout : stderr, "Usage: casemate label VERB [OPTION]...\n\n");
    for (size_t i = 0; i < count; i++)
        (void)fprintf(wanted ? stdout : stderr, "  %-10s %s\n", verbs[i].name, verbs[i].help);
    (void)fprintf(wanted ? stdout : stderr,
                  "\n`casemate label VERB --help` tells more; so does casemate-label(1).\n");
    return wanted ? VERB_OK : VERB_USAGE;
}
