/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_EMIT_MODULE_H
#define CASEMATE_POLICY_EMIT_MODULE_H

/*
 * Our SELinux module as CIL. What is written by hand stands in mac/selinux/ and is part of the
 * program; what depends on the number of tenants is made here: a slot, that is a set of types, for
 * each.
 */
#include <stddef.h>

#include "base/buf.h"

#define EMIT_SLOTS_MIN 64u /* what a host has from its installation on */
#define EMIT_SLOTS_MAX                                                                             \
    4096u /* names have four digits; the label store and the image know no more */

/* One module as module stores keep them: installed, replaced and removed under its name. */
struct emit_part {
    const char *name; /* "casemate-tenant" */
    const char *text; /* CIL, with NUL behind it; NULL: made by emit_slots */
    size_t size;      /* bytes without that NUL */
};

/*
 * The part number `index` in the order of their names; all of them belong together. 0, or -ENOENT
 * behind the last. The texts are static.
 */
int emit_part(size_t index, struct emit_part *part);

/*
 * Slots for a policy of so many tenants: one for each, one for `casemate run`, and as many again
 * as make the next whole step, so that not every new tenant means a new module. 0 when there
 * cannot be so many.
 */
unsigned emit_slots_for(size_t tenants);

/*
 * Append the part that declares slots 0 .. slots - 1, and asserts that none has access to another:
 * two assertions for each binary digit of a slot's number, as any two slots differ in one. `slots`
 * is 2 .. EMIT_SLOTS_MAX (else -EINVAL sticks in `out`).
 */
void emit_slots(unsigned slots, struct buf *out);

/* Append all parts with so many slots, one after the other: what a CIL compiler takes whole. */
void emit_module(unsigned slots, struct buf *out);

/*
 * Append what the module says of labels of our own files, in the form of file_contexts(5):
 * "REGEX<tab>KIND<tab>CONTEXT", one a line, in the module's order. -EPROTO sticks in `out` for a
 * filecon that is not of the form which the module uses.
 */
void emit_contexts(struct buf *out);

#endif
