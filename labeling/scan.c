/* SPDX-License-Identifier: Apache-2.0 */
/* The objects of the store against their files. */
#include "labeling/scan.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "labeling/scan_internal.h"

void scan_report(const struct scan *scan, const struct label_finding *finding)
{
    scan->counts->findings++;
    if (finding->kind == LABEL_FOUND_REPAIRED)
        scan->counts->repaired++;
    journal_report(scan->reporter, finding);
}

static int set_right(const struct scan *scan, int fd, const struct label_object *object,
                     unsigned differ)
{
    int r = 0;

    if ((differ & LABEL_CHANGE_CONTEXT) != 0)
        r = scan->access->set(fd, object->set.context);
    if (r == 0 && (differ & LABEL_CHANGE_MODE) != 0)
        r = label_set_acl(fd, &object->set);
    if (r == 0 && (differ & LABEL_CHANGE_MODE) != 0)
        r = label_set_mode(fd, object->set.mode);
    if (r == 0 && (differ & LABEL_CHANGE_OWNER) != 0)
        r = label_set_owner(fd, object->set.uid, object->set.gid);
    return r;
}

/* 1 if a living guest uses the object, whose half-done state is then nobody's business. */
static int used_by_living(struct label_store *store, int64_t object)
{
    struct query query =
        query_begin(store, "read the claims", "SELECT guest FROM claims WHERE object = ?");
    int alive = 0;

    query_integer(&query, object);
    while (alive == 0 && query_step(&query) == 1)
        alive = label_guest_alive(store, query_get_integer(&query, 0, 1, INT64_MAX));
    return query_end(&query) < 0 ? query.status : alive;
}

static int64_t first_user(struct label_store *store, int64_t object)
{
    struct query query =
        query_begin(store, "read the claims", "SELECT min(guest) FROM claims WHERE object = ?");
    int64_t guest = 0;

    query_integer(&query, object);
    return query_number(&query, &guest) < 0 ? 0 : guest;
}

/*
 * Inside a transaction of the store, so that a guard which wants to give the object back, and has
 * to note that first, waits. *finding says what is to be told, if its kind is set.
 */
static int check_object(const struct scan *scan, int64_t id, struct label_object *object,
                        struct label_attributes *now, struct label_finding *finding)
{
    cleanup_fd int fd = -1;
    unsigned differ;
    int r = object_row_read(scan->store, id, object);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    scan->counts->objects++;
    finding->guest = first_user(scan->store, id);
    if (object->state != LABEL_OBJECT_LABELLED) {
        r = used_by_living(scan->store, id);
        if (r == 0) {
            finding->kind = LABEL_FOUND_DRIFT;
            finding->error = -ESTALE; /* a dead guest's: for recovery */
        }
        return r < 0 ? r : 0;
    }
    r = journal_open_object(object, NULL, 0, &fd);
    if (r == 0)
        r = label_read(fd, scan->access, object->changes, now);
    if (r < 0) {
        finding->error = r;
        finding->kind = r == -ENOENT || r == -ENOTDIR ? LABEL_FOUND_MISSING
                        : r == -ESTALE || r == -ELOOP ? LABEL_FOUND_REPLACED
                                                      : LABEL_FOUND_UNREADABLE;
        return 0;
    }
    differ = label_differences(now, &object->set, object->changes);
    if (differ == 0)
        return 0;
    finding->kind = LABEL_FOUND_DRIFT;
    finding->changes = differ;
    finding->expected = object->set.context;
    finding->found = now->context;
    if (scan->options->repair) {
        r = set_right(scan, fd, object, differ);
        finding->error = r;
        if (r == 0)
            finding->kind = LABEL_FOUND_REPAIRED;
    }
    return 0;
}

static int scan_object(const struct scan *scan, int64_t id)
{
    struct label_object object;
    struct label_attributes now;
    struct label_finding finding = {
        .kind = LABEL_FINDINGS, .path = "", .expected = "", .found = ""};
    int r = store_begin(scan->store);

    if (r < 0)
        return r;
    r = store_end(scan->store, check_object(scan, id, &object, &now, &finding));
    finding.path = object.path;
    if (r == 0 && finding.kind != LABEL_FINDINGS)
        scan_report(scan, &finding);
    return r;
}

static int next_object(struct label_store *store, int64_t last, int64_t *id)
{
    struct query query = query_begin(store, "read the objects",
                                     "SELECT id FROM objects WHERE id > ? ORDER BY id LIMIT 1");

    query_integer(&query, last);
    return query_number(&query, id);
}

int label_scan(struct label_store *store, const struct label_access *access,
               const struct label_scan_options *options, const struct label_reporter *reporter,
               struct label_scan_counts *counts)
{
    const struct scan scan = {store, access, options, reporter, counts};
    int64_t id = 0;
    int r = store_enter(store);

    *counts = (struct label_scan_counts){0};
    while (r == 0 && (r = next_object(store, id, &id)) == 0)
        r = scan_object(&scan, id);
    if (r == -ENOENT)
        r = scan_trees(&scan);
    return r;
}
