/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables. STRICT and full of CHECKs: what a bug or a hand puts into the file is refused where
 * it is written, and what slips in all the same is refused where it is read.
 */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "labeling/store_internal.h"

#define APPLICATION_ID 0x43736c62 /* "Cslb" */
#define SCHEMA_VERSION 3          /* 1: without tenants; 2: with 64 of them */

/*
 * settings: one row. host is this store's name among hosts. places is the file of places as it was
 * when last seen, with the boot. sets, uid_blocks: what is taken, by number. A row without a guest
 * is a reservation. others: sets that somebody else on the host uses and that have no number in the
 * pool. objects: files that carry a label of ours, or are about to or no longer; state as
 *     label_object_state. claims: which guest uses which object, and how. tenants: store_tenant.c.
 */
static const char schema[] =
    "CREATE TABLE settings ("
    " one INTEGER PRIMARY KEY CHECK (one = 1),"
    " category_first INTEGER NOT NULL, category_count INTEGER NOT NULL,"
    " set_size INTEGER NOT NULL CHECK (set_size IN (2, 3)),"
    " uid_blocks INTEGER NOT NULL CHECK (uid_blocks > 0),"
    " places TEXT NOT NULL, host TEXT NOT NULL CHECK (length(host) = 32)) STRICT;"

    "CREATE TABLE guests ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " uuid BLOB NOT NULL UNIQUE CHECK (length(uuid) = 16),"
    " tenant TEXT NOT NULL, name TEXT NOT NULL,"
    " state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 4),"
    " boot_id TEXT NOT NULL DEFAULT '', guard INTEGER NOT NULL DEFAULT 0,"
    " UNIQUE (tenant, name)) STRICT;"

    "CREATE TABLE sets ("
    " number INTEGER PRIMARY KEY CHECK (number >= 0),"
    " categories TEXT NOT NULL UNIQUE,"
    " guest INTEGER UNIQUE REFERENCES guests (id),"
    " reserved INTEGER NOT NULL CHECK (reserved IN (0, 1)),"
    " uuid BLOB UNIQUE CHECK (uuid IS NULL OR length(uuid) = 16),"
    " note TEXT NOT NULL DEFAULT '',"
    " CHECK (guest IS NOT NULL OR reserved = 1)) STRICT;"

    "CREATE TABLE others (categories TEXT PRIMARY KEY, note TEXT NOT NULL) STRICT;"

    "CREATE TABLE uid_blocks ("
    " number INTEGER PRIMARY KEY CHECK (number >= 0),"
    " guest INTEGER UNIQUE REFERENCES guests (id),"
    " note TEXT NOT NULL DEFAULT '') STRICT;"

    "CREATE TABLE objects ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " path TEXT NOT NULL,"
    " state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),"
    " boot_id TEXT NOT NULL,"
    " device INTEGER NOT NULL, inode INTEGER NOT NULL,"
    " generation INTEGER NOT NULL, born INTEGER NOT NULL,"
    " file_system BLOB NOT NULL CHECK (length(file_system) = 8),"
    " format INTEGER NOT NULL, special INTEGER NOT NULL,"
    " volatile INTEGER NOT NULL CHECK (volatile IN (0, 1)),"
    " changes INTEGER NOT NULL CHECK (changes BETWEEN 0 AND 7),"
    " old_context TEXT NOT NULL, old_uid INTEGER NOT NULL, old_gid INTEGER NOT NULL,"
    " old_mode INTEGER NOT NULL, old_acl BLOB NOT NULL,"
    " new_context TEXT NOT NULL, new_uid INTEGER NOT NULL, new_gid INTEGER NOT NULL,"
    " new_mode INTEGER NOT NULL) STRICT;"
    "CREATE INDEX objects_by_inode ON objects (inode);"

    "CREATE TABLE claims ("
    " guest INTEGER NOT NULL REFERENCES guests (id),"
    " object INTEGER NOT NULL REFERENCES objects (id),"
    " kind INTEGER NOT NULL,"
    " exclusive INTEGER NOT NULL CHECK (exclusive IN (0, 1)),"
    " at_rest INTEGER NOT NULL CHECK (at_rest IN (0, 1)),"
    " state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),"
    " PRIMARY KEY (guest, object)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX claims_by_object ON claims (object);";

/* A new store where guests hold places of another: it would hand out their categories. */
static int refuse_orphans(struct label_store *store)
{
    int alive = store_any_alive(store);

    if (alive <= 0)
        return alive;
    return store_fail(store, -EUCLEAN,
                      "the label store is gone, but guests that it held still run: bring it back, "
                      "or stop them first");
}

static int note_version(struct label_store *store)
{
    char pragmas[96];

    (void)text_format(pragmas, sizeof(pragmas),
                      "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID,
                      SCHEMA_VERSION);
    return store_execute(store, "note the schema", pragmas);
}

/* In the transaction of the opening: whoever opens it next finds either schema whole. */
static int upgrade_schema(struct label_store *store, int64_t from)
{
    int r = from == 1 ? store_tenant_upgrade(store) : store_tenant_widen(store);

    return r == 0 ? note_version(store) : r;
}

static int make_schema(struct label_store *store)
{
    const struct label_store_options *options = &store->options;
    struct category_pool pool = options->pool;
    uint32_t uid_blocks = options->uid_blocks > 0 ? options->uid_blocks : LABEL_UID_BLOCKS;
    char places[128];
    struct query query;
    int r;

    if (pool.size == 0 && pool.count == 0)
        pool = (struct category_pool){.first = 0, .count = CATEGORIES, .size = 2};
    if (category_pool_check(&pool) < 0 || uid_blocks > LABEL_UID_BLOCKS)
        return store_fail(store, -EINVAL, "no such pool of categories or uids");
    r = refuse_orphans(store);
    if (r == 0)
        r = store_places_identity(store, places, sizeof(places));
    if (r == 0)
        r = store_execute(store, "make the tables", schema);
    if (r == 0)
        r = store_execute(store, "make the tables", store_tenant_schema);
    if (r < 0)
        return r;
    query =
        query_begin(store, "make the tables",
                    "INSERT INTO settings VALUES (1, ?, ?, ?, ?, ?, lower(hex(randomblob(16))))");
    query_integer(&query, pool.first);
    query_integer(&query, pool.count);
    query_integer(&query, pool.size);
    query_integer(&query, uid_blocks);
    query_text(&query, places);
    r = query_run(&query);
    return r == 0 ? note_version(store) : r;
}

/*
 * Guests show that they live by locks on the file of places. If somebody deleted it and it was made
 * anew in the same boot, those on the deleted one are invisible, and recovery would take the labels
 * from running guests.
 */
static int check_places(struct label_store *store)
{
    char now[128], before[128] = "";
    struct query query;
    int r = store_places_identity(store, now, sizeof(now));

    if (r < 0)
        return r;
    query = query_begin(store, "read the settings", "SELECT places FROM settings WHERE one = 1");
    if (query_step(&query) == 1)
        query_get_text(&query, 0, before, sizeof(before));
    r = query_end(&query);
    if (r < 0 || strcmp(now, before) == 0)
        return r;
    if (strncmp(now, before, LABEL_BOOT_ID_MAX - 1) == 0)
        return store_fail(store, -EUCLEAN,
                          "the label store's 'guests.lock' was replaced since this boot: running "
                          "guests cannot be told from dead ones; stop them and restart the host");
    query = query_begin(store, "note this boot", "UPDATE settings SET places = ?");
    query_text(&query, now);
    return query_run(&query);
}

static int pragma(struct label_store *store, const char *sql, int64_t *value)
{
    struct query query = query_begin(store, "read the header", sql);

    return query_number(&query, value);
}

int store_schema(struct label_store *store)
{
    int64_t application = 0, version = 0, tables = 0;
    struct category_pool pool;
    uint32_t uid_blocks;
    int r = store_begin(store);

    if (r < 0)
        return r;
    r = pragma(store, "PRAGMA application_id", &application);
    if (r == 0)
        r = pragma(store, "PRAGMA user_version", &version);
    if (r == 0)
        r = pragma(store, "SELECT count(*) FROM sqlite_schema", &tables);
    if (r < 0)
        return store_end(store, r);
    if (application == 0 && version == 0 && tables == 0) {
        if ((store->options.flags & LABEL_STORE_CREATE) != 0)
            r = make_schema(store);
        else
            r = store_fail(store, -ENOENT, "the label store is empty");
    } else if (application != APPLICATION_ID) {
        r = store_fail(store, -EPROTO, "this is no label store but another program's file");
    } else if (version > SCHEMA_VERSION) {
        r = store_fail(
            store, -ENOTSUP,
            "the label store has schema %lld, this program knows up to %d: use the newer "
            "Casemate that wrote it",
            (long long)version, SCHEMA_VERSION);
    } else if (version == 1 || version == 2) {
        r = upgrade_schema(store, version);
        if (r == 0)
            r = check_places(store);
    } else if (version != SCHEMA_VERSION) {
        r = store_fail(store, -EBADMSG, "the label store has no schema %lld", (long long)version);
    } else {
        r = check_places(store);
    }
    if (r == 0)
        r = pool_read(store, &pool, &uid_blocks);
    return store_end(store, r);
}
