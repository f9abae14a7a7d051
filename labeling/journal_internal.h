/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_LABELING_JOURNAL_INTERNAL_H
#define CASEMATE_LABELING_JOURNAL_INTERNAL_H

/* Shared by the journal's own files and the scan. */
#include "labeling/journal.h"
#include "labeling/store_internal.h"

/* The row of the file with this identity. 0; -ENOENT. */
int object_row_find(struct label_store *store, const struct file_identity *identity,
                    struct label_object *object);
int object_row_read(struct label_store *store, int64_t id, struct label_object *object);
/* Insert as PLANNED; object->id is set. */
int object_row_insert(struct label_store *store, struct label_object *object);

/* Run a statement whose parameters are integers. */
int journal_change(struct label_store *store, const char *sql, const int64_t *values, size_t count);

/* Tell a test's observer. */
void journal_step(const struct label_store *store, enum label_step step, size_t object);

/* Tell the reporter, if there is one. */
void journal_report(const struct label_reporter *reporter, const struct label_finding *finding);

/* What of a guest is to be given back. */
enum journal_scope {
    JOURNAL_PLANNED, /* what a failed label_journal_label has begun */
    JOURNAL_RUN,     /* all but what stays labelled at rest */
    JOURNAL_ALL,
};

struct journal_restoration {
    const struct label_access *access;
    int64_t guest;
    enum journal_scope scope;
    const int *fds;
    size_t count;
    const struct label_reporter *reporter;
    bool tell_restored;
};

/* Release claims, restore files, forget; see label_journal_restore. */
int journal_restore(struct label_store *store, const struct journal_restoration *restoration);

/*
 * Open the object's file: one of `fds`, which is then duplicated, or by path. 0; -ESTALE, -ELOOP
 * when the path leads to another; -ENOENT, -ENOTDIR; -errno.
 */
int journal_open_object(const struct label_object *object, const int *fds, size_t count, int *fd);

#endif
