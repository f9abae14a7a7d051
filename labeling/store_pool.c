/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drawing sets of categories and blocks of uids. Random numbers are tried against the primary key
 * of what is taken: two tries on a half-full host, whatever its size. When it is nearly full and
 * they all miss, the first free number after a random one is looked for in order.
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "labeling/store_internal.h"

/* At nine tenths full, all tries miss once in 850; the walk that follows is then short too. */
#define TRIES 64

enum draw_from { DRAW_SETS, DRAW_BLOCKS };

struct draw {
    struct label_store *store;
    enum draw_from from;
    struct category_pool pool;
    uint64_t total;
};

int pool_decode(struct label_store *store, const char *text, struct category_set *set)
{
    if (category_parse(text, set) < 0)
        return store_fail(store, -EBADMSG, "the label store has a damaged set of categories");
    return 0;
}

int pool_read(struct label_store *store, struct category_pool *pool, uint32_t *uid_blocks)
{
    struct query query = query_begin(
        store, "read the settings",
        "SELECT category_first, category_count, set_size, uid_blocks FROM settings WHERE one = 1");
    int r = query_step(&query);

    if (r == 1) {
        pool->first = (unsigned)query_get_integer(&query, 0, 0, CATEGORIES - 1);
        pool->count = (unsigned)query_get_integer(&query, 1, 1, CATEGORIES);
        pool->size = (unsigned)query_get_integer(&query, 2, 2, 3);
        *uid_blocks = (uint32_t)query_get_integer(&query, 3, 1, LABEL_UID_BLOCKS);
    }
    if (query_end(&query) < 0)
        return query.status;
    if (r == 0 || category_pool_check(pool) < 0)
        return store_fail(store, -EBADMSG, "the label store has damaged settings");
    return 0;
}

int pool_excluded(struct label_store *store, const struct category_set *set)
{
    struct query query = query_begin(store, "read reservations", "SELECT categories FROM others");
    bool excluded = false;

    while (!excluded && query_step(&query) == 1) {
        char text[CATEGORY_TEXT_MAX] = "";
        struct category_set other = {0};

        query_get_text(&query, 0, text, sizeof(text));
        if (query.status == 0)
            query.status = pool_decode(store, text, &other);
        excluded = query.status == 0 && category_comparable(&other, set);
    }
    return query_end(&query) < 0 ? query.status : excluded;
}

/* 1 if `number` may be had, given that nobody has it. */
static int allowed(const struct draw *draw, uint64_t number)
{
    struct category_set set;
    int r;

    if (draw->from == DRAW_BLOCKS)
        return 1;
    r = category_unrank(&draw->pool, number, &set);
    if (r == 0)
        r = pool_excluded(draw->store, &set);
    return r < 0 ? r : !r;
}

static int is_free(const struct draw *draw, uint64_t number)
{
    struct query query =
        query_begin(draw->store, "look for a free place",
                    draw->from == DRAW_SETS ? "SELECT number FROM sets WHERE number = ?"
                                            : "SELECT number FROM uid_blocks WHERE number = ?");
    int64_t found;
    int r;

    query_integer(&query, (int64_t)number);
    r = query_number(&query, &found);
    if (r == -ENOENT)
        return allowed(draw, number);
    return r;
}

/* The first number in [low, high) that is neither taken nor excluded. 0, -ENOSPC. */
static int walk(const struct draw *draw, uint64_t low, uint64_t high, uint64_t *number)
{
    struct query query =
        query_begin(draw->store, "look for a free place",
                    draw->from == DRAW_SETS
                        ? "SELECT number FROM sets WHERE number >= ? ORDER BY number"
                        : "SELECT number FROM uid_blocks WHERE number >= ? ORDER BY number");
    uint64_t candidate = low;
    int r = 0;

    query_integer(&query, (int64_t)low);
    while (candidate < high) {
        uint64_t taken = high;

        r = query_step(&query);
        if (r < 0)
            break;
        if (r == 1)
            taken = (uint64_t)query_get_integer(&query, 0, 0, INT64_MAX);
        for (r = 0; candidate < taken && candidate < high; candidate++) {
            r = allowed(draw, candidate);
            if (r != 0)
                break;
        }
        if (r != 0)
            break;
        candidate = taken < high ? taken + 1 : high;
    }
    if (query_end(&query) < 0)
        return query.status;
    if (r < 0)
        return r;
    if (r == 0)
        return -ENOSPC;
    *number = candidate;
    return 0;
}

/* Uniform in [0, bound): what would favour small numbers is thrown away. 0; -ENOSPC for none. */
static int random_below(uint64_t bound, uint64_t *number)
{
    const uint64_t reject = bound > 0 ? (UINT64_MAX - bound + 1) % bound : 0;
    uint64_t drawn;

    if (bound == 0)
        return -ENOSPC;

    do {
        ssize_t n = getrandom(&drawn, sizeof(drawn), 0);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n != sizeof(drawn))
            continue;
        if (drawn >= reject) {
            *number = drawn % bound;
            return 0;
        }
    } while (true);
}

static int draw_number(const struct draw *draw, uint64_t *number)
{
    uint64_t start = 0;
    int r = 0;

    for (unsigned i = 0; i < TRIES; i++) {
        r = random_below(draw->total, &start);
        if (r == 0)
            r = is_free(draw, start);
        if (r < 0)
            return r;
        if (r == 1) {
            *number = start;
            return 0;
        }
    }
    r = walk(draw, start, draw->total, number);
    return r == -ENOSPC ? walk(draw, 0, start, number) : r;
}

static int draw_begin(struct label_store *store, enum draw_from from, struct draw *draw)
{
    uint32_t uid_blocks = 0;
    int r;

    *draw = (struct draw){.store = store, .from = from};
    r = pool_read(store, &draw->pool, &uid_blocks);
    draw->total = from == DRAW_SETS ? category_pool_sets(&draw->pool) : uid_blocks;
    return r;
}

int pool_draw_set(struct label_store *store, int64_t guest, struct category_set *set)
{
    char text[CATEGORY_TEXT_MAX];
    struct query query;
    struct draw draw;
    uint64_t number = 0;
    int r = draw_begin(store, DRAW_SETS, &draw);

    if (r == 0)
        r = draw_number(&draw, &number);
    if (r == -ENOSPC && store->error[0] == '\0')
        return store_fail(store, r, "all %llu sets of %u categories are taken or reserved%s",
                          (unsigned long long)draw.total, draw.pool.size,
                          draw.pool.size == 2 ? "; go over to sets of three" : "");
    if (r == 0)
        r = category_unrank(&draw.pool, number, set);
    if (r < 0)
        return r;
    category_text(set, text);
    query =
        query_begin(store, "give a guest its categories",
                    "INSERT INTO sets (number, categories, guest, reserved) VALUES (?, ?, ?, 0)");
    query_integer(&query, (int64_t)number);
    query_text(&query, text);
    query_integer(&query, guest);
    return query_run(&query);
}

int pool_draw_block(struct label_store *store, int64_t guest, uint32_t *block)
{
    struct query query;
    struct draw draw;
    uint64_t number = 0;
    int r = draw_begin(store, DRAW_BLOCKS, &draw);

    if (r == 0)
        r = draw_number(&draw, &number);
    if (r == -ENOSPC && store->error[0] == '\0')
        return store_fail(store, r, "all %llu blocks of uids are taken or reserved",
                          (unsigned long long)draw.total);
    if (r < 0)
        return r;
    query = query_begin(store, "give a guest its uids",
                        "INSERT INTO uid_blocks (number, guest) VALUES (?, ?)");
    query_integer(&query, (int64_t)number);
    query_integer(&query, guest);
    *block = (uint32_t)number;
    return query_run(&query);
}

int label_store_pool(struct label_store *store, struct category_pool *pool)
{
    struct category_pool found = {0};
    uint32_t uid_blocks;
    int r = store_enter(store);

    if (r == 0)
        r = pool_read(store, &found, &uid_blocks);
    if (r == 0)
        *pool = found;
    return r;
}
