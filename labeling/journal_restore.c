/* SPDX-License-Identifier: Apache-2.0 */
/* The second half of the journal: giving back, now or after a crash. Each step may be the last of a
 * process that is killed, and is done again by the next one: so each looks at what is there. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "labeling/journal_internal.h"

/* A list of row numbers. */
struct ids {
    int64_t *id; /* owned */
    size_t count, capacity;
};

static void cleanup_ids_fn(struct ids *ids)
{
    free(ids->id);
}
#define cleanup_ids __attribute__((cleanup(cleanup_ids_fn)))

static int ids_add(struct ids *ids, int64_t id)
{
    if (ids->count == ids->capacity) {
        size_t capacity = ids->capacity > 0 ? 2 * ids->capacity : 64;
        int64_t *grown = reallocarray(ids->id, capacity, sizeof(*grown));

        if (grown == NULL)
            return -ENOMEM;
        ids->id = grown;
        ids->capacity = capacity;
    }
    ids->id[ids->count++] = id;
    return 0;
}

/* The first column of all rows; `guest` is bound if the statement has a parameter. */
static int ids_query(struct label_store *store, const char *sql, const int64_t *guest,
                     struct ids *ids)
{
    struct query query = query_begin(store, "read what is to be restored", sql);

    if (guest != NULL)
        query_integer(&query, *guest);
    while (query_step(&query) == 1) {
        int64_t id = query_get_integer(&query, 0, 1, INT64_MAX);

        if (query.status == 0)
            query.status = ids_add(ids, id);
    }
    return query_end(&query);
}

int journal_open_object(const struct label_object *object, const int *fds, size_t count, int *fd)
{
    for (size_t i = 0; i < count; i++) {
        struct file_identity identity;
        int copy;

        if (file_identity_read(fds[i], &identity) < 0 ||
            !file_identity_same(&identity, &object->identity, object->same_boot))
            continue;
        copy = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
        if (copy < 0)
            return -errno;
        *fd = copy;
        return 0;
    }
    return file_identity_open(object->path, &object->identity, object->same_boot, fd);
}

/*
 * Mode and ACL change in two steps at most, of which the first decides all but the special bits: so
 * what we can have left behind is one of two combinations, whatever those bits are.
 */
static bool mode_is_ours(const struct label_attributes *now, const struct label_object *object)
{
    const struct label_attributes *before = &object->before;
    bool as_before = (now->mode & 0777) == (before->mode & 0777) &&
                     now->acl_size == before->acl_size &&
                     memcmp(now->acl, before->acl, now->acl_size) == 0;

    return as_before || ((now->mode & 0777) == object->set.mode && now->acl_size == 0);
}

/* Which of the changed attributes are neither ours nor the old ones: somebody meant them. */
static unsigned changed_by_others(const struct label_attributes *now,
                                  const struct label_object *object)
{
    unsigned neither = label_differences(now, &object->set, object->changes) &
                       label_differences(now, &object->before, object->changes);

    if ((neither & LABEL_CHANGE_MODE) != 0 && mode_is_ours(now, object))
        neither &= ~(unsigned)LABEL_CHANGE_MODE;
    return neither;
}

/* Last in, first out: the old owner gets the file while nobody else may use it; the label at last.
 */
static int restore_attributes(struct label_store *store, const struct label_access *access, int fd,
                              const struct label_object *object, unsigned restore, size_t index)
{
    const struct label_attributes *before = &object->before;
    int r = 0;

    if ((restore & LABEL_CHANGE_OWNER) != 0)
        r = label_set_owner(fd, before->uid, before->gid);
    if (r < 0)
        return r;
    journal_step(store, LABEL_STEP_OWNER_RESTORED, index);
    if ((restore & LABEL_CHANGE_MODE) != 0)
        r = label_set_acl(fd, before);
    if (r < 0)
        return r;
    journal_step(store, LABEL_STEP_ACL_RESTORED, index);
    if ((restore & LABEL_CHANGE_MODE) != 0)
        r = label_set_mode(fd, before->mode);
    if (r < 0)
        return r;
    journal_step(store, LABEL_STEP_MODE_RESTORED, index);
    if ((restore & LABEL_CHANGE_CONTEXT) != 0)
        r = access->set(fd, before->context);
    if (r < 0)
        return r;
    journal_step(store, LABEL_STEP_CONTEXT_RESTORED, index);
    r = label_sync(fd);
    if (r == 0)
        journal_step(store, LABEL_STEP_SYNCED, index);
    return r;
}

static int restore_file(struct label_store *store, const struct journal_restoration *restoration,
                        const struct label_object *object, size_t index,
                        struct label_finding *finding)
{
    cleanup_fd int fd = -1;
    struct label_attributes now;
    unsigned others, restore;
    int r = journal_open_object(object, restoration->fds, restoration->count, &fd);

    if (r == 0)
        r = label_read(fd, restoration->access, object->changes, &now);
    if (r < 0)
        return r;
    others = changed_by_others(&now, object);
    restore = object->changes & ~others;
    /* Already as it was: nothing to write (a removed label cannot be removed again). */
    if ((label_differences(&now, &object->before, LABEL_CHANGE_CONTEXT) & restore) == 0)
        restore &= ~(unsigned)LABEL_CHANGE_CONTEXT;
    r = restore_attributes(store, restoration->access, fd, object, restore, index);
    if (r == 0 && others != 0) {
        finding->kind = LABEL_FOUND_CHANGED;
        finding->changes = others;
        if ((others & LABEL_CHANGE_CONTEXT) != 0) {
            finding->expected = object->set.context;
            finding->found = now.context;
        }
        journal_report(restoration->reporter, finding);
    }
    return r;
}

/* 1: done, to be forgotten; 0: it stays in the store. */
static int restore_object(struct label_store *store, const struct journal_restoration *restoration,
                          const struct label_object *object, size_t index)
{
    struct label_finding finding = {.kind = LABEL_FOUND_RESTORED,
                                    .guest = restoration->guest,
                                    .path = object->path,
                                    .expected = "",
                                    .found = ""};
    int r = restore_file(store, restoration, object, index, &finding);

    if (r == 0) {
        if (finding.kind == LABEL_FOUND_RESTORED && restoration->tell_restored)
            journal_report(restoration->reporter, &finding);
        return 1;
    }
    if (object->identity.transient && !object->same_boot)
        return 1; /* its file system went with the last boot, and it with that */
    finding.error = r;
    finding.changes = object->changes;
    if (r == -ENOENT || r == -ENOTDIR)
        finding.kind = LABEL_FOUND_MISSING;
    else if (r == -ESTALE || r == -ELOOP)
        finding.kind = LABEL_FOUND_REPLACED;
    else
        finding.kind = LABEL_FOUND_FAILED;
    journal_report(restoration->reporter, &finding);
    return 0;
}

/* Claims that end, and objects that nobody else uses: theirs are the files to restore. */
static int begin_restoring(struct label_store *store, const struct journal_restoration *restoration)
{
    static const char *const scopes[] = {
        [JOURNAL_PLANNED] = "UPDATE claims SET state = 2 WHERE guest = ? AND state = 0",
        [JOURNAL_RUN] = ("UPDATE claims SET state = 2 WHERE guest = ?"
                         " AND NOT (at_rest = 1 AND state = 1)"),
        [JOURNAL_ALL] = "UPDATE claims SET state = 2 WHERE guest = ?",
    };
    const int64_t guest = restoration->guest, twice[] = {guest, guest};
    /* Lost with the power, it is begun again: that guest is dead. What is at rest need not be. */
    int r = restoration->scope == JOURNAL_ALL ? store_begin(store) : store_begin_relaxed(store);

    if (r < 0)
        return r;
    r = journal_change(store, scopes[restoration->scope], &guest, 1);
    if (r == 0)
        r = journal_change(store,
                           "DELETE FROM claims WHERE guest = ? AND state = 2 AND object IN"
                           " (SELECT object FROM claims WHERE guest <> ?)",
                           twice, 2);
    if (r == 0)
        r = journal_change(store,
                           "UPDATE objects SET state = 2 WHERE id IN"
                           " (SELECT object FROM claims WHERE guest = ? AND state = 2)",
                           &guest, 1);
    return store_end(store, r);
}

/* Forget what is back, and say what has become of the guest. */
static int finish_restoring(struct label_store *store,
                            const struct journal_restoration *restoration, const struct ids *done)
{
    const int64_t guest = restoration->guest;
    /* With nothing given back there is nothing that could be looked for in vain. */
    int r = done->count > 0 ? store_begin(store) : store_begin_relaxed(store);

    if (r < 0)
        return r;
    for (size_t i = 0; r == 0 && i < done->count; i++) {
        const int64_t claim[] = {guest, done->id[i]};

        r = journal_change(store, "DELETE FROM claims WHERE guest = ? AND object = ?", claim, 2);
        if (r == 0)
            r = journal_change(store, "DELETE FROM objects WHERE id = ?", &done->id[i], 1);
    }
    if (r == 0)
        r = journal_change(store,
                           "UPDATE guests SET state = 4 WHERE id = ? AND EXISTS"
                           " (SELECT 1 FROM claims WHERE guest = guests.id AND state = 2)",
                           &guest, 1);
    /* One that never ran, or is saved, stays so; undoing a failed hot-plug leaves it running. */
    if (r == 0 && restoration->scope != JOURNAL_PLANNED)
        r = journal_change(store,
                           "UPDATE guests SET state = 2 WHERE id = ? AND state IN (1, 4)"
                           " AND NOT EXISTS"
                           " (SELECT 1 FROM claims WHERE guest = guests.id AND state = 2)",
                           &guest, 1);
    return store_end(store, r);
}

int journal_restore(struct label_store *store, const struct journal_restoration *restoration)
{
    cleanup_ids struct ids objects = {0}, done = {0};
    struct label_object object;
    int r = begin_restoring(store, restoration);

    if (r < 0)
        return r;
    journal_step(store, LABEL_STEP_STOPPING, 0);
    r = ids_query(store, "SELECT object FROM claims WHERE guest = ? AND state = 2 ORDER BY object",
                  &restoration->guest, &objects);
    for (size_t i = 0; r == 0 && i < objects.count; i++) {
        r = object_row_read(store, objects.id[i], &object);
        if (r == 0 && restore_object(store, restoration, &object, i) == 1)
            r = ids_add(&done, objects.id[i]);
    }
    if (r == 0)
        r = finish_restoring(store, restoration, &done);
    if (r < 0)
        return r;
    journal_step(store, LABEL_STEP_FORGOTTEN, 0);
    if (done.count == objects.count)
        return 0;
    return store_fail(store, -EUCLEAN, "%zu objects of guest %lld could not be restored",
                      objects.count - done.count, (long long)restoration->guest);
}

int label_journal_restore(struct label_store *store, const struct label_access *access,
                          int64_t guest, bool all, const int *fds, size_t count,
                          const struct label_reporter *reporter)
{
    const struct journal_restoration restoration = {
        .access = access,
        .guest = guest,
        .scope = all ? JOURNAL_ALL : JOURNAL_RUN,
        .fds = fds,
        .count = fds != NULL ? count : 0,
        .reporter = reporter,
    };
    int r = store_enter(store);

    if (r == 0)
        r = label_guest_alive(store, guest);
    if (r <= 0)
        return r < 0 ? r : store_fail(store, -ESRCH, "nobody holds the guest's place");
    return journal_restore(store, &restoration);
}

/* 0 also for a guest that turns out to live. */
static int recover_one(struct label_store *store, const struct label_access *access, int64_t guest,
                       const struct label_reporter *reporter)
{
    const struct journal_restoration restoration = {.access = access,
                                                    .guest = guest,
                                                    .scope = JOURNAL_RUN,
                                                    .reporter = reporter,
                                                    .tell_restored = true};
    cleanup_fd int place = -1;
    int r = label_guest_hold(store, guest, &place);

    if (r == -EBUSY)
        return 0;
    return r == 0 ? journal_restore(store, &restoration) : r;
}

int label_journal_recover(struct label_store *store, const struct label_access *access,
                          const struct label_reporter *reporter)
{
    cleanup_ids struct ids guests = {0};
    int first = 0, r = store_enter(store);

    if (r == 0)
        r = ids_query(store,
                      "SELECT id FROM guests WHERE state = 1 UNION SELECT guest FROM claims"
                      " WHERE NOT (at_rest = 1 AND state = 1)",
                      NULL, &guests);
    for (size_t i = 0; r == 0 && i < guests.count; i++) {
        int one = recover_one(store, access, guests.id[i], reporter);

        /* One guest's trouble is not the next one's; the first is what is returned. */
        if (one < 0 && first == 0)
            first = one;
    }
    return r < 0 ? r : first;
}

int label_journal_forget(struct label_store *store, int64_t guest)
{
    cleanup_fd int place = -1;
    int64_t state = 0;
    struct query query;
    int r = store_enter(store);

    if (r == 0)
        r = label_guest_hold(store, guest, &place);
    if (r == 0)
        r = store_begin(store);
    if (r < 0)
        return r;
    query = query_begin(store, "find a guest", "SELECT state FROM guests WHERE id = ?");
    query_integer(&query, guest);
    r = query_number(&query, &state);
    if (r == 0)
        r = journal_change(store, "DELETE FROM claims WHERE guest = ? AND state = 2", &guest, 1);
    if (r == 0)
        r = store_execute(store, "forget objects",
                          "DELETE FROM objects WHERE id NOT IN (SELECT object FROM claims)");
    if (r == 0)
        r = journal_change(store, "UPDATE guests SET state = 2 WHERE id = ? AND state = 4", &guest,
                           1);
    return store_end(store, r);
}
