/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_FLOW_TRAIL_H
#define CASEMATE_POLICY_FLOW_TRAIL_H

/*
 * An audit log as what it says: each denial once, however often it stands there, with the name that
 * another record of its event gives. The log is hostile and may be long: what is kept of a denial
 * is where it stands.
 */
#include "policy/flow/record.h"

#define TRAIL_SIZE_MAX    (1u << 30) /* bytes of a log */
#define TRAIL_ENTRIES_MAX (1u << 20) /* different denials */

struct trail;

struct trail_sum {
    size_t lines;             /* that are not empty */
    size_t denials;           /* of SELinux, filters, Landlock; with repetitions */
    size_t refused;           /* lines that are no record, or a broken one */
    size_t first_bad;         /* the first of these, counting from 1; 0: none */
    char why[RECORD_WHY_MAX]; /* what is wrong with it */
};

/*
 * Read the log of `size` bytes, which must stay as it is while *trail lives. 0; -EFBIG beyond the
 * limits above; -ENOMEM.
 */
int trail_new(const char *text, size_t size, struct trail **trail);
void trail_free(struct trail *trail);

/* How many different denials there are. */
size_t trail_count(const struct trail *trail);

/* Numbers over all lines. */
const struct trail_sum *trail_sum(const struct trail *trail);

/*
 * Denial `index` in the order of the log: *record is filled, the path by its event's PATH record
 * where it has none of its own. Returns how often it is there.
 */
size_t trail_get(const struct trail *trail, size_t index, struct record *record);

#endif
