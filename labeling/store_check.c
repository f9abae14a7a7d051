/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "labeling/store_internal.h"

static int check_pages(struct label_store *store)
{
    struct query query = query_begin(store, "check the file", "PRAGMA integrity_check(1)");
    char found[160] = "";
    int r;

    if (query_step(&query) == 1) {
        /* What it found may be long: its beginning will do. */
        const char *text = (const char *)sqlite3_column_text(query.statement, 0);

        (void)text_format(found, sizeof(found), "%.150s", text != NULL ? text : "");
    }
    r = query_end(&query);
    if (r == 0 && strcmp(found, "ok") != 0)
        r = store_fail(store, -EBADMSG, "the label store is damaged: %s", found);
    return r;
}

static int check_references(struct label_store *store)
{
    static const char *const counts[] = {
        "SELECT count(*) FROM pragma_foreign_key_check",
        /* a guest without categories or uids, or more than one set of settings */
        "SELECT count(*) FROM guests WHERE id NOT IN (SELECT guest FROM sets WHERE guest NOT NULL)",
        "SELECT count(*) FROM guests WHERE id NOT IN"
        " (SELECT guest FROM uid_blocks WHERE guest NOT NULL)",
        "SELECT count(*) <> 1 FROM settings",
        "SELECT count(*) FROM guests WHERE tenant NOT IN (SELECT tenant FROM tenants)",
        "SELECT count(*) <> 1 FROM tenants WHERE tenant = 'host' AND slot = 0",
        "SELECT count(*) FROM objects WHERE id NOT IN (SELECT object FROM claims)",
        /* two writers, or a writer and a reader, of one object */
        "SELECT count(*) FROM claims a JOIN claims b ON a.object = b.object AND a.guest <> b.guest"
        " WHERE a.exclusive = 1",
    };
    for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct query query = query_begin(store, "check references", counts[i]);
        int64_t count = 0;
        int r = query_number(&query, &count);

        if (r < 0)
            return r;
        if (count != 0)
            return store_fail(store, -EBADMSG, "the label store contradicts itself (check %u)", i);
    }
    return 0;
}

/* How many sets are reserved that have no number: mostly none, and then nobody need compare. */
static int count_others(struct label_store *store, int64_t *count)
{
    struct query query = query_begin(store, "read reservations", "SELECT count(*) FROM others");

    return query_number(&query, count);
}

/* Each set has its number and the host's size, and none is comparable with a reserved one. */
static int check_sets(struct label_store *store)
{
    struct category_pool pool;
    uint32_t uid_blocks;
    struct query query;
    int64_t others = 0;
    int r = pool_read(store, &pool, &uid_blocks);

    if (r == 0)
        r = count_others(store, &others);
    if (r < 0)
        return r;
    query = query_begin(store, "check the sets", "SELECT number, categories, guest FROM sets");
    while (query_step(&query) == 1) {
        char text[CATEGORY_TEXT_MAX] = "", canonical[CATEGORY_TEXT_MAX];
        uint64_t number = (uint64_t)query_get_integer(&query, 0, 0, INT64_MAX), rank = 0;
        bool of_guest = sqlite3_column_type(query.statement, 2) != SQLITE_NULL;
        struct category_set set = {0};

        query_get_text(&query, 1, text, sizeof(text));
        if (query.status == 0)
            query.status = pool_decode(store, text, &set);
        if (query.status < 0)
            break;
        category_text(&set, canonical);
        if (category_rank(&pool, &set, &rank) < 0 || rank != number || strcmp(canonical, text) != 0)
            query.status = store_fail(store, -EBADMSG, "the set %s has another's number", text);
        else if (of_guest && others > 0 && (r = pool_excluded(store, &set)) != 0)
            query.status = r < 0 ? r
                                 : store_fail(store, -EBADMSG,
                                              "the set %s is comparable with a reserved one", text);
    }
    return query_end(&query);
}

int label_store_check(struct label_store *store)
{
    int r = store_enter(store);

    if (r == 0)
        r = check_pages(store);
    if (r == 0)
        r = check_references(store);
    return r == 0 ? check_sets(store) : r;
}
