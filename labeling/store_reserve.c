/* SPDX-License-Identifier: Apache-2.0 */
/* Sets and uids that are not to be drawn, and the step from pairs to triples. */
#include <errno.h>
#include <string.h>

#include "labeling/store_internal.h"

/* -EBUSY if a guest has a set that contains this one or is contained in it. */
static int refuse_comparable(struct label_store *store, const struct category_set *set)
{
    struct query query = query_begin(store, "compare with the guests' sets",
                                     "SELECT categories FROM sets WHERE guest IS NOT NULL");
    bool busy = false;

    while (!busy && query_step(&query) == 1) {
        char text[CATEGORY_TEXT_MAX] = "";
        struct category_set taken = {0};

        query_get_text(&query, 0, text, sizeof(text));
        if (query.status == 0)
            query.status = pool_decode(store, text, &taken);
        busy = query.status == 0 && category_comparable(&taken, set);
    }
    if (query_end(&query) < 0)
        return query.status;
    return busy ? store_fail(store, -EBUSY, "a guest has categories that cannot be told from these")
                : 0;
}

/* 1 if a row has this text as its categories. */
static int reserved_as(struct label_store *store, const char *sql, const char *text)
{
    struct query query = query_begin(store, "look for a reservation", sql);
    int64_t one;
    int r;

    query_text(&query, text);
    r = query_number(&query, &one);
    return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

static int reserve_other(struct label_store *store, const char *text, const char *note)
{
    struct query query =
        query_begin(store, "reserve categories", "INSERT INTO others VALUES (?, ?)");

    query_text(&query, text);
    query_text(&query, note);
    return query_run(&query);
}

static int reserve_number(struct label_store *store, uint64_t number, const char *text,
                          const uint8_t *uuid, const char *note)
{
    struct query query = query_begin(
        store, "reserve categories",
        "INSERT INTO sets (number, categories, reserved, uuid, note) VALUES (?, ?, 1, ?, ?)");

    query_integer(&query, (int64_t)number);
    query_text(&query, text);
    if (uuid != NULL)
        query_blob(&query, uuid, LABEL_UUID_SIZE);
    else
        query_null(&query);
    query_text(&query, note);
    return query_run(&query);
}

static int reserve(struct label_store *store, const struct category_set *set, const uint8_t *uuid,
                   const char *note)
{
    struct category_pool pool;
    char text[CATEGORY_TEXT_MAX];
    uint64_t number = 0;
    uint32_t uid_blocks;
    int in_pool, r = pool_read(store, &pool, &uid_blocks);

    if (r < 0)
        return r;
    category_text(set, text);
    in_pool = category_rank(&pool, set, &number);
    if (uuid != NULL && in_pool < 0)
        return store_fail(store, -ERANGE,
                          "a guest's categories must be %u of c%u to c%u on this host", pool.size,
                          pool.first, pool.first + pool.count - 1);
    r = reserved_as(store, "SELECT 1 FROM others WHERE categories = ?", text);
    if (r == 0)
        r = reserved_as(store, "SELECT 1 FROM sets WHERE categories = ? AND reserved = 1", text);
    if (r == 1)
        return store_fail(store, -EEXIST, "these categories are reserved already");
    if (r == 0)
        r = refuse_comparable(store, set);
    if (r == 0 && uuid != NULL) {
        r = pool_excluded(store, set);
        if (r == 1)
            return store_fail(store, -EBUSY,
                              "categories are reserved that contain these, or that "
                              "these contain");
    }
    if (r < 0)
        return r;
    return in_pool == 0 ? reserve_number(store, number, text, uuid, note)
                        : reserve_other(store, text, note);
}

int label_reserve(struct label_store *store, const struct category_set *set,
                  const uint8_t uuid[LABEL_UUID_SIZE], const char *note)
{
    struct category_set checked;
    int r = store_enter(store);

    if (r == 0)
        r = category_make(set->category, set->size, &checked);
    if (r < 0 || strlen(note) >= LABEL_NOTE_MAX)
        return r < 0 ? r : -EINVAL;
    r = store_begin(store);
    return r < 0 ? r : store_end(store, reserve(store, &checked, uuid, note));
}

static int delete_one(struct label_store *store, const char *sql, const char *text)
{
    struct query query = query_begin(store, "end a reservation", sql);
    int r;

    query_text(&query, text);
    r = query_run(&query);
    return r < 0 ? r : sqlite3_changes(store->db);
}

int label_unreserve(struct label_store *store, const struct category_set *set)
{
    char text[CATEGORY_TEXT_MAX];
    int r = store_enter(store);

    if (r == 0)
        r = store_begin(store);
    if (r < 0)
        return r;
    category_text(set, text);
    r = reserved_as(
        store, "SELECT 1 FROM sets WHERE categories = ? AND reserved = 1 AND guest NOT NULL", text);
    if (r == 1)
        r = store_fail(store, -EBUSY, "the guest that these categories are reserved for exists");
    if (r == 0)
        r = delete_one(store, "DELETE FROM sets WHERE categories = ? AND guest IS NULL", text);
    if (r == 0)
        r = delete_one(store, "DELETE FROM others WHERE categories = ?", text);
    if (r == 0)
        r = store_fail(store, -ENOENT, "these categories are not reserved");
    return store_end(store, r > 0 ? 0 : r);
}

int label_reserve_uids(struct label_store *store, uint32_t block, const char *note)
{
    struct category_pool pool;
    uint32_t uid_blocks = 0;
    struct query query;
    int64_t found;
    int r = store_enter(store);

    if (r == 0 && strlen(note) >= LABEL_NOTE_MAX)
        r = -EINVAL;
    if (r == 0)
        r = store_begin(store);
    if (r < 0)
        return r;
    r = pool_read(store, &pool, &uid_blocks);
    if (r == 0 && block >= uid_blocks)
        r = store_fail(store, -EINVAL, "this host has %u blocks of uids", (unsigned)uid_blocks);
    if (r == 0) {
        query = query_begin(store, "reserve uids",
                            "SELECT guest NOT NULL FROM uid_blocks WHERE number = ?");
        query_integer(&query, block);
        r = query_number(&query, &found);
        if (r == 0)
            r = store_fail(store, found ? -EBUSY : -EEXIST, "these uids are %s",
                           found ? "a guest's" : "reserved already");
        else if (r == -ENOENT)
            r = 0;
    }
    if (r == 0) {
        query = query_begin(store, "reserve uids",
                            "INSERT INTO uid_blocks (number, note) VALUES (?, ?)");
        query_integer(&query, block);
        query_text(&query, note);
        r = query_run(&query);
    }
    return store_end(store, r);
}

int label_unreserve_uids(struct label_store *store, uint32_t block)
{
    struct query query;
    int r = store_enter(store);

    if (r < 0)
        return r;
    query = query_begin(store, "end a reservation",
                        "DELETE FROM uid_blocks WHERE number = ? AND guest IS NULL");
    query_integer(&query, block);
    r = query_run(&query);
    if (r == 0 && sqlite3_changes(store->db) == 0)
        r = store_fail(store, -ENOENT, "these uids are not reserved");
    return r;
}

/* ---- from pairs to triples */

struct obstacle {
    const char *sql; /* counts what is in the way */
    const char *text;
};

static int refuse_widening(struct label_store *store)
{
    static const struct obstacle obstacles[] = {
        {"SELECT count(*) FROM guests WHERE state IN (1, 3, 4)",
         "guests run, are saved or are lost"},
        {"SELECT count(*) FROM objects", "objects carry a guest's label"},
        {"SELECT count(*) FROM sets WHERE uuid IS NOT NULL", "pairs are reserved for guests"},
    };
    int alive = store_any_alive(store);

    if (alive != 0)
        return alive < 0 ? alive : store_fail(store, -EBUSY, "guests are alive");
    for (unsigned i = 0; i < sizeof(obstacles) / sizeof(obstacles[0]); i++) {
        struct query query = query_begin(store, "look for obstacles", obstacles[i].sql);
        int64_t count = 0;
        int r = query_number(&query, &count);

        if (r < 0)
            return r;
        if (count > 0)
            return store_fail(store, -EBUSY, "%lld %s: their pairs still mean something",
                              (long long)count, obstacles[i].text);
    }
    return 0;
}

/* The next guest after `last`; its id in *guest. 0, -ENOENT. */
static int next_guest(struct label_store *store, int64_t last, int64_t *guest)
{
    struct query query = query_begin(store, "read the guests",
                                     "SELECT id FROM guests WHERE id > ? ORDER BY id LIMIT 1");

    query_integer(&query, last);
    return query_number(&query, guest);
}

static int widen(struct label_store *store)
{
    struct category_pool pool;
    struct category_set set;
    uint32_t uid_blocks;
    int64_t guest = 0;
    int r = pool_read(store, &pool, &uid_blocks);

    if (r == 0 && pool.size != 2)
        return store_fail(store, -EALREADY, "this host has sets of three already");
    if (r == 0)
        r = refuse_widening(store);
    if (r == 0)
        r = store_execute(store, "go over to sets of three",
                          "INSERT INTO others SELECT categories, note FROM sets WHERE reserved = 1;"
                          "DELETE FROM sets; UPDATE settings SET set_size = 3");
    while (r == 0 && (r = next_guest(store, guest, &guest)) == 0)
        r = pool_draw_set(store, guest, &set);
    return r == -ENOENT ? 0 : r;
}

int label_store_widen(struct label_store *store)
{
    int r = store_enter(store);

    if (r == 0)
        r = store_begin(store);
    return r < 0 ? r : store_end(store, widen(store));
}
