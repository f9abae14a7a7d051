/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_HOST_GENERATIONS_H
#define CASEMATE_ATTEST_HOST_GENERATIONS_H

/*
 * The map of all guests' virtual TPMs: which start of each was the last one, and under which key
 * its state is stored. Pure: no TPM and no file; store.h keeps it.
 *
 * A start has two steps. Begin draws the key of the next generation and keeps the old one, because
 * the guest's TPM may die before or after it has stored its state anew; commit, once it has,
 * forgets the old one. A begin without commit is repeated with the same keys: none of its state has
 * been in front of a guest.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/merkle.h"

#define GENERATIONS_MAX      65536u
#define GENERATIONS_KEY_SIZE 32u
#define GENERATIONS_ROW_SIZE 96u /* bytes of one guest, as they are stored */

struct generation {
    uint8_t uuid[16];
    uint64_t number;                    /* of the last start that was committed; 0: none was */
    bool pending;                       /* number + 1 was begun, under `next` */
    uint8_t key[GENERATIONS_KEY_SIZE];  /* of `number`; zero: there is no state */
    uint8_t next[GENERATIONS_KEY_SIZE]; /* zero when nothing is pending */
};

struct generations;

/* An empty map. 0 or -ENOMEM. */
int generations_new(struct generations **map);
/* Wipes the keys. NULL is nothing. */
void generations_free(struct generations *map);
/* How many guests it has. */
uint32_t generations_count(const struct generations *map);
/* The guest's row, or NULL; good until the map changes. */
const struct generation *generations_find(const struct generations *map, const uint8_t uuid[16]);

/*
 * A start begins, with `fresh_key` of the caller's random bytes unless one is pending already. *row
 * is as it is then: state under row->key is of row->number, under row->next of the start that
 * begins. 0; -ENOSPC; -ENOMEM; -EOVERFLOW.
 */
int generations_begin(struct generations *map, const uint8_t uuid[16],
                      const uint8_t fresh_key[GENERATIONS_KEY_SIZE], struct generation *row);

/* The start `number` is stored under its key. -ENOENT: no such guest; -ESTALE: not what is pending.
 */
int generations_commit(struct generations *map, const uint8_t uuid[16], uint64_t number);

/*
 * Wipe the guest's keys: what is stored under them opens never again. The number stays, so that a
 * TPM that is made for the guest later is of a later generation than any that was. -ENOENT: there
 * is nothing to forget.
 */
int generations_forget(struct generations *map, const uint8_t uuid[16]);
/* No state is under any key: a TPM is to be made. */
bool generation_is_fresh(const struct generation *row);
/* And that because it was forgotten. */
bool generation_is_forgotten(const struct generation *row);

/*
 * The Merkle root over all guests in the order of their uuids: leaves are uuid, number (8 bytes,
 * big-endian), 1 byte: 0, 1 while one is pending, 2 when it was forgotten. No key is in it, nor a
 * hash of one. 0, -ENOMEM, -EIO.
 */
int generations_root(const struct generations *map, uint8_t root[MERKLE_SIZE]);

/* All rows as they are stored, little-endian: GENERATIONS_ROW_SIZE bytes a guest, with its keys. */
void generations_write(const struct generations *map, uint8_t *bytes);
/*
 * From `size` hostile bytes: rows in rising order of uuids, no other values than what the functions
 * above make, nothing behind the last. 0 with *map the caller's; -EBADMSG; -ENOMEM.
 */
int generations_read(const void *bytes, size_t size, struct generations **map);

#endif
