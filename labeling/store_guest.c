/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "labeling/store_internal.h"

#define GUEST_COLUMNS                                                                              \
    "SELECT g.id, g.uuid, g.tenant, g.name, g.state, s.categories, u.number, g.boot_id, g.guard,"  \
    " t.slot FROM guests g JOIN sets s ON s.guest = g.id JOIN uid_blocks u ON u.guest = g.id "     \
    "JOIN tenants t ON t.tenant = g.tenant "

bool store_name_is_good(const char *name)
{
    size_t length = strnlen(name, LABEL_NAME_MAX);

    return length > 0 && length < LABEL_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == length;
}

static void read_guest(struct query *query, struct label_guest *guest)
{
    char text[CATEGORY_TEXT_MAX] = "";

    guest->id = query_get_integer(query, 0, 1, INT64_MAX);
    query_get_blob(query, 1, guest->uuid, sizeof(guest->uuid));
    query_get_text(query, 2, guest->tenant, sizeof(guest->tenant));
    query_get_text(query, 3, guest->name, sizeof(guest->name));
    guest->state = (enum label_guest_state)query_get_integer(query, 4, 0, LABEL_GUEST_STATES - 1);
    query_get_text(query, 5, text, sizeof(text));
    guest->uid_block = (uint32_t)query_get_integer(query, 6, 0, LABEL_UID_BLOCKS - 1);
    guest->uid_first = LABEL_UID_FIRST + guest->uid_block * LABEL_UID_BLOCK_SIZE;
    query_get_text(query, 7, guest->boot_id, sizeof(guest->boot_id));
    guest->guard = (pid_t)query_get_integer(query, 8, 0, INT32_MAX);
    guest->tenant_slot = (unsigned)query_get_integer(query, 9, 0, LABEL_TENANT_SLOTS - 1);
    if (query->status == 0)
        query->status = pool_decode(query->store, text, &guest->categories);
}

/* The one guest that the statement finds; releases it. */
static int find_one(struct query *query, struct label_guest *guest)
{
    struct label_guest found = {0};
    int r = query_step(query);

    if (r == 1)
        read_guest(query, &found);
    if (query_end(query) < 0)
        return query->status;
    if (r == 0)
        return store_fail(query->store, -ENOENT, "there is no such guest");
    *guest = found;
    return 0;
}

static int find(struct label_store *store, const uint8_t uuid[LABEL_UUID_SIZE],
                struct label_guest *guest)
{
    struct query query = query_begin(store, "find a guest", GUEST_COLUMNS "WHERE g.uuid = ?");

    query_blob(&query, uuid, LABEL_UUID_SIZE);
    return find_one(&query, guest);
}

int label_guest_find(struct label_store *store, const uint8_t uuid[LABEL_UUID_SIZE],
                     struct label_guest *guest)
{
    int r = store_enter(store);

    return r < 0 ? r : find(store, uuid, guest);
}

int store_guest_find(struct label_store *store, const char *tenant, const char *name,
                     struct label_guest *guest)
{
    struct query query =
        query_begin(store, "find a guest", GUEST_COLUMNS "WHERE g.tenant = ? AND g.name = ?");

    query_text(&query, tenant);
    query_text(&query, name);
    return find_one(&query, guest);
}

int label_guest_find_name(struct label_store *store, const char *tenant, const char *name,
                          struct label_guest *guest)
{
    int r = store_enter(store);

    return r < 0 ? r : store_guest_find(store, tenant, name, guest);
}

int label_guest_list(struct label_store *store,
                     int (*visit)(void *context, const struct label_guest *guest), void *context)
{
    struct query query;
    int r = store_enter(store);

    if (r < 0)
        return r;
    query = query_begin(store, "list the guests", GUEST_COLUMNS "ORDER BY g.id");
    while (r == 0 && query_step(&query) == 1) {
        struct label_guest guest = {0};

        read_guest(&query, &guest);
        if (query.status == 0)
            r = visit(context, &guest);
    }
    return query_end(&query) < 0 ? query.status : r;
}

/* -EEXIST if the uuid or the name is taken. */
static int refuse_taken(struct label_store *store, const uint8_t uuid[LABEL_UUID_SIZE],
                        const char *tenant, const char *name)
{
    struct query query =
        query_begin(store, "look for the guest",
                    "SELECT 1 FROM guests WHERE uuid = ? OR (tenant = ? AND name = ?)");
    int64_t one;
    int r;

    query_blob(&query, uuid, LABEL_UUID_SIZE);
    query_text(&query, tenant);
    query_text(&query, name);
    r = query_number(&query, &one);
    if (r == 0)
        return store_fail(store, -EEXIST,
                          "a guest of this uuid, or of this tenant and name, exists");
    return r == -ENOENT ? 0 : r;
}

/* The set that is reserved for the uuid. 1 if there was one; 0. */
static int take_reserved(struct label_store *store, const uint8_t uuid[LABEL_UUID_SIZE], int64_t id)
{
    struct query query =
        query_begin(store, "take reserved categories", "UPDATE sets SET guest = ? WHERE uuid = ?");
    int r;

    query_integer(&query, id);
    query_blob(&query, uuid, LABEL_UUID_SIZE);
    r = query_run(&query);
    return r < 0 ? r : sqlite3_changes(store->db);
}

int store_guest_define(struct label_store *store, const uint8_t uuid[LABEL_UUID_SIZE],
                       const char *tenant, const char *name, struct label_guest *guest)
{
    struct category_set set;
    struct query query;
    uint32_t block;
    unsigned slot;
    int64_t id;
    int r = refuse_taken(store, uuid, tenant, name);

    if (r == 0)
        r = store_tenant_slot(store, tenant, &slot);
    if (r < 0)
        return r;
    query = query_begin(store, "define a guest",
                        "INSERT INTO guests (uuid, tenant, name, state) VALUES (?, ?, ?, 0)");
    query_blob(&query, uuid, LABEL_UUID_SIZE);
    query_text(&query, tenant);
    query_text(&query, name);
    r = query_run(&query);
    if (r < 0)
        return r;
    id = sqlite3_last_insert_rowid(store->db);
    r = take_reserved(store, uuid, id);
    if (r == 0)
        r = pool_draw_set(store, id, &set);
    if (r >= 0)
        r = pool_draw_block(store, id, &block);
    return r < 0 ? r : find(store, uuid, guest);
}

int label_guest_define(struct label_store *store, const uint8_t uuid[LABEL_UUID_SIZE],
                       const char *tenant, const char *name, struct label_guest *guest)
{
    struct label_guest defined = {0};
    int r = store_enter(store);

    if (r < 0)
        return r;
    if (!store_name_is_good(tenant) || !store_name_is_good(name))
        return store_fail(store, -EINVAL, "names of tenants and guests are 1 to %d of [a-z0-9_-]",
                          LABEL_NAME_MAX - 1);
    r = store_begin(store);
    if (r < 0)
        return r;
    r = store_end(store, store_guest_define(store, uuid, tenant, name, &defined));
    if (r == 0)
        *guest = defined;
    return r;
}

static int statement_for(struct label_store *store, const char *sql, int64_t id)
{
    struct query query = query_begin(store, "forget a guest", sql);

    query_integer(&query, id);
    return query_run(&query);
}

static int undefine(struct label_store *store, const uint8_t uuid[LABEL_UUID_SIZE])
{
    struct label_guest guest = {0};
    struct query query;
    int64_t claims = 0;
    int r = find(store, uuid, &guest);

    if (r < 0)
        return r;
    r = label_guest_alive(store, guest.id);
    if (r != 0)
        return r < 0 ? r : store_fail(store, -EBUSY, "the guest is alive");
    query = query_begin(store, "forget a guest", "SELECT count(*) FROM claims WHERE guest = ?");
    query_integer(&query, guest.id);
    r = query_number(&query, &claims);
    if (r == 0 && claims > 0)
        r = store_fail(store, -EBUSY, "%lld objects of the guest still carry its label",
                       (long long)claims);
    if (r == 0)
        r = statement_for(store, "UPDATE sets SET guest = NULL WHERE guest = ? AND reserved = 1",
                          guest.id);
    if (r == 0)
        r = statement_for(store, "DELETE FROM sets WHERE guest = ?", guest.id);
    if (r == 0)
        r = statement_for(store, "DELETE FROM uid_blocks WHERE guest = ?", guest.id);
    return r == 0 ? statement_for(store, "DELETE FROM guests WHERE id = ?", guest.id) : r;
}

int label_guest_undefine(struct label_store *store, const uint8_t uuid[LABEL_UUID_SIZE])
{
    int r = store_enter(store);

    /* Lost with the power, it is a stopped guest that has nothing. */
    if (r == 0)
        r = store_begin_relaxed(store);
    return r < 0 ? r : store_end(store, undefine(store, uuid));
}

int label_guest_set_saved(struct label_store *store, int64_t id, bool saved)
{
    struct query query;
    int64_t state = 0;
    int r = store_enter(store);

    if (r == 0)
        r = store_begin(store);
    if (r < 0)
        return r;
    r = label_guest_alive(store, id);
    if (r == 1)
        r = store_fail(store, -EBUSY, "the guest is alive");
    if (r == 0) {
        query = query_begin(store, "read a guest's state", "SELECT state FROM guests WHERE id = ?");
        query_integer(&query, id);
        r = query_number(&query, &state);
    }
    if (r == 0 && (state == LABEL_GUEST_RUNNING || state == LABEL_GUEST_LOST))
        r = store_fail(store, -EBUSY, "the guest has not been recovered");
    if (r == 0) {
        query =
            query_begin(store, "note a guest's state", "UPDATE guests SET state = ? WHERE id = ?");
        query_integer(&query, saved ? LABEL_GUEST_SAVED : LABEL_GUEST_STOPPED);
        query_integer(&query, id);
        r = query_run(&query);
    }
    return store_end(store, r);
}
