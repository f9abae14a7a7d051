/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_LANGUAGE_PARSE_GUEST_H
#define CASEMATE_POLICY_LANGUAGE_PARSE_GUEST_H

/* A guest block within a larger source, inside policy/language. */
#include "policy/guest.h"
#include "policy/language/parser.h"

/* A guest block as it was read: its values, and where they stand; line 0 of what was left out. */
struct guest_block {
    struct source_spot at, kernel_at, initrd_at, cpus_at, memory_at, mac_at, tpm_at;
    struct source_spot disk_at[GUEST_DISKS_MAX], net_at[GUEST_NETS_MAX];
    bool tpm_stated; /* else the host decides, in a policy */
    struct guest_spec spec;
};

/*
 * What follows the word `guest`: name, '{', statements and '}'. Fills guest->spec, which
 * guest_spec_init has been called on, and the positions of what is stated; those of what is not
 * stay. Each value has been checked by itself; what concerns several is guest_spec_check's.
 * 0, or PARSER_REPORTED: the block's '{' or '}' was not found.
 */
int parse_guest(struct parser *p, struct guest_block *guest);

/*
 * Parse one guest block (`guest NAME { ... }`, comments; doc/grammar-guest.md) of `size` bytes at
 * `text`, which need no terminator. `diagnostics` has room for *count (> 0) messages. On success
 * *spec is complete and checked and *count is 0. -EINVAL with *count (> 0) messages in the order of
 * the source: parsing goes on after an error until they are full; -EFBIG with one message when
 * `size` is over GUEST_SOURCE_MAX. Makes no system call and allocates nothing, so it can run in a
 * process that may do neither.
 */
int guest_parse(const char *text, size_t size, struct guest_spec *spec,
                struct guest_diagnostic *diagnostics, size_t *count);

#endif
