/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_DAEMON_GUESTS_H
#define CASEMATE_HV_DAEMON_GUESTS_H

/*
 * The guests of this host: what the host policy describes, what the label store remembers and what
 * lives, as one list.
 */
#include "hv/daemon/state.h"

/* True for [a-z0-9] then [a-z0-9_-]*, terminated within the field. */
bool guests_name_ok(const char name[RECORD_NAME_MAX]);

/*
 * True when every text of a record that somebody sent ends within its field, its names are names,
 * and its numbers are of their ranges.
 */
bool guests_record_ok(const struct guest_record *record);

/* The guest of this name, or NULL. */
struct guest *guests_find(const struct host *host, const char *tenant, const char *name);

/* The guest of this number, or the next one if it is gone: for walks that pause. NULL at the end.
 */
struct guest *guests_from(const struct host *host, uint64_t number);

/* Find or add. NULL without memory. */
struct guest *guests_add(struct host *host, const char *tenant, const char *name);

/*
 * Note what a guest holds that starts, or was started so: disks and taps. 0 or -ENOMEM, and then
 * what it holds is as it was.
 */
int guests_hold(struct guest *guest, const struct guest_spec *spec);

/* Nobody knows what it holds. */
void guests_hold_unknown(struct guest *guest);

/* Drop what is neither in the policy nor in the store nor alive. */
void guests_sweep(struct host *host);
/* Drop all. */
void guests_free(struct host *host);

/*
 * Take the policy's guests: new ones appear, those that it does not have any more go once they are
 * neither alive nor in the store.
 */
void guests_take_policy(struct host *host);

/*
 * Read the label store: identities of guests, slots of tenants (drawn for the policy's), who is
 * lost. What cannot be read is logged and stays as it was.
 */
void guests_take_store(struct host *host);
/* The same in a second, when a guard's janitor will have finished. */
void guests_take_store_soon(struct host *host);

/*
 * What the guest's VMM has, or would have, as its context: of the living, else from the store's
 * categories, else its tenant's type at s0. "" without SELinux.
 */
void guests_set_context(const struct host *host, struct guest *guest);

/* Whether a guard of it is there. */
bool guests_alive(const struct guest *guest);

/* "running", ...; never NULL. */
const char *guests_state_word(uint32_t state);

#endif
