/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_FLOW_CONTEXT_H
#define CASEMATE_POLICY_FLOW_CONTEXT_H

/*
 * Security contexts as text: user:role:type:sensitivity[:categories][-sensitivity[:categories]],
 * and which tenant's part a type is. Contexts come out of records: hostile.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTEXT_TEXT_MAX       128 /* of a user, role or type, with NUL */
#define CONTEXT_CATEGORIES     1024
#define CONTEXT_LEVEL_TEXT_MAX 96 /* of a level for people, with NUL */

struct context_level {
    uint32_t sensitivity;
    uint64_t category[CONTEXT_CATEGORIES / 64];
};

struct context {
    char user[CONTEXT_TEXT_MAX], role[CONTEXT_TEXT_MAX], type[CONTEXT_TEXT_MAX];
    struct context_level low, high;
};

/*
 * 0; -EINVAL for anything else than a context: wrong alphabet, a part too long, a sensitivity over
 * s63 or a category over c1023, a range backwards. *context is untouched on failure.
 */
int context_parse(const char *text, struct context *context);

/* Whether sensitivity and categories are the same. */
bool context_level_equal(const struct context_level *a, const struct context_level *b);
/* Whether a dominates b: at least its sensitivity and all of its categories. */
bool context_level_dominates(const struct context_level *a, const struct context_level *b);

/* "s0:c1,c2" or "s0:c0.c1023"; cut to what fits. Returns `to`. */
char *context_level_text(const struct context_level *level, char *to, size_t size);

/*
 * A type of a tenant's slot: "casemate_tenant_0003.blk_t" gives slot 3 and "blk_t", which points
 * into `type`. False for every other type.
 */
bool context_slot(const char *type, unsigned *slot, const char **part);

#endif
