/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/service/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"

#define APPLICATION_ID 0x43415354 /* "CAST" */
#define SCHEMA_VERSION 2
#define BUSY_MS        2000 /* for an administrator's process beside the service */

/* The latest time that was seen is row 0 of `clock`; a spent nonce stays until it has expired. */
static const char releases[] =
    "CREATE TABLE release (at INTEGER NOT NULL, tenant TEXT NOT NULL, name TEXT NOT NULL,"
    " uuid BLOB NOT NULL, ak BLOB NOT NULL, nonce BLOB NOT NULL);"
    "PRAGMA user_version = 2";
static const char schema[] =
    "CREATE TABLE clock (id INTEGER PRIMARY KEY CHECK (id = 0), latest INTEGER NOT NULL);"
    "INSERT INTO clock VALUES (0, 0);"
    "CREATE TABLE nonce (nonce BLOB PRIMARY KEY, client TEXT NOT NULL, expires INTEGER NOT NULL,"
    " spent INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX nonce_client ON nonce (client);"
    "CREATE INDEX nonce_expires ON nonce (expires);"
    "CREATE TABLE guest (tenant TEXT NOT NULL, name TEXT NOT NULL, uuid BLOB NOT NULL,"
    " at INTEGER NOT NULL, expires INTEGER NOT NULL, refusal INTEGER NOT NULL,"
    " detail TEXT NOT NULL, PRIMARY KEY (tenant, name)) WITHOUT ROWID;"
    "CREATE TABLE seen (uuid BLOB PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID;"
    "PRAGMA application_id = 1128354644;";
_Static_assert(APPLICATION_ID == 1128354644 && SCHEMA_VERSION == 2, "as in the schema");

static const char *const sql[STATEMENTS] = {
    [LATEST] = "SELECT latest FROM clock WHERE id = 0",
    [SET_LATEST] = "UPDATE clock SET latest = ? WHERE id = 0",
    [FORGET] = "DELETE FROM nonce WHERE expires <= ?",
    [COUNT_CLIENT] = "SELECT count(*) FROM nonce WHERE client = ? AND spent = 0",
    [COUNT_NONCES] = "SELECT count(*) FROM nonce WHERE spent = 0",
    [COUNT_GUESTS] = "SELECT count(*) FROM guest",
    [ADD_NONCE] = "INSERT INTO nonce VALUES (?, ?, ?, 0)",
    [FIND_NONCE] = "SELECT expires, spent FROM nonce WHERE nonce = ?",
    [SPEND] = "UPDATE nonce SET spent = 1 WHERE nonce = ?",
    [FIND_SEEN] = "SELECT state FROM seen WHERE uuid = ?",
    [SET_SEEN] = "INSERT OR REPLACE INTO seen VALUES (?, ?)",
    [SET_RESULT] = "INSERT OR REPLACE INTO guest VALUES (?, ?, ?, ?, ?, ?, ?)",
    [FIND_RESULT] =
        "SELECT uuid, at, expires, refusal, detail FROM guest WHERE tenant=? AND name=?",
    [FORGET_SEEN] =
        "DELETE FROM seen WHERE uuid = (SELECT uuid FROM guest WHERE tenant = ? AND name = ?)",
    [FORGET_GUEST] = "DELETE FROM guest WHERE tenant = ? AND name = ?",
    [ADD_RELEASE] = "INSERT INTO release VALUES (?, ?, ?, ?, ?, ?)",
    [COUNT_RELEASES] = "SELECT count(*) FROM release",
};

static int fail(const struct service_store *store, char error[SERVICE_ERROR_MAX], const char *what)
{
    (void)text_format(error, SERVICE_ERROR_MAX, "cannot %s: %s", what,
                      store->db != NULL ? sqlite3_errmsg(store->db) : "out of memory");
    return -EIO;
}

static int pragma_number(sqlite3 *db, const char *text, int64_t *value)
{
    sqlite3_stmt *statement;
    int r = -EIO;

    if (sqlite3_prepare_v2(db, text, -1, &statement, NULL) != SQLITE_OK)
        return -EIO;
    if (sqlite3_step(statement) == SQLITE_ROW) {
        *value = sqlite3_column_int64(statement, 0);
        r = 0;
    }
    (void)sqlite3_finalize(statement);
    return r;
}

/* Make the tables, or see that they are ours. */
static int set_up(struct service_store *store, char error[SERVICE_ERROR_MAX])
{
    int64_t application = 0, version = 0, objects = 0;

    if (sqlite3_exec(store->db,
                     "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                     "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON",
                     NULL, NULL, NULL) != SQLITE_OK)
        return fail(store, error, "open the database");
    if (pragma_number(store->db, "PRAGMA application_id", &application) < 0 ||
        pragma_number(store->db, "PRAGMA user_version", &version) < 0 ||
        pragma_number(store->db, "SELECT count(*) FROM sqlite_schema", &objects) < 0)
        return fail(store, error, "read the database");
    if ((application == 0 && version == 0 && objects == 0) ||
        (application == APPLICATION_ID && version == 1)) {
        if (sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK ||
            (version == 0 && sqlite3_exec(store->db, schema, NULL, NULL, NULL) != SQLITE_OK) ||
            sqlite3_exec(store->db, releases, NULL, NULL, NULL) != SQLITE_OK ||
            sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
            return fail(store, error, "make the database");
    } else if (application != APPLICATION_ID || version != SCHEMA_VERSION) {
        (void)text_format(error, SERVICE_ERROR_MAX,
                          "the database is not casemate-attestd's, or of another version");
        return -EBADMSG;
    }
    for (unsigned i = 0; i < STATEMENTS; i++) {
        if (sqlite3_prepare_v3(store->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &store->statement[i], NULL) != SQLITE_OK)
            return fail(store, error, "read the database");
    }
    return 0;
}

int service_store_open(const char *path, struct service_store **store,
                       char error[SERVICE_ERROR_MAX])
{
    struct service_store *made = calloc(1, sizeof(*made));
    int r, fd;

    error[0] = '\0';
    if (made == NULL)
        return -ENOMEM;
    /* SQLite would make it readable for others, as far as the umask lets it. */
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        r = -errno;
        (void)text_format(error, SERVICE_ERROR_MAX, "cannot open %s: %s", path, strerror(-r));
        free(made);
        return r == -ENOMEM ? r : -EIO;
    }
    fd_close(&fd);
    if (sqlite3_open_v2(path, &made->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX |
                            SQLITE_OPEN_EXRESCODE,
                        NULL) != SQLITE_OK)
        r = fail(made, error, "open the database");
    else if (sqlite3_busy_timeout(made->db, BUSY_MS) != SQLITE_OK)
        r = fail(made, error, "open the database");
    else
        r = set_up(made, error);
    if (r < 0) {
        service_store_close(made);
        return r;
    }
    *store = made;
    return 0;
}

void service_store_close(struct service_store *store)
{
    if (store == NULL)
        return;
    for (unsigned i = 0; i < STATEMENTS; i++)
        (void)sqlite3_finalize(store->statement[i]);
    (void)sqlite3_close(store->db);
    free(store);
}

sqlite3_stmt *service_take(struct service_store *store, enum statement which)
{
    sqlite3_stmt *statement = store->statement[which];

    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return statement;
}

int service_run(sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);

    (void)sqlite3_reset(statement);
    return code == SQLITE_DONE ? 0 : -EIO;
}

int service_number(sqlite3_stmt *statement, uint64_t *value)
{
    int code = sqlite3_step(statement);

    if (code == SQLITE_ROW)
        *value = (uint64_t)sqlite3_column_int64(statement, 0);
    (void)sqlite3_reset(statement);
    return code == SQLITE_ROW ? 0 : -EIO;
}

int service_bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    return sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

int service_bind_blob(sqlite3_stmt *statement, int at, const void *data, size_t size)
{
    return sqlite3_bind_blob(statement, at, data, (int)size, SQLITE_STATIC);
}

int service_bind_time(sqlite3_stmt *statement, int at, uint64_t time)
{
    return sqlite3_bind_int64(statement, at, time > INT64_MAX ? INT64_MAX : (int64_t)time);
}

int service_begin(struct service_store *store, bool durable)
{
    const char *text = durable ? "PRAGMA synchronous = FULL; BEGIN IMMEDIATE"
                               : "PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE";

    return sqlite3_exec(store->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : -EIO;
}

int service_end(struct service_store *store, int r)
{
    if (r == 0 && sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return r < 0 ? r : -EIO;
}

int service_advance(struct service_store *store, uint64_t clock, uint64_t *now)
{
    sqlite3_stmt *set;
    uint64_t latest = 0;
    int r = service_number(service_take(store, LATEST), &latest);

    if (r < 0)
        return r;
    *now = clock > latest ? clock : latest;
    if (clock <= latest)
        return 0;
    set = service_take(store, SET_LATEST);
    (void)service_bind_time(set, 1, clock);
    return service_run(set);
}

int service_store_time(struct service_store *store, uint64_t clock, uint64_t *now)
{
    uint64_t latest = 0;
    int r = service_number(service_take(store, LATEST), &latest);

    if (r == 0)
        *now = clock > latest ? clock : latest;
    return r;
}

int service_store_forget(struct service_store *store, const char *tenant, const char *name)
{
    static const enum statement all[] = {FORGET_SEEN, FORGET_GUEST}; /* the one knows the other */
    int r = service_begin(store, true), changed = 0;

    if (r < 0)
        return r;
    for (size_t i = 0; r == 0 && i < sizeof(all) / sizeof(all[0]); i++) {
        sqlite3_stmt *statement = service_take(store, all[i]);

        (void)service_bind_text(statement, 1, tenant);
        (void)service_bind_text(statement, 2, name);
        r = service_run(statement);
        changed = sqlite3_changes(store->db);
    }
    return service_end(store, r == 0 && changed == 0 ? -ENOENT : r);
}

int service_store_counts(struct service_store *store, struct service_counts *counts)
{
    struct service_counts found = {0};
    int r = service_number(service_take(store, COUNT_GUESTS), &found.guests);

    if (r == 0)
        r = service_number(service_take(store, COUNT_NONCES), &found.nonces);
    if (r == 0)
        r = service_number(service_take(store, COUNT_RELEASES), &found.releases);
    if (r == 0)
        *counts = found;
    return r;
}
