/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_LABELING_JOURNAL_H
#define CASEMATE_LABELING_JOURNAL_H

/*
 * Label -> start -> stop -> restore of all the objects of a guest as one transaction that survives
 * kill -9 and power loss between any two of its steps. What was there before (context, owner, mode,
 * ACL) is committed to the store before the first file is touched, and forgotten only after it is
 * back and on the disk. Afterwards, or after label_journal_recover, each file is either wholly
 * labelled for a living guest or wholly restored.
 *
 * The steps, in order; the last of each column's is the commit that later steps rest on:
 *
 *   label_journal_label    PLANNED; per object CONTEXT_SET ACL_SET MODE_SET OWNER_SET; LABELLED
 *   label_journal_started  STARTED
 *   label_journal_restore  STOPPING; per object OWNER_RESTORED ACL_RESTORED MODE_RESTORED
 *                          CONTEXT_RESTORED SYNCED; FORGOTTEN
 *
 * A guest lives as long as its place is held (label_guest_hold); only who holds it labels and
 * restores. Objects that several guests may use get one label, kept until the last one is done.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "labeling/attributes.h"
#include "labeling/identity.h"
#include "labeling/object.h"
#include "labeling/store.h"

#define LABEL_PATH_MAX    4096
#define LABEL_OBJECTS_MAX 4096 /* in one call */

enum label_step {
    LABEL_STEP_PLANNED,
    LABEL_STEP_CONTEXT_SET,
    LABEL_STEP_ACL_SET,
    LABEL_STEP_MODE_SET,
    LABEL_STEP_OWNER_SET,
    LABEL_STEP_LABELLED,
    LABEL_STEP_STARTED,
    LABEL_STEP_STOPPING,
    LABEL_STEP_OWNER_RESTORED,
    LABEL_STEP_ACL_RESTORED,
    LABEL_STEP_MODE_RESTORED,
    LABEL_STEP_CONTEXT_RESTORED,
    LABEL_STEP_SYNCED,
    LABEL_STEP_FORGOTTEN,
    LABEL_STEPS
};

/* One object to label. */
struct label_request {
    int fd; /* borrowed; O_PATH will do */
    enum label_object_kind kind;
    bool exclusive;   /* nobody else may use it: whatever is written to */
    bool at_rest;     /* keeps its label while the guest exists: saved memory, vTPM state */
    unsigned changes; /* label_changes: which of the following */
    const char *context;
    uid_t uid;
    gid_t gid;
    mode_t mode; /* permission bits; an ACL goes with it */
};

enum label_object_state {
    LABEL_OBJECT_PLANNED,  /* some of it may be set */
    LABEL_OBJECT_LABELLED, /* all of it is */
    LABEL_OBJECT_RESTORING /* some of it may be back */
};

/* An object as the store has it. */
struct label_object {
    int64_t id;
    enum label_object_state state;
    char path[LABEL_PATH_MAX];
    struct file_identity identity;
    bool same_boot; /* identity.device is of this boot */
    unsigned changes;
    struct label_attributes before, set;
};

enum label_finding_kind {
    LABEL_FOUND_RESTORED,   /* an object of a dead guest was given back */
    LABEL_FOUND_MISSING,    /* nothing at its path; it stays in the store */
    LABEL_FOUND_REPLACED,   /* another file at its path, which is left alone; it stays */
    LABEL_FOUND_CHANGED,    /* somebody set what is neither ours nor the old: left as it is */
    LABEL_FOUND_FAILED,     /* could not be restored (error); it stays */
    LABEL_FOUND_DRIFT,      /* scan: an object of the store is not as the store says */
    LABEL_FOUND_ORPHAN,     /* scan: a label of ours on a file of no guest */
    LABEL_FOUND_REPAIRED,   /* scan: set right, because that was asked for */
    LABEL_FOUND_UNREADABLE, /* scan: a file or directory could not be looked at (error) */
    LABEL_FINDINGS
};

/* Valid during the report only. */
struct label_finding {
    enum label_finding_kind kind;
    int64_t guest;                /* 0: none */
    const char *path;             /* as bytes: may hold anything but NUL */
    int error;                    /* -errno or 0 */
    unsigned changes;             /* label_changes that differ */
    const char *expected, *found; /* contexts; "" where they are not the matter */
};

/* "restored", "missing", ...; NULL out of range. */
const char *label_finding_name(enum label_finding_kind kind);

/* Where reports go; `report` may be NULL. */
struct label_reporter {
    void (*report)(void *context, const struct label_finding *finding);
    void *context;
};

/*
 * Label `count` objects for the guest. All or nothing: on an error what was done is undone. The
 * caller holds the guest's place. 0; -EBUSY: another living guest has one of them, not to be
 * shared, or with another label; -ESTALE: a dead one has: label_journal_recover first; -EEXIST:
 * this guest has it already; -EUCLEAN: it carries the label of a guest that this store does not
 * know (of another host, or from a lost store); -EINVAL: a link, a deleted file, or out of range;
 * -EPERM: it is set-user-ID or set-group-ID, which chown would drop; -ESRCH: the place is not held;
 * -EOPNOTSUPP, -EROFS, -ENOSPC and others from setting attributes: filesystem_explain says more.
 * `failed`, if not NULL, receives the index of the object that failed, or `count`.
 */
int label_journal_label(struct label_store *store, const struct label_access *access, int64_t guest,
                        const struct label_request *requests, size_t count, size_t *failed);

/* Note that the guest runs, under the guard `guard`. 0; -ENOENT; -ESTALE: nobody holds its place.
 */
int label_journal_started(struct label_store *store, int64_t guest, pid_t guard);

/*
 * Give back what the guest labelled, except what stays labelled at rest unless `all`, and note it
 * as stopped. The caller holds the guest's place (else -ESRCH). `fds` (may be NULL) are `count`
 * descriptors that are still open: an object among them is restored whatever has become of its
 * path. 0; -EUCLEAN: something could not be restored (reported, the guest is LOST, it can be tried
 * again); -errno.
 */
int label_journal_restore(struct label_store *store, const struct label_access *access,
                          int64_t guest, bool all, const int *fds, size_t count,
                          const struct label_reporter *reporter);

/*
 * After a crash: restore for every guest that is not alive but has something to restore or is noted
 * as running. Holds the place of each such guest meanwhile. 0; -EUCLEAN as above; -errno. Any
 * number may run at once.
 */
int label_journal_recover(struct label_store *store, const struct label_access *access,
                          const struct label_reporter *reporter);

/*
 * Forget the objects that could not be restored, on somebody's word that they do not matter (the
 * image was deleted, its disk is gone). 0; -EBUSY when the guest is alive; -ENOENT.
 */
int label_journal_forget(struct label_store *store, int64_t guest);

/* Call `visit` for each object until it returns other than 0, which is returned. */
int label_object_list(struct label_store *store,
                      int (*visit)(void *context, const struct label_object *object),
                      void *context);

/* Look an open file up. 0; -ENOENT. */
int label_object_find(struct label_store *store, int fd, struct label_object *object);

/* Call `visit` for each guest that uses the object; as above. */
int label_object_users(struct label_store *store, int64_t object,
                       int (*visit)(void *context, int64_t guest), void *context);

/*
 * For tests: `step` is called after each step, with the index of the object within the call. What
 * it is given must outlive the store; NULL ends it.
 */
struct label_journal_observer {
    void (*step)(void *context, enum label_step step, size_t object);
    void *context;
};
void label_journal_observe(struct label_store *store,
                           const struct label_journal_observer *observer);

#endif
