/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_HOST_STORE_H
#define CASEMATE_ATTEST_HOST_STORE_H

/*
 * The map of generations on the disk, bound to the TPM's counter. One file with two slots, written
 * in turn, so that one descriptor is all that it needs and a torn write leaves the other slot. Not
 * SQLite: that opens its files and journals by path, and this process has none.
 *
 * Each change is written with the counter's next value, made durable, and then the counter is
 * stepped; only then may anybody be told of it. So the newest slot is of the counter's value, or,
 * after a crash between the two, of the next, which opening completes. An older one is refused:
 * with the one exception that doc/host-tpm.md describes, a TPM that lost its power without warning.
 */
#include "attest/host/generations.h"
#include "attest/host/tpm.h"

struct genstore;

/* Where a change is: tests end the process there. */
enum genstore_step { STORE_BEFORE_WRITE, STORE_WRITTEN, STORE_DURABLE, STORE_STEPPED, STORE_STEPS };
typedef void genstore_observer(void *context, enum genstore_step step);

/*
 * Open what is in `fd` (read and write; a regular file), or make an empty map in an empty file;
 * `tpm` is prepared, both stay the caller's. Steps the counter. -EUCLEAN: no slot belongs to the
 * counter's value: an old copy, or the counter was stepped by somebody else; -EACCES: the PCRs that
 * the key is sealed to have changed; -EBADMSG: both slots are garbage, or of another TPM; -EIO,
 * -ENOMEM, -errno.
 */
int genstore_open(int fd, struct host_tpm *tpm, uint32_t seal_pcrs, genstore_observer *observer,
                  void *context, struct genstore **store);
/* NULL is nothing. */
void genstore_close(struct genstore *store);

/* The map, to be changed and then saved. */
struct generations *genstore_map(struct genstore *store);
/* The counter's value that the file has. */
uint64_t genstore_counter(const struct genstore *store);
/* The counter's value that the map was found with, by the TPM's count. */
uint64_t genstore_opened(const struct genstore *store);
/* True if opening rested on that exception: steps may have been lost. */
bool genstore_after_crash(const struct genstore *store);

/*
 * Make the map durable and step the counter. On any error (-EIO, -ENOSPC, -errno, -EUCLEAN:
 * somebody else stepped the counter) what is on the disk is either map, and the caller must open
 * anew.
 */
int genstore_save(struct genstore *store);

/*
 * Does a slot written at `slot` belong to a TPM whose counter says `now`? 1: yes; 2: yes, once the
 * counter is stepped; 3: yes, if steps were lost with the power; 0: no. Pure.
 */
int genstore_belongs(uint64_t slot, uint32_t slot_reset, uint64_t now,
                     const struct host_tpm_clock *clock);

#endif
