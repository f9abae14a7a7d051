/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "labeling/store_internal.h"

int store_fail(struct label_store *store, int r, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(store->error, sizeof(store->error), format, arguments);
    va_end(arguments);
    return r;
}

static int errno_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -ETIMEDOUT; /* after the busy handler has waited */
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return -EACCES;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_MISMATCH:
    case SQLITE_SCHEMA:
    case SQLITE_ERROR: /* a table or column that is not there */
        return -EBADMSG;
    case SQLITE_CONSTRAINT:
        return -EEXIST;
    default:
        return -EIO;
    }
}

int store_fail_sql(struct label_store *store, int code, const char *doing)
{
    int cause = store->db != NULL ? sqlite3_system_errno(store->db) : 0;

    /* SQLite says "disk I/O error" of a full file system as well, when it was its log's index. */
    if ((code & 0xff) == SQLITE_IOERR && cause > 0)
        return store_fail(store, cause == ENOSPC || cause == EROFS ? -cause : -EIO,
                          "cannot %s in the label store: %s (%s)", doing, sqlite3_errmsg(store->db),
                          strerror(cause));
    return store_fail(store, errno_of(code), "cannot %s in the label store: %s", doing,
                      store->db != NULL ? sqlite3_errmsg(store->db) : sqlite3_errstr(code));
}

int store_enter(struct label_store *store)
{
    if (store->owner != getpid())
        return -ECHILD;
    store->error[0] = '\0';
    return 0;
}

struct query query_begin(struct label_store *store, const char *doing, const char *sql)
{
    struct query query = {.store = store, .doing = doing};
    int code = sqlite3_prepare_v2(store->db, sql, -1, &query.statement, NULL);

    if (code != SQLITE_OK)
        query.status = store_fail_sql(store, code, doing);
    return query;
}

static void bound(struct query *query, int code)
{
    if (query->status == 0 && code != SQLITE_OK)
        query->status = store_fail_sql(query->store, code, query->doing);
}

void query_integer(struct query *query, int64_t value)
{
    if (query->status == 0)
        bound(query, sqlite3_bind_int64(query->statement, ++query->parameter, value));
}

void query_text(struct query *query, const char *text)
{
    if (query->status == 0)
        bound(query,
              sqlite3_bind_text(query->statement, ++query->parameter, text, -1, SQLITE_STATIC));
}

void query_blob(struct query *query, const void *data, size_t size)
{
    if (query->status == 0)
        bound(query, sqlite3_bind_blob64(query->statement, ++query->parameter, size > 0 ? data : "",
                                         size, SQLITE_STATIC));
}

void query_null(struct query *query)
{
    if (query->status == 0)
        bound(query, sqlite3_bind_null(query->statement, ++query->parameter));
}

int query_step(struct query *query)
{
    int code;

    if (query->status < 0)
        return query->status;
    code = sqlite3_step(query->statement);
    if (code == SQLITE_ROW)
        return 1;
    if (code == SQLITE_DONE)
        return 0;
    query->status = store_fail_sql(query->store, code, query->doing);
    return query->status;
}

static void damaged(struct query *query, int column)
{
    if (query->status == 0)
        query->status =
            store_fail(query->store, -EBADMSG, "cannot %s: the label store has a damaged '%s'",
                       query->doing, sqlite3_column_name(query->statement, column));
}

int64_t query_get_integer(struct query *query, int column, int64_t low, int64_t high)
{
    int64_t value;

    if (query->status < 0)
        return low;
    value = sqlite3_column_int64(query->statement, column);
    if (sqlite3_column_type(query->statement, column) == SQLITE_INTEGER && value >= low &&
        value <= high)
        return value;
    damaged(query, column);
    return low;
}

void query_get_text(struct query *query, int column, char *text, size_t size)
{
    const char *found;

    if (query->status < 0)
        return;
    found = (const char *)sqlite3_column_text(query->statement, column);
    /* A NUL inside would hide what follows from those who compare. */
    if (found == NULL || (size_t)sqlite3_column_bytes(query->statement, column) != strlen(found) ||
        text_copy(text, size, found) < 0)
        damaged(query, column);
}

void query_get_blob(struct query *query, int column, void *data, size_t size)
{
    const void *found;

    if (query->status < 0)
        return;
    found = sqlite3_column_blob(query->statement, column);
    if ((size_t)sqlite3_column_bytes(query->statement, column) != size)
        damaged(query, column);
    else if (size > 0)
        memcpy(data, found, size);
}

int query_end(struct query *query)
{
    (void)sqlite3_finalize(query->statement);
    query->statement = NULL;
    return query->status;
}

int query_run(struct query *query)
{
    if (query_step(query) == 1 && query->status == 0)
        query->status =
            store_fail(query->store, -EBADMSG, "cannot %s: an unexpected row", query->doing);
    return query_end(query);
}

int query_number(struct query *query, int64_t *value)
{
    int64_t found = 0;
    int r = query_step(query);

    if (r == 1)
        found = query_get_integer(query, 0, INT64_MIN, INT64_MAX);
    if (query_end(query) < 0)
        return query->status;
    if (r == 0)
        return -ENOENT;
    *value = found;
    return 0;
}

int store_execute(struct label_store *store, const char *doing, const char *sql)
{
    int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

    return code == SQLITE_OK ? 0 : store_fail_sql(store, code, doing);
}

/* If this fails, nothing is changed by this store any more: store_begin says so. */
static void store_strict(struct label_store *store)
{
    if (store->relaxed &&
        sqlite3_exec(store->db, "PRAGMA synchronous = FULL", NULL, NULL, NULL) == SQLITE_OK)
        store->relaxed = false;
}

int store_begin(struct label_store *store)
{
    if (store->relaxed)
        return store_fail(store, -EIO, "SQLite does not go back to synchronous=FULL");
    return store_execute(store, "begin a change", "BEGIN IMMEDIATE");
}

int store_begin_relaxed(struct label_store *store)
{
    int r = store_execute(store, "set durability", "PRAGMA synchronous = NORMAL");

    store->relaxed = true;
    if (r == 0)
        r = store_execute(store, "begin a change", "BEGIN IMMEDIATE");
    if (r < 0)
        store_strict(store);
    return r;
}

int store_end(struct label_store *store, int r)
{
    if (r == 0)
        r = store_execute(store, "commit a change", "COMMIT");
    /* Some errors have rolled back already; the words of the first failure stay. */
    if (r < 0 && sqlite3_get_autocommit(store->db) == 0)
        (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    store_strict(store);
    return r;
}
