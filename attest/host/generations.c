/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/host/generations.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

struct generations {
    uint32_t count, room;
    struct generation *row; /* sorted by uuid */
};

int generations_new(struct generations **map)
{
    struct generations *m = calloc(1, sizeof(*m));

    if (m == NULL)
        return -ENOMEM;
    *map = m;
    return 0;
}

void generations_free(struct generations *map)
{
    if (map == NULL)
        return;
    if (map->row != NULL)
        explicit_bzero(map->row, map->room * sizeof(map->row[0]));
    free(map->row);
    free(map);
}

uint32_t generations_count(const struct generations *map)
{
    return map->count;
}

static bool all_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

/* Where the guest is, or would be. */
static uint32_t place(const struct generations *map, const uint8_t uuid[16], bool *found)
{
    uint32_t low = 0, high = map->count;

    *found = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = memcmp(map->row[middle].uuid, uuid, 16);

        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct generation *generations_find(const struct generations *map, const uint8_t uuid[16])
{
    bool found;
    uint32_t at = place(map, uuid, &found);

    return found ? &map->row[at] : NULL;
}

/* Room for one more; the old rows are wiped, which realloc would not do. */
static int grow(struct generations *map)
{
    uint32_t room = map->room == 0 ? 16 : map->room * 2;
    struct generation *row;

    if (map->count < map->room)
        return 0;
    if (map->count >= GENERATIONS_MAX)
        return -ENOSPC;
    row = calloc(room, sizeof(*row));
    if (row == NULL)
        return -ENOMEM;
    if (map->count > 0) {
        memcpy(row, map->row, map->count * sizeof(*row));
        explicit_bzero(map->row, map->count * sizeof(*row));
    }
    free(map->row);
    map->row = row;
    map->room = room;
    return 0;
}

int generations_begin(struct generations *map, const uint8_t uuid[16],
                      const uint8_t fresh_key[GENERATIONS_KEY_SIZE], struct generation *row)
{
    struct generation *at;
    uint32_t index;
    bool found;
    int r;

    index = place(map, uuid, &found);
    if (!found) {
        r = grow(map);
        if (r < 0)
            return r;
        memmove(&map->row[index + 1], &map->row[index], (map->count - index) * sizeof(map->row[0]));
        map->row[index] = (struct generation){0};
        memcpy(map->row[index].uuid, uuid, 16);
        map->count++;
    }
    at = &map->row[index];
    if (at->number == UINT64_MAX)
        return -EOVERFLOW;
    if (!at->pending) {
        at->pending = true;
        memcpy(at->next, fresh_key, sizeof(at->next));
    }
    *row = *at;
    return 0;
}

int generations_commit(struct generations *map, const uint8_t uuid[16], uint64_t number)
{
    struct generation *at;
    uint32_t index;
    bool found;

    index = place(map, uuid, &found);
    if (!found)
        return -ENOENT;
    at = &map->row[index];
    if (!at->pending || number != at->number + 1)
        return -ESTALE;
    memcpy(at->key, at->next, sizeof(at->key));
    explicit_bzero(at->next, sizeof(at->next));
    at->number = number;
    at->pending = false;
    return 0;
}

int generations_forget(struct generations *map, const uint8_t uuid[16])
{
    struct generation *at;
    uint32_t index;
    bool found;

    index = place(map, uuid, &found);
    if (!found || generation_is_forgotten(&map->row[index]))
        return -ENOENT;
    at = &map->row[index];
    if (at->number > 0) {
        explicit_bzero(at->key, sizeof(at->key));
        explicit_bzero(at->next, sizeof(at->next));
        at->pending = false;
        return 0;
    }
    /* It never ran: there is no number that must not come again. */
    map->count--;
    memmove(&map->row[index], &map->row[index + 1], (map->count - index) * sizeof(map->row[0]));
    explicit_bzero(&map->row[map->count], sizeof(map->row[0]));
    return 0;
}

bool generation_is_fresh(const struct generation *row)
{
    return all_zero(row->key, sizeof(row->key));
}

bool generation_is_forgotten(const struct generation *row)
{
    return row->number > 0 && !row->pending && generation_is_fresh(row);
}

int generations_root(const struct generations *map, uint8_t root[MERKLE_SIZE])
{
    uint8_t(*leaves)[MERKLE_SIZE] = NULL;
    int r = 0;

    if (map->count > 0) {
        leaves = calloc(map->count, sizeof(leaves[0]));
        if (leaves == NULL)
            return -ENOMEM;
    }
    for (uint32_t i = 0; r == 0 && i < map->count; i++) {
        const struct generation *row = &map->row[i];
        uint8_t leaf[25];

        memcpy(leaf, row->uuid, 16);
        for (unsigned k = 0; k < 8; k++)
            leaf[16 + k] = (uint8_t)(row->number >> (56 - 8 * k));
        leaf[24] = generation_is_forgotten(row) ? 2 : row->pending ? 1 : 0;
        r = merkle_leaf(leaf, sizeof(leaf), leaves[i]);
    }
    if (r == 0)
        r = merkle_root((const uint8_t(*)[MERKLE_SIZE])leaves, map->count, root);
    free(leaves);
    return r;
}

/* A row: uuid, number, pending, zero to 32, key, next. */
void generations_write(const struct generations *map, uint8_t *bytes)
{
    for (uint32_t i = 0; i < map->count; i++, bytes += GENERATIONS_ROW_SIZE) {
        const struct generation *row = &map->row[i];

        memset(bytes, 0, GENERATIONS_ROW_SIZE);
        memcpy(bytes, row->uuid, 16);
        bytes_put64(bytes + 16, row->number);
        bytes[24] = row->pending ? 1 : 0;
        memcpy(bytes + 32, row->key, sizeof(row->key));
        memcpy(bytes + 64, row->next, sizeof(row->next));
    }
}

/* Only what generations_write writes. */
static int read_row(const uint8_t *bytes, struct generation *row)
{
    *row = (struct generation){.number = bytes_get64(bytes + 16), .pending = bytes[24] == 1};
    memcpy(row->uuid, bytes, 16);
    memcpy(row->key, bytes + 32, sizeof(row->key));
    memcpy(row->next, bytes + 64, sizeof(row->next));
    if (bytes[24] > 1 || !all_zero(bytes + 25, 7) ||
        (row->number == 0 && !all_zero(row->key, sizeof(row->key))) ||
        row->pending == all_zero(row->next, sizeof(row->next)) ||
        (row->number == 0 && !row->pending))
        return -EBADMSG;
    return 0;
}

int generations_read(const void *bytes, size_t size, struct generations **map)
{
    size_t count = size / GENERATIONS_ROW_SIZE;
    struct generations *m = NULL;
    int r;

    if (size % GENERATIONS_ROW_SIZE != 0 || count > GENERATIONS_MAX)
        return -EBADMSG;
    r = generations_new(&m);
    if (r < 0)
        return r;
    if (count > 0) {
        m->row = calloc(count, sizeof(m->row[0]));
        if (m->row == NULL) {
            generations_free(m);
            return -ENOMEM;
        }
        m->room = (uint32_t)count;
    }
    for (; r == 0 && m->count < count; m->count++) {
        uint32_t i = m->count;

        r = read_row((const uint8_t *)bytes + (size_t)i * GENERATIONS_ROW_SIZE, &m->row[i]);
        if (r == 0 && i > 0 && memcmp(m->row[i - 1].uuid, m->row[i].uuid, 16) >= 0)
            r = -EBADMSG;
    }
    if (r < 0) {
        generations_free(m);
        return r;
    }
    *map = m;
    return 0;
}
