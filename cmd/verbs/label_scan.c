/* SPDX-License-Identifier: Apache-2.0 */
/* casemate label scan, and casemate label restore. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <selinux/label.h>
#include <selinux/selinux.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/verbs/json.h"
#include "cmd/verbs/label.h"
#include "cmd/verbs/progress.h"
#include "cmd/verbs/table.h"
#include "labeling/process_scan.h"
#include "labeling/scan.h"

#define DIRECTORIES_MAX 256

struct scan_verb {
    struct label_store *store;
    struct label_names names;
    struct selabel_handle *contexts; /* the host policy's file contexts; NULL without SELinux */
    struct table objects, processes;
    json_t *object_array, *process_array; /* NULL: for people */
    struct label_findings findings;
    struct label_scan_counts counts;
    struct process_scan_counts process_counts;
};

/* What a file of no guest should carry, by the host policy. */
static int orphan_context(void *context, const char *path, mode_t mode,
                          char expected[SELINUX_CONTEXT_MAX])
{
    const struct scan_verb *v = context;
    char *found = NULL;
    int r;

    if (v->contexts == NULL || selabel_lookup_raw(v->contexts, &found, path, (int)mode) < 0)
        return -ENOENT;
    r = strcmp(found, "<<none>>") == 0 || text_copy(expected, SELINUX_CONTEXT_MAX, found) < 0
            ? -ENOENT
            : 0;
    freecon(found);
    return r;
}

static int process_context(void *context, const struct label_guest *guest, enum process_kind kind,
                           char expected[SELINUX_CONTEXT_MAX])
{
    struct selinux_label label = {.tenant = guest->tenant_slot};

    (void)context;
    category_text(&guest->categories, label.categories);
    return selinux_process_context(kind, &label, expected);
}

static void report_process(void *context, const struct process_finding *finding)
{
    struct scan_verb *v = context;
    char guest[2 * LABEL_NAME_MAX] = "-", pid[16], uid[16];
    const char *found = finding->error != 0 ? strerror(-finding->error) : finding->found;
    json_t *o;

    if (finding->guest != NULL)
        (void)text_format(guest, sizeof(guest), "%s/%s", finding->guest->tenant,
                          finding->guest->name);
    if (v->process_array == NULL) {
        const char *const cells[] = {process_finding_name(finding->kind),
                                     guest,
                                     pid,
                                     uid,
                                     finding->program,
                                     finding->expected,
                                     found};

        (void)text_format(pid, sizeof(pid), "%d", finding->pid);
        (void)text_format(uid, sizeof(uid), "%u", finding->uid);
        table_add(&v->processes, TABLE_BAD, cells);
        return;
    }
    o = json_object();
    (void)json_object_set_new(o, "finding", json_string(process_finding_name(finding->kind)));
    (void)json_object_set_new(o, "guest",
                              finding->guest != NULL ? json_string(guest) : json_null());
    (void)json_object_set_new(o, "pid", json_integer(finding->pid));
    (void)json_object_set_new(o, "uid", json_integer(finding->uid));
    (void)json_object_set_new(o, "program", json_optional(finding->program));
    (void)json_object_set_new(o, "expected", json_optional(finding->expected));
    (void)json_object_set_new(o, "found", json_optional(finding->found));
    (void)json_object_set_new(
        o, "error", finding->error != 0 ? json_string(strerror(-finding->error)) : json_null());
    (void)json_array_append_new(v->process_array, o);
}

/* The operator's names, made absolute: what they lead to is walked without following a link. */
static int resolve(const struct arguments *a, char *directory[DIRECTORIES_MAX])
{
    if (a->words > DIRECTORIES_MAX) {
        complain("label scan takes %d directories at most", DIRECTORIES_MAX);
        return VERB_USAGE;
    }
    for (int i = 0; i < a->words; i++) {
        directory[i] = realpath(a->word[i], NULL);
        if (directory[i] == NULL) {
            complain("cannot scan '%s': %s", a->word[i], strerror(errno));
            return VERB_USAGE;
        }
    }
    return VERB_OK;
}

/* `processes`: the store is this host's, so that they can be compared. */
static int scan(struct scan_verb *v, char *const directory[], size_t count, bool repair,
                bool processes)
{
    cleanup_fd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool selinux = is_selinux_enabled() == 1;
    const struct label_scan_options options = {.directories = (const char *const *)directory,
                                               .count = count,
                                               .repair = repair,
                                               .expected = orphan_context,
                                               .context = v};
    const struct process_scan_options process_options = {.proc = proc,
                                                         .expected =
                                                             selinux ? process_context : NULL,
                                                         .report = report_process,
                                                         .context = v};
    const struct label_reporter reporter = {label_findings_add, &v->findings};
    int r;

    if (proc < 0) {
        complain("cannot look at processes: /proc: %s", strerror(errno));
        return VERB_SYSTEM;
    }
    if (selinux)
        v->contexts = selabel_open(SELABEL_CTX_FILE, NULL, 0);
    else
        complain("note: this kernel has no SELinux: owners and modes are compared, contexts not");
    progress_begin("scanning");
    r = label_scan(v->store, &label_access_selinux, &options, &reporter, &v->counts);
    if (r == 0 && processes)
        r = process_scan(v->store, &process_options, &v->process_counts);
    progress_end();
    if (v->contexts != NULL)
        selabel_close(v->contexts);
    if (r < 0)
        return label_failed(v->store, "scan", r);
    return v->counts.findings - v->counts.repaired + v->process_counts.findings > 0 ? VERB_DENIED
                                                                                    : VERB_OK;
}

static int scan_json(struct scan_verb *v)
{
    const uint64_t findings = v->counts.findings + v->process_counts.findings;
    json_t *j = json_object();

    (void)json_object_set(j, "objects", v->object_array);
    (void)json_object_set(j, "processes", v->process_array);
    (void)json_object_set_new(
        j, "counts",
        json_pack("{s:I, s:I, s:I, s:I, s:I}", "objects", (json_int_t)v->counts.objects, "files",
                  (json_int_t)v->counts.files, "processes", (json_int_t)v->process_counts.processes,
                  "findings", (json_int_t)findings, "repaired", (json_int_t)v->counts.repaired));
    return json_print(j);
}

static int scan_people(const struct scan_verb *v)
{
    const bool colour = table_may_colour(stdout);
    int r = table_print(&v->objects, stdout, colour);

    if (r == 0 && v->objects.rows > 0 && v->processes.rows > 0)
        (void)putchar('\n');
    if (r == 0)
        r = table_print(&v->processes, stdout, colour);
    (void)printf("%" PRIu64 " objects, %" PRIu64 " files and %" PRIu64
                 " processes looked at: %" PRIu64 " findings, %" PRIu64 " repaired\n",
                 v->counts.objects, v->counts.files, v->process_counts.processes,
                 v->counts.findings + v->process_counts.findings, v->counts.repaired);
    return r < 0 ? VERB_SYSTEM : VERB_OK;
}

static void prepare(struct scan_verb *v, bool json)
{
    static const char *const heads[] = {"FINDING", "GUEST",    ">PID",  ">UID",
                                        "PROGRAM", "EXPECTED", "FOUND", NULL};

    table_init(&v->objects, label_findings_heads);
    table_init(&v->processes, heads);
    if (json) {
        v->object_array = json_array();
        v->process_array = json_array();
    }
    v->findings = (struct label_findings){
        .names = &v->names, .json = json, .array = v->object_array, .table = &v->objects};
}

static void release(struct scan_verb *v)
{
    json_decref(v->object_array);
    json_decref(v->process_array);
    table_release(&v->objects);
    table_release(&v->processes);
    label_names_release(&v->names);
    label_store_close(v->store);
}

int verb_label_scan(int argc, char **argv)
{
    enum { REPAIR = LABEL_OPTION_OWN };
    static const struct verb_option options[] = {
        LABEL_OPTIONS, {"repair", NULL, "set right what is wrong with files"}, {NULL, NULL, NULL}};
    static const struct verb_usage usage = {
        "label scan",
        "[DIR...]",
        "Compare each object of the label store with its file, each process of ours with its\n"
        "guest, and each file below DIR that carries a label of ours with the store. Nothing is\n"
        "changed without --repair, processes never. Exit status 1 if something is wrong.",
        options,
        0,
        -1};
    struct scan_verb v = {0};
    char *directory[DIRECTORIES_MAX] = {0};
    struct arguments a;
    int status, r = VERB_OK;

    if (!arguments_parse(&usage, argc, argv, &a, &status))
        return status;
    status = resolve(&a, directory);
    if (status == VERB_OK)
        status = label_open(&a, &v.store);
    prepare(&v, a.given[LABEL_OPTION_JSON]);
    if (status == VERB_OK && v.store != NULL)
        status = label_names_read(v.store, &v.names);
    if (status == VERB_OK && v.store != NULL)
        status =
            scan(&v, directory, (size_t)a.words, a.given[REPAIR], !a.given[LABEL_OPTION_STORE]);
    if (status == VERB_OK || status == VERB_DENIED)
        r = a.given[LABEL_OPTION_JSON] ? scan_json(&v) : scan_people(&v);
    release(&v);
    for (size_t i = 0; i < DIRECTORIES_MAX; i++)
        free(directory[i]);
    return r != VERB_OK ? r : status;
}

/* ---- restore */

static int restore_one(struct scan_verb *v, const char *word, bool forget)
{
    const struct label_reporter reporter = {label_findings_add, &v->findings};
    const struct label_guest *guest = label_names_word(&v->names, word);
    cleanup_fd int place = -1;
    int r;

    if (guest == NULL)
        return VERB_USAGE;
    if (forget) {
        r = label_journal_forget(v->store, guest->id);
    } else {
        r = label_guest_hold(v->store, guest->id, &place);
        if (r == 0)
            r = label_journal_restore(v->store, &label_access_selinux, guest->id, false, NULL, 0,
                                      &reporter);
    }
    if (r == -EBUSY) {
        complain("%s/%s is alive: its labels are given back when it has ended (casemate stop)",
                 guest->tenant, guest->name);
        return VERB_DENIED;
    }
    if (r == -EUCLEAN)
        return VERB_DENIED;
    return r < 0 ? label_failed(v->store, "restore", r) : VERB_OK;
}

static int restore_all(struct scan_verb *v)
{
    const struct label_reporter reporter = {label_findings_add, &v->findings};
    int r = label_journal_recover(v->store, &label_access_selinux, &reporter);

    if (r == -EUCLEAN)
        return VERB_DENIED;
    return r < 0 ? label_failed(v->store, "restore", r) : VERB_OK;
}

int verb_label_restore(int argc, char **argv)
{
    enum { FORGET = LABEL_OPTION_OWN };
    static const struct verb_option options[] = {
        LABEL_OPTIONS,
        {"forget", NULL, "give up GUEST's objects that cannot be restored"},
        {NULL, NULL, NULL}};
    static const struct verb_usage usage = {
        "label restore",
        "[GUEST]",
        "Give back the labels, owners and modes of what a guest that died had labelled; without\n"
        "GUEST (NAME or TENANT/NAME), of all such guests. Living guests are not touched. Exit\n"
        "status 1 if something could not be given back.",
        options,
        0,
        1};
    struct scan_verb v = {0};
    struct arguments a;
    int status, r = VERB_OK;

    if (!arguments_parse(&usage, argc, argv, &a, &status))
        return status;
    if (a.given[FORGET] && a.words == 0) {
        complain("--forget needs the GUEST whose objects do not matter any more");
        return VERB_USAGE;
    }
    status = label_open(&a, &v.store);
    prepare(&v, a.given[LABEL_OPTION_JSON]);
    if (status == VERB_OK && v.store != NULL)
        status = label_names_read(v.store, &v.names);
    progress_begin("restoring");
    if (status == VERB_OK && v.store != NULL)
        status = a.words > 0 ? restore_one(&v, a.word[0], a.given[FORGET]) : restore_all(&v);
    progress_end();
    if (a.given[LABEL_OPTION_JSON] && status != VERB_USAGE)
        r = json_print(json_incref(v.object_array));
    else if (table_print(&v.objects, stdout, table_may_colour(stdout)) < 0)
        r = VERB_SYSTEM;
    release(&v);
    return r != VERB_OK ? r : status;
}
