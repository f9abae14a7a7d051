/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_FORMAT_H
#define CASEMATE_POLICY_FORMAT_H

/* Canonical text, inside policy/. Errors stick in `out`. */
#include "policy/guest.h"

/* A string of the language: whatever is not plain ASCII is escaped. */
void format_string(struct buf *out, const char *text);

/* A guest block, each line behind `indent`. */
void format_guest(const struct guest_spec *spec, const char *indent, struct buf *out);

/* The same within a tenant's block: its `mac` is the host's. `tpm`: without one it says so. */
void format_guest_of_policy(const struct guest_spec *spec, bool tpm, struct buf *out);

/* A size in the largest unit that is exact, of M, G and T. */
void format_size(struct buf *out, uint64_t bytes);

#endif
