/* SPDX-License-Identifier: Apache-2.0 */
/* Objects as rows of the store. */
#include <errno.h>
#include <string.h>

#include "labeling/journal_internal.h"

#define OBJECT_COLUMNS                                                                             \
    "SELECT id, state, path, boot_id, device, inode, generation, born, file_system, format,"       \
    " special, volatile, changes, old_context, old_uid, old_gid, old_mode, old_acl, new_context,"  \
    " new_uid, new_gid, new_mode FROM objects "

static void read_acl(struct query *query, int column, struct label_attributes *attributes)
{
    int size = query->status == 0 ? sqlite3_column_bytes(query->statement, column) : 0;

    attributes->acl_size =
        size >= 0 && size <= LABEL_ACL_MAX ? (size_t)size : sizeof(attributes->acl);
    query_get_blob(query, column, attributes->acl, attributes->acl_size);
}

static void read_object(struct query *query, struct label_object *object)
{
    struct file_identity *identity = &object->identity;
    char boot_id[LABEL_BOOT_ID_MAX] = "";

    *object = (struct label_object){0};
    object->id = query_get_integer(query, 0, 1, INT64_MAX);
    object->state = (enum label_object_state)query_get_integer(query, 1, 0, LABEL_OBJECT_RESTORING);
    query_get_text(query, 2, object->path, sizeof(object->path));
    query_get_text(query, 3, boot_id, sizeof(boot_id));
    object->same_boot = strcmp(boot_id, query->store->boot_id) == 0;
    /* All 64 bits of these are in use: SQLite's integers are signed. */
    identity->device = (uint64_t)query_get_integer(query, 4, INT64_MIN, INT64_MAX);
    identity->inode = (uint64_t)query_get_integer(query, 5, INT64_MIN, INT64_MAX);
    identity->generation = (uint32_t)query_get_integer(query, 6, 0, UINT32_MAX);
    identity->born = query_get_integer(query, 7, INT64_MIN, INT64_MAX);
    query_get_blob(query, 8, identity->file_system, sizeof(identity->file_system));
    identity->format = (mode_t)query_get_integer(query, 9, 0, UINT32_MAX);
    identity->special = (uint64_t)query_get_integer(query, 10, INT64_MIN, INT64_MAX);
    identity->transient = query_get_integer(query, 11, 0, 1) == 1;
    object->changes = (unsigned)query_get_integer(query, 12, 0, LABEL_CHANGES_ALL);
    query_get_text(query, 13, object->before.context, sizeof(object->before.context));
    object->before.uid = (uid_t)query_get_integer(query, 14, 0, UINT32_MAX);
    object->before.gid = (gid_t)query_get_integer(query, 15, 0, UINT32_MAX);
    object->before.mode = (mode_t)query_get_integer(query, 16, 0, 07777);
    read_acl(query, 17, &object->before);
    query_get_text(query, 18, object->set.context, sizeof(object->set.context));
    object->set.uid = (uid_t)query_get_integer(query, 19, 0, UINT32_MAX);
    object->set.gid = (gid_t)query_get_integer(query, 20, 0, UINT32_MAX);
    object->set.mode = (mode_t)query_get_integer(query, 21, 0, 07777);
}

int object_row_read(struct label_store *store, int64_t id, struct label_object *object)
{
    struct query query = query_begin(store, "read an object", OBJECT_COLUMNS "WHERE id = ?");
    int r;

    query_integer(&query, id);
    r = query_step(&query);
    if (r == 1)
        read_object(&query, object);
    if (query_end(&query) < 0)
        return query.status;
    return r == 1 ? 0 : -ENOENT;
}

int object_row_find(struct label_store *store, const struct file_identity *identity,
                    struct label_object *object)
{
    struct query query = query_begin(store, "find an object", OBJECT_COLUMNS "WHERE inode = ?");
    bool found = false;

    query_integer(&query, (int64_t)identity->inode);
    while (!found && query_step(&query) == 1) {
        read_object(&query, object);
        found =
            query.status == 0 && file_identity_same(identity, &object->identity, object->same_boot);
    }
    if (query_end(&query) < 0)
        return query.status;
    return found ? 0 : -ENOENT;
}

int object_row_insert(struct label_store *store, struct label_object *object)
{
    const struct file_identity *identity = &object->identity;
    struct query query =
        query_begin(store, "note an object",
                    "INSERT INTO objects (state, path, boot_id, device, inode, generation, born,"
                    " file_system, format, special, volatile, changes, old_context, old_uid,"
                    " old_gid, old_mode, old_acl, new_context, new_uid, new_gid, new_mode) VALUES "
                    "(0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    int r;

    query_text(&query, object->path);
    query_text(&query, store->boot_id);
    query_integer(&query, (int64_t)identity->device);
    query_integer(&query, (int64_t)identity->inode);
    query_integer(&query, identity->generation);
    query_integer(&query, identity->born);
    query_blob(&query, identity->file_system, sizeof(identity->file_system));
    query_integer(&query, identity->format);
    query_integer(&query, (int64_t)identity->special);
    query_integer(&query, identity->transient);
    query_integer(&query, object->changes);
    query_text(&query, object->before.context);
    query_integer(&query, object->before.uid);
    query_integer(&query, object->before.gid);
    query_integer(&query, object->before.mode);
    query_blob(&query, object->before.acl, object->before.acl_size);
    query_text(&query, object->set.context);
    query_integer(&query, object->set.uid);
    query_integer(&query, object->set.gid);
    query_integer(&query, object->set.mode);
    r = query_run(&query);
    if (r == 0)
        object->id = sqlite3_last_insert_rowid(store->db);
    return r;
}

int label_object_list(struct label_store *store,
                      int (*visit)(void *context, const struct label_object *object), void *context)
{
    struct query query;
    int r = store_enter(store);

    if (r < 0)
        return r;
    query = query_begin(store, "list the objects", OBJECT_COLUMNS "ORDER BY id");
    while (r == 0 && query_step(&query) == 1) {
        struct label_object object;

        read_object(&query, &object);
        if (query.status == 0)
            r = visit(context, &object);
    }
    return query_end(&query) < 0 ? query.status : r;
}

int label_object_find(struct label_store *store, int fd, struct label_object *object)
{
    struct file_identity identity;
    struct label_object found;
    int r = store_enter(store);

    if (r == 0)
        r = file_identity_read(fd, &identity);
    if (r == 0)
        r = object_row_find(store, &identity, &found);
    if (r == 0)
        *object = found;
    return r;
}

int label_object_users(struct label_store *store, int64_t object,
                       int (*visit)(void *context, int64_t guest), void *context)
{
    struct query query;
    int r = store_enter(store);

    if (r < 0)
        return r;
    query = query_begin(store, "list an object's guests",
                        "SELECT guest FROM claims WHERE object = ? ORDER BY guest");
    query_integer(&query, object);
    while (r == 0 && query_step(&query) == 1) {
        int64_t guest = query_get_integer(&query, 0, 1, INT64_MAX);

        if (query.status == 0)
            r = visit(context, guest);
    }
    return query_end(&query) < 0 ? query.status : r;
}

int journal_change(struct label_store *store, const char *sql, const int64_t *values, size_t count)
{
    struct query query = query_begin(store, "note a step", sql);

    for (size_t i = 0; i < count; i++)
        query_integer(&query, values[i]);
    return query_run(&query);
}
