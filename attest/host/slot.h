/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_HOST_SLOT_H
#define CASEMATE_ATTEST_HOST_SLOT_H

/*
 * One copy of the map of generations as it lies in the store's file: a header in the clear, and the
 * rows under AES-256-GCM (NIST SP 800-38D) with the header as additional data. Pure.
 *
 *   0    magic "CSMTGEN1"        16   counter (8): the NV counter's value that it belongs to
 *   8    version 1 (4)           24   resetCount of the TPM when it was written (4)
 *   12   rows (4)                28   PCRs that its key is sealed to (4)
 *   32   size of the sealed key's public area (2), of its private one (2), zero (4)
 *   40   public area (256), private area (256), zero behind their sizes
 *   552  nonce (12), tag (16), rows
 * Little-endian.
 */
#include "attest/host/generations.h"
#include "attest/host/tpm.h"

#define SLOT_HEADER_SIZE 580u
#define SLOT_SPACE       (8u << 20) /* between the beginnings of the two slots of a file */
#define SLOT_SIZE_MAX    (SLOT_HEADER_SIZE + GENERATIONS_MAX * GENERATIONS_ROW_SIZE)
_Static_assert(SLOT_SIZE_MAX <= SLOT_SPACE, "the largest map fits");

struct slot {
    uint64_t counter;
    uint32_t reset_count;
    uint32_t rows;
    struct host_tpm_sealed sealed; /* the key of the rows */
};

/*
 * The header from hostile bytes (SLOT_HEADER_SIZE of them). 0; -ENOENT: nothing was ever written
 * here (all zeroes); -EBADMSG.
 */
int slot_read_header(const uint8_t *bytes, struct slot *slot);

/* The whole slot's size in bytes. */
size_t slot_size(const struct slot *slot);

/*
 * The map of a slot of slot_size bytes, whose header was read to *slot. -EBADMSG: not under this
 * key, or changed; -ENOMEM, -EIO.
 */
int slot_open(const uint8_t *bytes, const struct slot *slot,
              const uint8_t key[GENERATIONS_KEY_SIZE], struct generations **map);

/* The slot of a map: *bytes of slot_size(slot), the caller's (free). Sets slot->rows. -ENOMEM,
 * -EIO.
 */
int slot_make(struct slot *slot, const struct generations *map,
              const uint8_t key[GENERATIONS_KEY_SIZE], uint8_t **bytes);

#endif
