/* SPDX-License-Identifier: Apache-2.0 */
/* The first half of the journal: planning and labelling. */
#include "labeling/journal.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "labeling/journal_internal.h"

/* What another guest's claim means for a request. */
struct claim {
    int64_t guest;
    bool exclusive, at_rest;
    enum label_object_state state;
};

void label_journal_observe(struct label_store *store, const struct label_journal_observer *observer)
{
    store->observer = observer;
}

void journal_step(const struct label_store *store, enum label_step step, size_t object)
{
    if (store->observer != NULL)
        store->observer->step(store->observer->context, step, object);
}

void journal_report(const struct label_reporter *reporter, const struct label_finding *finding)
{
    if (reporter != NULL && reporter->report != NULL)
        reporter->report(reporter->context, finding);
}

const char *label_finding_name(enum label_finding_kind kind)
{
    static const char *const names[LABEL_FINDINGS] = {
        [LABEL_FOUND_RESTORED] = "restored",     [LABEL_FOUND_MISSING] = "missing",
        [LABEL_FOUND_REPLACED] = "replaced",     [LABEL_FOUND_CHANGED] = "changed",
        [LABEL_FOUND_FAILED] = "failed",         [LABEL_FOUND_DRIFT] = "drift",
        [LABEL_FOUND_ORPHAN] = "orphan",         [LABEL_FOUND_REPAIRED] = "repaired",
        [LABEL_FOUND_UNREADABLE] = "unreadable",
    };

    return (unsigned)kind < LABEL_FINDINGS ? names[kind] : NULL;
}

/* Living guests keep what they have; a dead one's waits for recovery. */
static int refuse_for(struct label_store *store, int64_t holder)
{
    int alive = label_guest_alive(store, holder);

    if (alive < 0)
        return alive;
    return alive ? store_fail(store, -EBUSY, "guest %lld uses it", (long long)holder)
                 : store_fail(store, -ESTALE,
                              "guest %lld, which is dead, used it and has not been recovered",
                              (long long)holder);
}

/* 0: the guest may join the claims; 1: it has this one already, at rest; -errno. */
static int join_claims(struct label_store *store, int64_t guest, const struct label_object *object,
                       bool same_label, bool exclusive)
{
    struct query query =
        query_begin(store, "read the claims",
                    "SELECT guest, exclusive, at_rest, state FROM claims WHERE object = ?");
    int r = 0;

    query_integer(&query, object->id);
    while (r == 0 && query_step(&query) == 1) {
        struct claim claim = {
            .guest = query_get_integer(&query, 0, 1, INT64_MAX),
            .exclusive = query_get_integer(&query, 1, 0, 1) == 1,
            .at_rest = query_get_integer(&query, 2, 0, 1) == 1,
            .state =
                (enum label_object_state)query_get_integer(&query, 3, 0, LABEL_OBJECT_RESTORING),
        };

        if (query.status < 0)
            break;
        if (claim.guest == guest)
            r = claim.at_rest && claim.state == LABEL_OBJECT_LABELLED && same_label
                    ? 1
                    : store_fail(store, -EEXIST, "the guest has it already");
        else if (claim.exclusive || exclusive || !same_label ||
                 object->state == LABEL_OBJECT_RESTORING)
            r = refuse_for(store, claim.guest);
    }
    return query_end(&query) < 0 ? query.status : r;
}

static int insert_claim(struct label_store *store, int64_t guest, int64_t object,
                        const struct label_request *request)
{
    const int64_t values[] = {guest, object, request->kind, request->exclusive, request->at_rest};

    return journal_change(store, "INSERT INTO claims VALUES (?, ?, ?, ?, ?, 0)", values, 5);
}

static int check_request(struct label_store *store, const struct label_request *request)
{
    struct stat st;

    if ((unsigned)request->kind >= LABEL_OBJECT_KINDS || request->mode > 0777 ||
        (request->changes & ~(unsigned)LABEL_CHANGES_ALL) != 0)
        return store_fail(store, -EINVAL, "not a request");
    if ((request->changes & LABEL_CHANGE_CONTEXT) != 0 &&
        (request->context == NULL || request->context[0] == '\0' ||
         strlen(request->context) >= SELINUX_CONTEXT_MAX))
        return store_fail(store, -EINVAL, "not a context");
    if (fstat(request->fd, &st) < 0)
        return -errno;
    if (S_ISLNK(st.st_mode) || st.st_nlink == 0)
        return store_fail(store, -EINVAL, "a symbolic link, or a deleted file");
    if (S_ISREG(st.st_mode) && (st.st_mode & (S_ISUID | S_ISGID)) != 0)
        return store_fail(store, -EPERM, "it is set-user-ID or set-group-ID; run chmod a-s on it");
    return 0;
}

/* What the request makes of the file; what it leaves alone stays as it was. */
static void fill_set(const struct label_request *request, struct label_object *object)
{
    object->changes = request->changes;
    object->set = object->before;
    object->set.acl_size = 0;
    if ((request->changes & LABEL_CHANGE_CONTEXT) != 0)
        (void)text_copy(object->set.context, sizeof(object->set.context), request->context);
    if ((request->changes & LABEL_CHANGE_OWNER) != 0) {
        object->set.uid = request->uid;
        object->set.gid = request->gid;
    }
    if ((request->changes & LABEL_CHANGE_MODE) != 0)
        object->set.mode = request->mode;
}

static bool same_set(const struct label_object *object, const struct label_request *request)
{
    struct label_object wanted = {.before = object->before};

    fill_set(request, &wanted);
    return wanted.changes == object->changes &&
           label_differences(&wanted.set, &object->set, wanted.changes) == 0;
}

static int plan_new(struct label_store *store, const struct label_access *access, int64_t guest,
                    const struct label_request *request, struct label_object *object)
{
    int r = label_read(request->fd, access, request->changes, &object->before);

    if (r == 0 && (request->changes & LABEL_CHANGE_CONTEXT) != 0 &&
        access->ours(object->before.context))
        return store_fail(store, -EUCLEAN,
                          "it carries the label of a guest that this store does not know");
    if (r == 0)
        r = file_identity_path(request->fd, object->path, sizeof(object->path));
    if (r < 0)
        return r == -ENOENT ? -EINVAL : r;
    fill_set(request, object);
    r = object_row_insert(store, object);
    return r == 0 ? insert_claim(store, guest, object->id, request) : r;
}

static int plan(struct label_store *store, const struct label_access *access, int64_t guest,
                const struct label_request *request)
{
    struct label_object object = {0};
    struct file_identity identity;
    int r = check_request(store, request);

    if (r == 0)
        r = file_identity_read(request->fd, &identity);
    if (r < 0)
        return r;
    r = object_row_find(store, &identity, &object);
    if (r == -ENOENT) {
        object = (struct label_object){.identity = identity};
        return plan_new(store, access, guest, request, &object);
    }
    if (r == 0)
        r = join_claims(store, guest, &object, same_set(&object, request), request->exclusive);
    if (r == 0)
        r = insert_claim(store, guest, object.id, request);
    return r == 1 ? 0 : r;
}

/*
 * The label first: from then on only the guest's own type may touch the file. Then nobody but its
 * owner, and only then the owner that the guest's process runs as.
 */
static int apply(struct label_store *store, const struct label_access *access,
                 const struct label_request *request, size_t index)
{
    const struct label_attributes wanted = {.mode = request->mode};
    int r = 0;

    if ((request->changes & LABEL_CHANGE_CONTEXT) != 0)
        r = access->set(request->fd, request->context);
    if (r < 0)
        return r;
    journal_step(store, LABEL_STEP_CONTEXT_SET, index);
    if ((request->changes & LABEL_CHANGE_MODE) != 0)
        r = label_set_acl(request->fd, &wanted);
    if (r < 0)
        return r;
    journal_step(store, LABEL_STEP_ACL_SET, index);
    if ((request->changes & LABEL_CHANGE_MODE) != 0)
        r = label_set_mode(request->fd, request->mode);
    if (r < 0)
        return r;
    journal_step(store, LABEL_STEP_MODE_SET, index);
    if ((request->changes & LABEL_CHANGE_OWNER) != 0)
        r = label_set_owner(request->fd, request->uid, request->gid);
    if (r == 0)
        journal_step(store, LABEL_STEP_OWNER_SET, index);
    return r;
}

/*
 * What is lost with the power here was planned, and recovery undoes a plan as it undoes a dead
 * guest's labels. Only what stays labelled without its guest must be known to be so.
 */
static int commit_labelled(struct label_store *store, int64_t guest, bool at_rest)
{
    int r = at_rest ? store_begin(store) : store_begin_relaxed(store);

    if (r < 0)
        return r;
    r = journal_change(store,
                       "UPDATE objects SET state = 1 WHERE state = 0 AND id IN"
                       " (SELECT object FROM claims WHERE guest = ? AND state = 0)",
                       &guest, 1);
    if (r == 0)
        r = journal_change(store, "UPDATE claims SET state = 1 WHERE guest = ? AND state = 0",
                           &guest, 1);
    return store_end(store, r);
}

static bool any_at_rest(const struct label_request *requests, size_t count)
{
    bool any = false;

    for (size_t i = 0; i < count; i++)
        any = any || requests[i].at_rest;
    return any;
}

/* Undo what was begun, keeping the words of the failure that led here. */
static void undo(struct label_store *store, const struct label_access *access, int64_t guest)
{
    char error[LABEL_STORE_ERROR_MAX];
    const struct journal_restoration restoration = {
        .access = access, .guest = guest, .scope = JOURNAL_PLANNED};

    (void)text_copy(error, sizeof(error), store->error);
    /* What cannot be undone now stays in the store for recovery, and the guest is LOST. */
    (void)journal_restore(store, &restoration);
    (void)text_copy(store->error, sizeof(store->error), error);
}

int label_journal_label(struct label_store *store, const struct label_access *access, int64_t guest,
                        const struct label_request *requests, size_t count, size_t *failed)
{
    size_t at = 0;
    int r = store_enter(store);

    if (r < 0)
        return r;
    if (count > LABEL_OBJECTS_MAX)
        return -EINVAL;
    r = label_guest_alive(store, guest);
    if (r == 0)
        r = store_fail(store, -ESRCH, "nobody holds the guest's place");
    if (r > 0)
        r = store_begin(store);
    if (r == 0) {
        for (at = 0; r == 0 && at < count; at++)
            r = plan(store, access, guest, &requests[at]);
        at -= r < 0;
        r = store_end(store, r);
    }
    if (r == 0) {
        journal_step(store, LABEL_STEP_PLANNED, 0);
        for (at = 0; r == 0 && at < count; at++)
            r = apply(store, access, &requests[at], at);
        at -= r < 0;
        if (r == 0)
            r = commit_labelled(store, guest, any_at_rest(requests, count));
        if (r < 0)
            undo(store, access, guest);
        else
            journal_step(store, LABEL_STEP_LABELLED, 0);
    }
    if (r < 0 && failed != NULL)
        *failed = at;
    return r;
}

int label_journal_started(struct label_store *store, int64_t guest, pid_t guard)
{
    struct query query;
    int r = store_enter(store);

    if (r == 0)
        r = label_guest_alive(store, guest);
    if (r <= 0)
        return r < 0 ? r : store_fail(store, -ESRCH, "nobody holds the guest's place");
    query = query_begin(store, "note a guest's start",
                        "UPDATE guests SET state = 1, boot_id = ?, guard = ? WHERE id = ?");
    query_text(&query, store->boot_id);
    query_integer(&query, guard);
    query_integer(&query, guest);
    r = query_run(&query);
    if (r == 0 && sqlite3_changes(store->db) == 0)
        r = store_fail(store, -ENOENT, "there is no such guest");
    if (r == 0)
        journal_step(store, LABEL_STEP_STARTED, 0);
    return r;
}
